"""The lift/reduce map u = T û + g that all essential conditions together amount to."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import taken
from .._hidden import compiled
from .._told import Told
from .._trees import any_traced
from .._typing import Array, Int


HANGING = 2**12
"""Weights of hanging nodes are whole multiples of its inverse."""


class Level(eqx.Module):
    """Values that follow others which were worked out before.

    T's weights W[targets] += w[factors] W[sources], and the rest g[values] += w[shares] g[leaders].
    """

    targets: Int[Array, " m"]
    factors: Int[Array, " m"]
    sources: Int[Array, " m"]
    values: Int[Array, " n"]
    shares: Int[Array, " n"]
    leaders: Int[Array, " n"]


class Repeated(eqx.Module):
    """What is said of values that something else decides, u[values] = Σ w[shares] u[leaders] + c[constants]."""

    values: Int[Array, " row"]
    constants: Int[Array, " row"]
    rows: Int[Array, " entry"]
    shares: Int[Array, " entry"]
    leaders: Int[Array, " entry"]

    def contradicted(self, g, weights, constants):
        """Return which rows the values g do not satisfy."""
        c = constants[self.constants]
        led = jnp.zeros_like(c).at[self.rows].add(weights[self.shares] * g[self.leaders])
        tolerance = float(np.sqrt(np.finfo(g.dtype).eps))
        return jnp.abs(g[self.values] - led - c) > tolerance * (jnp.max(jnp.abs(g)) + jnp.max(jnp.abs(c)))


class Reduction(Told):
    """Full nodal values u from reduced unknowns û, and back: u = T û + g, r̂ = Tᵀ r.

    No row of the matrix is edited and nothing is penalised, so what is symmetric stays so; g and the weights in T are
    differentiable in prescribed values and node positions.
    """

    masters: Int[Array, " dof"]
    """The reduced unknown that each full one equals, up to g; `size` where there is none."""
    rows: Int[Array, " entry"]
    """The other entries of T: of which full unknown, and in `columns` of which reduced one."""
    columns: Int[Array, " entry"]
    numbers: Int[Array, " entry"]
    """Which of the weights each of them is."""
    representative: Int[Array, " size"]
    """A full unknown that equals the reduced one, up to g."""
    kept: tuple[tuple[Array, ...], ...]
    """What constraints need of the topology, in the order of `kinds`."""
    hanging: Int[Array, " m"]
    """Weights of nodes that hang between others, in units of 1 / `HANGING`. Integers: these are no parameters."""
    given_by: Int[Array, " dof"] | None
    """Where the constant of each full unknown stands, after a 0, among those of all conditions; None without any. (One
    gather: it compiles in a fraction of the time that scattering condition by condition takes.)"""
    levels: tuple[Level, ...]
    repeated: Repeated | None
    offsets: tuple[int, ...] = eqx.field(static=True)
    sizes: tuple[int, ...] = eqx.field(static=True)
    """Number of reduced unknowns of each field."""
    stated: tuple[jax.tree_util.PyTreeDef, ...] = eqx.field(static=True)
    """For each constraint all of it but its values."""
    kinds: tuple[tuple[int, int, bool, bool], ...] = eqx.field(static=True)
    """Which constraint is taken in first, second, …; how many followers it has, whether with weights, with constants."""
    total: int = eqx.field(static=True)
    """Number of weights in T, a first that is 1 included."""
    is_selection: bool = eqx.field(static=True)
    """Whether each reduced unknown is one full unknown, so that Tᵀ K T only picks entries of K."""

    @property
    def size(self) -> int:
        """Number of reduced unknowns."""
        return self.representative.shape[0]

    @property
    def weighted(self) -> bool:
        """Whether T has other weights than 0 and 1."""
        return self.rows.shape[0] > 0

    def lift(self, y: Array, spaces, constraints) -> tuple[Array, ...]:
        """Return the fields u = T û + g."""
        u = taken(jnp.concatenate([y, jnp.zeros(1, y.dtype)]), self.masters)
        if self.weighted:
            shares = self.weights(spaces, constraints, y.dtype)[self.numbers]
            u = u.at[self.rows].add(shares * y[self.columns])
        u = u + self.prescribed(spaces, constraints, y.dtype)
        return tuple(u[a:b].reshape(s.shape) for a, b, s in zip(self.offsets, self.offsets[1:], spaces, strict=False))

    def restrict(self, fields, spaces, constraints) -> Array:
        """Return the reduced unknowns of fields that satisfy the constraints."""
        flat = flatten(fields)
        return taken(flat - self.prescribed(spaces, constraints, flat.dtype), self.representative)

    def reduce(self, fields, spaces, constraints) -> Array:
        """Return Tᵀ r."""
        flat = flatten(fields)
        if self.is_selection:
            return taken(flat, self.representative)
        total = jnp.zeros(self.size + 1, flat.dtype).at[self.masters].add(flat)[:-1]
        if self.weighted:
            shares = self.weights(spaces, constraints, flat.dtype)[self.numbers]
            total = total.at[self.columns].add(shares * flat[self.rows])
        return total

    def prescribed(self, spaces, constraints, dtype) -> Array:
        """Return g: constants, and what they are to values that follow; NaN if they contradict each other."""
        g = self.given(spaces, constraints, dtype)
        if self.repeated is None:
            return g
        # Values may be replaced after the problem is built: no field satisfies those that contradict.
        still = jax.lax.stop_gradient((g, self.stated_weights(spaces, constraints, dtype)))
        bad = self.repeated.contradicted(*still, jax.lax.stop_gradient(self.all_constants(spaces, constraints, dtype)))
        return jnp.where(jnp.any(bad), jnp.nan, g)

    def given(self, spaces, constraints, dtype) -> Array:
        """Return g without a look at contradictions."""
        if self.given_by is None:
            return jnp.zeros(self.offsets[-1], dtype)
        g = taken(self.all_constants(spaces, constraints, dtype), self.given_by)
        carried = [level for level in self.levels if level.values.shape[0]]
        w = self.stated_weights(spaces, constraints, dtype) if carried else g
        for level in carried:
            g = g.at[level.values].add(w[level.shares] * g[level.leaders])
        return g

    def weights(self, spaces, constraints, dtype) -> Array:
        """Return the weights of T, of which the first is 1."""
        weights = jnp.zeros(self.total, dtype).at[0].set(1)
        w = self.stated_weights(spaces, constraints, dtype) if self.weighted else weights
        for level in self.levels:
            if level.targets.shape[0]:
                weights = weights.at[level.targets].add(w[level.factors] * weights[level.sources])
        return weights

    def known_weights(self, spaces, constraints) -> np.ndarray:
        """Return the weights of T as numbers; on the host, where a program is being traced as well."""
        if not self.weighted:
            return np.ones(1)
        return self.known_numbers(spaces, constraints)[1]

    def known_numbers(self, spaces, constraints) -> tuple[np.ndarray, np.ndarray]:
        """Return weights as stated and those of T as numbers; by one program, where all that it is given is known."""
        function = _numbers if any_traced((spaces, constraints)) else _numbers_at_once
        with jax.ensure_compile_time_eval():
            return tuple(np.asarray(found, float) for found in function(self, spaces, constraints))

    def stated_weights(self, spaces, constraints, dtype) -> Array:
        """Return the weights w as constraints state them, after a 1."""
        parts = [jnp.ones(1, dtype), self.hanging.astype(dtype) / HANGING]
        for constraint, kept, (_, _, weighted, _) in self._stated(constraints):
            if weighted:
                parts.append(constraint.shares(spaces[constraint.field], *kept).astype(dtype).ravel())
        return jnp.concatenate(parts)

    def all_constants(self, spaces, constraints, dtype) -> Array:
        """Return the constants c as constraints state them, after a 0."""
        parts = [jnp.zeros(1, dtype)]
        for constraint, kept, (_, count, _, constant) in self._stated(constraints):
            if constant:
                parts.append(constraint.added(spaces[constraint.field], count, *kept).astype(dtype))
        return jnp.concatenate(parts)

    def entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return T's rows in order, the columns, and the numbers of the weights; on the host."""
        masters = np.asarray(self.masters)
        own = np.flatnonzero(masters < self.size)
        rows = np.concatenate([own, np.asarray(self.rows)])
        columns = np.concatenate([masters[own], np.asarray(self.columns)])
        numbers = np.concatenate([np.zeros(len(own), np.int32), np.asarray(self.numbers)])
        order = np.argsort(rows, kind="stable") if self.weighted else slice(None)
        return rows[order], columns[order], numbers[order]

    def fixed(self) -> np.ndarray:
        """Return which full unknowns depend on no reduced one; on the host."""
        fixed = np.asarray(self.masters) == self.size
        fixed[np.asarray(self.rows)] = False
        return fixed

    def _stated(self, constraints):
        """Constraints with what they keep, in the order of `kinds`; `ValueError` for others than the map was made for."""
        for k in range(max(len(constraints), len(self.stated))):
            now = constraints[k] if k < len(constraints) else None
            if k >= len(self.stated) or now is None or jax.tree.structure(now) != self.stated[k]:
                what = "missing" if now is None else f"a `{type(now).__name__}`, {now.title}"
                raise ValueError(
                    f"Constraint {k + 1} is {what}, another than the problem was laid out for. Values may be replaced; "
                    "other constraints need a new problem."
                )
        return zip([constraints[kind[0]] for kind in self.kinds], self.kept, self.kinds, strict=True)


def flatten(fields) -> Array:
    """Concatenate the nodal values of all fields."""
    return jnp.concatenate([f.ravel() for f in fields])


def _numbers(reduction, spaces, constraints):
    return reduction.stated_weights(spaces, constraints, float), reduction.weights(spaces, constraints, float)


_numbers_at_once = compiled(_numbers)
