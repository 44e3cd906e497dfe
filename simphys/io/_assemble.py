"""From what a file holds to a mesh: cells of some types, and an error for everything that is not a usable mesh."""

import numpy as np

from .._arrays import placed
from ..fem import CELL_DIMENSION, Mesh, check_overlap, check_points, orientation
from ._named import dimension, facet_groups_of, joined, merged, point_groups_of, starts_of
from ._node_order import KINDS, SERENDIPITY, mirror, to_basix
from ._raw import RawMesh
from ._serendipity import complete


def assemble_mesh(raw: RawMesh, drop_orphans: bool, allow_folded: bool) -> Mesh:
    """Return the mesh of a file's content; see `read_mesh`."""
    blocks = [block for block in raw.blocks if len(block.nodes)]
    if not blocks:
        raise ValueError("the mesh has no cells.")
    kinds = _kinds(blocks)
    types, (degree, *_) = zip(*(KINDS[kind] for kind in kinds), strict=True)
    dim = CELL_DIMENSION[types[0]]
    cells, cell_groups = _cells(blocks, kinds, raw.repeats)
    _check_nodes(raw, cells)
    points, cells = _in_basix_order(_flattened(raw.points, dim), cells, kinds, raw.order)
    points, cells, renumber = _used(points, cells, drop_orphans)
    # Surfaces of one plane may be turned differently: cells are mirrored one by one, and what lies on others is told
    # apart by facets that two cells see from the same side.
    signs = [orientation(points, own, name, degree) for own, name in zip(cells, types, strict=True)]
    cells = tuple(
        np.where((sign == -1)[:, None], own[:, mirror(name, degree)], own)
        for own, name, sign in zip(cells, types, signs, strict=True)
    )
    if not allow_folded and all(np.all(np.abs(sign) == 1) for sign in signs):
        check_overlap(cells, types)
    starts = starts_of(raw.blocks, kinds)
    facet_groups, unsided = facet_groups_of(raw, blocks, dim, types, cells, renumber, starts)
    alone = len(types) == 1
    return Mesh(
        placed(points, float),
        cells[0] if alone else cells,
        types[0] if alone else types,
        degree,
        cell_groups=cell_groups,
        facet_groups=facet_groups,
        unsided=unsided,
        allow_folded=allow_folded,
        point_groups=point_groups_of(raw, blocks, dim, renumber),
    )


def _kinds(blocks) -> list[str]:
    """The kinds of cells that the body is made of: one of each shape, all of one degree."""
    top = max(dimension(block.kind) for block in blocks)
    counts = {}
    for block in blocks:
        if dimension(block.kind) == top:
            counts[block.kind] = counts.get(block.kind, 0) + len(block.nodes)
    if top == 0:
        raise ValueError("the mesh has points but no cells.")
    for kind in counts:
        if kind not in KINDS:
            raise ValueError(f"cells of type {kind!r} are not supported; these are: {', '.join(KINDS)}.")
    listing = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
    if len({KINDS[kind][1] for kind in counts}) > 1 or len({KINDS[kind][0] for kind in counts}) < len(counts):
        raise ValueError(f"cells of one degree expected, one kind of each shape, got {listing}.")
    if set(counts) & set(SERENDIPITY) and set(counts) & set(SERENDIPITY.values()):
        raise ValueError(
            f"cells with nodes inside their quadrilateral sides stand beside cells without, got {listing}."
        )
    return list(counts)


def _cells(blocks, kinds, repeats):
    """Nodes of the cells of each kind, and the groups with numbers that count through all of them."""
    cells, groups, start = [], {}, 0
    for kind in kinds:
        own, named = joined([block for block in blocks if block.kind == kind])
        own, named = merged(own, named) if repeats else (own, named)
        for name, members in named.items():
            groups.setdefault(name, []).append(start + members)
        start += len(own)
        cells.append(own)
    return cells, {name: np.concatenate(parts) for name, parts in groups.items()}


def _in_basix_order(points, cells, kinds, order):
    """Points and full cells in Basix order, with the nodes that serendipity cells lack behind the others."""
    if set(kinds) & set(SERENDIPITY):
        if order != "vtk":
            cells = [_to_vtk(own, kind, order) for own, kind in zip(cells, kinds, strict=True)]
        points, cells = complete(points, cells, kinds)
        kinds, order = [SERENDIPITY.get(kind, kind) for kind in kinds], "vtk"
    return points, [own[:, to_basix(kind, order)] for own, kind in zip(cells, kinds, strict=True)]


def _check_nodes(raw, cells):
    points = raw.points
    if points.ndim != 2 or len(points) == 0:
        raise ValueError("the mesh has no nodes.")
    bad = lambda nodes: np.any((nodes < 0) | (nodes >= len(points)), axis=1)
    outside = np.flatnonzero(np.concatenate([bad(own) for own in cells]))
    if len(outside):
        raise ValueError(f"{len(outside)} cells name nodes that do not exist, first cell {outside[0]}.")
    sides = [sides.vertices[sides.vertices != -1] for sides in raw.sides.values()]
    others = [block.nodes for block in raw.blocks] + sides
    for nodes in (*others, *raw.point_sets.values()):
        if nodes.size and not 0 <= nodes.min() <= nodes.max() < len(points):
            raise ValueError(f"facets or sets name nodes that do not exist, among {nodes.min()} … {nodes.max()}.")
    check_points(points)


def _flattened(points, dim):
    """Positions with `dim` columns: further ones must be constant."""
    if points.shape[1] < dim:
        raise ValueError(f"cells of dimension {dim} need {dim} coordinates, got points of shape {points.shape}.")
    extra = points[:, dim:]
    extent = np.ptp(points, axis=0).max(initial=0.0)
    if extra.size and np.ptp(extra, axis=0).max() > 1e-9 * extent:
        axis = dim + int(np.argmax(np.ptp(extra, axis=0)))
        raise ValueError(
            f"cells of dimension {dim} need constant {'z' if dim == 2 else 'y and z'}, but {'xyz'[axis]} "
            f"varies by {np.ptp(points[:, axis]):g}. Surfaces and lines in space are not supported; or does "
            "the file lack its solid cells?"
        )
    return points[:, :dim]


def _to_vtk(cells, kind, order):
    full = SERENDIPITY.get(kind, kind)
    basix, vtk = to_basix(full, order), to_basix(full, "vtk")
    rank = np.argsort(vtk)  # position in Basix order of each VTK node
    return cells[:, basix[rank][: cells.shape[1]]]


def _used(points, cells, drop_orphans):
    """Points and cells without the nodes no cell uses, and the map from old to new numbers (-1: gone)."""
    used = np.zeros(len(points), dtype=bool)
    for own in cells:
        used[own] = True
    if used.all():
        return points, cells, np.arange(len(points))
    if not drop_orphans:
        where = np.flatnonzero(~used)
        raise ValueError(
            f"{len(where)} nodes belong to no cell (orphan), first "
            f"{', '.join(f'{i} at {points[i].tolist()}' for i in where[:3])}. Geometry points often do that: "
            "save only physical groups, or pass `drop_orphans=True`."
        )
    renumber = np.where(used, np.cumsum(used) - 1, -1)
    return points[used], [renumber[own] for own in cells], renumber
