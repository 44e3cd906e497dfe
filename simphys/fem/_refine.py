"""Finer meshes: every cell cut alike, or those that are marked."""

import numpy as np

from .._check import indices
from ._bisection import bisected
from ._blocks import altered
from ._children import Children, uniform
from ._facets import facet_vertices
from ._forest import SPLITTABLE, Forest, balanced, keys_of
from ._mesh import Mesh
from ._mesh_checks import SIMPLICES, reference_nodes, tabulate


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


def split_at_centres(mesh: Mesh) -> Mesh:
    """Return a mesh of simplices each of which is cut into dim + 1 that meet at its centre (Alfeld's split).

    **Arguments:**

    - `mesh`: of triangles or tetrahedra; groups and curved geometry are kept, as by `refined`.

    **Raises:** `ValueError` for other cells.

    Reference: D. N. Arnold, J. Qin, in Advances in Computer Methods for PDEs VII (1992) 28.
    """
    if mesh.cell_types not in (("triangle",), ("tetrahedron",)):
        raise ValueError(
            f"Triangles or tetrahedra are split at their centres, this mesh has {', '.join(mesh.cell_types)}."
        )
    corners = reference_nodes(mesh.cell_type, 1)
    each = np.repeat(corners[None], len(corners), axis=0)
    each[np.arange(len(corners)), np.arange(len(corners))] = corners.mean(axis=0)
    return _rebuilt(
        mesh, [Children(np.repeat(np.arange(mesh.n_cells), len(each)), np.tile(each, (mesh.n_cells, 1, 1)))]
    )[0]


def cut(mesh, marks) -> list[Children]:
    """Return the cells that those of each block are cut into."""
    if marks is None:
        return [uniform(block.type, block.nodes.shape[0]) for block in mesh.blocks]
    chosen = np.zeros(mesh.n_cells, bool)
    chosen[indices("marks", marks, mesh.n_cells)] = True
    if len(mesh.blocks) > 1 or mesh.cell_types[0] not in (*SIMPLICES, *SPLITTABLE):
        raise ValueError(
            "Marked cells are cut where all are triangles, quadrilaterals, tetrahedra or hexahedra, this mesh has "
            f"{', '.join(mesh.cell_types)}: refine all of it."
        )
    return [bisected(mesh, chosen) if mesh.cell_type in SIMPLICES else _cut_some(mesh, chosen)]


def _cut_some(mesh, chosen):
    """Children of quadrilaterals or hexahedra of which some are to be cut; others are their own child."""
    chosen = balanced(mesh, chosen)
    cut, whole = uniform(mesh.cell_type, int(chosen.sum())), reference_nodes(mesh.cell_type, 1)
    others = np.broadcast_to(whole, (int((~chosen).sum()), *whole.shape))
    parent = np.concatenate([np.flatnonzero(chosen)[cut.parent], np.flatnonzero(~chosen)])
    return Children(parent, np.concatenate([cut.corners, others]))


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
