"""Patches of cells around vertices: what values at nodes are recovered from. All of it on the host, from numbers alone."""

import functools as ft
from typing import NamedTuple

import basix
import numpy as np
import scipy.sparse as sparse

from ._element import lagrange_element
from ._facets import facet_shapes, facet_vertices, row_ids


class Topology:
    """Which vertices cells have, and which of the patches around these lie within a body; known by its identity.

    A patch is what the cells of one region have in common at a vertex.

    **Arguments:**

    - `mesh`: a `Mesh` of concrete arrays.
    - `regions`: number of the region of each cell, (cell,).
    """

    def __init__(self, mesh, regions: np.ndarray):
        self.mesh, self.types, self.regions = mesh, mesh.cell_types, regions
        self.starts, self.dim = mesh.starts, mesh.dim
        self.vertices = [
            np.asarray(block.nodes)[:, : len(basix.topology(basix.CellType[block.type])[0])] for block in mesh.blocks
        ]
        own = np.split(regions, self.starts[1:-1])
        pairs = [
            np.stack([v, np.broadcast_to(r[:, None], v.shape)], 2) for v, r in zip(self.vertices, own, strict=True)
        ]
        flat = np.concatenate([pair.reshape(-1, 2) for pair in pairs])
        _, first, ids = np.unique(row_ids(flat), return_index=True, return_inverse=True)
        self.centres = flat[first, 0]
        """Vertex of each patch, a point of the mesh."""
        sizes = np.cumsum([v.size for v in self.vertices])[:-1]
        self.patches = [i.reshape(v.shape) for i, v in zip(np.split(ids, sizes), self.vertices, strict=True)]
        """Patch of each vertex of each cell, by blocks, (cell, vertex)."""

    @property
    def several(self) -> bool:
        """Whether there is more than one region."""
        return len(np.unique(self.regions)) > 1

    @ft.cached_property
    def around(self) -> sparse.csr_matrix:
        """Which cells have the vertex of each patch, (patch, cell)."""
        cells = [np.arange(a, b) for a, b in zip(self.starts, self.starts[1:], strict=False)]
        rows = np.concatenate([p.ravel() for p in self.patches])
        columns = np.concatenate([np.repeat(c, p.shape[1]) for c, p in zip(cells, self.patches, strict=True)])
        return _pattern(rows, columns, (len(self.centres), self.starts[-1]))

    @ft.cached_property
    def inner(self) -> np.ndarray:
        """Whether each patch surrounds its vertex."""
        sides = []
        for name, patches in zip(self.types, self.patches, strict=True):
            for shape in sorted(set(facet_shapes(name))):
                local = facet_vertices(name, shape)
                sides.append(np.sort(patches[:, local[local[:, 0] >= 0]].reshape(-1, local.shape[1]), axis=1))
        width = max(s.shape[1] for s in sides)
        sides = np.concatenate([np.pad(s, ((0, 0), (0, width - s.shape[1])), constant_values=-1) for s in sides])
        ids = row_ids(sides)
        alone = sides[np.bincount(ids)[ids] == 1]
        inside = np.ones(len(self.centres), bool)
        inside[alone[alone >= 0]] = False
        return inside

    def members(self, space, needed: int) -> sparse.csr_matrix:
        """Return the nodes of a space in each patch, (patch, node), at least `needed` where the region has as many.

        Around a vertex within a region these are the nodes of its cells, on a boundary those of their neighbours too.
        """
        around = self.around
        rows = np.concatenate([np.repeat(np.arange(a, b), block.cells.shape[1]) for block, a, b in
                               zip(space.blocks, self.starts, self.starts[1:], strict=False)])  # fmt: skip
        columns = np.concatenate([np.asarray(block.cells).ravel() for block in space.blocks])
        nodes = _pattern(rows, columns, (self.starts[-1], space.n_nodes))
        touching, found, grow = around.T @ around, around, ~self.inner
        while True:
            grown = _clean(found + _only(grow) @ found @ touching)
            still = grown.nnz > found.nnz
            found = grown
            grow = np.diff(_clean(found @ nodes).indptr) < needed
            if not (still and grow.any()):
                return _clean(found @ nodes)

    def nodes(self, space) -> tuple[np.ndarray, np.ndarray]:
        """Return for each node of a Lagrange space the patches whose mean it takes, and the share of each."""
        width = max(v.shape[1] for v in self.vertices)
        which, share = np.zeros((space.n_nodes, width), int), np.zeros((space.n_nodes, width))
        for block, patches, name in zip(space.blocks, self.patches, self.types, strict=True):
            ends = _ends_of_nodes(name, space.degree)
            own = slice(None) if block.own is None else np.asarray(block.own)
            cell, node = np.asarray(block.source).T
            local, kept = np.maximum(ends, 0)[node], (ends >= 0)[node]
            which[own, : ends.shape[1]] = np.take_along_axis(patches[cell], local, axis=1)
            share[own, : ends.shape[1]] = kept / kept.sum(axis=1, keepdims=True)
        return which, share


class Rows(NamedTuple):
    """Lists of unequal length, filled up: `numbers` (row, place), and `kept`, whether a place is used."""

    numbers: np.ndarray
    kept: np.ndarray


def rows_of(matrix: sparse.csr_matrix) -> Rows:
    """Return the columns of each row of a pattern."""
    counts = np.diff(matrix.indptr)
    kept = np.arange(counts.max(initial=0))[None] < counts[:, None]
    numbers = np.zeros(kept.shape, int)
    numbers[kept] = matrix.indices
    return Rows(numbers, kept)


@ft.cache
def _ends_of_nodes(cell_type: str, degree: int) -> np.ndarray:
    """Vertices of the edge, face or cell within which each node lies, (node, vertex), filled up with −1."""
    corners = basix.topology(basix.CellType[cell_type])
    element = lagrange_element(cell_type, degree)
    found = np.full((element.size, len(corners[0])), -1)
    for entities, dofs in zip(corners, element.entity_dofs, strict=True):
        for ends, own in zip(entities, dofs, strict=True):
            found[list(own), : len(ends)] = ends
    return found


def _only(rows):
    return sparse.csr_matrix((rows.astype(int), (np.arange(len(rows)),) * 2), (len(rows),) * 2)


def _pattern(rows, columns, shape):
    return _clean(sparse.csr_matrix((np.ones(len(rows), int), (rows, columns)), shape))


def _clean(matrix):
    matrix = sparse.csr_matrix(matrix)
    matrix.eliminate_zeros()
    matrix.data[:] = 1
    matrix.sort_indices()
    return matrix
