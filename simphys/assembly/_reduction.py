"""The lift/reduce map u = T û + g that all essential conditions together amount to."""

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .._arrays import int32, placed, taken
from .._told import shown
from .._typing import Array, Int
from ._constraint import AbstractConstraint, AbstractPeriodicity, AbstractPrescribed, AbstractTie


class Reduction(eqx.Module):
    """Full nodal values u from reduced unknowns û, and back: u = T û + g, r̂ = Tᵀ r.

    No row of the matrix is edited and nothing is penalised, so what is symmetric stays so; g and the weights in T are
    differentiable in prescribed values and node positions.
    """

    masters: Int[Array, "dof k"]
    """Reduced unknowns that a full one depends on; `size` where it depends on none."""
    weights: Int[Array, "dof k"]
    """Their weights (dof, k), 0 or 1, but for ties with weights of their own. Integers: these are no parameters."""
    representative: Int[Array, " size"]
    """A full unknown that equals the reduced one, up to g."""
    members: tuple[tuple[Array, ...], ...]
    """For each constraint: the full unknowns it is on, and what its kind needs beside."""
    given_by: Int[Array, " dof"] | None
    """Where each full unknown's prescribed value stands, after a 0, among those of all `Dirichlet` conditions; None without
    any. (One gather: it compiles in a fraction of the time that scattering condition by condition takes.)"""
    offsets: tuple[int, ...] = eqx.field(static=True)
    sizes: tuple[int, ...] = eqx.field(static=True)
    """Number of reduced unknowns of each field."""
    stated: tuple[jax.tree_util.PyTreeDef, ...] = eqx.field(static=True)
    """For each constraint all of it but its values."""
    is_selection: bool = eqx.field(static=True)
    """Whether each reduced unknown is one full unknown, so that Tᵀ K T only picks entries of K."""

    def __repr__(self):
        return shown(self)

    @property
    def size(self) -> int:
        """Number of reduced unknowns."""
        return self.representative.shape[0]

    def lift(self, y: Array, spaces, constraints) -> tuple[Array, ...]:
        """Return the fields u = T û + g."""
        padded = jnp.concatenate([y, jnp.zeros(1, y.dtype)])
        if self.masters.shape[1] == 1:
            # The one weight is 0 only where `padded` is.
            u = taken(padded, self.masters[:, 0])
        else:
            u = jnp.sum(self.factors(spaces, constraints, y.dtype) * taken(padded, self.masters), axis=1)
        u = u + self.prescribed(constraints, y.dtype)
        return tuple(u[a:b].reshape(s.shape) for a, b, s in zip(self.offsets, self.offsets[1:], spaces, strict=False))

    def restrict(self, fields, constraints) -> Array:
        """Return the reduced unknowns of fields that satisfy the constraints."""
        flat = flatten(fields)
        return taken(flat - self.prescribed(constraints, flat.dtype), self.representative)

    def reduce(self, fields, spaces, constraints) -> Array:
        """Return Tᵀ r."""
        flat = flatten(fields)
        if self.is_selection:
            return taken(flat, self.representative)
        shares = self.factors(spaces, constraints, flat.dtype) * flat[:, None]
        return jnp.zeros(self.size + 1, flat.dtype).at[self.masters].add(shares)[:-1]

    def prescribed(self, constraints, dtype) -> Array:
        """Return g: prescribed values, and jumps carried along periodic pairs; NaN if these contradict each other."""
        g = self.given(constraints, dtype)
        for constraint, member in zip(constraints, self.members, strict=True):
            if isinstance(constraint, AbstractPeriodicity) and member[3].shape[0]:
                # Values may be replaced after the problem is built: no field satisfies those that contradict.
                bad = contradicts(jax.lax.stop_gradient(g), member[3], jax.lax.stop_gradient(constraint.jump))
                g = jnp.where(bad, jnp.nan, g)
        return g

    def given(self, constraints, dtype) -> Array:
        """Return g without a look at contradictions."""
        values, jumps = [jnp.zeros(1, dtype)], []
        for constraint, member in self._pairs(constraints):
            if isinstance(constraint, AbstractPrescribed):
                values.append(_spread(constraint.value, member[0].shape, dtype).ravel())
            elif isinstance(constraint, AbstractPeriodicity):
                jumps.append((jnp.asarray(constraint.jump, dtype), member))
        if self.given_by is None:
            g = jnp.zeros(self.offsets[-1], dtype)
        else:
            g = taken(jnp.concatenate(values), self.given_by)
        for _ in jumps:
            for jump, (slaves, sources, component, _) in jumps:
                g = g.at[slaves].set(g[sources] + (jump if jump.ndim == 0 else jump[component]))
        return g

    def factors(self, spaces, constraints, dtype) -> Array:
        """Return the weights of T, (dof, k)."""
        weights = self.weights.astype(dtype)
        for constraint, member in self._pairs(constraints):
            if isinstance(constraint, AbstractTie) and member[1] is not None:
                slaves, kept = member
                shares = constraint.shares(spaces[constraint.field], *kept)
                weights = weights.at[slaves, : shares.shape[1]].set(shares.astype(dtype))
        return weights

    def _pairs(self, constraints):
        """Constraints with their members; `ValueError` for others than those that the map was worked out for."""
        for k in range(max(len(constraints), len(self.stated))):
            now = constraints[k] if k < len(constraints) else None
            if k >= len(self.stated) or now is None or jax.tree.structure(now) != self.stated[k]:
                what = "missing" if now is None else f"a `{type(now).__name__}`"
                where = getattr(now, "where", None) or getattr(now, "source", None)
                raise ValueError(
                    f"Constraint {k + 1} is {what}{f' on {where!r}' if isinstance(where, str) else ''}, another than the "
                    "problem was laid out for. Values may be replaced; other constraints need a new problem."
                )
        return zip(constraints, self.members, strict=True)


