"""Is every body held? Rigid-body motions that no constraint opposes, by name."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.sparse as sps
from scipy.sparse.csgraph import connected_components

from .._trees import any_traced
from .._typing import Callable
from ..assembly import Reduction, assemble
from ..contact import Touch
from ..fem import FunctionSpace, Integral, affine, rigid_modes


NAMES = {
    1: ("translation along x",),
    2: ("translation along x", "translation along y", "rotation in the plane"),
    3: (
        *(f"translation along {axis}" for axis in "xyz"),
        *(f"rotation about {axis}" for axis in "xyz"),
    ),
}


def check_held(
    space: FunctionSpace, constraints, reduction: Reduction, motions: tuple[str, ...] | None = None, terms=()
):
    """Raise `ValueError` if a body, or one of several unconnected ones, can move without strain; name the motions.

    Each unconnected part p of the mesh may move rigidly, u = Σ_m R_m(x) q_pm. Such a motion is free if it satisfies
    the constraints without their values, u = T û with û = u at the unknowns that stand for û, and no load notices it.
    `motions` names those of the rigid motions that strain nothing; all of them by default. `terms` are those of the loads.
    """
    if any_traced(space.mesh.points):
        return  # where it is, and so how it may turn, is not known: a solve would end as `tangent_singular`
    motions = NAMES[space.mesh.dim] if motions is None else motions
    count, part = _components(space.n_nodes, cell_edges(space))
    groups, group = bodies(space, reduction)
    one, x = affine(space)
    nodes = np.bincount(part, one, minlength=count)[:, None]
    centre = np.stack([np.bincount(part, column, count) for column in x.T], axis=1) / nodes
    modes = rigid_modes(x - one[:, None] * centre[part], one)
    modes = modes.reshape(-1, modes.shape[-1])
    modes = modes / np.abs(modes).max(axis=0)
    modes = modes[:, [NAMES[space.mesh.dim].index(name) for name in motions]]
    tolerance = float(jnp.finfo(space.mesh.points.dtype).eps) ** 0.6
    for g in range(groups):
        parts = np.unique(part[group == g])
        rows = _restraints(space, constraints, reduction, modes, part, parts, group == g)
        free = _null_space(rows, tolerance)
        if free.shape[1]:
            free = free @ _unnoticed(space, terms, _fields(space, modes, part, parts, free), tolerance)
        if free.shape[1]:
            own = free.reshape(len(parts), -1, free.shape[1])
            worst = int(np.argmax(np.linalg.norm(own, axis=(1, 2))))
            names = _name(own[worst], motions)
            which = "The body" if count == 1 else f"Body {parts[worst] + 1} of {count} (unconnected parts of the mesh)"
            raise ValueError(f"{which} is not held against {names}: add constraints.")


def bodies(space: FunctionSpace, reduction: Reduction) -> tuple[int, np.ndarray]:
    """Number of bodies that neither cells nor constraints connect, and the one each node belongs to."""
    edges = [cell_edges(space)]
    components = space.components or 1
    if not reduction.is_selection:
        follower, master, _ = reduction.entries()
        edges.append(np.stack([np.asarray(reduction.representative)[master], follower]) // components)
    return _components(space.n_nodes, np.concatenate(edges, axis=1))


def cell_edges(space: FunctionSpace) -> np.ndarray:
    """Pairs of nodes that connect the nodes of each cell, (2, pair)."""
    every = [np.asarray(block.cells) for block in space.blocks]
    edges = [np.stack([np.repeat(cells[:, :1], cells.shape[1], axis=1).ravel(), cells.ravel()]) for cells in every]
    return np.concatenate(edges, axis=1)


def _components(n, edges):
    graph = sps.coo_array((np.ones(edges.shape[1]), tuple(edges)), shape=(n, n))
    return connected_components(graph, directed=False)


def _restraints(space, constraints, reduction, modes, part, parts, inside):
    """Rows of u − T û for the rigid motions of the parts of one group, (full unknown, part × mode)."""
    count, column = modes.shape[1], np.searchsorted(parts, part) * modes.shape[1]
    follower, master, number = reduction.entries()
    leader, factor = (
        np.asarray(reduction.representative)[master],
        reduction.known_weights((space,), constraints)[number],
    )
    inside = inside.repeat(space.components)
    inside[np.asarray(reduction.representative)] = False
    dofs, place = np.flatnonzero(inside), np.cumsum(inside) - 1
    rows = np.zeros((len(dofs), len(parts) * count))

    def add(at, source, factor):
        where = column[source // space.components][:, None] + np.arange(count)
        np.add.at(rows, (at[:, None], where), factor[:, None] * modes[source])

    add(np.arange(len(dofs)), dofs, np.ones(len(dofs)))
    ours = np.flatnonzero(inside[follower])
    add(place[follower[ours]], leader[ours], -factor[ours])
    return rows


def _fields(space, modes, part, parts, free):
    """Displacements of free motions, (motion, node, component)."""
    count = modes.shape[1]
    amplitudes = np.zeros((part.max() + 1, count, free.shape[1]))
    amplitudes[parts] = free.reshape(len(parts), count, -1)
    return np.einsum("nci,nik->knc", modes.reshape(*space.shape, count), amplitudes[part])


def _unnoticed(space, terms, motions, tolerance):
    """Combinations of motions that no load resists, at any of some places; of loads whose numbers are not known, none."""
    # Bodies that others touch are held by friction alone.
    touched = [term for term in terms if isinstance(term, Touch) and term.friction is not None]
    terms = [term for term in terms if isinstance(term, Integral) and not term.constant]
    terms = [_by_value(term) for term in terms if term.slots != ("gradient",)] + touched
    if not terms:
        return np.eye(len(motions))
    if any_traced(terms):
        return np.zeros((len(motions), 0))

    def force(u):
        with jax.ensure_compile_time_eval():
            return np.asarray(assemble((space,), terms, (jnp.asarray(u, space.mesh.points.dtype),))[0][0], float)

    terms = tuple(terms)
    size, at_rest = np.ptp(affine(space)[1], axis=0).max(), force(np.zeros(space.shape))
    rows = [
        np.stack([(force(far * size * u) - at_rest).ravel() / abs(far) for u in motions], axis=1)
        for far in (1.0, -1.0, 1e-3, -1e-3, *((1e-9, -1e-9) if any(_joins(term) for term in terms) else ()))
    ]
    # What is no number is no load that leaves the body where it is.
    rows = np.nan_to_num(np.concatenate(rows), nan=1.0, posinf=1.0, neginf=1.0)
    largest = max(np.abs(rows).max(), np.abs(np.nan_to_num(at_rest)).max())
    return _null_space(rows / largest if largest > 0 else rows, tolerance)


def _joins(term):
    """Whether it holds two sides together: what breaks holds as long as it is whole."""
    return isinstance(term, Integral) and term.joins


def _by_value(term):
    """A load as if displacements had no gradient: what turns with the surface holds nothing."""
    if term.joins:
        return term
    return dataclasses.replace(term, weak=_WithoutGradient(term.weak), energy=None, switches=None)


class _WithoutGradient(eqx.Module):
    weak: Callable = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        still = [f if f.gradient is None else dataclasses.replace(f, gradient=0 * f.gradient) for f in fields]
        return self.weak(tuple(still), point, parameters)


def _null_space(rows, tolerance):
    """Motions that no row sees, (part × mode, motion)."""
    if not len(rows):
        return np.eye(rows.shape[1])
    _, values, vectors = np.linalg.svd(np.linalg.qr(rows, mode="r"), full_matrices=True)
    rank = int(np.sum(values > tolerance * max(values.max(), 1.0)))
    return vectors[rank:].T


def _name(free, names):
    """Name free motions (mode, motion): the turns among them first, then what is left of pure translations."""
    dim = {1: 1, 3: 2, 6: 3}[len(names)]
    _, sizes, combinations = np.linalg.svd(free[dim:], full_matrices=True)
    turns = int(np.sum(sizes > 1e-6))
    shifts = free[:dim] @ combinations[turns:].T
    picked = [*_leading(shifts), *(dim + _leading(free[dim:])[:turns])]
    return ", ".join(names[i] for i in sorted(picked))


def _leading(rows):
    """Numbers of independent rows, the largest first."""
    if not rows.size:
        return np.zeros(0, int)
    _, r, order = map(np.asarray, scipy.linalg.qr(rows.T, pivoting=True))
    return order[: int(np.sum(np.abs(np.diag(r)) > 1e-6))]
