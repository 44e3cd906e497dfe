"""Finer meshes: every cell cut alike, or those that are marked."""

import functools as ft
from typing import NamedTuple

import numpy as np

from .._check import indices
from ._blocks import altered
from ._facets import facet_vertices
from ._forest import SPLITTABLE, Forest, balanced, keys_of
from ._mesh import Mesh
from ._mesh_checks import SIMPLICES, reference_nodes, tabulate


class Children(NamedTuple):
    """Cells that a block is cut into: the cell that each lies in, and where its vertices are in that one's reference cell.

    **Attributes:**

    - `parent`: numbers within the block, (child,).
    - `corners`: (child, vertex, dim).
    """

    parent: np.ndarray
    corners: np.ndarray


def refined(mesh: Mesh, marks=None) -> Mesh:
    """Return a finer mesh of the same body, with the same groups.

    Without marks each cell is cut into 2^dim of its type. With marks the cells they name: triangles, tetrahedra and lines
    are bisected along each of their edges, and others as far as it takes for cells to meet face to face (longest edges
    first, so that angles stay bounded); quadrilaterals and hexahedra are cut into 2^dim, and others as far as it takes for
    no edge to be cut twice that a neighbour has whole. Values at nodes that hang in the middle of such an edge or face
    follow those of the neighbour: a `FunctionSpace` sees to that. Curved cells are cut in their own coordinates: the
    geometry is the same.

    **Arguments:**

    - `mesh`: of concrete arrays.
    - `marks`: cell numbers, or a boolean for each cell; None for all.

    **Returns:** the mesh. Nodes of the old one come first, in their order. What a point group holds of a new mesh are its
    old nodes and the new ones that lie between these alone.

    **Raises:** `ValueError` for marks of another length, and for cells that cannot be cut so (pyramids; with marks prisms
    and meshes of several types).

    Reference: M. C. Rivara, Int. J. Numer. Methods Eng. 20 (1984) 745; C. Burstedde, L. C. Wilcox, O. Ghattas, SIAM J. Sci.
    Comput. 33 (2011) 1103.
    """
    return _rebuilt(mesh, cut(mesh, marks))[0]


def refinement(mesh: Mesh, marks=None) -> tuple[Mesh, list[Children]]:
    """Return what `refined` does, and of each block where its cells lie in those of the old one."""
    return _rebuilt(mesh, cut(mesh, marks))


def cut(mesh, marks) -> list[Children]:
    """Return the cells that those of each block are cut into."""
    if marks is None:
        return [_uniform(block.type, block.nodes.shape[0]) for block in mesh.blocks]
    chosen = np.zeros(mesh.n_cells, bool)
    chosen[indices("marks", marks, mesh.n_cells)] = True
    if len(mesh.blocks) > 1 or mesh.cell_types[0] not in (*SIMPLICES, *SPLITTABLE):
        raise ValueError(
            "Marked cells are cut where all are triangles, quadrilaterals, tetrahedra or hexahedra, this mesh has "
            f"{', '.join(mesh.cell_types)}: refine all of it."
        )
    return [_bisected(mesh, chosen) if mesh.cell_type in SIMPLICES else _cut_some(mesh, chosen)]


def _cut_some(mesh, chosen):
    """Children of quadrilaterals or hexahedra of which some are to be cut; others are their own child."""
    chosen = balanced(mesh, chosen)
    cut, whole = _uniform(mesh.cell_type, int(chosen.sum())), reference_nodes(mesh.cell_type, 1)
    others = np.broadcast_to(whole, (int((~chosen).sum()), *whole.shape))
    parent = np.concatenate([np.flatnonzero(chosen)[cut.parent], np.flatnonzero(~chosen)])
    return Children(parent, np.concatenate([cut.corners, others]))


def _uniform(cell_type, count):
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
    return _turned(np.array([*ends, *([m(*pair) for pair in tet] for tet in middle)]))


def _turned(tetrahedra):
    """The same with a positive volume each."""
    volume = np.linalg.det(tetrahedra[:, 1:] - tetrahedra[:, :1])
    return np.where((volume < 0)[:, None, None], tetrahedra[:, [0, 1, 3, 2]], tetrahedra)


def _bisected(mesh, chosen):
    """Children of a mesh of simplices, of which some are to be cut along all of their edges."""
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
    return Children(found.parent, _turned(found.corners)) if kind == "tetrahedron" else found


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


