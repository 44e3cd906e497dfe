"""Numbers of degrees of freedom: which of them cells share, and how each cell sees those of its edges and faces."""

import functools as ft

import basix
import numpy as np

from ._element import Element, _made, tabulate
from ._facets import row_ids
from ._mesh_checks import reference_nodes


def numbered(element: Element, mesh) -> np.ndarray:
    """Number the degrees of freedom of each cell, (cell, local)."""
    if element.whole:
        return np.zeros((mesh.n_cells, element.size), np.int32)
    if element.apart:
        return np.arange(mesh.n_cells * element.size, dtype=np.int32).reshape(mesh.n_cells, -1)
    cells = np.asarray(mesh.cells)
    if element.lagrange == mesh.degree:
        return cells
    vertices, count = vertex_numbers(cells, mesh.cell_type)
    if element.lagrange == 1:
        return vertices
    number = _by_weights if element.lagrange else _by_entities
    return number(element, vertices, count)


def vertex_numbers(cells: np.ndarray, cell_type: str) -> tuple[np.ndarray, int]:
    """Vertices of each cell in a numbering of their own, in the order of the mesh's nodes; and how many there are."""
    vertices = cells[:, : len(reference_nodes(cell_type, 1))]
    used, vertices = np.unique(vertices, return_inverse=True)
    return vertices.reshape(len(cells), -1).astype(np.int32), len(used)


def first_seen(cells: np.ndarray, count: int) -> np.ndarray:
    """A (cell, local number) for each degree of freedom."""
    source = np.empty((count, 2), np.int32)
    flat = cells.ravel()[::-1]
    position = np.arange(cells.size)[::-1]
    source[flat, 0], source[flat, 1] = position // cells.shape[1], position % cells.shape[1]
    return source


def _by_weights(element, vertices, count):
    """Lagrange nodes: two local nodes are one if the same vertices have the same weights in them.

    On a facet or edge the vertex basis depends on that facet's or edge's vertices only, whatever the orientation.
    """
    degree = element.lagrange
    weights, _ = tabulate(element.cell_type, 1, element.points)
    numbers = np.empty((len(vertices), element.size), np.int64)
    support = [np.flatnonzero(w > 1e-9) for w in weights]
    count = 0
    for size in sorted({len(s) for s in support}):
        members = [a for a in range(element.size) if len(support[a]) == size]
        rows = [_key(vertices[:, support[a]], weights[a, support[a]], degree) for a in members]
        ids = row_ids(np.concatenate(rows)).reshape(len(members), len(vertices))
        if size == 1:
            # Vertices keep their order.
            ids = np.stack([vertices[:, support[a][0]] for a in members])
        numbers[:, members] = ids.T + count
        count += ids.max(initial=-1) + 1
    return numbers.astype(np.int32)


def _key(vertices, weights, degree):
    order = np.argsort(vertices, axis=1)
    whole = np.round(weights * degree**3 * 8).astype(np.int64)
    return np.concatenate([np.take_along_axis(vertices, order, 1), whole[order]], axis=1)


def _by_entities(element, vertices, count):
    """Vertices, edges, faces, cells, each with its degrees of freedom in the order of the entity's own orientation."""
    topology = basix.topology(basix.CellType[element.cell_type])
    numbers, first = np.empty((len(vertices), element.size), np.int64), 0
    for dimension, entities in enumerate(element.entity_dofs):
        owned = [(topology[dimension][i], dofs) for i, dofs in enumerate(entities) if dofs]
        for corners in sorted({len(v) for v, _ in owned}):
            alike = [(v, dofs) for v, dofs in owned if len(v) == corners]
            if dimension == 0:
                ids = np.stack([vertices[:, v[0]] for v, _ in alike])
            else:
                sides = np.sort(np.stack([vertices[:, v] for v, _ in alike]), axis=2)
                ids = row_ids(sides.reshape(-1, corners)).reshape(len(alike), -1)
            each = len(alike[0][1])
            for (_, dofs), own in zip(alike, ids, strict=True):
                numbers[:, list(dofs)] = first + own[:, None] * each + np.arange(each)
            first += each * (int(ids.max()) + 1)
    return numbers.astype(np.int32)


def orientations(element: Element, mesh) -> tuple[np.ndarray, tuple[int, ...]] | None:
    """How each cell sees its edges and faces: the number of its orientation, and those that there are.

    None for elements whose functions look the same from all sides: those with nodes that cells share by position, and those
    whose cells share nothing.
    """
    if element.apart or element.whole or element.lagrange is not None or _plain(element):
        return None
    vertices, _ = vertex_numbers(np.asarray(mesh.cells), mesh.cell_type)
    seen, which = np.unique(_bits(element.cell_type, vertices), return_inverse=True)
    return which.astype(np.int32), tuple(seen.tolist())


def _plain(element):
    return all(_made(element.cell_type, part).dof_transformations_are_identity for part in element.parts)


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
        made = _made(element.cell_type, part)
        own = slice(first, first + made.dim)
        for k, bits in enumerate(seen):
            block = np.eye(made.dim).ravel()
            made.T_apply(block, made.dim, bits)
            found[k, own, own] = np.linalg.inv(block.reshape(made.dim, made.dim))
        first += made.dim
    return found
