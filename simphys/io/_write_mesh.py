"""Writing meshes with their groups."""

import pathlib
import warnings

import numpy as np

from .._files import replacing
from ..fem import Mesh, facet_kinds, nodes_by_kind, other_side
from ._gmsh import KINDS as CODES
from ._node_order import KINDS, SERENDIPITY, from_basix


def write_mesh(path, mesh: Mesh):
    """Write a mesh with all of its groups as gmsh 4.1 text, which `read_mesh` reads back as it was.

    Coordinates are written in full. gmsh keeps no sides: those of facets between two cells are lost, with a warning.

    **Arguments:**

    - `path`: the file, ending in `.msh`; its folder is made if need be.
    - `mesh`: of degree 1 or 2.

    **Raises:** `ValueError` for another ending or degree, for names that gmsh cannot hold, and for point groups of a mesh
    of lines with nodes inside cells.
    """
    path = pathlib.Path(path)
    if path.suffix != ".msh":
        raise ValueError(f"`path` must end in .msh, got {str(path)!r}.")
    if mesh.degree > 2:
        raise ValueError(f"meshes of degree 1 or 2 are written, got {mesh.degree}.")
    _check_sides(mesh)
    names, entities, elements, count = {}, [], [], [0] * 4
    for dim, kind, nodes, groups in _parts(mesh):
        names |= {(dim, tag, name): None for tag, name in enumerate(groups, 1)}
        for tags, rows in _combined(len(nodes), groups, dim == 0):
            entity = count[dim] = count[dim] + 1
            entities.append((dim, entity, tags, nodes[rows]))
            elements.append((dim, entity, _code(kind), nodes[rows]))
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        stream.write("$MeshFormat\n4.1 0 8\n$EndMeshFormat\n")
        _write_names(stream, names)
        _write_entities(stream, mesh, entities)
        _write_nodes(stream, mesh)
        _write_elements(stream, elements)


def _parts(mesh):
    """Dimension, kind, nodes in gmsh's order and groups of cells, of the facets in groups, and of the points in groups."""
    kind = {what: kind for kind, what in KINDS.items() if kind not in SERENDIPITY}
    cells, dim = [np.asarray(block.nodes) for block in mesh.blocks], mesh.dim
    for own, of, first, last in zip(cells, mesh.cell_types, mesh.starts, mesh.starts[1:], strict=False):
        name = kind[of, mesh.degree]
        yield dim, name, own[:, from_basix(name, "gmsh")], _rows(_members(mesh.cell_groups), np.arange(first, last))
    facets, facet_groups = _numbered(mesh.facet_groups)
    by_kind = list(nodes_by_kind(cells, mesh.cell_types, mesh.degree, facets.reshape(-1, 2)))
    points, point_groups = _numbered(mesh.point_groups)
    if dim == 1:
        (cells,), ((_, nodes),) = cells, by_kind
        if not np.isin(points, cells[:, :2]).all():
            raise ValueError("a point group of a mesh of lines has nodes inside cells, which gmsh takes for no group.")
        if points.size:
            nodes, facet_groups = (
                np.concatenate([nodes, points.reshape(-1, 1)]),
                _shifted(facet_groups, point_groups, len(nodes)),
            )
        if len(nodes):
            yield 0, "vertex", nodes, facet_groups
        return
    for (_, shape), (rows, nodes) in zip(facet_kinds(mesh.cell_types), by_kind, strict=True):
        if len(nodes):
            name = kind[shape, mesh.degree]
            yield dim - 1, name, nodes[:, from_basix(name, "gmsh")], _rows(facet_groups, rows)
    if len(points):
        yield 0, "vertex", points.reshape(-1, 1), point_groups


def _rows(groups, rows):
    """Groups among some rows, by numbers of these; all names stay, as they have tags."""
    return {name: np.flatnonzero(np.isin(rows, members)) for name, members in groups.items()}


def _shifted(groups, others, by):
    return groups | {
        name: np.union1d(groups.get(name, np.zeros(0, int)), members + by) for name, members in others.items()
    }


