"""States that multipliers allow: where a march of an incompressible flow begins."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from .._trees import norm
from .._typing import Array, PyTree
from ..assembly import assemble, assemble_tangent
from ..implicit import AbstractRootProblem, Evaluated, Newton, solve
from ..linalg import SparseOperator
from ._balance import AbstractBalance, layout_of_storage


class Projection(AbstractRootProblem):
    r"""The smallest change of what is stored that multipliers allow, as a root problem.

    M x + Bᵀ λ = f,     B x = g;     M of the storage, B of the multipliers, x and λ 0 where something is prescribed

    **Arguments:**

    - `problem`: the balance law, with nothing prescribed but 0.
    - `known`: (f, g), of the residual's structure.
    """

    problem: AbstractBalance
    known: PyTree
    linear: ClassVar[bool] = True

    def residual(self, y, args=None):
        """Return M x + Bᵀ λ − f and B x − g."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return them, and what is balanced in each field."""
        terms, fields = self.problem.terms(), self.problem._fields(y)
        total, scales, _ = assemble(self.problem.spaces, (*terms.multipliers, terms.stored), fields)
        residual = jax.tree.map(jnp.subtract, _reduced(self.problem, total), self.known)
        return Evaluated(residual, tuple(norm(each) for each in zip(scales, self.known, strict=True)), None)

    def jacobian(self, y, args=None):
        """Return the assembled matrix."""
        problem, terms = self.problem, self.problem.terms()
        first = problem.system.part(slice(len(terms.multipliers)))
        fields, structure = problem._fields(y), jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), y)
        made = lambda system, own: assemble_tangent(system, problem.spaces, own, fields, problem.constraints, structure)
        both = made(first, terms.multipliers), made(layout_of_storage(problem), (terms.stored,))
        pattern, tags = both[0].pattern, both[0].tags & both[1].tags
        return SparseOperator(pattern, pattern.held(both[0].data + both[1].data), structure, tags)

    def unknowns(self, guess):
        """Return 0."""
        return self.problem.unknowns(None)

    def value(self, y):
        """Return (x, λ)."""
        return self.problem.value(y)

    def unloaded(self):
        """None: it is linear."""
        return None


def projected(problem: AbstractBalance, value: tuple[Array, ...]) -> tuple[Array, ...]:
    """Return the nearest state that the multipliers allow, with the multipliers that hold there; NaN where none is found.

    First x ← x + δ with B x = 0, then λ of M ẋ + Bᵀ λ + R(x) = 0, B ẋ = 0: prescribed values count as if they stood still.
    """
    terms, free = problem.terms(), problem.unloaded()
    moved = tuple(0 * u if f in terms.immediate else u for f, u in enumerate(value))
    still = problem.value(problem.unknowns(moved))
    through, _, _ = assemble(problem.spaces, terms.multipliers, still)
    change = _solved(free, [r if f in terms.immediate else 0 * r for f, r in enumerate(through)])
    there = tuple(u if f in terms.immediate else u + d for f, (u, d) in enumerate(zip(still, change, strict=True)))
    forces, _, _ = problem.forces(there)
    change = _solved(free, [0 * r if f in terms.immediate else r for f, r in enumerate(forces)])
    return tuple(u + d if f in terms.immediate else u for f, (u, d) in enumerate(zip(there, change, strict=True)))


def _solved(problem, forces):
    known = jax.tree.map(jnp.negative, _reduced(problem, tuple(forces)))
    return solve(Projection(problem, known), method=Newton(least_steps=1), throw=False).value


def _reduced(problem, total):
    return problem.split(problem.system.reduction.reduce(total, problem.spaces, problem.constraints))
