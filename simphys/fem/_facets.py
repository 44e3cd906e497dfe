"""Facet topology on the host: which facets bound the mesh, and which facet a set of vertices is."""

import functools as ft
from collections.abc import Iterator
from typing import Any, NamedTuple

import basix
import numpy as np


_SHAPES = {1: "point", 2: "interval", 3: "triangle", 4: "quadrilateral"}


@ft.cache
def facet_shapes(cell_type: str) -> tuple[str, ...]:
    """Basix name of each facet of a cell; of prisms and pyramids some are triangles, some quadrilaterals."""
    return tuple(_SHAPES[len(vertices)] for vertices in basix.topology(basix.CellType[cell_type])[-2])


@ft.cache
def facet_type(cell_type: str) -> str:
    """Basix name of the facets of a cell; `ValueError` for cells whose facets have several shapes."""
    return _shape_of(cell_type, None)


@ft.cache
def facet_vertices(cell_type: str, shape: str | None = None) -> np.ndarray:
    """Local vertices of each facet of a reference cell, shape (facet, vertex), in Basix order.

    With facets of several shapes one of them must be chosen; those of another shape then get −1.
    """
    return _of_shape(cell_type, shape, basix.topology(basix.CellType[cell_type])[-2])


@ft.cache
def facet_closure(cell_type: str, degree: int, shape: str | None = None) -> np.ndarray:
    """Local Lagrange nodes on each closed facet of a reference cell, shape (facet, node), as `facet_vertices`."""
    element = basix.create_element(
        basix.ElementFamily.P, basix.CellType[cell_type], degree, basix.LagrangeVariant.equispaced
    )
    return _of_shape(cell_type, shape, element.entity_closure_dofs[-2])


def _shape_of(cell_type, shape):
    shapes = set(facet_shapes(cell_type))
    if shape is None and len(shapes) > 1:
        raise ValueError(f"The facets of a {cell_type} have several shapes ({', '.join(sorted(shapes))}).")
    return shape or shapes.pop()


def _of_shape(cell_type, shape, numbers):
    shape, shapes = _shape_of(cell_type, shape), facet_shapes(cell_type)
    found = np.full((len(numbers), len(numbers[shapes.index(shape)])), -1, np.int32)
    for k, own in enumerate(numbers):
        if shapes[k] == shape:
            found[k] = own
    return found


class Kind(NamedTuple):
    """Facets of one shape of the cells of one block."""

    block: int
    shape: str


def facet_kinds(cell_types: tuple[str, ...]) -> tuple[Kind, ...]:
    """The kinds of facets in a mesh of some blocks, in order."""
    return tuple(Kind(b, shape) for b, name in enumerate(cell_types) for shape in sorted(set(facet_shapes(name))))


def kinds_of_facets(cell_types: tuple[str, ...], sizes, facets: np.ndarray) -> np.ndarray:
    """For each (cell, local facet) the number of its kind; `sizes`: numbers of cells in the blocks."""
    kinds, found = facet_kinds(cell_types), np.empty(len(facets), np.int64)
    block = np.searchsorted(np.cumsum(sizes), facets[:, 0], "right")
    for b, name in enumerate(cell_types):
        of_facet = np.array([kinds.index(Kind(b, shape)) for shape in facet_shapes(name)])
        found[block == b] = of_facet[facets[block == b, 1]]
    return found


def boundary_facets(cells: Any, cell_type: Any) -> np.ndarray:
    """The facets that belong to one cell only.

    **Arguments:**

    - `cells`: node numbers, shape (cell, local), vertices first as in Basix; of several blocks a tuple.
    - `cell_type`: Basix name of the cell; of several blocks a tuple.

    **Returns:** int32 array (n, 2) of (cell, local facet), sorted.

    **Raises:** `ValueError` if three or more cells share a facet.
    """
    facets = all_facets(cells, cell_type)
    ids, proper = row_ids(facets.rows), is_proper(facets.rows)
    counts = np.bincount(ids, proper)
    if counts.size and counts.max() > 2:
        (cell, facet) = facets.pairs(np.flatnonzero(proper & (counts[ids] > 2))[:1])[0]
        raise ValueError(
            f"{np.sum(counts > 2)} facets are shared by more than two cells, the first is facet "
            f"{facet} of cell {cell}: the mesh overlaps itself or has duplicate cells."
        )
    return facets.pairs(np.flatnonzero(proper & (counts[ids] == 1)))