def flatten(fields) -> Array:
    """Concatenate the nodal values of all fields."""
    return jnp.concatenate([f.ravel() for f in fields])


def contradicts(g, pairs, jump):
    """Whether values g of (target, source, component), in `pairs` (pair, 3), differ by anything but the jump."""
    target, source, component = pairs.T
    jump = jnp.asarray(jump, g.dtype)
    defect = g[target] - g[source] - (jump if jump.ndim == 0 else jump[component])
    tolerance = float(np.sqrt(np.finfo(g.dtype).eps))
    return jnp.any(jnp.abs(defect) > tolerance * (jnp.max(jnp.abs(g)) + jnp.max(jnp.abs(jump))))


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
        self.given_by, self.prescribing = np.zeros(total, int), 1
        self.parent = np.arange(total)
        self.maker = np.zeros(total, int)
        """Number of the periodicity that a value follows by."""
        self.periodicities = 0
        self.tied = np.zeros(total, bool)
        self.weighted: list[tuple[np.ndarray, np.ndarray]] = []

    def dofs(self, field, nodes, components=None):
        space = self.spaces[field]
        count = space.components or 1
        components = np.arange(count) if components is None else np.asarray(components)
        return self.offsets[field] + np.asarray(nodes)[:, None] * count + components[None, :]

    def prescribed(self, constraint):
        dofs = self.dofs(constraint.field, constraint.nodes(self.spaces[constraint.field]), constraint.components)
        self.state[dofs] = PRESCRIBED
        # Where two conditions prescribe a value the later one holds.
        self.given_by[dofs] = self.prescribing + np.arange(dofs.size).reshape(dofs.shape)
        self.prescribing += dofs.size
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
        slaves, sources = target[~held], source[~held]
        self.parent[slaves] = sources
        self.state[slaves] = FOLLOWS
        self.maker[slaves] = self.periodicities = self.periodicities + 1
        number = np.full(target.shape, self.periodicities)
        pairs = np.stack([target, source, component, number], axis=-1).reshape(-1, 4)
        return int32(slaves), int32(sources), int32(component[~held]), pairs

    def tie(self, constraint):
        space, first = self.spaces[constraint.field], self.offsets[constraint.field]
        slaves, masters, kept = constraint.follow(space)
        slaves, masters, weighted = first + slaves, first + masters, kept is not None
        both = np.union1d(slaves, masters)
        led = np.isin(both, self.parent[self.state == FOLLOWS])
        if np.any(self.state[both] != FREE) or np.any(self.tied[both]) or (weighted and led.any()):
            raise ValueError(f"Nodes of the {constraint.title} carry other conditions as well.")
        self.tied[both] = True
        self.state[slaves] = FOLLOWS
        if weighted:
            self.weighted.append((slaves, masters))
        else:
            self.parent[slaves] = masters[:, 0]
        return int32(slaves), None if kept is None else tuple(map(int32, kept))

    def others(self, pairs):
        """The pairs of a periodicity that hold, if at all, because of something else that was said."""
        return int32(pairs[self.maker[pairs[:, 0]] != pairs[:, 3], :3])

    def finish(self, members, stated):
        # Each squaring doubles the number of steps taken towards the root: a chain ends after log2(n) of them.
        for _ in range(len(self.parent).bit_length() + 1):
            self.parent = self.parent[self.parent]
        root = self.parent
        weighted = np.zeros(len(root), bool)
        for slaves, _ in self.weighted:
            weighted[slaves] = True
        if np.any(self.state[root[~weighted]] == FOLLOWS):
            raise ValueError("Periodic conditions follow one another in a circle: give each pair of groups once.")
        own = (root == np.arange(len(root))) & (self.state == FREE)
        size = int(own.sum())
        number = np.full(len(root), size)
        number[own] = np.arange(size)
        width = max([1, *(followed.shape[1] for _, followed in self.weighted)])
        masters = np.full((len(root), width), size)
        masters[:, 0] = number[root]
        for slaves, followed in self.weighted:
            masters[slaves, : followed.shape[1]] = number[followed]
        weights = (masters < size).astype(np.int8) * (np.arange(width) == 0)
        simple = not np.any(self.state == FOLLOWS)
        sizes = tuple(int(own[a:b].sum()) for a, b in zip(self.offsets, self.offsets[1:], strict=False))
        kept = int32(np.flatnonzero(own))
        weights = placed(weights, jnp.int8)
        given_by = int32(self.given_by) if self.prescribing > 1 else None
        return Reduction(int32(masters), weights, kept, members, given_by, self.offsets, sizes, stated, simple)


