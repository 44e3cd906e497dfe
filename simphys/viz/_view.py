"""A body to be turned on a screen: its surface as triangles, and fields at their corners."""

from typing import NamedTuple

import numpy as np

from ..fem import FunctionSpace, Mesh
from ._surface import surface


class View(NamedTuple):
    """What can be seen of a body.

    - `positions`: of the corners, (corner, 3); 2-D bodies lie in z = 0.
    - `triangles`: corners, (triangle, 3), counter-clockwise seen from outside; `lines`: of the facets, (line, 2).
    - `node`: the sample that each corner takes its values from, (corner,).
    """

    positions: np.ndarray
    triangles: np.ndarray
    lines: np.ndarray
    node: np.ndarray


class Seen:
    """The surface of a mesh, and how values at its nodes and in its cells come there.

    **Arguments:**

    - `mesh`: in 2-D or 3-D.
    - `apart`: whether each cell has corners of its own, for values that jump between cells.
    - `fields`: nodal values: corners are one only where these are the same.

    **Raises:** `ValueError` for a mesh of lines.
    """

    def __init__(self, mesh: Mesh, *fields: np.ndarray, apart: bool = False):
        if mesh.dim == 1:
            raise ValueError("a body of lines has no surface.")
        self._space = FunctionSpace(mesh, mesh.degree)
        self._surface = surface(self._space, fineness=mesh.degree)
        positions = np.zeros((len(self._surface.positions(self._space)), 3))
        positions[:, : mesh.dim] = self._surface.positions(self._space)
        alike = [_rounded(positions)] + [_rounded(self._surface.nodal(self._space, field)) for field in fields]
        if apart:
            alike.append(self._surface.cellwise(np.arange(mesh.n_cells)).astype(np.int64)[:, None])
        _, first, number = np.unique(np.hstack(alike), axis=0, return_index=True, return_inverse=True)
        number = number.ravel()
        lines = np.unique(np.sort(number[self._surface.rims], axis=1), axis=0)
        triangles = number[self._surface.triangles]
        self.view = View(positions[first], triangles, lines[lines[:, 0] != lines[:, 1]], first)

    def nodal(self, values: np.ndarray) -> np.ndarray:
        """Return nodal values at the corners, (corner, ...)."""
        return self._surface.nodal(self._space, values)[self.view.node]

    def cellwise(self, values: np.ndarray) -> np.ndarray:
        """Return values of cells at the corners, (corner,)."""
        return self._surface.cellwise(values)[self.view.node]


def _rounded(values):
    """Whole numbers that are the same for values which differ by rounding only."""
    flat = np.nan_to_num(values.reshape(len(values), -1), posinf=0.0, neginf=0.0)
    size = np.ptp(flat, axis=0).max(initial=0.0) or 1.0
    return np.round(flat / size * 1e7).astype(np.int64)