def _members(groups):
    return {name: np.asarray(members) for name, members in groups.items() if len(members)}


def _numbered(groups):
    """What is in any group, each once, and the groups by numbers of these."""
    groups = _members(groups)
    if not groups:
        return np.zeros((0,), int), {}
    found, inverse = np.unique(np.concatenate(list(groups.values())), axis=0, return_inverse=True)
    ends = np.cumsum([len(members) for members in groups.values()])[:-1]
    return found, dict(zip(groups, np.split(inverse.ravel(), ends), strict=True))


def _combined(count, groups, single):
    """What is in the same groups makes an entity (of points each one): physical tags and row numbers."""
    member = np.zeros((count, len(groups)), bool)
    for column, rows in enumerate(groups.values()):
        member[rows, column] = True
    if single:
        return [(np.flatnonzero(row) + 1, np.array([i])) for i, row in enumerate(member)]
    patterns, which = np.unique(member, axis=0, return_inverse=True)
    which = which.ravel()
    return [(np.flatnonzero(row) + 1, np.flatnonzero(which == i)) for i, row in enumerate(patterns)]


def _code(kind):
    return next(code for code, name in CODES.items() if name == kind)


def _check_sides(mesh):
    for kind in (mesh.cell_groups, mesh.facet_groups, mesh.point_groups):
        for name in kind:
            if '"' in name or "\n" in name or len(name) > 127:
                raise ValueError(
                    f"gmsh cannot hold the name {name!r}: no quotes, no line ends, at most 127 characters."
                )
    cells = [np.asarray(block.nodes) for block in mesh.blocks]
    lost = [
        name
        for name, facets in mesh.facet_groups.items()
        if name not in mesh.unsided
        and len(facets)
        and (other_side(cells, mesh.cell_types, np.asarray(facets)) >= 0).any()
    ]
    if lost:
        warnings.warn(
            f"The sides of the facets between cells in {', '.join(map(repr, lost))} are lost: gmsh keeps none.",
            stacklevel=3,
        )


def _write_names(stream, names):
    if names:
        rows = "".join(f'{dim} {tag} "{name}"\n' for dim, tag, name in names)
        stream.write(f"$PhysicalNames\n{len(names)}\n{rows}$EndPhysicalNames\n")


def _write_entities(stream, mesh, entities):
    counts = [sum(dim == d for dim, *_ in entities) for d in range(4)]
    stream.write(f"$Entities\n{' '.join(map(str, counts))}\n")
    points = _in_space(mesh)
    for dim, tag, tags, nodes in sorted(entities, key=lambda entity: entity[:2]):
        x = points[nodes.ravel()]
        box = x[0] if dim == 0 else np.concatenate([x.min(axis=0), x.max(axis=0)])
        numbers = " ".join([*map(repr, box.tolist()), str(len(tags)), *map(str, tags.tolist())])
        stream.write(f"{tag} {numbers}{'' if dim == 0 else ' 0'}\n")
    stream.write("$EndEntities\n")


def _write_nodes(stream, mesh):
    n = mesh.n_points
    stream.write(f"$Nodes\n1 {n} 1 {n}\n{mesh.dim} 1 0 {n}\n")
    stream.write("\n".join(map(str, range(1, n + 1))) + "\n")
    stream.writelines(" ".join(map(repr, row)) + "\n" for row in _in_space(mesh).tolist())
    stream.write("$EndNodes\n")


def _write_elements(stream, elements):
    total = sum(len(nodes) for *_, nodes in elements)
    stream.write(f"$Elements\n{len(elements)} {total} 1 {total}\n")
    number = 0
    for dim, entity, code, nodes in elements:
        stream.write(f"{dim} {entity} {code} {len(nodes)}\n")
        for row in (nodes + 1).tolist():
            number += 1
            stream.write(f"{number} {' '.join(map(str, row))}\n")
    stream.write("$EndElements\n")


def _in_space(mesh):
    return np.pad(np.asarray(mesh.points, float), [(0, 0), (0, 3 - mesh.dim)])
