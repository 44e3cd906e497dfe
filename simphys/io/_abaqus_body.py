"""Which elements of an Abaqus deck are the body, which lie on its sides, and the faces that surfaces name."""

import numpy as np

from ..fem import CELL_DIMENSION, row_ids
from ._abaqus_elements import FACES, face_of, shape_of
from ._node_order import n_vertices
from ._raw import Sides, stacked


def dimension(kind: str) -> int:
    """Dimension of an element of this kind."""
    return CELL_DIMENSION[shape_of(kind)]


def belonging(blocks) -> list[np.ndarray]:
    """For each block which elements are the body (those of the highest dimension) or lie on it.

    Elements one dimension lower must be faces of cells, and still lower ones have all their nodes in cells: a shell beside
    a solid is none of either.
    """
    top = max((dimension(block.kind) for block in blocks), default=0)
    cells = [block for block in blocks if dimension(block.kind) == top]
    nodes = np.unique(np.concatenate([block.nodes.ravel() for block in cells])) if cells else np.zeros(0, int)
    kept = []
    for block in blocks:
        inside = np.all(np.isin(block.nodes, nodes), axis=1)
        if dimension(block.kind) == top:
            inside[:] = True
        elif dimension(block.kind) == top - 1 and np.any(inside):
            inside &= _are_faces(block.nodes[:, : n_vertices(block.kind)], cells)
        kept.append(inside)
    return kept


def _are_faces(vertices, cells):
    width = vertices.shape[1]
    faces = [block.nodes[:, face] for block in cells for face in FACES[shape_of(block.kind)] if len(face) == width]
    ids = row_ids(np.sort(np.concatenate([*faces, vertices]), axis=1))
    return np.isin(ids[-len(vertices) :], ids[: -len(vertices)])


def faces_named(name: str, deck, rows) -> Sides | None:
    """Faces of a surface with the cells they were named from; None if there are none.

    Faces of elements that are no cells of the body (shells beside a solid) are left out.

    **Raises:** `ValueError` if an element has no face of the given name.
    """
    top = max(dimension(block.kind) for block in deck.blocks)
    vertices, owners = [], []
    for scope, entry, *label in rows:
        where = deck.place[deck.members("ELSET", scope, entry)]
        for k in np.unique(where[where[:, 0] >= 0, 0]):
            block, mine = deck.blocks[k], where[where[:, 0] == k, 1]
            if dimension(block.kind) == top:
                vertices.append(block.nodes[mine][:, face_of(name, block.kind, label[0].upper() if label else "")])
                owners.append(np.stack([np.full(len(mine), k), mine], axis=1))
    return Sides(stacked(vertices), np.concatenate(owners)) if vertices else None