def _rebuilt(mesh, blocks: list[Children]) -> tuple[Mesh, list[Children]]:
    """The mesh of these cells, with the groups of the old one, and the cells in its order."""
    order = [np.argsort(children.parent, kind="stable") for children in blocks]
    blocks = [Children(c.parent[o], c.corners[o]) for c, o in zip(blocks, order, strict=True)]
    keys, positions, shares = [], [], []
    for block, children in zip(mesh.blocks, blocks, strict=True):
        for own, corners in ((np.arange(len(block.nodes)), None), children):
            key, at, share = _placed(mesh, block, own, corners)
            keys.append(key)
            positions.append(at)
            shares.append(share)
    ids = np.unique(np.concatenate(keys), return_inverse=True)[1]
    parts = np.split(ids, np.cumsum([len(key) for key in keys])[:-1])
    number = np.full(ids.max() + 1, -1)
    for block, own in zip(mesh.blocks, parts[::2], strict=True):
        number[own] = np.asarray(block.nodes).ravel()
    new = np.unique(np.concatenate(parts[1::2]))
    new = new[number[new] < 0]
    number[new] = mesh.n_points + np.arange(len(new))
    points = np.empty((mesh.n_points + len(new), mesh.dim))
    for own, at in zip(parts[1::2], positions[1::2], strict=True):
        points[number[own]] = at
    points[: mesh.n_points] = np.asarray(mesh.points)
    cells = [number[own].reshape(len(c.parent), -1) for own, c in zip(parts[1::2], blocks, strict=True)]
    numbered = [(number[own], *share) for own, share in zip(parts[1::2], shares[1::2], strict=True)]
    types = list(mesh.cell_types)
    made = Mesh(
        points.astype(mesh.points.dtype), cells if len(cells) > 1 else cells[0], types if len(types) > 1 else types[0],
        mesh.degree, cell_groups=_cell_groups(mesh, blocks), facet_groups=_facet_groups(mesh, blocks),
        point_groups=_point_groups(mesh, numbered), unsided=mesh.unsided,
    )  # fmt: skip
    some = mesh.forest is not None or len(blocks[0].parent) < 2**mesh.dim * mesh.n_cells
    if len(types) == 1 and types[0] in SPLITTABLE and some:
        vertices = np.asarray(mesh.cells)[:, : 2**mesh.dim]
        made = altered(made, forest=Forest.of(mesh).cut(vertices, blocks[0]).resolved(types[0]))
    return made, blocks


def _placed(mesh, block, parent, corners):
    """Nodes of cells within those of a block: keys by the vertices about them, positions, and nodes they depend on."""
    kind, degree = block.type, mesh.degree
    nodes, local = np.asarray(block.nodes), reference_nodes(kind, degree)
    if corners is None:
        at = np.broadcast_to(local, (len(parent), *local.shape))
    else:
        at = np.einsum("na,cad->cnd", tabulate(kind, 1, 0, local)[0], corners)
    if mesh.forest is None:
        keys = keys_of(kind, nodes[:, : len(reference_nodes(kind, 1))][parent], at)
    else:
        keys = mesh.forest.keys(kind, parent, at)
    # Children of a few shapes only: their tables are made once.
    distinct, which = np.unique(np.round(at.reshape(-1, at.shape[-1]), 9), axis=0, return_inverse=True)
    basis = tabulate(kind, degree, 0, distinct)[0][which.ravel()]
    owner = np.repeat(parent, len(local))
    positions = np.einsum("na,nad->nd", basis, np.asarray(mesh.points, float)[nodes[owner]])
    return keys.ravel(), positions, (nodes[owner], np.abs(basis) > 1e-12)


def _cell_groups(mesh, blocks):
    found = {}
    for name, members in mesh.cell_groups.items():
        inside = np.zeros(mesh.n_cells, bool)
        inside[np.asarray(members)] = True
        parts = [inside[start + c.parent] for start, c in zip(mesh.starts, blocks, strict=False)]
        found[name] = np.flatnonzero(np.concatenate(parts))
    return found


def _facet_groups(mesh, blocks):
    if not mesh.facet_groups:
        return {}
    starts, first, rows = mesh.starts, 0, []
    for block, children, start in zip(mesh.blocks, blocks, starts, strict=False):
        on = _on_sides(block.type, children.corners)
        child, side, old = np.nonzero(on)
        rows.append(np.stack([start + children.parent[child], old, first + child, side], axis=1))
        first += len(children.parent)
    rows = np.concatenate(rows)
    code = lambda cells, sides: cells.astype(np.int64) * 8 + sides
    found = {}
    for name, pairs in mesh.facet_groups.items():
        pairs = np.asarray(pairs)
        inside = np.isin(code(rows[:, 0], rows[:, 1]), code(pairs[:, 0], pairs[:, 1]))
        found[name] = rows[inside][:, 2:].astype(np.int32)
    return found


def _on_sides(kind, corners):
    """Which facets of children lie on which facet of the parent, (child, facet, facet of the parent)."""
    flat = corners.reshape(-1, corners.shape[-1])
    weights = tabulate(kind, 1, 0, flat)[0].reshape(*corners.shape[:2], -1)
    sides = [np.asarray(side) for side in _sides(kind)]
    away = [np.setdiff1d(np.arange(weights.shape[2]), side) for side in sides]
    off = np.stack([np.abs(weights[:, :, rest]).sum(axis=2) < 1e-12 for rest in away], axis=2)
    return np.stack([off[:, side].all(axis=1) for side in sides], axis=1)


def _sides(kind):
    """Vertices of each facet of a cell."""
    if kind != "prism":
        return list(facet_vertices(kind))
    parts = (facet_vertices(kind, "triangle"), facet_vertices(kind, "quadrilateral"))
    return [next(p[k] for p in parts if p[k, 0] >= 0) for k in range(5)]


def _point_groups(mesh, numbered):
    found = {}
    for name, members in mesh.point_groups.items():
        inside = np.zeros(mesh.n_points, bool)
        inside[np.asarray(members)] = True
        between = [number[(inside[nodes] | ~counts).all(axis=1)] for number, nodes, counts in numbered]
        found[name] = np.unique(np.concatenate([np.asarray(members), *between]))
    return found
