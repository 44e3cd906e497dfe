"""Facet topology on the host: which facets bound the mesh, and which facet a set of vertices is."""

import functools as ft

import basix
import numpy as np


@ft.cache
def facet_vertices(cell_type: str) -> np.ndarray:
    """Local vertices of each facet of a reference cell, shape (facet, vertex), in Basix order."""
    topology = basix.topology(basix.CellType[cell_type])
    return np.asarray(topology[-2], dtype=np.int32)


@ft.cache
def facet_closure(cell_type: str, degree: int) -> np.ndarray:
    """Local Lagrange nodes on each closed facet of a reference cell, shape (facet, node), in Basix order."""
    element = basix.create_element(
        basix.ElementFamily.P, basix.CellType[cell_type], degree, basix.LagrangeVariant.equispaced
    )
    return np.asarray(element.entity_closure_dofs[-2], dtype=np.int32)


def boundary_facets(cells: np.ndarray, cell_type: str) -> np.ndarray:
    """The facets that belong to one cell only.

    **Arguments:**

    - `cells`: node numbers, shape (cell, local), vertices first as in Basix.
    - `cell_type`: Basix name of the cell.

    **Returns:** int32 array (n, 2) of (cell, local facet), sorted.

    **Raises:** `ValueError` if three or more cells share a facet.
    """
    facets = _all_facets(cells, cell_type)
    ids, proper = row_ids(facets), is_proper(facets)
    counts = np.bincount(ids, proper)
    if counts.size and counts.max() > 2:
        row = np.flatnonzero(proper & (counts[ids] > 2))[0]
        n_facets = len(facet_vertices(cell_type))
        raise ValueError(
            f"{np.sum(counts > 2)} facets are shared by more than two cells, the first is facet "
            f"{row % n_facets} of cell {row // n_facets}: the mesh overlaps itself or has duplicate cells."
        )
    return _cell_and_facet(np.flatnonzero(proper & (counts[ids] == 1)), cell_type)


def is_proper(ranked: np.ndarray) -> np.ndarray:
    """Whether facets, rows of sorted vertices, bound anything: those of collapsed cells may be lines or points.

    Cells that repeat a node, as round a crack tip, have such facets.
    """
    return np.sum(np.diff(ranked, axis=1) > 0, axis=1) >= min(ranked.shape[1] - 1, 2)


def match_facets(cells: np.ndarray, cell_type: str, vertices: np.ndarray, owners=None) -> np.ndarray:
    """Find the (cell, local facet) of facets that are given by their vertices, in any order.

    **Arguments:**

    - `cells`: node numbers, shape (cell, local), vertices first as in Basix.
    - `cell_type`: Basix name of the cell.
    - `vertices`: node numbers of the wanted facets, shape (n, vertices per facet).
    - `owners`: number of the cell that each of them is to be a facet of, shape (n,); -1 or None for any.

    **Returns:** int32 array (n, 2) of (cell, local facet); a facet between two cells goes to its owner, without one to
    the cell with the lower number, and one that is a facet of no such cell gets (-1, -1).

    **Raises:** `ValueError` if `vertices` does not have one column for each vertex of a facet.
    """
    everything = _all_facets(cells, cell_type)
    vertices = np.asarray(vertices)
    if vertices.ndim != 2 or vertices.shape[1] != everything.shape[1]:
        raise ValueError(
            f"Facets of a {cell_type} have {everything.shape[1]} vertices, got an array of shape {vertices.shape}."
        )
    ids = row_ids(np.concatenate([everything, np.sort(vertices, axis=1)]))
    first = np.full(ids.max(initial=-1) + 1, -1, dtype=np.int64)
    # Assigned back to front, so that the lowest row wins.
    first[ids[: len(everything)][::-1]] = np.arange(len(everything))[::-1]
    rows = first[ids[len(everything) :]]
    if owners is not None:
        n_facets, owned = len(facet_vertices(cell_type)), np.flatnonzero(owners >= 0)
        candidates = owners[owned, None] * n_facets + np.arange(n_facets)
        same = ids[candidates] == ids[len(everything) + owned, None]
        rows[owned] = np.where(same.any(axis=1), candidates[:, 0] + np.argmax(same, axis=1), -1)
    return np.where(rows[:, None] < 0, np.int32(-1), _cell_and_facet(rows, cell_type))


def other_side(cells: np.ndarray, cell_type: str, facets: np.ndarray) -> np.ndarray:
    """The same facets as (cell, local facet) of the cell behind them, shape (n, 2); (-1, -1) on the boundary."""
    ids, n_facets = row_ids(_all_facets(cells, cell_type)), len(facet_vertices(cell_type))
    count = ids.max(initial=-1) + 1
    low, high = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    low[ids[::-1]], high[ids] = np.arange(len(ids))[::-1], np.arange(len(ids))
    rows = facets[:, 0].astype(np.int64) * n_facets + facets[:, 1]
    behind = low[ids[rows]] + high[ids[rows]] - rows
    return np.where((behind == rows)[:, None], np.int32(-1), _cell_and_facet(behind, cell_type))


def facet_nodes(cells: np.ndarray, cell_type: str, degree: int, facets: np.ndarray) -> np.ndarray:
    """Node numbers on the given (cell, local facet) pairs, shape (n, nodes per facet)."""
    return np.take_along_axis(cells[facets[:, 0]], facet_closure(cell_type, degree)[facets[:, 1]], axis=1)


def _all_facets(cells, cell_type):
    """Sorted vertices of every facet of every cell: row = cell * facets per cell + local facet."""
    local = facet_vertices(cell_type)
    return np.sort(np.asarray(cells)[:, local].reshape(-1, local.shape[1]), axis=1)


def _cell_and_facet(rows, cell_type):
    return np.stack(np.divmod(rows, len(facet_vertices(cell_type))), axis=1).astype(np.int32)


def row_ids(rows):
    """Number the distinct rows of an integer array: equal rows get equal numbers.

    Two columns at a time are packed into one 64-bit key, which sorts ten times faster than rows do.
    """
    rows = rows.astype(np.int64)
    ids = rows[:, 0]
    for column in rows.T[1:]:
        keys = ids * (column.max(initial=0) + 1) + column
        ids = np.unique(keys, return_inverse=True)[1]
    return np.unique(ids, return_inverse=True)[1]
