"""Quadrilaterals and hexahedra of several sizes side by side: whence they are, and which facets and edges are split."""

import functools as ft
import itertools

import basix
import equinox as eqx
import numpy as np

from .._arrays import int32
from .._typing import Array, Int
from ._mesh_checks import reference_nodes, tabulate


SPLITTABLE = "quadrilateral", "hexahedron"
EXACT = 2.0**30
"""Weights of vertices are compared as whole multiples of its inverse."""
ODD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: multiples of it lie far apart."""


class Split(eqx.Module):
    """Facets (or edges of hexahedra) of cells beside which smaller cells lie.

    **Arguments:**

    - `coarse`: (cell, local facet) of each.
    - `fine`: the same of the parts of them, (split, part, 2).
    - `corners`: where the vertices of these parts are in the coarse cell, in halves, (split, part, vertex, dim).
    """

    coarse: Int[Array, "split 2"]
    fine: Int[Array, "split part 2"]
    corners: Int[Array, "split part vertex dim"]


class Forest(eqx.Module):
    """Where in which cell of a coarsest mesh each cell of a mesh lies: (origin + [0, 1]^dim) / 2^level.

    **Arguments:**

    - `roots`, `parents`: vertices of that cell, and of the one that the cell was cut from, (cell, vertex).
    - `origin`: (cell, dim); `level`: (cell,).
    - `splits`: facets, and of hexahedra edges, that have nodes of smaller cells within.
    """

    roots: Int[Array, "cell vertex"]
    parents: Int[Array, "cell vertex"]
    origin: Int[Array, "cell dim"]
    level: Int[Array, " cell"]
    splits: tuple[Split, ...]

    @staticmethod
    def of(mesh) -> "Forest":
        """Return that of a mesh, the cells of a conforming one being the coarsest."""
        if mesh.forest is not None:
            return mesh.forest
        count, dim = mesh.n_cells, mesh.dim
        vertices = int32(np.asarray(mesh.cells)[:, : 2**dim])
        return Forest(vertices, vertices, int32(np.zeros((count, dim))), int32(np.zeros(count)), ())

    def cut(self, vertices: np.ndarray, children) -> "Forest":
        """Return that of the cells which a mesh's are cut into; those that are not are their own only child.

        **Arguments:**

        - `vertices`: of the mesh's cells.
        - `children`: numbers of the cells that they lie in and their corners, as `fem.refinement` has them.
        """
        parent, low = children.parent, children.corners[:, 0]
        cut = children.corners[:, -1, 0] - low[:, 0] < 0.75
        origin = np.where(cut[:, None], 2 * (np.asarray(self.origin)[parent] + low), np.asarray(self.origin)[parent])
        parents = np.where(cut[:, None], vertices[parent], np.asarray(self.parents)[parent])
        level = np.asarray(self.level)[parent] + cut
        return Forest(*map(int32, (np.asarray(self.roots)[parent], parents, np.round(origin), level)), ())

    def at(self, cells: np.ndarray, where: np.ndarray) -> np.ndarray:
        """Positions in the coarsest cells of positions (cell, point, dim) in some cells."""
        scale = 0.5 ** np.asarray(self.level)[cells].astype(float)
        return (np.asarray(self.origin)[cells][:, None] + where) * scale[:, None, None]

    def keys(self, kind: str, cells: np.ndarray, where: np.ndarray) -> np.ndarray:
        """Keys of positions (cell, point, dim) in some cells: equal for the same point, (cell, point)."""
        return keys_of(kind, np.asarray(self.roots)[cells], self.at(cells, where))

    def resolved(self, kind: str) -> "Forest | None":
        """Return it with its splits; None where there are none, as all cells that touch are of one size."""
        topology = basix.topology(basix.CellType[kind])
        splits = [_splits(self, kind, d, topology[d]) for d in range(len(topology) - 2, 0, -1)]
        if not any(split.coarse.shape[0] for split in splits):
            return None
        return Forest(self.roots, self.parents, self.origin, self.level, tuple(splits))


def keys_of(kind: str, vertices: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Keys of positions (cell, point, dim) in cells of some vertices: equal where the same vertices have the same weights.

    A sum over vertices of random numbers of 64 bits, one for each pair of vertex and weight: weights are multiples of high
    powers of two, and products with them would have some thirty bits, of which 100,000 nodes find some alike.
    """
    flat = where.reshape(-1, where.shape[-1])
    distinct, which = np.unique(np.round(flat * EXACT).astype(np.int64), axis=0, return_inverse=True)
    shares = np.round(tabulate(kind, 1, 0, distinct / EXACT)[0] * EXACT).astype(np.int64).astype(np.uint64)
    random = np.random.default_rng(0).integers(2**64, size=vertices.max() + 1, dtype=np.uint64)
    weights = shares[which.ravel()].reshape(*where.shape[:2], -1)
    pairs = _scattered(random[vertices][:, None] + weights * ODD)
    pairs[weights == 0] = 0
    return np.sum(pairs, axis=2, dtype=np.uint64)


