"""Points of one body inside of another, where their surfaces need not cross."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..fem import FunctionSpace, Mesh


def inside(space: FunctionSpace, nodes: np.ndarray) -> np.ndarray:
    """Return which of some nodes of a space lie inside of a body that they are no part of, as the mesh is, (n,).

    **Arguments:**

    - `nodes`: numbers of nodes of the space.
    """
    mesh = space.mesh
    blocks = [(space.block(b).mesh, np.asarray(space.block(b).cells)) for b in range(len(space.blocks))]
    count, part = parts_of(space)
    found, at = np.zeros(len(nodes), bool), np.asarray(space.nodes(), float)[nodes]
    points = np.asarray(mesh.points, float)
    for k in range(count if count > 1 else 0):
        for own, cells in blocks:
            mine = np.asarray(own.cells)[part[cells[:, 0]] == k]
            if not len(mine):
                continue
            low, high = points[mine].min(axis=(0, 1)), points[mine].max(axis=(0, 1))
            there = (part[nodes] != k) & ((at > low) & (at < high)).all(axis=1)
            if there.any():
                used, numbers = np.unique(mine, return_inverse=True)
                body = Mesh(points[used], numbers.reshape(mine.shape), own.cell_type, own.degree, allow_folded=True)
                found[there] |= FunctionSpace(body, 1).contains(at[there], 0.0)
    return found


def parts_of(space: FunctionSpace) -> tuple[int, np.ndarray]:
    """Return the number of bodies that cells do not connect, and the one that each node belongs to."""
    every = [np.asarray(space.block(b).cells) for b in range(len(space.blocks))]
    pairs = np.concatenate(
        [np.stack([np.repeat(c[:, :1], c.shape[1], axis=1), c]).reshape(2, -1) for c in every], axis=1
    )
    graph = coo_array((np.ones(pairs.shape[1]), tuple(pairs)), shape=(space.n_nodes, space.n_nodes))
    return connected_components(graph, directed=False)
