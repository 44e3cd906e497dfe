"""What an implicit step in time has to solve."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array, PyTree, Scalar
from ..fem import Integral, System, assemble, assemble_tangent
from ..implicit import AbstractRootProblem, Evaluated
from ..linalg import SparseOperator
from ._balance import AbstractBalance, storage
from ._thickness import thick


class Stage(AbstractRootProblem):
    r"""One stage of an implicit step: a balance law with what it stores, as a root problem for u.

    c S(u) + R(w u + (1 − w) u₀) = b

    **Arguments:**

    - `problem`: R, with the constraints that u obeys.
    - `factor`: c, 1/time (first order) or 1/time² (with inertia).
    - `known`: b, of the residual's structure.
    - `acting`: R, if its loads are to be those of another time than the constraints; None for `problem`.
    - `weight`, `base`: w and u₀ (fields); `base` None for w = 1.
    - `flowing`: False to leave R away.

    Reference: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, Springer 1996, section IV.8.
    """

    problem: AbstractBalance
    factor: Scalar
    known: PyTree
    acting: AbstractBalance | None = None
    weight: Scalar | float = 1.0
    base: tuple[Array, ...] | None = None
    flowing: bool = eqx.field(static=True, default=True)

    @property
    def linear(self):
        """Whether R and S are."""
        return storage(self.problem).linear and (self.problem.linear or not self.flowing)

    def residual(self, y, args=None):
        """Return c S + R − b."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return c S + R − b, the scales of what is summed up in it, and the incremental energy."""
        fields = self.problem._fields(y)
        total, scales, energy = assemble(self.problem.spaces, (storage(self.problem),), fields)
        total, scales = tuple(self.factor * r for r in total), tuple(self.factor * s for s in scales)
        energy = None if energy is None else self.factor * energy
        if self.flowing:
            flow, flow_scales, potential = self._source.forces(self._mixed(fields))
            total = tuple(r + f for r, f in zip(total, flow))
            scales = tuple(jnp.sqrt(s * s + f * f) for s, f in zip(scales, flow_scales))
            energy = None if energy is None or potential is None else energy + potential / self.weight
        reduced = self.problem._split(reduced_forces(self.problem, total))
        if energy is not None:
            energy = energy - sum(jax.tree.leaves(jax.tree.map(jnp.vdot, self.known, y)))
        residual = jax.tree.map(jnp.subtract, reduced, self.known)
        return Evaluated(residual, scales if isinstance(self.problem.space, tuple) else scales[0], energy)

    def jacobian(self, y, args=None):
        """Return c ∂S/∂u + w ∂R/∂u, assembled."""
        problem, source = self.problem, self._source
        fields = problem._fields(y)
        stored = thick(storage(problem), self.factor)
        if self.flowing and self.base is None:
            return self._tangent(problem.system, (*source.integrals(), stored), fields, y)
        alone = dataclasses.replace(problem.system, pairs=problem.system.pairs[-1:])
        tangent = self._tangent(alone, (stored,), fields, y)
        if not self.flowing:
            return tangent
        flow = self._tangent(problem.system, source.integrals(), self._mixed(fields), y)
        both = tangent.tags & flow.tags
        pattern, structure = tangent.pattern, tangent.in_structure()
        return SparseOperator(pattern, tangent.data + self.weight * flow.data, structure, both, flow.preconditioner)

    def unknowns(self, guess):
        """Return û of a field that is guessed, or 0."""
        return self.problem.unknowns(guess)

    def value(self, y):
        """Return u."""
        return self.problem.value(y)

    def unloaded(self):
        """None: a step starts from the one before."""
        return None

    @property
    def _source(self):
        return self.problem if self.acting is None else self.acting

    def _mixed(self, fields):
        if self.base is None:
            return fields
        return tuple(self.weight * u + (1 - self.weight) * b for u, b in zip(fields, self.base))

    def _tangent(self, system: System, terms: tuple[Integral, ...], fields, y) -> SparseOperator:
        structure = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), y)
        return assemble_tangent(system, self.problem.spaces, terms, fields, self.problem.constraints, structure)


def reduced_forces(problem: AbstractBalance, total: tuple[Array, ...]) -> Array:
    """Return Tᵀ r."""
    return problem.system.reduction.reduce(total, problem.spaces, problem.constraints)
