"""Vortices in a periodic box that stretch one another until they decay: from smooth flow to small scales at Re 1600.

What friction takes from the energy first grows thirtyfold, as vortices become thin, then falls. It is printed where it is
greatest, beside what spectral methods with 512³ points find (0.0128 at t = 9; W. van Rees et al., J. Comput. Phys. 230
(2011) 2794); and how much of the energy that is lost was taken by friction: advection takes none, so the rest is the
error of steps in time. 64³ cells do not resolve all of it. Draws the dissipation and a plane of the vorticity, and writes
the flow for ParaView.

    python examples/taylor_green.py [folder] [cells] [end]
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys import grids


jax.config.update("jax_enable_x64", True)

REYNOLDS = 1600.0
VORTICES = (
    lambda x, y, z: jnp.sin(x) * jnp.cos(y) * jnp.cos(z),
    lambda x, y, z: -jnp.cos(x) * jnp.sin(y) * jnp.cos(z),
    0.0,
)


def balance(t, now, flow):
    """Energy, and what friction takes from it, per volume."""
    v, volume = now.velocity, (2 * jnp.pi) ** 3
    return flow.kinetic_energy(now) / volume, -flow.viscosity * flow.space.inner(v, flow.space.laplacian(v)) / volume


def main(folder=".", cells=64, end=12.0):
    folder, n, end = pathlib.Path(folder), int(cells), float(end)
    box = grids.Grid.uniform((n, n, n), upper=2 * jnp.pi)
    flow = grids.NavierStokes(box, 1 / REYNOLDS, grids.Periodic())
    # A step may cross √3 cells, summed over the axes; speeds along them stay below 4 together.
    times = np.linspace(0.0, end, 1 + round(end * n / 2.5))
    found = sp.stepping.march(sp.stepping.RK3(), flow, flow.space.field(VORTICES), times, observe=balance, save=None)
    energy, taken = map(np.asarray, found.observed)
    most = taken.argmax()
    print(f"greatest dissipation {taken[most]:.4f} at t = {times[most]:.1f}; published 0.0128 at 9")
    lost = energy[0] - energy[-1]
    print(f"friction took {100 * np.trapezoid(taken, times) / lost:.2f} % of the {lost:.4f} that is lost")
    sp.io.write_grid(folder / "taylor_green.vti", box, {"flow": found.final.u})
    curve = sp.viz.Curve(times, taken, f"{n}³ cells")
    published = sp.viz.Points([9.0], [0.0128], label="greatest, published")
    panel = sp.viz.Panel(published, curve, "t", "energy that friction takes, per volume and time")
    sp.viz.compare_curves(panel, folder / "taylor_green_dissipation.png")
    sp.viz.grid_field(
        box,
        vorticity(flow.space, found.final.u.velocity),
        folder / "taylor_green.png",
        normal="x",
        position=0.1,
        label="vorticity",
        title=f"t = {end:g}, near x = 0",
    )
    return [folder / "taylor_green_dissipation.png", folder / "taylor_green.png"]


def vorticity(space, velocity):
    """Its length at the cells, from the edges around them."""
    middle = lambda values, axis: (values + jnp.roll(values, -1, axis)) / 2
    square = 0.0
    for along, values in enumerate(space.curl(velocity).components):
        first, second = {0, 1, 2} - {along}
        square = square + middle(middle(values, first), second) ** 2
    return grids.CellField(jnp.sqrt(square))


if __name__ == "__main__":
    main(*sys.argv[1:])
