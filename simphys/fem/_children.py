"""Cells that a cell is cut into."""

import functools as ft
from typing import NamedTuple

import numpy as np

from ._mesh_checks import reference_nodes


class Children(NamedTuple):
    """Cells that a block is cut into: the cell that each lies in, and where its vertices are in that one's reference cell.

    **Attributes:**

    - `parent`: numbers within the block, (child,).
    - `corners`: (child, vertex, dim).
    """

    parent: np.ndarray
    corners: np.ndarray


def uniform(cell_type: str, count: int) -> Children:
    """Return the children of as many cells, each cut into 2^dim."""
    table = _children(cell_type)
    parent = np.repeat(np.arange(count), len(table))
    return Children(parent, np.tile(table, (count, 1, 1)))


@ft.cache
def _children(cell_type: str) -> np.ndarray:
    """Vertices of the cells that a reference cell is cut into, (child, vertex, dim)."""
    corners = reference_nodes(cell_type, 1)
    if cell_type == "pyramid":
        raise ValueError("Pyramids are not cut into pyramids: a mesh that has some cannot be refined.")
    if cell_type in ("interval", "quadrilateral", "hexahedron"):
        return (corners[:, None] + corners[None]) / 2
    if cell_type == "prism":
        below = _children("triangle")
        flat = np.concatenate(
            [np.concatenate([below, np.full((*below.shape[:2], 1), z)], axis=2) for z in (0, 1)], axis=1
        )
        half = flat * (1, 1, 0.5)
        return np.concatenate([half, half + (0, 0, 0.5)])
    m = lambda a, b: (corners[a] + corners[b]) / 2
    ends = [[m(a, b) for b in range(len(corners))] for a in range(len(corners))]
    if cell_type == "triangle":
        return np.array([*ends, [m(0, 1), m(1, 2), m(0, 2)]])
    middle = [((0, 1), (0, 2), (0, 3), (1, 3)), ((0, 1), (0, 2), (1, 2), (1, 3)), ((0, 2), (0, 3), (1, 3), (2, 3)),
              ((0, 2), (1, 2), (1, 3), (2, 3))]  # fmt: skip
    return turned(np.array([*ends, *([m(*pair) for pair in tet] for tet in middle)]))


def turned(tetrahedra: np.ndarray) -> np.ndarray:
    """Return the same with a positive volume each."""
    volume = np.linalg.det(tetrahedra[:, 1:] - tetrahedra[:, :1])
    return np.where((volume < 0)[:, None, None], tetrahedra[:, [0, 1, 3, 2]], tetrahedra)