def is_proper(ranked: np.ndarray) -> np.ndarray:
    """Whether facets, rows of sorted vertices, bound anything: those of collapsed cells may be lines or points.

    Cells that repeat a node, as round a crack tip, have such facets.
    """
    vertices = np.sum(np.diff(ranked, axis=1) > 0, axis=1) - (ranked[:, 0] < 0)
    return vertices >= min(ranked.shape[1] - 1, 2)


def match_facets(cells: Any, cell_type: Any, vertices: np.ndarray, owners=None) -> np.ndarray:
    """Find the (cell, local facet) of facets that are given by their vertices, in any order.

    **Arguments:**

    - `cells`: node numbers, shape (cell, local), vertices first as in Basix; of several blocks a tuple.
    - `cell_type`: Basix name of the cell; of several blocks a tuple.
    - `vertices`: node numbers of the wanted facets, shape (n, vertices per facet); triangles among quadrilaterals have −1
      for a fourth.
    - `owners`: number of the cell that each of them is to be a facet of, shape (n,); -1 or None for any.

    **Returns:** int32 array (n, 2) of (cell, local facet); a facet between two cells goes to its owner, without one to
    the cell with the lower number, and one that is a facet of no such cell gets (-1, -1).

    **Raises:** `ValueError` if `vertices` does not have one column for each vertex of a facet.
    """
    facets, vertices = all_facets(cells, cell_type), np.asarray(vertices)
    everything, width = facets.rows, facets.rows.shape[1]
    if vertices.ndim != 2 or vertices.shape[1] != width:
        raise ValueError(f"Facets of a {cell_type} have {width} vertices, got an array of shape {vertices.shape}.")
    ids = row_ids(np.concatenate([everything, np.sort(vertices, axis=1)]))
    first = np.full(ids.max(initial=-1) + 1, -1, dtype=np.int64)
    # Assigned back to front, so that the lowest row wins.
    first[ids[: len(everything)][::-1]] = np.arange(len(everything))[::-1]
    rows = first[ids[len(everything) :]]
    if owners is not None:
        owned = np.flatnonzero(owners >= 0)
        candidates, there = facets.of_cells(owners[owned])
        same = there & (ids[candidates] == ids[len(everything) + owned, None])
        rows[owned] = np.where(same.any(axis=1), candidates[:, 0] + np.argmax(same, axis=1), -1)
    return np.where(rows[:, None] < 0, np.int32(-1), facets.pairs(rows))


def other_side(cells: Any, cell_type: Any, facets: np.ndarray) -> np.ndarray:
    """The same facets as (cell, local facet) of the cell behind them, shape (n, 2); (-1, -1) on the boundary."""
    every = all_facets(cells, cell_type)
    ids = row_ids(every.rows)
    count = ids.max(initial=-1) + 1
    low, high = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    low[ids[::-1]], high[ids] = np.arange(len(ids))[::-1], np.arange(len(ids))
    rows = every.of_cells(facets[:, 0])[0][:, 0] + facets[:, 1]
    behind = low[ids[rows]] + high[ids[rows]] - rows
    return np.where((behind == rows)[:, None], np.int32(-1), every.pairs(behind))


def facet_nodes(cells: np.ndarray, cell_type: str, degree: int, facets: np.ndarray, shape=None) -> np.ndarray:
    """Node numbers on the given (cell, local facet) pairs, of one shape, shape (n, nodes per facet)."""
    closure = facet_closure(cell_type, degree, shape)
    return np.take_along_axis(cells[facets[:, 0]], closure[facets[:, 1]], axis=1)


