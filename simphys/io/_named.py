"""Named parts of a mesh, from the blocks and sets of a file."""

import numpy as np

from ..fem import CELL_DIMENSION, facet_shapes, facet_vertices, match_facets, other_side, row_ids
from ._node_order import KINDS, n_vertices
from ._raw import Sides, stacked


_OTHER_DIMENSION = {"vertex": 0, "wedge": 3, "pyramid": 3, "polygon": 2, "polyhedron": 3}


def dimension(kind: str) -> int:
    """Dimension of an element by the name of its kind; `ValueError` for kinds that no mesh has."""
    if kind in KINDS:
        return CELL_DIMENSION[KINDS[kind][0]]
    shape = kind.lower().replace("vtk_lagrange_", "").rstrip("0123456789")
    shapes = {"line": 1, "triangle": 2, "quad": 2, "tetra": 3, "hexahedron": 3, **_OTHER_DIMENSION}
    if shape not in shapes:
        raise ValueError(f"cells of type {kind!r} are not supported.")
    return shapes[shape]


def joined(blocks):
    """Nodes of all blocks, and the groups with numbers that count through them."""
    groups, start = {}, 0
    for block in blocks:
        for name, members in block.groups.items():
            groups.setdefault(name, []).append(start + members)
        start += len(block.nodes)
    joined = {name: np.unique(np.concatenate(parts)) for name, parts in groups.items()}
    kept = {name: members for name, members in joined.items() if len(members)}
    return np.concatenate([block.nodes for block in blocks]), kept


def starts_of(blocks, kinds):
    """For each block the number of its first cell, in a mesh of the cells of these kinds; -1 for other kinds."""
    starts, first = np.full(len(blocks), -1), 0
    for kind in kinds:
        for k, block in enumerate(blocks):
            if block.kind == kind:
                starts[k], first = first, first + len(block.nodes)
    return starts


def merged(cells, groups):
    """One cell for elements that a file repeats, once for each of their groups."""
    ids = row_ids(np.sort(cells, axis=1))
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    kept = np.sort(first)
    number = np.searchsorted(kept, first)[inverse]
    return cells[kept], {name: np.unique(number[members]) for name, members in groups.items()}


def facet_groups_of(raw, blocks, dim, cell_types, cells, renumber, starts):
    """Facet groups, and the names of those with facets between two cells whose side the file does not tell."""
    wanted = {name: [(sides.vertices, _owners(sides, starts))] for name, sides in raw.sides.items()}
    for block in blocks:
        if dimension(block.kind) == dim - 1:
            k = 1 if block.kind == "vertex" else n_vertices(block.kind) if block.kind in KINDS else 0
            for name, members in block.groups.items():
                if len(members):
                    facets = Sides(block.nodes[members, :k], None)
                    wanted.setdefault(name, []).append((facets.vertices, _owners(facets, starts)))
    groups = {}
    if not wanted:
        return groups, ()
    names = list(wanted)
    owners = [np.concatenate([part for _, part in wanted[name]]) for name in names]
    ends = np.cumsum([len(part) for part in owners])[:-1]
    owners = np.concatenate(owners)
    vertices = _like_facets([part for name in names for part, _ in wanted[name]], cell_types)
    pairs = match_facets(cells, cell_types, np.where(vertices < 0, -1, renumber[vertices]), owners)
    for name, part in zip(names, np.split(pairs, ends), strict=True):
        lost = np.flatnonzero(part[:, 0] < 0)
        if len(lost):
            raise ValueError(f"{len(lost)} facets of group {name!r} belong to no cell, first {lost[0]} of the group.")
        groups[name] = np.unique(part, axis=0)
    loose = (owners < 0) & (other_side(cells, cell_types, pairs)[:, 0] >= 0)
    unsided = [name for name, part in zip(names, np.split(loose, ends), strict=True) if part.any()]
    return groups, unsided


def _like_facets(parts, cell_types):
    """Vertices of facets, with as many columns as there are for the facets of these cells."""
    known = {shape for name in cell_types for shape in facet_shapes(name)}
    widths = {facet_vertices(name, shape).shape[1] for name in cell_types for shape in set(facet_shapes(name))}
    found = stacked(parts)
    counts = set(np.unique(np.sum(found >= 0, axis=1)).tolist())
    if not counts <= widths:
        raise ValueError(
            f"facets of a {' or '.join(cell_types)} are {' or '.join(sorted(known))}s, got facets with {sorted(counts)} "
            "vertices."
        )
    return np.pad(found, [(0, 0), (0, max(widths) - found.shape[1])], constant_values=-1)


def _owners(sides, starts):
    """Numbers of the cells that facets were named from, -1 where none was."""
    if sides.owners is None:
        return np.full(len(sides.vertices), -1, dtype=np.int64)
    first = starts[sides.owners[:, 0]]
    return np.where(first < 0, -1, first + sides.owners[:, 1])


def point_groups_of(raw, blocks, dim, renumber):
    groups = {name: [members] for name, members in raw.point_sets.items()}
    for block in blocks:
        if dimension(block.kind) < dim - 1:
            for name, members in block.groups.items():
                groups.setdefault(name, []).append(block.nodes[members].ravel())
    numbers = {name: np.unique(renumber[np.concatenate(parts)]) for name, parts in groups.items()}
    kept = {name: members[members >= 0] for name, members in numbers.items()}
    return {name: members for name, members in kept.items() if len(members)}