def _scattered(numbers: np.ndarray) -> np.ndarray:
    """Numbers of 64 bits each of which depends on all of one given bit by bit (the finaliser of SplitMix64), in place."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers ^= numbers >> np.uint64(shift)
        numbers *= np.uint64(factor)
    numbers ^= numbers >> np.uint64(31)
    return numbers


def balanced(mesh, chosen: np.ndarray) -> np.ndarray:
    """Mark those cells too without which a facet or edge would be split twice, once the marked ones are cut."""
    forest, chosen = Forest.of(mesh), chosen.copy()
    vertices = np.asarray(mesh.cells)[:, : 2**mesh.dim].astype(np.int64)
    ends = np.array(basix.topology(basix.CellType[mesh.cell_type])[1])
    code = lambda a, b: np.minimum(a, b) * mesh.n_points + np.maximum(a, b)
    edges = code(vertices[:, ends[:, 0]], vertices[:, ends[:, 1]]).ravel()
    order = np.argsort(edges, kind="stable")
    edges, owners = edges[order], order // len(ends)
    # The corner of the cell it was cut from that each has, and the edges of that one there.
    corner = (np.asarray(forest.origin) % 2) @ (1 << np.arange(mesh.dim))
    rows, beyond = np.arange(mesh.n_cells), corner[:, None] ^ (1 << np.arange(mesh.dim))
    parents = np.asarray(forest.parents).astype(np.int64)
    wanted = code(parents[rows, corner][:, None], np.take_along_axis(parents, beyond, 1))
    new = chosen & (np.asarray(forest.level) > 0)
    while new.any():
        ask = np.unique(wanted[new])
        first, last = np.searchsorted(edges, ask, "left"), np.searchsorted(edges, ask, "right")
        found = np.zeros(mesh.n_cells, bool)
        for step in range(int((last - first).max(initial=0))):
            found[owners[first[first + step < last] + step]] = True
        new = found & ~chosen
        chosen |= new
        new &= np.asarray(forest.level) > 0
    return chosen


@ft.cache
def _lattice(kind: str, entity: tuple[int, ...], steps: int) -> np.ndarray:
    """Points of an edge or facet with these vertices, 1 / steps apart; the last of its directions runs fastest."""
    corners = reference_nodes(kind, 1)[list(entity)]
    axes = [corners[1 << k] - corners[0] for k in range(len(entity).bit_length() - 1)]
    every = itertools.product(range(steps + 1), repeat=len(axes))
    return np.array([corners[0] + sum(n / steps * axis for n, axis in zip(step, axes, strict=True)) for step in every])


def _splits(forest, kind, dimension, entities) -> Split:
    """Facets or edges with a vertex of smaller cells in their middle, each once, and the parts of them."""
    every, corners = np.arange(forest.level.shape[0]), reference_nodes(kind, 1)
    spread = lambda points: np.broadcast_to(points, (len(every), *points.shape))
    middles = np.stack([corners[list(entity)].mean(axis=0) for entity in entities])
    centres = forest.keys(kind, every, spread(middles))
    vertices = np.unique(forest.keys(kind, every, spread(corners)))
    cell, local = np.nonzero(np.isin(centres, vertices))
    _, once = np.unique(centres[cell, local], return_index=True)
    cell, local = cell[once], local[once]
    parts = 2**dimension
    fine, where = np.zeros((len(cell), parts, 2), int), np.zeros((len(cell), parts, parts, corners.shape[1]))
    order = np.argsort(centres.ravel(), kind="stable")
    ranked = centres.ravel()[order]
    for k, entity in enumerate(entities):
        rows = np.flatnonzero(local == k)
        if not len(rows):
            continue
        grid = _lattice(kind, tuple(entity), 4).reshape(*(5,) * dimension, -1)
        centre = grid[np.ix_(*((1, 3),) * dimension)].reshape(parts, -1)
        half = grid[(slice(None, None, 2),) * dimension].reshape(3**dimension, -1)
        asked = forest.keys(kind, cell[rows], np.broadcast_to(centre, (len(rows), *centre.shape)))
        at = np.searchsorted(ranked, asked)
        fine[rows] = np.stack(np.divmod(order[at], len(entities)), axis=2)
        known = forest.keys(kind, cell[rows], np.broadcast_to(half, (len(rows), *half.shape)))
        there = fine[rows].reshape(-1, 2)
        ends = corners[np.array(entities)[there[:, 1]]]
        own = forest.keys(kind, there[:, 0], ends).reshape(len(rows), parts, parts)
        where[rows] = half[np.argmax(own[..., None] == known[:, None, None], axis=3)]
    return Split(int32(np.stack([cell, local], axis=1)), int32(fine), int32(np.round(2 * where)))
