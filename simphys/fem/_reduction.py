"""The lift/reduce map u = T û + g that all essential conditions together amount to."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from .._arrays import int32, placed
from .._typing import Array, Int
from ._constraints import AbstractConstraint, Dirichlet, Periodic, RigidTie, rigid_modes


class Reduction(eqx.Module):
    """Full nodal values u from reduced unknowns û, and back: u = T û + g, r̂ = Tᵀ r.

    No row of the matrix is edited and nothing is penalised, so what is symmetric stays so; g and the weights in T are
    differentiable in prescribed values and node positions.
    """

    masters: Int[Array, "dof k"]
    """Reduced unknowns that a full one depends on; `size` where it depends on none."""
    weights: Int[Array, "dof k"]
    """Their weights (dof, k), 0 or 1, but for turning ties, whose weights follow the node positions. Integers: these are
    no parameters."""
    representative: Int[Array, " size"]
    """A full unknown that equals the reduced one, up to g."""
    members: tuple[tuple[Array, ...], ...]
    """For each constraint: the full unknowns it is on, and what its kind needs beside."""
    offsets: tuple[int, ...] = eqx.field(static=True)
    sizes: tuple[int, ...] = eqx.field(static=True)
    """Number of reduced unknowns of each field."""
    is_selection: bool = eqx.field(static=True)
    """Whether each reduced unknown is one full unknown, so that Tᵀ K T only picks entries of K."""

    @property
    def size(self) -> int:
        """Number of reduced unknowns."""
        return self.representative.shape[0]

    def lift(self, y: Array, spaces, constraints) -> tuple[Array, ...]:
        """Return the fields u = T û + g."""
        padded = jnp.concatenate([y, jnp.zeros(1, y.dtype)])
        u = jnp.sum(self.factors(spaces, constraints, y.dtype) * padded[self.masters], axis=1)
        u = u + self.prescribed(constraints, y.dtype)
        return tuple(u[a:b].reshape(s.shape) for a, b, s in zip(self.offsets, self.offsets[1:], spaces))

    def restrict(self, fields, constraints) -> Array:
        """Return the reduced unknowns of fields that satisfy the constraints."""
        flat = flatten(fields)
        return (flat - self.prescribed(constraints, flat.dtype))[self.representative]

    def reduce(self, fields, spaces, constraints) -> Array:
        """Return Tᵀ r."""
        flat = flatten(fields)
        if self.is_selection:
            return flat[self.representative]
        shares = self.factors(spaces, constraints, flat.dtype) * flat[:, None]
        return jnp.zeros(self.size + 1, flat.dtype).at[self.masters].add(shares)[:-1]

    def prescribed(self, constraints, dtype) -> Array:
        """Return g: prescribed values, and jumps carried along periodic pairs."""
        g = jnp.zeros(self.offsets[-1], dtype)
        jumps = []
        for constraint, member in zip(constraints, self.members):
            if isinstance(constraint, Dirichlet):
                g = g.at[member[0]].set(_spread(constraint.value, member[0].shape, dtype))
            elif isinstance(constraint, Periodic):
                jumps.append((constraint, member))
        for _ in jumps:
            for constraint, (slaves, sources, component) in jumps:
                jump = jnp.asarray(constraint.jump, dtype)
                g = g.at[slaves].set(g[sources] + (jump if jump.ndim == 0 else jump[component]))
        return g

    def factors(self, spaces, constraints, dtype) -> Array:
        """Return the weights of T, (dof, k)."""
        weights = self.weights.astype(dtype)
        for constraint, member in zip(constraints, self.members):
            if isinstance(constraint, RigidTie) and constraint.rotation:
                dofs, nodes, chosen = member
                modes = rigid_modes(spaces[constraint.field].nodes()[nodes])
                modes = modes.reshape(-1, modes.shape[-1])
                follow = jnp.linalg.solve(modes[chosen].T, modes.T).T
                weights = weights.at[dofs, : follow.shape[1]].set(follow.astype(dtype))
        return weights


def flatten(fields) -> Array:
    """Concatenate the nodal values of all fields."""
    return jnp.concatenate([f.ravel() for f in fields])


def _spread(value, shape, dtype):
    value = jnp.asarray(value, dtype)
    return jnp.broadcast_to(value[None, :] if value.ndim == 1 else value, shape)


FREE, PRESCRIBED, FOLLOWS = 0, 1, 2


class _Builder:
    """Works out on the host who follows whom."""

    def __init__(self, spaces):
        self.spaces = spaces
        self.offsets = tuple(np.cumsum([0, *(s.n_dofs for s in spaces)]).tolist())
        total = self.offsets[-1]
        self.state = np.zeros(total, np.int8)
        self.parent = np.arange(total)
        self.tied = np.zeros(total, bool)
        self.turning: list[tuple[np.ndarray, np.ndarray]] = []

    def dofs(self, field, nodes, components=None):
        space = self.spaces[field]
        count = space.components or 1
        components = np.arange(count) if components is None else np.asarray(components)
        return self.offsets[field] + np.asarray(nodes)[:, None] * count + components[None, :]

    def dirichlet(self, constraint):
        dofs = self.dofs(constraint.field, constraint.nodes(self.spaces[constraint.field]), constraint.components)
        self.state[dofs] = PRESCRIBED
        return (int32(dofs),)

    def periodic(self, constraint):
        source, target = constraint.pairs(self.spaces[constraint.field])
        source, target = self.dofs(constraint.field, source), self.dofs(constraint.field, target)
        component = np.broadcast_to(np.arange(source.shape[1]), source.shape)
        held = self.state[target] == PRESCRIBED
        if np.any(held & (self.state[source] != PRESCRIBED)):
            raise ValueError(
                f"Nodes of the periodic target {constraint.target!r} have prescribed values, but their partners on "
                f"{constraint.source!r} do not: prescribe the source."
            )
        slaves, sources, component = target[~held], source[~held], component[~held]
        self.parent[slaves] = sources
        self.state[slaves] = FOLLOWS
        return int32(slaves), int32(sources), int32(component)

    def tie(self, constraint):
        space = self.spaces[constraint.field]
        nodes = space.nodes_on(constraint.where)
        dofs = self.dofs(constraint.field, nodes)
        led = np.isin(dofs, self.parent[self.state == FOLLOWS])
        if np.any(self.state[dofs] != FREE) or np.any(self.tied[dofs]) or (constraint.rotation and led.any()):
            raise ValueError(f"Nodes of the rigid tie {constraint.where!r} carry other conditions as well.")
        self.tied[dofs] = True
        if not constraint.rotation:
            self.parent[dofs[1:]] = dofs[:1]
            self.state[dofs[1:]] = FOLLOWS
            return (int32(dofs),)
        modes = rigid_modes(np.asarray(space.nodes()[nodes]))
        modes = modes.reshape(-1, modes.shape[-1])
        if np.linalg.matrix_rank(modes, tol=1e-9 * np.abs(modes).max()) < modes.shape[1]:
            raise ValueError(f"The rigid tie {constraint.where!r} has too few nodes, or nodes in one line, to turn.")
        order = np.asarray(scipy.linalg.qr(modes.T, pivoting=True)[-1])
        chosen = np.sort(order[: modes.shape[1]])
        flat = dofs.ravel()
        self.state[np.delete(flat, chosen)] = FOLLOWS
        self.turning.append((flat, flat[chosen]))
        return int32(flat), int32(nodes), int32(chosen)

    def finish(self, members):
        # Each squaring doubles the number of steps taken towards the root: a chain ends after log2(n) of them.
        for _ in range(len(self.parent).bit_length() + 1):
            self.parent = self.parent[self.parent]
        root = self.parent
        turning = np.zeros(len(root), bool)
        for flat, _ in self.turning:
            turning[flat] = True
        if np.any(self.state[root[~turning]] == FOLLOWS):
            raise ValueError("Periodic conditions follow one another in a circle: give each pair of groups once.")
        own = (root == np.arange(len(root))) & (self.state == FREE)
        size = int(own.sum())
        number = np.full(len(root), size)
        number[own] = np.arange(size)
        width = max([1, *(len(chosen) for _, chosen in self.turning)])
        masters = np.full((len(root), width), size)
        masters[:, 0] = number[root]
        for flat, chosen in self.turning:
            masters[flat, : len(chosen)] = number[chosen]
        weights = (masters < size).astype(np.int8) * (np.arange(width) == 0)
        simple = not np.any(self.state == FOLLOWS)
        sizes = tuple(int(own[a:b].sum()) for a, b in zip(self.offsets, self.offsets[1:]))
        kept = int32(np.flatnonzero(own))
        return Reduction(int32(masters), placed(weights, jnp.int8), kept, members, self.offsets, sizes, simple)


def build_reduction(spaces, constraints: tuple[AbstractConstraint, ...]) -> Reduction:
    """Work out T from resolved constraints; on the host, once per problem.

    **Raises:** `ValueError` if constraints contradict each other.
    """
    builder = _Builder(spaces)
    members: list = [None] * len(constraints)
    # Prescribed values first: whatever follows a prescribed value is prescribed.
    for kind, build in ((Dirichlet, builder.dirichlet), (Periodic, builder.periodic), (RigidTie, builder.tie)):
        for i, constraint in enumerate(constraints):
            if constraint.field not in range(len(spaces)):
                raise ValueError(f"`field` must lie in 0 … {len(spaces) - 1}, got {constraint.field}.")
            if isinstance(constraint, kind):
                members[i] = build(constraint)
    reduction = builder.finish(tuple(members))
    if reduction.size == 0:
        raise ValueError("Every nodal value is prescribed: nothing is left to be solved for.")
    return reduction
