"""What an implicit step in time has to solve."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._trees import norm
from .._typing import Array, PyTree, Scalar
from ..assembly import System, assemble, assemble_tangent
from ..fem import Integral
from ..implicit import AbstractRootProblem, Evaluated, Newton, solve
from ..linalg import SparseOperator
from ._balance import AbstractBalance, layout_at_rest, layout_of_storage
from ._projection import projected
from ._terms import switches_of


class Stage(AbstractRootProblem):
    r"""One stage of an implicit step: a balance law with what it stores, as a root problem for u.

    c S(u) + R(w u + (1 − w) u₀) = b,   or   c S(u) + ∫₀¹ R(s u + (1 − s) u₀) ds = b

    Fields that nothing stores (`immediate`) enter R as they are, not mixed with those of the state before.

    **Arguments:**

    - `problem`: R, with the constraints that u obeys.
    - `factor`: c, 1/time (first order) or 1/time² (with inertia).
    - `known`: b, of the residual's structure.
    - `acting`: R, if its loads are to be those of another time than the constraints; None for `problem`.
    - `weight`, `base`: w and u₀ (fields); `base` None for w = 1.
    - `points`: Gauss points of the integral from u₀ to u; 0 for R at w.
    - `flowing`: False to leave R away.
    - `settling`: leave R away in the equations that store something: what is stored then is b/c, and all others hold.

    Reference: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, Springer 1996, section IV.8.
    """

    problem: AbstractBalance
    factor: Scalar
    known: PyTree
    acting: AbstractBalance | None = None
    weight: Scalar | float = 1.0
    base: tuple[Array, ...] | None = None
    points: int = eqx.field(static=True, default=0)
    flowing: bool = eqx.field(static=True, default=True)
    settling: bool = eqx.field(static=True, default=False)

    @property
    def linear(self):
        """Whether R and S are."""
        terms = self._terms
        alone = terms.flow if self.flowing else ()
        return terms.stored.linear and all(term.linear or term.constant for term in alone)

    def residual(self, y, args=None):
        """Return c S + R − b."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return c S + R − b, the scales of what is summed up in it, and the incremental energy."""
        fields, terms = self.problem._fields(y), self._terms
        total, scales, energy = assemble(self.problem.spaces, (terms.stored,), fields)
        _, floors, _ = assemble(self.problem.spaces, terms.stored_gauges, fields)
        scales = tuple(self.factor * norm((s, f)) for s, f in zip(scales, floors, strict=True))
        total = tuple(self.factor * r for r in total)
        energy = None if energy is None else self.factor * energy
        if not self.flowing:
            # At 0 nothing is stored, and what is wanted is all there is to be judged by.
            known = self.known if isinstance(self.problem.space, tuple) else (self.known,)
            scales = tuple(norm((s, k)) for s, k in zip(scales, known, strict=True))
        if self.flowing:
            acting = self._acting_terms(terms)
            for share, weight in self._shares():
                flow, flow_scales, potential = self._source.forces(self._mixed(fields, weight, terms), acting)
                flow, flow_scales = self._acting_parts(flow, terms), self._acting_parts(flow_scales, terms)
                total = tuple(r + share * f for r, f in zip(total, flow, strict=True))
                scales = tuple(norm((s, share**0.5 * f)) for s, f in zip(scales, flow_scales, strict=True))
                energy = None if energy is None or potential is None else energy + share / weight * potential
        reduced = self.problem.split(reduced_forces(self.problem, total))
        if energy is not None:
            energy = energy - sum(jax.tree.leaves(jax.tree.map(jnp.vdot, self.known, y)))
        residual = jax.tree.map(jnp.subtract, reduced, self.known)
        return Evaluated(residual, scales if isinstance(self.problem.space, tuple) else scales[0], energy)

    def jacobian(self, y, args=None):
        """Return c ∂S/∂u + w ∂R/∂u, assembled."""
        problem, terms = self.problem, self._terms
        fields = problem._fields(y)
        stored = terms.stored.times(self.factor)
        acting = self._acting_terms(terms).flow if self.flowing else ()
        if self.flowing and self.base is None and not self.settling:
            return self._tangent(problem.system, (*acting, stored), fields, y)
        tangent = self._tangent(layout_of_storage(problem), (stored,), fields, y)
        if not self.flowing:
            return tangent
        data, pattern, structure = tangent.data, tangent.pattern, tangent.in_structure()
        both = tangent.tags
        for share, weight in self._shares():
            flow = self._tangent(layout_at_rest(problem, terms), acting, self._mixed(fields, weight, terms), y)
            both = both & flow.tags
            data = data + share * self._weights(weight, flow, terms) * flow.data
        return SparseOperator(pattern, pattern.held(data), structure, both, flow.preconditioner)

    def switches(self, y, args=None):
        """Return those of S and R."""
        fields, terms = self.problem._fields(y), self._terms
        stored = switches_of((terms.stored,), self.problem.spaces, fields)
        if not self.flowing:
            return stored
        shares = [self._source.switches_at(self._mixed(fields, weight, terms)) for _, weight in self._shares()]
        return sum(shares, stored)

    def longest(self, y, ahead, beyond, args=None):
        """Return how much of a step keeps surfaces apart that may touch; None without R, where u is an acceleration."""
        return self.problem.longest(y, ahead.problem, beyond, args) if self.flowing else None

    def touching(self, y, args=None):
        """Return the pairs in contact at the end of the step; None without R."""
        return self.problem.touching(y, args) if self.flowing else None

    def unknowns(self, guess):
        """Return û of a field that is guessed, or 0."""
        return self.problem.unknowns(guess)

    def value(self, y):
        """Return u."""
        return self.problem.value(y)

    def sizes(self, y):
        """Return those of u."""
        return self.problem.sizes(y)

    def unloaded(self):
        """None: a step starts from the one before."""
        return None

    @property
    def _terms(self):
        return self.problem.terms()

    @property
    def _source(self):
        return self.problem if self.acting is None else self.acting

    def _shares(self):
        """Pairs of a share of R and the weight of u there."""
        if not self.points:
            return ((1.0, self.weight),)
        nodes, shares = np.polynomial.legendre.leggauss(self.points)
        return tuple((float(share) / 2, float(1 + node) / 2) for node, share in zip(nodes, shares, strict=True))

    def _acting_terms(self, terms):
        return terms if self.acting is None else self.acting.terms()

    def _mixed(self, fields, weight, terms):
        if self.base is None:
            return fields
        mixed, at_once = enumerate(zip(fields, self.base, strict=True)), terms.immediate
        return tuple(u if f in at_once else weight * u + (1 - weight) * b for f, (u, b) in mixed)

    def _weights(self, weight, flow, terms):
        """∂(mixed field)/∂u for each entry of the tangent, 0 in equations that do not act."""
        at_once, sizes, dtype = terms.immediate, self.problem.system.reduction.sizes, flow.data.dtype
        if not at_once and not self.settling:
            return weight
        spread = lambda each: jnp.concatenate([jnp.full(n, x, dtype) for n, x in zip(sizes, each, strict=True)])
        fields = range(len(sizes))
        columns = spread([1.0 if f in at_once else weight for f in fields])[flow.pattern.columns]
        return columns * spread(self._acting_parts([1.0] * len(sizes), terms))[flow.pattern.rows]

    def _acting_parts(self, parts, terms):
        """Leave away what does not act."""
        if not self.settling:
            return parts
        algebraic = terms.algebraic
        return tuple(r if f in algebraic else 0 * r for f, r in enumerate(parts))

    def _tangent(self, system: System, terms: tuple[Integral, ...], fields, y) -> SparseOperator:
        structure = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), y)
        return assemble_tangent(system, self.problem.spaces, terms, fields, self.problem.constraints, structure)


def reduced_forces(problem: AbstractBalance, total: tuple[Array, ...]) -> Array:
    """Return Tᵀ r."""
    return problem.system.reduction.reduce(total, problem.spaces, problem.constraints)


def settled(problem: AbstractBalance, value: PyTree) -> PyTree:
    """Return the state that stores as much as a given one, and in which the equations that store nothing hold.

    It is where a march begins; NaN where it is not found. Where multipliers hold what is stored to a condition, the
    nearest state that meets it.
    """
    terms = problem.terms()
    if terms.multipliers:
        return projected(problem, value)
    if not terms.algebraic:
        return value
    stored, _, _ = assemble(problem.spaces, (terms.stored,), value)
    known = problem.split(reduced_forces(problem, stored))
    stage = Stage(problem, jnp.ones((), value[0].dtype), known, settling=True)
    found = solve(stage, value, method=Newton(least_steps=1), throw=False)
    return found.value
