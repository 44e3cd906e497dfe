"""Surfaces without the steps of the mesh that they were cut from."""

import numpy as np
from scipy.sparse import coo_array, diags_array

from ..fem import boundary_facets, facet_vertices


SHRINK, SWELL = 0.5, -0.53
"""Taubin's factors: what the first takes from the volume the second gives back."""
LEAST = 0.2
"""Part of its volume that a cell keeps at least."""


def smoothed(points: np.ndarray, cells: np.ndarray, fixed: np.ndarray, times: int) -> np.ndarray:
    """Return points of simplices whose surface is smoothed, but for fixed nodes; what lies inside goes along.

    **Arguments:**

    - `points`, `cells`: (node, dim) and (cell, dim + 1).
    - `fixed`: nodes that must not move, (node,).
    - `times`: how often.
    """
    if not times:
        return points
    kind = "triangle" if points.shape[1] == 2 else "tetrahedron"
    outer = boundary_facets(cells, kind)
    facets = cells[outer[:, :1], facet_vertices(kind)[outer[:, 1]]]
    mean, moving = _means(facets, len(points)), np.zeros(len(points), bool)
    moving[np.unique(facets)] = True
    moving &= ~fixed
    found = points.copy()
    for _ in range(times):
        for factor in (SHRINK, SWELL):
            found[moving] += factor * (mean @ found - found)[moving]
    moves, inside = found - points, ~moving & ~fixed
    around = _means(cells, len(points))
    for _ in range(20):
        moves[inside] = (around @ moves)[inside]
    return _unfolded(points, moves, cells)


def _means(groups, size):
    """What gives each node the mean of those that it shares a cell or facet with."""
    width = groups.shape[1]
    i, j = np.array([(i, j) for i in range(width) for j in range(width) if i != j]).T
    graph = coo_array((np.ones(groups.shape[0] * len(i)), (groups[:, i].ravel(), groups[:, j].ravel())), (size, size))
    graph = graph.tocsr()
    graph.data[:] = 1.0
    return diags_array(1 / np.maximum(graph.sum(axis=1), 1.0)) @ graph


def _unfolded(points, moves, cells):
    """The points moved, less far where a cell would fold."""
    volumes = lambda points: np.linalg.det(points[cells[:, 1:]] - points[cells[:, :1]])
    before, part = volumes(points), np.ones(len(points))
    for _ in range(8):
        bad = volumes(points + part[:, None] * moves) < LEAST * before
        if not bad.any():
            break
        part[np.unique(cells[bad])] *= 0.5
    else:
        part[np.unique(cells[bad])] = 0.0
    return points + part[:, None] * moves
