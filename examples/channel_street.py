"""Forces of vortices on a cylinder in a channel: the benchmark DFG 2D-2, a Reynolds number of 100, on a mesh.

The cells are biquadratic and curved at the cylinder, velocity and pressure Taylor and Hood's, the steps `SDIRK2`'s. Drag
and lift are what the nodes on the cylinder hold the fluid with, not stresses at its surface. A gust sets the vortices
going; printed are the greatest drag, how far the lift swings and the Strouhal number of the last second, each beside the
finest of FeatFlow's page of the benchmark. Draws the forces and the vorticity.

Reference: M. Schäfer, S. Turek, in: Flow Simulation with High-Performance Computers II, Vieweg 1996, 547, with the bounds
3.22 to 3.24 for the drag and 0.295 to 0.305 for the Strouhal number.

    python examples/channel_street.py [folder] [cells along a quarter of the cylinder] [end] [step]
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.fem import Dirichlet, Mesh, reference_nodes, taylor_hood


jax.config.update("jax_enable_x64", True)

PUBLISHED = {"greatest drag": 3.22739, "swing of the lift": 2.00787, "Strouhal number": 0.30184}
CENTRE, RADIUS, LENGTH, HEIGHT = np.array([0.2, 0.2]), 0.05, 2.2, 0.41
LOW, HIGH = 0.1, 0.3
"""Of the square round the cylinder that is filled with rings."""


def spread(begin, end, cells, ratio=1.0):
    """Positions of the nodes of quadratic cells, the last of which is `ratio` times as long as the first."""
    s = np.linspace(0, 1, 2 * cells + 1)
    return begin + (end - begin) * (s if ratio == 1 else np.expm1(s * np.log(ratio)) / np.expm1(np.log(ratio)))


def patches(n):
    """Nodes of parts of a × b cells, (2 a + 1, 2 b + 1, 2): before, behind, below and above the square, rings in it."""
    side, rows = spread(LOW, HIGH, n), max(3 * n // 8, 2)
    below, above = spread(0, LOW, rows), spread(HIGH, HEIGHT, rows)
    across, behind = np.concatenate([below, side[1:], above[1:]]), spread(HIGH, LENGTH, 15 * n // 4, 10.0)
    lattice = lambda x, y: np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    yield lattice(spread(0, LOW, rows), across)
    yield lattice(behind, across)
    yield lattice(side, below)
    yield lattice(side, above)
    part = spread(0, 1, 3 * n // 4, 3.0)[:, None, None]
    for turns in range(4):
        angle = (np.linspace(-0.25, 0.25, 2 * n + 1) + turns / 2) * np.pi
        circle = RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        edge = np.stack([np.full(2 * n + 1, HIGH - CENTRE[0]), side - CENTRE[1]], axis=-1)
        edge = edge @ np.linalg.matrix_power([[0, 1], [-1, 0]], turns)
        yield CENTRE + circle + part * (edge - circle)


def channel(n):
    """Cells of all patches as one mesh, with its groups."""
    order = np.rint(2 * reference_nodes("quadrilateral", 2)).astype(int)
    points, cells, first = [], [], 0
    for patch in patches(n):
        a, b = patch.shape[:2]
        number = first + np.arange(a * b).reshape(a, b)
        cells.append(np.stack([number[i : a - 2 + i : 2, j : b - 2 + j : 2].ravel() for i, j in order], axis=-1))
        points.append(patch.reshape(-1, 2))
        first += a * b
    points, cells = np.concatenate(points), np.concatenate(cells)
    _, kept, same = np.unique(np.round(points * 1e9), axis=0, return_index=True, return_inverse=True)
    mesh = Mesh(points[kept], same.ravel()[cells], "quadrilateral", 2)
    mesh = mesh.with_facet_group("inlet", lambda x: x[0] < 1e-9)
    mesh = mesh.with_facet_group("walls", lambda x: (x[1] < 1e-9) | (x[1] > HEIGHT - 1e-9))
    return mesh.with_facet_group("cylinder", lambda x: jnp.linalg.norm(x - CENTRE) < RADIUS + 1e-9)


def inflow(x):
    """A parabola of mean 1 m/s."""
    return jnp.array([6 * x[1] * (HEIGHT - x[1]) / HEIGHT**2, 0.0])


def gust(x):
    """The same, and a wind across behind the cylinder."""
    return inflow(x).at[1].set(jnp.exp(-jnp.sum((x - jnp.array([0.35, 0.2])) ** 2) / 0.05**2))


def peaks(times, values):
    """Times and heights of the peaks, of parabolas through three values each."""
    k = 1 + np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:]))
    before, at, after = values[k - 1], values[k], values[k + 1]
    shift = (before - after) / (2 * (before - 2 * at + after))
    return times[k] + shift * (times[1] - times[0]), at - (before - after) * shift / 4


def main(folder=".", cells=10, end=5.0, step=0.01):
    folder, cells, end, step = pathlib.Path(folder), int(cells), float(end), float(step)
    space = taylor_hood(channel(cells))
    held = [Dirichlet("inlet", inflow), Dirichlet("walls", 0.0), Dirichlet("cylinder", 0.0)]
    flow = sp.physics.NavierStokes(space, 1e-3, 1.0, held)
    print(f"{space[0].mesh.n_cells} cells")
    times = np.arange(round(end / step) + 1) * step
    # c = 2 F / (ρ v² D) with a mean speed of 1 m/s and D = 0.1 m.
    forces = lambda t, value, flow: -20 * flow.resultant(value, "cylinder")
    start = (space[0].interpolate(gust), 0.0)
    found = sp.stepping.march(sp.stepping.SDIRK2(), flow, start, times, observe=forces, save=None)
    drag, lift = np.asarray(found.observed).T
    late = times > max(end - 1.0, end / 2)
    when, lifts = peaks(times[late], lift[late])
    swing = lifts.max() + peaks(times[late], -lift[late])[1].max()
    reached = [peaks(times[late], drag[late])[1].max(), swing, 0.1 / np.diff(when).mean()]
    for (name, published), value in zip(PUBLISHED.items(), reached, strict=True):
        print(f"{name}: {value:.4f}, published {published}")
    curves = [sp.viz.Curve(times[1:], drag[1:], "drag"), sp.viz.Curve(times[1:], lift[1:], "lift")]
    seen = np.searchsorted(times, min(0.5, end / 2))
    curves = [curve._replace(x=curve.x[seen:], y=curve.y[seen:]) for curve in curves]
    sp.viz.compare_curves(sp.viz.Panel((), curves, "time in s", "coefficients"), folder / "channel_forces.png")
    vorticity = sp.errors.recovered(flow, found.final.u, "vorticity")
    picture = folder / "channel_street.png"
    look = dict(label="vorticity", unit="1/s", length_unit="m", limits=(-40, 40), colormap="RdBu", mesh_lines=False)
    sp.viz.field(vorticity.space, vorticity.values, picture, title=f"Vorticity at t = {end:g} s, DFG 2D-2", **look)
    return [folder / "channel_forces.png", picture]


if __name__ == "__main__":
    main(*sys.argv[1:])
