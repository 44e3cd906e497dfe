"""The channel of the DFG's benchmark 2D-1, 2.2 × 0.41 m round a cylinder of radius 0.05 m, cut into biquadratic cells.

    python make_mesh.py [cells along a quarter of the cylinder] [rings round it] [cells downstream]

Rings lead from the cylinder to a square, and columns from there to the outlet; the cells at the cylinder are curved.
Reference: M. Schäfer, S. Turek, in: Flow Simulation with High-Performance Computers II, Vieweg 1996, 547.
"""

import pathlib
import sys

import meshio
import numpy as np


CENTRE, RADIUS, LENGTH, HEIGHT = np.array([0.2, 0.2]), 0.05, 2.2, 0.41
RINGS, STRETCH = 2.0, 1.5
"""How much longer, as a logarithm, the outermost ring is than the innermost, and the last column than the first."""


def channel(quarter: int, rings: int, columns: int) -> meshio.Mesh:
    """Return the mesh with its groups `inlet`, `outlet`, `walls`, `cylinder`."""
    side = np.linspace(0, HEIGHT, 2 * quarter + 1)
    other, low = side[1:-1], 0 * side[1:-1]
    square = np.concatenate(
        [
            np.stack([0 * side, side[::-1]], 1),
            np.stack([other, low], 1),
            np.stack([0 * side + HEIGHT, side], 1),
            np.stack([other[::-1], low + HEIGHT], 1),
        ]
    )
    away = square - CENTRE
    circle = CENTRE + RADIUS * away / np.linalg.norm(away, axis=1, keepdims=True)
    part = (np.expm1(RINGS * np.linspace(0, 1, 2 * rings + 1)) / np.expm1(RINGS))[:, None, None]
    round_it = circle + part * (square - circle)
    round_it = np.concatenate([round_it, round_it[:, :1]], axis=1)
    x = HEIGHT + (LENGTH - HEIGHT) * np.expm1(STRETCH * np.linspace(0, 1, 2 * columns + 1)) / np.expm1(STRETCH)
    behind = np.stack(np.meshgrid(x, side, indexing="ij"), axis=-1)
    points, first, cells = [], 0, []
    for block in (round_it, behind):
        cells.append(_cells(block.shape[:2], first))
        points.append(block.reshape(-1, 2))
        first += len(points[-1])
    _, kept, same = np.unique(np.round(np.concatenate(points) * 1e9), axis=0, return_index=True, return_inverse=True)
    points, cells = np.concatenate(points)[kept], same.ravel()[np.concatenate(cells)]
    return _grouped(points, cells)


def _cells(shape, first):
    number = first + np.arange(shape[0] * shape[1]).reshape(shape)
    # Corners, middles of the edges, centre.
    order = [(0, 0), (2, 0), (2, 2), (0, 2), (1, 0), (2, 1), (1, 2), (0, 1), (1, 1)]
    return np.stack([number[i : shape[0] - 2 + i : 2, j : shape[1] - 2 + j : 2].ravel() for i, j in order], axis=-1)


def _grouped(points, cells):
    edges = np.concatenate([cells[:, each] for each in ([0, 1, 4], [1, 2, 5], [2, 3, 6], [3, 0, 7])])
    x, y = points[edges].transpose(2, 0, 1)
    groups = {
        "inlet": x < 1e-9,
        "outlet": x > LENGTH - 1e-9,
        "walls": (y < 1e-9) | (y > HEIGHT - 1e-9),
        "cylinder": np.hypot(x - CENTRE[0], y - CENTRE[1]) < RADIUS + 1e-9,
    }
    along_one_wall = np.ptp(y, axis=1) < 1e-9
    chosen = [edges[np.all(on, axis=1) & (along_one_wall if name == "walls" else True)] for name, on in groups.items()]
    tags = [np.full(len(each), k + 1) for k, each in enumerate(chosen)]
    both = [np.concatenate(tags), np.full(len(cells), 9)]
    data = {"gmsh:physical": both, "gmsh:geometrical": both}
    names = {name: np.array([k + 1, 1]) for k, name in enumerate(groups)} | {"fluid": np.array([9, 2])}
    parts = [("line3", np.concatenate(chosen)), ("quad9", cells)]
    return meshio.Mesh(points, parts, cell_data=data, field_data=names)


if __name__ == "__main__":
    quarter, rings, columns = map(int, sys.argv[1:] or (8, 12, 20))
    mesh = channel(quarter, rings, columns)
    mesh.write(pathlib.Path(__file__).with_name("channel.msh"), file_format="gmsh22", binary=False)
