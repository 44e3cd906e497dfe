"""Simplices bisected along their edges, longest first."""

import numpy as np

from ._children import Children, turned
from ._mesh_checks import reference_nodes


def bisected(mesh, chosen) -> Children:
    """Return the children of a mesh of simplices, of which some are to be cut along all of their edges."""
    kind, corners = mesh.cell_type, reference_nodes(mesh.cell_type, 1)
    vertices = np.asarray(mesh.cells)[:, : len(corners)].astype(np.int64)
    pairs = np.array([(a, b) for a in range(len(corners)) for b in range(a + 1, len(corners))])
    edges, of_cell = _edges(vertices, pairs)
    points = np.asarray(mesh.points, float)
    order = _ranks(edges, points)
    marked = np.zeros(len(edges), bool)
    marked[of_cell[chosen]] = True
    while True:
        # The longest edge of each cell that is cut at all is cut: the order in which edges are cut bounds the angles.
        longest = of_cell[np.arange(len(of_cell)), np.argmax(order[of_cell], axis=1)]
        more = longest[marked[of_cell].any(axis=1)]
        if marked[more].all():
            break
        marked[more] = True
    cut = edges[marked][np.argsort(-order[marked])]
    found = Children(np.arange(len(vertices)), np.broadcast_to(corners, (len(vertices), *corners.shape)).copy())
    found = _split(found, vertices, cut, len(points), pairs)
    return Children(found.parent, turned(found.corners)) if kind == "tetrahedron" else found


def _edges(vertices, pairs):
    """Distinct edges as sorted vertices, and those of each cell."""
    ends = np.sort(vertices[:, pairs], axis=2)
    every, which = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
    return every, which.reshape(len(vertices), len(pairs))


def _ranks(edges, points):
    """Numbers that grow with the length of edges; of equal lengths with their vertices."""
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    rounded = np.round(length / length.max() * 1e9)
    ranks = np.empty(len(edges), np.int64)
    ranks[np.lexsort((edges[:, 1], edges[:, 0], rounded))] = np.arange(len(edges))
    return ranks


def _split(children, vertices, cut, first, pairs):
    """Cut edges, longest first: all cells at an edge at once, as many edges at a time as have no cell in common."""
    parent, corners = children
    size = first + len(cut)
    codes = cut[:, 0] * size + cut[:, 1]
    by_code = np.argsort(codes)
    while True:
        ends = np.sort(vertices[:, pairs], axis=2)
        code = ends[..., 0] * size + ends[..., 1]
        at = np.clip(np.searchsorted(codes, code, sorter=by_code), 0, len(codes) - 1)
        number = np.where(codes[by_code[at]] == code, by_code[at], len(cut)) if len(cut) else np.full(code.shape, 0)
        if not len(cut) or (number == len(cut)).all():
            return Children(parent, corners)
        pick = number.argmin(axis=1)
        top = number.min(axis=1)
        # An edge is ready where it comes first in all cells that have it.
        waiting = np.zeros(len(cut) + 1, bool)
        others = number != top[:, None]
        waiting[number[others]] = True
        ready = (top < len(cut)) & ~waiting[top]
        a, b = pairs[pick[ready]].T
        rows = np.arange(ready.sum())
        middle = (corners[ready][rows, a] + corners[ready][rows, b]) / 2
        new = first + top[ready]
        parts = []
        for end in (a, b):
            moved, numbers = corners[ready].copy(), vertices[ready].copy()
            moved[rows, end], numbers[rows, end] = middle, new
            parts.append((moved, numbers))
        corners = np.concatenate([corners[~ready], *(moved for moved, _ in parts)])
        vertices = np.concatenate([vertices[~ready], *(numbers for _, numbers in parts)])
        parent = np.concatenate([parent[~ready], parent[ready], parent[ready]])
