"""Numbers of degrees of freedom: which of them cells share, and how each cell sees those of its edges and faces."""

import functools as ft
from typing import Any

import basix
import numpy as np

from .._arrays import placed
from ._element import Element, tabulate
from ._facets import row_ids
from ._families import basix_element
from ._mesh_checks import reference_nodes


def numbered(elements: tuple[Element, ...], mesh) -> tuple[list[np.ndarray], int]:
    """Number the degrees of freedom of the cells of each block, (cell, local); and how many there are.

    **Arguments:**

    - `elements`: the element of each block.
    """
    first, counts = elements[0], [block.nodes.shape[0] for block in mesh.blocks]
    sizes = [n * element.size for n, element in zip(counts, elements, strict=True)]
    if first.whole:
        return [np.zeros((n, first.size), np.int32) for n in counts], first.size
    if first.apart:
        every = np.split(np.arange(sum(sizes), dtype=np.int32), np.cumsum(sizes)[:-1])
        return [own.reshape(n, -1) for own, n in zip(every, counts, strict=True)], sum(sizes)
    if first.lagrange == mesh.degree:
        return [np.asarray(block.nodes) for block in mesh.blocks], mesh.n_points
    vertices, count = vertex_numbers(mesh)
    if first.lagrange == 1:
        return vertices, count
    number = _by_weights if first.lagrange else _by_entities
    return number(elements, vertices)


def vertex_numbers(mesh) -> tuple[list[np.ndarray], int]:
    """Vertices of the cells of each block in a numbering of their own, in the order of the mesh's nodes; how many."""
    corners = [np.asarray(block.nodes)[:, : len(reference_nodes(block.type, 1))] for block in mesh.blocks]
    used, vertices = np.unique(np.concatenate([own.ravel() for own in corners]), return_inverse=True)
    parts = np.split(vertices.ravel().astype(np.int32), np.cumsum([own.size for own in corners])[:-1])
    return [part.reshape(own.shape) for part, own in zip(parts, corners, strict=True)], len(used)


