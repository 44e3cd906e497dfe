"""From what a file holds to a mesh: one kind of cell, and an error for everything that is not a usable mesh."""

import numpy as np

from .._arrays import placed
from ..fem._mesh import Mesh
from ..fem._mesh_checks import CELL_DIMENSION, check_points, orientation
from ..fem._overlap import check_overlap
from ._named import dimension, facet_groups_of, joined, merged, point_groups_of, starts_of
from ._node_order import KINDS, SERENDIPITY, mirror, to_basix
from ._raw import RawMesh
from ._serendipity import complete


def assemble_mesh(raw: RawMesh, drop_orphans: bool, allow_folded: bool) -> Mesh:
    """Return the mesh of a file's content; see `read_mesh`."""
    blocks = [block for block in raw.blocks if len(block.nodes)]
    if not blocks:
        raise ValueError("the mesh has no cells.")
    kind = _only_kind(blocks)
    cell_type, degree = KINDS[kind]
    dim = CELL_DIMENSION[cell_type]
    cells, cell_groups = joined([block for block in blocks if block.kind == kind])
    starts = starts_of(raw.blocks, kind)
    if raw.repeats:
        cells, cell_groups = merged(cells, cell_groups)
    _check_nodes(raw, cells)
    points = _flattened(raw.points, dim)
    order = raw.order
    if kind in SERENDIPITY:
        if order != "vtk":
            cells = _to_vtk(cells, kind, order)
        points, cells = complete(points, cells)
        kind, order = SERENDIPITY[kind], "vtk"
    cells = cells[:, to_basix(kind, order)]
    points, cells, renumber = _used(points, cells, drop_orphans)
    # Surfaces of one plane may be turned differently: cells are mirrored one by one, and what lies on others is told
    # apart by facets that two cells see from the same side.
    sign = orientation(points, cells, cell_type, degree)
    cells = np.where((sign == -1)[:, None], cells[:, mirror(cell_type, degree)], cells)
    if not allow_folded and np.all(np.abs(sign) == 1):
        check_overlap(cells, cell_type)
    facet_groups, unsided = facet_groups_of(raw, blocks, dim, cell_type, cells, renumber, starts)
    return Mesh(
        placed(points, float),
        cells,
        cell_type,
        degree,
        cell_groups=cell_groups,
        facet_groups=facet_groups,
        unsided=unsided,
        allow_folded=allow_folded,
        point_groups=point_groups_of(raw, blocks, dim, renumber),
    )


def _only_kind(blocks):
    top = max(dimension(block.kind) for block in blocks)
    counts = {}
    for block in blocks:
        if dimension(block.kind) == top:
            counts[block.kind] = counts.get(block.kind, 0) + len(block.nodes)
    if top == 0:
        raise ValueError("the mesh has points but no cells.")
    if len(counts) > 1:
        listing = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
        raise ValueError(f"cells of one type expected, got {listing}: mesh the body with one type.")
    kind = next(iter(counts))
    if kind not in KINDS:
        raise ValueError(f"cells of type {kind!r} are not supported; these are: {', '.join(KINDS)}.")
    return kind


def _check_nodes(raw, cells):
    points = raw.points
    if points.ndim != 2 or len(points) == 0:
        raise ValueError("the mesh has no nodes.")
    outside = np.flatnonzero(np.any((cells < 0) | (cells >= len(points)), axis=1))
    if len(outside):
        raise ValueError(f"{len(outside)} cells name nodes that do not exist, first cell {outside[0]}.")
    others = [block.nodes for block in raw.blocks] + [sides.vertices for sides in raw.sides.values()]
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
    basix = to_basix(SERENDIPITY[kind], order)
    vtk = to_basix(SERENDIPITY[kind], "vtk")
    rank = np.argsort(vtk)  # position in Basix order of each VTK node
    return cells[:, basix[rank][: cells.shape[1]]]


def _used(points, cells, drop_orphans):
    """Points and cells without the nodes no cell uses, and the map from old to new numbers (-1: gone)."""
    used = np.zeros(len(points), dtype=bool)
    used[cells] = True
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
    return points[used], renumber[cells], renumber
