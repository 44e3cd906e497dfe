"""Is every body held? Rigid-body motions that no constraint opposes, by name."""

import numpy as np
import scipy.sparse as sps
from scipy.sparse.csgraph import connected_components

from ..fem import FunctionSpace, Periodic, Reduction, rigid_modes


NAMES = {
    1: ("translation along x",),
    2: ("translation along x", "translation along y", "rotation in the plane"),
    3: (
        *(f"translation along {axis}" for axis in "xyz"),
        *(f"rotation about {axis}" for axis in "xyz"),
    ),
}


def check_held(space: FunctionSpace, constraints, reduction: Reduction):
    """Raise `ValueError` if a body, or one of several unconnected ones, can move without strain; name the motions."""
    nodes, label = bodies(space, reduction)
    modes = np.asarray(rigid_modes(space.nodes()))
    flat = modes.reshape(-1, modes.shape[-1])
    prescribed = np.asarray(reduction.masters)[:, 0] == reduction.size
    rows = [np.flatnonzero(prescribed)]
    differences = []
    for constraint, member in zip(constraints, reduction.members):
        if isinstance(constraint, Periodic):
            slaves, sources = np.asarray(member[0]), np.asarray(member[1])
            differences.append((flat[slaves] - flat[sources], label[slaves // space.components]))
    for body in range(nodes):
        mine = rows[0][label[rows[0] // space.components] == body]
        opposed = [flat[mine]] + [d[owner == body] for d, owner in differences]
        free = _null_space(np.concatenate(opposed), flat)
        if free.shape[1]:
            names = _name(free, NAMES[space.mesh.dim])
            which = "The body" if nodes == 1 else f"Body {body + 1} of {nodes} (unconnected parts of the mesh)"
            raise ValueError(f"{which} is not held against {names}: add constraints.")


def bodies(space, reduction):
    """Number of unconnected bodies, and the one each node belongs to; periodic and tied nodes connect."""
    cells = np.asarray(space.cells)
    n, count = space.n_nodes, space.components or 1
    first = np.repeat(cells[:, :1], cells.shape[1], axis=1)
    edges = [np.stack([first.ravel(), cells.ravel()])]
    if not reduction.is_selection:
        masters = np.asarray(reduction.masters)[:, 0]
        followed = masters < reduction.size
        owner = np.asarray(reduction.representative)[masters[followed]] // count
        edges.append(np.stack([owner, np.flatnonzero(followed) // count]))
    i, j = np.concatenate(edges, axis=1)
    return connected_components(sps.coo_array((np.ones(len(i)), (i, j)), shape=(n, n)), directed=False)


def _null_space(rows, flat):
    """Combinations of modes that `rows` does not see, in the modes' own units."""
    size = np.abs(flat).max(axis=0)
    if not len(rows):
        return np.eye(flat.shape[1])
    _, values, vectors = np.linalg.svd(rows / size, full_matrices=True)
    rank = int(np.sum(values > 1e-9 * max(values.max(), 1e-300)))
    return vectors[rank:].T


def _name(free, names):
    weight = np.linalg.norm(free, axis=1)
    picked = [names[i] for i in np.argsort(-weight)[: free.shape[1]]] if free.shape[1] < len(names) else names
    ordered = [name for name in names if name in picked]
    return ", ".join(ordered)
