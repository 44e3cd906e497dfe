"""Cells of several types in one mesh: a block of them for each type, numbered one block after the other."""

import dataclasses
from typing import Any

import equinox as eqx
import numpy as np

from .._typing import Array, CellNodes
from ._facets import blocks_of, facet_kinds, facet_shapes, facet_vertices, kinds_of_facets, row_ids


class Cells(eqx.Module):
    """Cells of one type.

    **Arguments:**

    - `nodes`: node numbers of each cell, shape (cell, local), in Basix order.
    - `type`: Basix name of the cells.
    """

    nodes: CellNodes
    type: str = eqx.field(static=True)


def only(what: str, blocks: tuple, types: tuple[str, ...]) -> Any:
    """Return the block of a mesh that has one; `ValueError` for several: what asks for it is not offered then."""
    if len(blocks) > 1:
        raise ValueError(
            f"This mesh has cells of several types ({', '.join(types)}); what was asked for is offered for meshes of one "
            f"type only (it looks at their `{what}`)."
        )
    return blocks[0]


def altered(module: Any, **fields) -> Any:
    """Return a module with other values of some fields, static ones among them; nothing is checked."""
    made = object.__new__(type(module))
    for field in dataclasses.fields(module):
        object.__setattr__(made, field.name, fields.get(field.name, getattr(module, field.name)))
    return made


def is_uniform(types: tuple[str, ...]) -> bool:
    """Whether all cells have one type, and all facets one shape."""
    return len(types) == 1 and len(set(facet_shapes(types[0]))) == 1


def by_kind(types, sizes, facets: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Facets sorted by kind, and how many there are of each."""
    which = kinds_of_facets(types, sizes, facets)
    counts = np.bincount(which, minlength=len(facet_kinds(types)))
    return facets[np.argsort(which, kind="stable")], tuple(counts.tolist())


def by_block(sizes, cells: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Cell numbers sorted by block, and how many there are in each."""
    which = np.searchsorted(np.cumsum(sizes), cells, "right")
    return cells[np.argsort(which, kind="stable")], tuple(np.bincount(which, minlength=len(sizes)).tolist())


def pieces_of(counts: tuple[int, ...], members: Array) -> list[tuple[int, Array]]:
    """Number and members of each kind that there is any of; of nothing those of the first kind."""
    ends = np.cumsum((0, *counts))
    return [(k, members[ends[k] : ends[k + 1]]) for k, n in enumerate(counts) if n or (k == 0 and not any(counts))]


def check_conforming(cells, types, outer: np.ndarray):
    """Raise `ValueError` if a quadrilateral on the boundary lies on triangles of other cells.

    **Arguments:**

    - `outer`: the (cell, local facet) pairs on the boundary.
    """
    blocks = blocks_of(cells, types)
    sizes = [len(own) for own, _ in blocks]
    which, corners = kinds_of_facets(types, sizes, outer), {"triangle": [], "quadrilateral": []}
    for k, (b, shape) in enumerate(facet_kinds(types)):
        if shape in corners:
            pairs = outer[which == k] - [sum(sizes[:b]), 0]
            corners[shape].append(_corners(blocks[b], shape, pairs))
    triangles, squares = (np.concatenate(found) if found else np.zeros((0, 1), int) for found in corners.values())
    if not (len(triangles) and len(squares)):
        return
    parts = np.sort(squares[:, [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]].reshape(-1, 3), axis=1)
    ids = row_ids(np.concatenate([parts, np.sort(triangles, axis=1)]))
    found = np.isin(ids[: len(parts)], ids[len(parts) :]).reshape(-1, 4).any(axis=1)
    if found.any():
        raise ValueError(
            f"{found.sum()} quadrilateral facets lie on triangles of other cells, the first has the nodes "
            f"{squares[found][0].tolist()}: fields would gape there. Pyramids join hexahedra to tetrahedra."
        )


def _corners(block, shape, pairs):
    cells, name = block
    return np.take_along_axis(cells[pairs[:, 0]], facet_vertices(name, shape)[pairs[:, 1]], axis=1)
