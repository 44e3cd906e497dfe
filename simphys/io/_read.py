"""Reading meshes: one kind of cell, named groups, and an error for everything that is not a usable mesh."""

import pathlib

import numpy as np

from .._arrays import placed
from ..fem._facets import match_facets, other_side, row_ids
from ..fem._mesh import Mesh
from ..fem._mesh_checks import CELL_DIMENSION, check_points, orientation
from ._abaqus import read_abaqus
from ._gmsh import read_gmsh
from ._meshio import read_meshio
from ._node_order import KINDS, SERENDIPITY, mirror, n_vertices, to_basix
from ._raw import RawMesh, Sides
from ._serendipity import complete


_OTHER_DIMENSION = {"vertex": 0, "wedge": 3, "pyramid": 3, "polygon": 2, "polyhedron": 3}


def read_mesh(path, *, drop_orphans: bool = False) -> Mesh:
    """Read a mesh with its named groups.

    The cells are those of the highest dimension in the file. Groups of that dimension become cell groups,
    groups one dimension lower facet groups, and lower ones, like node sets, point groups. A facet between two
    cells goes to the one with the lower number. A constant z (for lines also y) is dropped; cells that are
    all negatively oriented are mirrored; 8-node quadrilaterals and 20-node hexahedra get the nodes they
    lack, their shape unchanged.

    **Arguments:**

    - `path`: gmsh 2.2 or 4.1 (`.msh`), Abaqus (`.inp`), VTU, XDMF, or another format that meshio reads.
    - `drop_orphans`: leave out nodes that no cell uses, where they would else be an error.

    **Returns:** a `Mesh`.

    **Raises:** `FileNotFoundError` if there is no such file; `ValueError`, naming the file, if it cannot be
    read or holds no usable mesh: no cells, several types of cells or an unsupported one, a surface in space,
    orphan nodes, inverted or degenerate cells, or facets that belong to no cell.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no mesh file {str(path)!r}.")
    try:
        return _assemble(_read_raw(path), drop_orphans)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read_raw(path) -> RawMesh:
    suffix = path.suffix.lower()
    if path.stat().st_size == 0:
        raise ValueError("the file is empty.")
    if suffix == ".msh":
        return read_gmsh(path.read_bytes())
    return read_abaqus(path) if suffix == ".inp" else read_meshio(path)


def _assemble(raw: RawMesh, drop_orphans) -> Mesh:
    blocks = [block for block in raw.blocks if len(block.nodes)]
    if not blocks:
        raise ValueError("the mesh has no cells.")
    kind = _only_kind(blocks)
    cell_type, degree = KINDS[kind]
    dim = CELL_DIMENSION[cell_type]
    cells, cell_groups = _joined([block for block in blocks if block.kind == kind])
    starts = _starts(raw.blocks, kind)
    if raw.repeats:
        cells, cell_groups = _merged(cells, cell_groups)
    _check_nodes(raw.points, cells)
    points = _flattened(raw.points, dim)
    order = raw.order
    if kind in SERENDIPITY:
        if order == "gmsh":
            cells = _gmsh_to_vtk(cells, kind)
        points, cells = complete(points, cells)
        kind, order = SERENDIPITY[kind], "vtk"
    cells = cells[:, to_basix(kind, order)]
    points, cells, renumber = _used(points, cells, drop_orphans)
    if np.all(orientation(points, cells, cell_type, degree) == -1):
        cells = cells[:, mirror(cell_type, degree)]
    facet_groups, unsided = _facet_groups(raw, blocks, dim, cell_type, cells, renumber, starts)
    return Mesh(
        placed(points, float),
        cells,
        cell_type,
        degree,
        cell_groups=cell_groups,
        facet_groups=facet_groups,
        unsided=unsided,
        point_groups=_point_groups(raw, blocks, dim, renumber),
    )


def _dimension(kind):
    if kind in KINDS:
        return CELL_DIMENSION[KINDS[kind][0]]
    shape = kind.lower().replace("vtk_lagrange_", "").rstrip("0123456789")
    shapes = {"line": 1, "triangle": 2, "quad": 2, "tetra": 3, "hexahedron": 3, **_OTHER_DIMENSION}
    if shape not in shapes:
        raise ValueError(f"cells of type {kind!r} are not supported.")
    return shapes[shape]


def _only_kind(blocks):
    top = max(_dimension(block.kind) for block in blocks)
    counts = {}
    for block in blocks:
        if _dimension(block.kind) == top:
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


def _joined(blocks):
    """Nodes of all blocks, and the groups with numbers that count through them."""
    groups, start = {}, 0
    for block in blocks:
        for name, members in block.groups.items():
            groups.setdefault(name, []).append(start + members)
        start += len(block.nodes)
    joined = {name: np.unique(np.concatenate(parts)) for name, parts in groups.items()}
    kept = {name: members for name, members in joined.items() if len(members)}
    return np.concatenate([block.nodes for block in blocks]), kept


def _starts(blocks, kind):
    """For each block the number of its first cell, in a mesh of the cells of one kind; -1 for other kinds."""
    counts = np.array([len(block.nodes) if block.kind == kind else 0 for block in blocks])
    return np.where([block.kind == kind for block in blocks], np.cumsum(counts) - counts, -1)


def _merged(cells, groups):
    """One cell for elements that a file repeats, once for each of their groups."""
    ids = row_ids(np.sort(cells, axis=1))
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    kept = np.sort(first)
    number = np.searchsorted(kept, first)[inverse]
    return cells[kept], {name: np.unique(number[members]) for name, members in groups.items()}


def _check_nodes(points, cells):
    if points.ndim != 2 or len(points) == 0:
        raise ValueError("the mesh has no nodes.")
    outside = np.flatnonzero(np.any((cells < 0) | (cells >= len(points)), axis=1))
    if len(outside):
        raise ValueError(f"{len(outside)} cells name nodes that do not exist, first cell {outside[0]}.")
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


def _gmsh_to_vtk(cells, kind):
    basix = to_basix(SERENDIPITY[kind], "gmsh")
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


def _facet_groups(raw, blocks, dim, cell_type, cells, renumber, starts):
    """Facet groups, and the names of those with facets between two cells whose side the file does not tell."""
    wanted = {name: [(sides.vertices, _owners(sides, starts))] for name, sides in raw.sides.items()}
    for block in blocks:
        if _dimension(block.kind) == dim - 1:
            k = 1 if block.kind == "vertex" else n_vertices(block.kind) if block.kind in KINDS else 0
            for name, members in block.groups.items():
                if len(members):
                    facets = Sides(block.nodes[members, :k], None)
                    wanted.setdefault(name, []).append((facets.vertices, _owners(facets, starts)))
    groups = {}
    if not wanted:
        return groups, ()
    widths = {vertices.shape[1] for parts in wanted.values() for vertices, _ in parts}
    if len(widths) > 1:
        raise ValueError(f"facets of a {cell_type} have one shape, got facets with {sorted(widths)} vertices.")
    names = list(wanted)
    vertices, owners = ([np.concatenate([part[i] for part in wanted[name]]) for name in names] for i in range(2))
    ends = np.cumsum([len(part) for part in owners])[:-1]
    owners = np.concatenate(owners)
    pairs = match_facets(cells, cell_type, renumber[np.concatenate(vertices)], owners)
    for name, part in zip(names, np.split(pairs, ends), strict=True):
        lost = np.flatnonzero(part[:, 0] < 0)
        if len(lost):
            raise ValueError(f"{len(lost)} facets of group {name!r} belong to no cell, first {lost[0]} of the group.")
        groups[name] = np.unique(part, axis=0)
    loose = (owners < 0) & (other_side(cells, cell_type, pairs)[:, 0] >= 0)
    unsided = [name for name, part in zip(names, np.split(loose, ends), strict=True) if part.any()]
    return groups, unsided


def _owners(sides, starts):
    """Numbers of the cells that facets were named from, -1 where none was."""
    if sides.owners is None:
        return np.full(len(sides.vertices), -1, dtype=np.int64)
    first = starts[sides.owners[:, 0]]
    return np.where(first < 0, -1, first + sides.owners[:, 1])


def _point_groups(raw, blocks, dim, renumber):
    groups = {name: [members] for name, members in raw.point_sets.items()}
    for block in blocks:
        if _dimension(block.kind) < dim - 1:
            for name, members in block.groups.items():
                groups.setdefault(name, []).append(block.nodes[members].ravel())
    numbers = {name: np.unique(renumber[np.concatenate(parts)]) for name, parts in groups.items()}
    kept = {name: members[members >= 0] for name, members in numbers.items()}
    return {name: members for name, members in kept.items() if len(members)}