def nodes_by_kind(cells: Any, cell_type: Any, degree: int, facets: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Rows of the (cell, local facet) pairs of each kind, and the nodes on these facets."""
    blocks = blocks_of(cells, cell_type)
    types, sizes = tuple(name for _, name in blocks), [len(own) for own, _ in blocks]
    which = kinds_of_facets(types, sizes, facets)
    for k, (b, shape) in enumerate(facet_kinds(types)):
        rows = np.flatnonzero(which == k)
        local = facets[rows] - [sum(sizes[:b]), 0]
        yield rows, facet_nodes(blocks[b][0], types[b], degree, local, shape)


def blocks_of(cells: Any, cell_type: Any) -> tuple[tuple[np.ndarray, str], ...]:
    """The blocks of a mesh: nodes and type of the cells of each."""
    if isinstance(cell_type, str):
        return ((np.asarray(cells), cell_type),)
    return tuple((np.asarray(own), name) for own, name in zip(cells, cell_type, strict=True))


class Facets(NamedTuple):
    """The facets of all cells, one by one: sorted vertices, −1 in front of those of triangles among quadrilaterals."""

    rows: np.ndarray
    first_rows: np.ndarray
    first_cells: np.ndarray
    counts: np.ndarray

    def pairs(self, rows: np.ndarray) -> np.ndarray:
        """The (cell, local facet) of some rows."""
        block = np.searchsorted(self.first_rows, rows, "right") - 1
        cell, facet = np.divmod(rows - self.first_rows[block], self.counts[block])
        return np.stack([cell + self.first_cells[block], facet], axis=1).astype(np.int32)

    def of_cells(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the facets of some cells, (cell, facet), and which of them there are."""
        block = np.searchsorted(self.first_cells, cells, "right") - 1
        first = self.first_rows[block] + (cells - self.first_cells[block]) * self.counts[block]
        facet = np.arange(self.counts.max())
        there = facet < self.counts[block][:, None]
        return np.where(there, first[:, None] + facet, first[:, None]), there


def all_facets(cells: Any, cell_type: Any) -> Facets:
    """Return the facets of the cells of all blocks."""
    blocks = blocks_of(cells, cell_type)
    width = max(facet_vertices(name, shape).shape[1] for _, name in blocks for shape in set(facet_shapes(name)))
    parts = [_rows(own, name, width) for own, name in blocks]
    counts = np.array([len(facet_shapes(name)) for _, name in blocks])
    starts = [np.cumsum([0, *map(len, each)])[:-1] for each in (parts, [own for own, _ in blocks])]
    return Facets(np.concatenate(parts) if len(parts) > 1 else parts[0], *starts, counts)


def _rows(cells, cell_type, width):
    shapes = sorted(set(facet_shapes(cell_type)))
    if len(shapes) == 1 and (local := facet_vertices(cell_type)).shape[1] == width:
        return np.sort(cells[:, local].reshape(-1, width), axis=1)
    found = np.full((len(cells), len(facet_shapes(cell_type)), width), -1, np.int32)
    for shape in shapes:
        local = facet_vertices(cell_type, shape)
        at = np.flatnonzero(local[:, 0] >= 0)
        found[:, at, : local.shape[1]] = cells[:, local[at]]
    found = np.sort(found.reshape(-1, width), axis=1)
    # The side of a collapsed hexahedron may be a triangle that another cell has as such.
    twice = np.pad(found[:, 1:] == found[:, :-1], ((0, 0), (1, 0)))
    return np.sort(np.where(twice, -1, found), axis=1)


def row_ids(rows):
    """Number the distinct rows of an integer array: equal rows get equal numbers.

    Two columns at a time are packed into one 64-bit key, which sorts ten times faster than rows do.
    """
    rows = rows.astype(np.int64)
    # What fills rows of unequal length is negative.
    columns = rows.T - rows.min(axis=0, initial=0)[:, None]
    ids = columns[0]
    for column in columns[1:]:
        keys = ids * (column.max(initial=0) + 1) + column
        ids = np.unique(keys, return_inverse=True)[1]
    return np.unique(ids, return_inverse=True)[1]
