"""Forces on a cylinder in a square channel: the benchmark DFG 3D-1Z, steady flow at a Reynolds number of 20 in space.

Curved hexahedra of 27 nodes, Taylor and Hood's pair, factorised matrices. The flow is its own mirror image in the middle
of the channel, so that one half is enough. Drag and lift are what the nodes on the cylinder hold the fluid with. Draws the
speed in the middle.

    python examples/cylinder_in_a_box.py [folder] [cells along a quarter of the cylinder] [cells across half of the channel]

Reference: M. Schäfer, S. Turek, in: Flow Simulation with High-Performance Computers II, Vieweg 1996, 547; c_D 6.18533 and
c_L 0.009401 by V. John, Int. J. Numer. Methods Fluids 40 (2002) 775.
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.fem import Dirichlet, Mesh, reference_nodes, taylor_hood


jax.config.update("jax_enable_x64", True)

PUBLISHED = {"drag": 6.18533, "lift": 0.009401}
CENTRE, RADIUS, LENGTH, HEIGHT = np.array([0.5, 0.2]), 0.05, 2.5, 0.41
HALF = 0.1
"""Of the side of the square round the cylinder that is filled with rings."""


def spread(begin, end, cells, ratio=1.0):
    """Positions of the nodes of quadratic cells, the last of which is `ratio` times as long as the first."""
    s = np.linspace(0, 1, 2 * cells + 1)
    return begin + (end - begin) * (s if ratio == 1 else np.expm1(s * np.log(ratio)) / np.expm1(np.log(ratio)))


def patches(n):
    """Nodes of parts of a × b cells, (2 a + 1, 2 b + 1, 2): before, behind, below and above the square, rings in it."""
    (left, low), (right, high) = CENTRE - HALF, CENTRE + HALF
    along, side, rows = spread(left, right, n), spread(low, high, n), max(n // 2, 2)
    below, above = spread(0, low, rows), spread(high, HEIGHT, rows)
    across = np.concatenate([below, side[1:], above[1:]])
    lattice = lambda x, y: np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    yield lattice(spread(0, left, 3, 1 / 3), across)
    yield lattice(spread(right, LENGTH, 5 * n // 2, 6.0), across)
    yield lattice(along, below)
    yield lattice(along, above)
    part = spread(0, 1, n // 2 + 1, 3.0)[:, None, None]
    for turns in range(4):
        angle = (np.linspace(-0.25, 0.25, 2 * n + 1) + turns / 2) * np.pi
        circle = RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        edge = np.stack([np.full(2 * n + 1, HALF), side - CENTRE[1]], axis=-1)
        edge = edge @ np.linalg.matrix_power([[0, 1], [-1, 0]], turns)
        yield CENTRE + circle + part * (edge - circle)


def box(n, layers):
    """Cells of all patches, drawn along z from a wall to the middle, as one mesh with its groups."""
    order = np.rint(2 * reference_nodes("hexahedron", 2)).astype(int)
    z = spread(0, HEIGHT / 2, layers, 2.5)
    points, cells, first = [], [], 0
    for patch in patches(n):
        a, b, c = *patch.shape[:2], len(z)
        number = first + np.arange(a * b * c).reshape(a, b, c)
        corner = lambda i, j, k, a=a, b=b, c=c, m=number: m[
            i : a - 2 + i : 2, j : b - 2 + j : 2, k : c - 2 + k : 2
        ].ravel()
        cells.append(np.stack([corner(*each) for each in order], axis=-1))
        drawn = np.broadcast_to(patch[:, :, None], (a, b, c, 2)), np.broadcast_to(z[:, None], (a, b, c, 1))
        points.append(np.concatenate(drawn, axis=-1).reshape(-1, 3))
        first += a * b * c
    points, cells = np.concatenate(points), np.concatenate(cells)
    _, kept, same = np.unique(np.round(points * 1e9), axis=0, return_index=True, return_inverse=True)
    mesh = Mesh(points[kept], same.ravel()[cells], "hexahedron", 2)
    mesh = mesh.with_facet_group("inlet", lambda x: x[0] < 1e-9).with_facet_group(
        "middle", lambda x: x[2] > z[-1] - 1e-9
    )
    mesh = mesh.with_facet_group("walls", lambda x: (x[1] < 1e-9) | (x[1] > HEIGHT - 1e-9) | (x[2] < 1e-9))
    return mesh.with_facet_group("cylinder", lambda x: jnp.linalg.norm(x[:2] - CENTRE) < RADIUS + 1e-9)


def inflow(x):
    """A product of parabolas of mean 0.2 m/s."""
    y, z = x[1], x[2]
    return jnp.array([16 * 0.45 * y * z * (HEIGHT - y) * (HEIGHT - z) / HEIGHT**4, 0.0, 0.0])


def main(folder=".", cells=4, layers=3):
    folder, cells, layers = pathlib.Path(folder), int(cells), int(layers)
    space = taylor_hood(box(cells, layers))
    held = [Dirichlet("middle", 0.0, components=[2]), Dirichlet("inlet", inflow)]
    held += [Dirichlet("walls", 0.0), Dirichlet("cylinder", 0.0)]
    flow = sp.physics.NavierStokes(space, 1e-3, 1.0, held)
    value = sp.solve(flow).value
    print(f"{space[0].mesh.n_cells} cells, {flow.system.reduction.size} unknowns")
    # c = 2 F / (ρ v² D H) of both halves.
    drag, lift, _ = -2 * flow.resultant(value, "cylinder") * 2 / (0.2**2 * 2 * RADIUS * HEIGHT)
    for (name, published), found in zip(PUBLISHED.items(), (drag, lift), strict=True):
        print(f"{name}: {found:.6f}, published {published}")
    picture = folder / "cylinder_in_a_box.png"
    title = "Speed round half of a cylinder in a channel, DFG 3D-1Z"
    sp.viz.field(space[0], value[0], picture, label="speed", unit="m/s", length_unit="m", mesh_lines=False, title=title)
    return [picture]


if __name__ == "__main__":
    main(*sys.argv[1:])
