"""A shock of Mach 10 runs up a wedge: the double Mach reflection of Woodward and Colella, seen from the wedge.

The shock stands at 60° to the wall, which begins at the left side. Behind it two shocks reflect, joined to it and to each
other by a stem, and a jet runs along the wall. The values above the box follow the shock by a `drive`. Draws the density,
and the pressure along the wall.

    python examples/double_mach_reflection.py [folder]
"""

import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import simphys as sp
from simphys import grids
from simphys.grids import Dirichlet
from simphys.stepping import SSPRK3, march


jax.config.update("jax_enable_x64", True)

BEHIND = (8.0, 8.25 * 3**0.5 / 2, -8.25 / 2, 116.5)
AHEAD = (1.4, 0.0, 0.0, 1.0)
"""Density, velocity, pressure of the gas on both sides of the shock."""
END = 0.2


def front(y, t):
    """Where the undisturbed shock is."""
    return (y + 20 * t) / 3**0.5


def follow(problem, t):
    """The problem at time t: above the box the shock goes on."""
    grid = problem.grid
    share = jnp.clip((front(1.0, t) - grid.faces(0)[:-1]) / grid.spacings[0], 0.0, 1.0)[:, None]
    values = tuple(b * share + a * (1 - share) for b, a in zip(BEHIND, AHEAD, strict=True))
    return eqx.tree_at(lambda p: p.sides.pairs[1][1].values, problem, values)


def main(folder=".", cells=64):
    grid = grids.Grid.uniform((3 * cells, cells), upper=(3.0, 1.0))
    above = tuple(Dirichlet(jnp.full(grid.shape[0], value)) for value in AHEAD)
    sides = dict(left=tuple(map(Dirichlet, BEHIND)), right=grids.Outflow(), bottom=grids.Wall(), top=above)
    wedge = grids.ConservationLaw(grid, grids.Euler(1.4), sides, grids.MUSCL(), grids.Rusanov())
    each = zip(BEHIND, AHEAD, strict=True)
    start = wedge.state(*(lambda x, y, b=b, a=a: jnp.where(x < front(y, 0.0), b, a) for b, a in each))
    times = jnp.linspace(0.0, END, round(END * 60 * cells) + 1)
    found = march(SSPRK3(), wedge, start, times, drive=follow, save=None)
    now = wedge.primitives(found.final.u)
    density, pressure = now["density"].values, now["pressure"].values[:, 0]
    stem = float(grid.centres(0)[jnp.max(jnp.flatnonzero(pressure > 10))])
    print(f"the stem is at x = {stem:.2f} on the wall, the undisturbed shock would be at {front(0.0, END):.2f}")
    print(f"density from {float(density.min()):.2f} to {float(density.max()):.2f}")
    folder = pathlib.Path(folder)
    sp.io.write_grid(folder / "double_mach_reflection.vti", grid, now)
    title = f"Double Mach reflection at t = {END:g}, {grid.shape[0]} × {cells} cells"
    line = grids.Grid(grid.spacings[:1])
    return [
        sp.viz.grid_field(grid, now["density"], folder / "double_mach_reflection.png", label="density", title=title),
        sp.viz.grid_field(
            line, grids.CellField(pressure), folder / "double_mach_wall.png", label="pressure", title="Along the wall"
        ),
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