def first_seen(blocks: list[np.ndarray], count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each block the degrees of freedom that are found in it first, and a (cell, local number) of each."""
    found, free = [], np.ones(count, bool)
    for cells in blocks:
        source = np.full((count, 2), -1, np.int32)
        flat = cells.ravel()[::-1]
        position = np.arange(cells.size)[::-1]
        source[flat, 0], source[flat, 1] = position // cells.shape[1], position % cells.shape[1]
        own = np.flatnonzero(free & (source[:, 0] >= 0))
        free[own] = False
        found.append((own, source[own]))
    return found


def _by_weights(elements, vertices):
    """Lagrange nodes: two local nodes are one if the same vertices have the same weights in them.

    On a facet or edge the vertex basis depends on that facet's or edge's vertices only, whatever the orientation, and
    whatever the cell.
    """
    degree, count = elements[0].lagrange, 0
    weights = [tabulate(element.cell_type, 1, element.points, 0)[0] for element in elements]
    support = [[np.flatnonzero(w > 1e-9) for w in own] for own in weights]
    numbers = [np.empty((len(v), element.size), np.int64) for v, element in zip(vertices, elements, strict=True)]
    for size in sorted({len(s) for own in support for s in own}):
        members = [[a for a, s in enumerate(own) if len(s) == size] for own in support]
        parts = [
            [_key(v[:, s[a]], w[a, s[a]], degree) for a in own]
            for v, w, s, own in zip(vertices, weights, support, members, strict=True)
        ]
        rows = np.concatenate([key for own in parts for key in own])
        # Vertices keep their order.
        ids = rows[:, 0] if size == 1 else row_ids(rows)
        ends = np.cumsum([sum(map(len, own)) for own in parts])[:-1]
        for number, own, ids_ in zip(numbers, members, np.split(ids, ends), strict=True):
            number[:, own] = ids_.reshape(len(own), len(number)).T + count
        count += ids.max(initial=-1) + 1
    return [number.astype(np.int32) for number in numbers], int(count)


def _key(vertices, weights, degree):
    order = np.argsort(vertices, axis=1)
    whole = np.round(weights * degree**3 * 8).astype(np.int64)
    return np.concatenate([np.take_along_axis(vertices, order, 1), whole[order]], axis=1)


def _by_entities(elements, vertices):
    """Vertices, edges, faces, cells, each with its degrees of freedom in the order of the entity's own orientation."""
    numbers = [np.empty((len(v), element.size), np.int64) for v, element in zip(vertices, elements, strict=True)]
    first = 0
    for dimension in range(len(elements[0].entity_dofs)):
        owned = []
        for k, element in enumerate(elements):
            topology = basix.topology(basix.CellType[element.cell_type])[dimension]
            owned += [(k, topology[i], dofs) for i, dofs in enumerate(element.entity_dofs[dimension]) if dofs]
        for corners in sorted({len(v) for _, v, _ in owned}):
            alike = [(k, v, dofs) for k, v, dofs in owned if len(v) == corners]
            rows = np.concatenate([vertices[k][:, v] for k, v, _ in alike])
            ids = rows[:, 0] if dimension == 0 else row_ids(np.sort(rows, axis=1))
            each = len(alike[0][2])
            if any(len(dofs) != each for _, _, dofs in alike):
                raise ValueError(f"The elements {_names(elements)} do not share their degrees of freedom.")
            ends = np.cumsum([len(vertices[k]) for k, _, _ in alike])[:-1]
            for (k, _, dofs), own in zip(alike, np.split(ids, ends), strict=True):
                numbers[k][:, list(dofs)] = first + own[:, None] * each + np.arange(each)
            first += each * (int(ids.max()) + 1)
    return [number.astype(np.int32) for number in numbers], first


def _names(elements):
    return ", ".join(f"{e.parts[0].family} of degree {e.parts[0].degree} on a {e.cell_type}" for e in elements)


def orientations(elements: tuple[Element, ...], mesh) -> list[tuple[Any, tuple[int, ...]]]:
    """For each block how its cells see their edges and faces: the number of its orientation, and those that there are.

    None for elements whose functions look the same from all sides: those with nodes that cells share by position, and those
    whose cells share nothing.
    """
    first = elements[0]
    if first.apart or first.whole or first.lagrange is not None or all(map(_plain, elements)):
        return [(None, ()) for _ in elements]
    found = []
    for element, vertices in zip(elements, vertex_numbers(mesh)[0], strict=True):
        seen, which = np.unique(_bits(element.cell_type, vertices), return_inverse=True)
        found.append((placed(which.astype(np.int32)), tuple(seen.tolist())))
    return found


def _plain(element):
    return all(basix_element(element.cell_type, part).dof_transformations_are_identity for part in element.parts)


def _bits(cell_type, vertices):
    """Orientations as Basix counts them: three bits for each face of a body, then one for each edge."""
    topology = basix.topology(basix.CellType[cell_type])
    bits, faces = np.zeros(len(vertices), np.int64), topology[2] if len(topology) == 4 else ()
    for f, face in enumerate(faces):
        ring = vertices[:, face if len(face) == 3 else [face[0], face[1], face[3], face[2]]]
        turns = np.argmin(ring, axis=1)
        beside = lambda step, ring=ring, turns=turns: np.take_along_axis(
            ring, ((turns + step) % ring.shape[1])[:, None], 1
        )[:, 0]
        bits |= (beside(1) > beside(-1)).astype(np.int64) << (3 * f)
        bits |= turns.astype(np.int64) << (3 * f + 1)
    for e, (a, b) in enumerate(topology[1] if len(topology) > 2 else ()):
        bits |= (vertices[:, a] > vertices[:, b]).astype(np.int64) << (3 * len(faces) + e)
    return bits


@ft.cache
def transformations(element: Element, seen: tuple[int, ...]) -> np.ndarray:
    """Matrices T[o, a, b]: a cell of orientation o has the functions Σ_b T[o, a, b] φ_b."""
    found = np.zeros((len(seen), element.size, element.size))
    first = 0
    for part in element.parts:
        made = basix_element(element.cell_type, part)
        own = slice(first, first + made.dim)
        for k, bits in enumerate(seen):
            block = np.eye(made.dim).ravel()
            made.T_apply(block, made.dim, bits)
            found[k, own, own] = np.linalg.inv(block.reshape(made.dim, made.dim))
        first += made.dim
    return found
