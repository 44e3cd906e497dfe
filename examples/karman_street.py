"""Vortices behind a cylinder at a Reynolds number of 100: a body within a grid, explicit steps, forces in time.

The cylinder of diameter 1 is a resistance within the flow, and its drag and lift what it takes out of the balance of
momentum. A gust sets the vortices going, and once they have come to a rhythm, drag, lift and the Strouhal number (diameters
over speed and period) are printed beside those of C. Liu, X. Zheng and C. Sung (J. Comput. Phys. 139 (1998) 35), of an
unbounded fluid; here mirrors stand 8 diameters aside, which makes the rhythm a little faster. Draws the forces and the
vorticity, and writes the flow for ParaView.

    python examples/karman_street.py [folder] [cells along a diameter] [end]
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys import grids


jax.config.update("jax_enable_x64", True)

PUBLISHED = {"mean drag": 1.350, "greatest lift": 0.339, "Strouhal number": 0.165}


def faces(h, low, begin, end, high, after=1.08):
    """Steps of h from begin to end, and outside of it ones that grow, by 8 % each before it."""

    def outward(reach, ratio):
        count = int(np.ceil(np.log1p(reach * (ratio - 1) / (h * ratio)) / np.log(ratio)))
        steps = ratio ** np.arange(1, count + 1)
        return steps * reach / steps.sum()

    fine = np.full(round((end - begin) / h), h)
    return low + np.cumsum(np.r_[0, outward(begin - low, 1.08)[::-1], fine, outward(high - end, after)])


def street(cells):
    h = 1 / cells
    grid = grids.Grid.from_faces(faces(h, -8, -1, 3, 20, 1.03), faces(h, -8, -1.5, 1.5, 8))
    body = grids.Body(grids.Ball([0.0, 0.0], 0.5), 1e3, h / 2)
    sides = dict(left=grids.Inflow(1.0), right=grids.Outflow(enters=True), bottom=grids.Slip(), top=grids.Slip())
    return grids.NavierStokes(grid, 0.01, sides, body=body, steady=False)


def rhythm(times, forces):
    """Mean drag, greatest lift and frequency, of the second half of the time."""
    late = times > times[-1] / 2
    (drag, lift), t = forces[late].T, times[late]
    moved = lift - (lift.max() + lift.min()) / 2
    up = np.flatnonzero((moved[:-1] < 0) & (moved[1:] >= 0))
    crossed = t[up] - moved[up] * (t[up + 1] - t[up]) / (moved[up + 1] - moved[up])
    return drag.mean(), lift.max(), 1 / np.diff(crossed).mean()


def main(folder=".", cells=16, end=60.0):
    folder, cells, end = pathlib.Path(folder), int(cells), float(end)
    flow = street(cells)
    gust = flow.space.field((1.0, lambda x, y: 0.5 * jnp.exp(-((x - 1.5) ** 2) - y**2)))
    times = np.linspace(0.0, end, 1 + round(3.125 * cells * end))
    forces = lambda t, now, flow: 2 * jnp.stack(flow.force_on_body(now))
    found = sp.stepping.march(sp.stepping.RK3(), flow, gust, times, observe=forces, save=None)
    forces = np.asarray(found.observed)
    for (name, published), value in zip(PUBLISHED.items(), rhythm(times, forces), strict=True):
        print(f"{name}: {value:.4f}, published {published}")
    grid, now = flow.space.grid, found.final.u
    sp.io.write_grid(folder / "karman_street.vtr", grid, {"flow": now})
    drag, lift = forces[1:].T
    curves = [sp.viz.Curve(times[1:], drag, "drag"), sp.viz.Curve(times[1:], lift, "lift")]
    seen = np.searchsorted(times, min(2.0, end / 2))
    curves = [curve._replace(x=curve.x[seen:], y=curve.y[seen:]) for curve in curves]
    sp.viz.compare_curves(sp.viz.Panel((), curves, "time", "coefficients"), folder / "karman_forces.png")
    vorticity = flow.space.curl(now.velocity)
    title = f"Vorticity at t = {end:g}, Re 100, {grid.shape[0]} × {grid.shape[1]} cells"
    picture = folder / "karman_street.png"
    sp.viz.grid_field(grid, vorticity, picture, label="vorticity", limits=(-3, 3), colormap="RdBu", title=title)
    return [folder / "karman_forces.png", picture]


if __name__ == "__main__":
    main(*sys.argv[1:])