def build_reduction(spaces, constraints: tuple[AbstractConstraint, ...]) -> Reduction:
    """Work out T from resolved constraints; on the host, once per problem.

    **Raises:** `ValueError` if constraints contradict each other.
    """
    builder = _Builder(spaces)
    members: list = [None] * len(constraints)
    # Prescribed values first: whatever follows a prescribed value is prescribed.
    kinds = (
        (AbstractPrescribed, builder.prescribed),
        (AbstractPeriodicity, builder.periodic),
        (AbstractTie, builder.tie),
    )
    for kind, build in kinds:
        for i, constraint in enumerate(constraints):
            if constraint.field not in range(len(spaces)):
                raise ValueError(f"`field` must lie in 0 … {len(spaces) - 1}, got {constraint.field}.")
            if isinstance(constraint, kind):
                members[i] = build(constraint)
    for i, constraint in enumerate(constraints):
        if isinstance(constraint, AbstractPeriodicity):
            *made, pairs = members[i]
            members[i] = (*made, builder.others(pairs))
    reduction = builder.finish(tuple(members), tuple(map(jax.tree.structure, constraints)))
    if reduction.size == 0:
        raise ValueError("Every nodal value is prescribed: nothing is left to be solved for.")
    _check_contradictions(reduction, constraints)
    return reduction


def _check_contradictions(reduction, constraints):
    """Raise `ValueError` if a periodicity and what else is said of its nodes exclude each other."""
    suspects = [
        (constraint, np.asarray(member[3]))
        for constraint, member in zip(constraints, reduction.members, strict=True)
        if isinstance(constraint, AbstractPeriodicity) and member[3].shape[0]
    ]
    masters = np.asarray(reduction.masters)
    for constraint, pairs in suspects:
        apart = np.any(masters[pairs[:, 0]] != masters[pairs[:, 1]], axis=1)
        if apart.any():
            raise ValueError(
                f"{apart.sum()} values on the periodic target {constraint.target!r} follow others than their partners "
                f"on {constraint.source!r}: two conditions contradict each other."
            )
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(constraints))
    g = reduction.given(constraints, float) if suspects and not traced else None
    for constraint, pairs in suspects if g is not None else ():
        if contradicts(g, pairs, constraint.jump):
            raise ValueError(
                f"Values on {constraint.target!r} and {constraint.source!r} are prescribed, and do not differ by the "
                f"`jump` {np.asarray(constraint.jump)} of their periodicity: leave one of these conditions out."
            )
