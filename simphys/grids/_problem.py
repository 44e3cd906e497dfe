"""What problems on a grid have in common: their equilibria, and the stages of implicit steps in time."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx

from .._trees import norm
from .._typing import Array, PyTree, Scalar
from ..implicit import AbstractRootProblem, Evaluated
from ..linalg import AbstractPreconditioner, Preconditioned


class AbstractGridProblem(AbstractRootProblem):
    """A balance d/dt S(u) + R(u) = 0 over the control volumes of a grid, as the root problem R(u) = 0.

    Its Jacobian, and what it is solved with, is the problem's own.
    """

    @abc.abstractmethod
    def storage(self, y: PyTree) -> PyTree:
        """Return S, linear in y; 0 in equations that store nothing."""

    @abc.abstractmethod
    def flow(self, y: PyTree, mixed: PyTree, factor: Scalar | None, full: bool = True) -> tuple[PyTree, PyTree]:
        """Return R at `mixed`, of y in equations that store nothing; and for each leaf the size of what is summed up.

        **Arguments:**

        - `y`: unknowns at the end of a step.
        - `mixed`: y, or those between the beginning and the end that a stepper evaluates R at.
        - `factor`: c of the step, None for a steady state; only what completes a singular system may depend on it.
        - `full`: False to leave out what `carried` returns.
        """

    @abc.abstractmethod
    def carried(self, y: PyTree) -> tuple[PyTree, Scalar]:
        """Return the part of R that is not stiff, advection and reactions, and how many cells per time it crosses at most.

        **Raises:** `ValueError` where there is no such part to be told apart.
        """

    @abc.abstractmethod
    def moving(self, residual: PyTree) -> PyTree:
        """Return R with 0 in equations that store nothing, which hold at every time."""

    @abc.abstractmethod
    def mixed(self, y: PyTree, base: PyTree, weight: Scalar) -> PyTree:
        """Return w y + (1 − w) y₀ of what is stored, of all else y."""

    @abc.abstractmethod
    def level(self, y: PyTree) -> PyTree:
        """Return what is added to R of a steady problem that leaves the level of its solution open; 0 at level 0."""

    @abc.abstractmethod
    def stepped(self, guess: PyTree) -> PyTree:
        """Return the unknowns of a step in time, which may stand at another level than those of a steady state."""

    @abc.abstractmethod
    def flaws(self, y: PyTree, steady: bool) -> tuple[Array, ...]:
        """Return arrays that are NaN where what is prescribed has no solution, else 1."""

    @abc.abstractmethod
    def tangent(
        self, whole: AbstractRootProblem, y: PyTree, factor: Scalar, weight: Scalar
    ) -> lx.AbstractLinearOperator:
        """Return c ∂S/∂y + w ∂R/∂y, the Jacobian of `whole`: of this problem or a stage of it."""

    @abc.abstractmethod
    def consistent(self, u: PyTree) -> PyTree:
        """Return a state that obeys the conditions, with which a march may begin."""

    @abc.abstractmethod
    def judged(self, error: PyTree) -> PyTree:
        """Return what of an error of the value decides the length of a step."""

    def residual(self, y, args=None):
        """Return R."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return R and its scale."""
        residual, sizes = self.flow(y, y, None)
        residual = jax.tree.map(jnp.add, residual, self.level(y))
        return Evaluated(residual, jax.lax.stop_gradient(sizes), None)

    def jacobian(self, y, args=None):
        """Return ∂R/∂y."""
        one = jnp.ones((), jax.tree.leaves(y)[0].dtype)
        return self.tangent(self, y, 0 * one, one)

    def switches(self, y, args=None):
        """Return the flaws of the steady problem."""
        return self.flaws(y, True)


class AbstractCellProblem(AbstractGridProblem):
    """One whose unknowns are values of cells, alike in steps and in steady states."""

    def stepped(self, guess):
        """Return the same unknowns."""
        return self.unknowns(guess)

    def consistent(self, u):
        """Return u as a field."""
        return self.value(self.unknowns(u))

    def judged(self, error):
        """Return all of it."""
        return error

    def unloaded(self):
        """None: a solve begins with its guess."""
        return None


class GridStage(AbstractRootProblem):
    """One stage of an implicit step: c S(u) + R(w u + (1 − w) u₀) = b, a root problem for u.

    **Arguments:**

    - `problem`: R and S, with the conditions that u obeys.
    - `factor`, `known`: c and b.
    - `acting`: R, if what acts is that of another time; None for `problem`.
    - `weight`, `base`: w and u₀; `base` None for w = 1.
    - `full`: whether R is all of it; else without what is carried, which is linear in u.
    """

    problem: AbstractGridProblem
    factor: Scalar
    known: PyTree
    acting: AbstractGridProblem | None = None
    weight: Scalar | float = 1.0
    base: PyTree = None
    full: bool = eqx.field(static=True, default=True)

    @property
    def linear(self):
        """Whether R is."""
        return self.problem.linear or not self.full

    def residual(self, y, args=None):
        """Return c S + R − b."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return c S + R − b and its scale."""
        source = self.problem if self.acting is None else self.acting
        stored = jax.tree.map(lambda s: self.factor * s, self.problem.storage(y))
        mixed = y if self.base is None else self.problem.mixed(y, self.problem.stepped(self.base), self.weight)
        flow, sizes = source.flow(y, mixed, self.factor, self.full)
        total = jax.tree.map(lambda s, r, b: s + r - b, stored, flow, self.known)
        own = jax.tree.map(lambda s, b, size: norm((s, b, size)), stored, self.known, sizes)
        return Evaluated(total, jax.lax.stop_gradient(own), None)

    def jacobian(self, y, args=None):
        """Return c ∂S/∂y + w ∂R/∂y."""
        weight = jnp.asarray(1.0 if self.base is None else self.weight, jnp.result_type(self.factor))
        return self.problem.tangent(self, y, self.factor, weight)

    def switches(self, y, args=None):
        """Return the flaws of the problem."""
        return self.problem.flaws(y, False)

    def unknowns(self, guess):
        """Return those of a step of the problem."""
        return self.problem.stepped(guess)

    def value(self, y):
        """Return that of the problem."""
        return self.problem.value(y)

    def unloaded(self):
        """None: a step starts from the one before."""
        return None


def is_full(whole: AbstractRootProblem) -> bool:
    """Whether a problem or a stage of it has all of R in it."""
    return not isinstance(whole, GridStage) or whole.full


def preconditioned(whole: AbstractRootProblem, y, inverse: AbstractPreconditioner, tags) -> Preconditioned:
    """Return the Jacobian of a root problem by its products, with a symmetric preconditioner."""
    operator = lx.JacobianLinearOperator(whole.residual, y, None, tags=tags)
    return Preconditioned(operator, jax.lax.stop_gradient(inverse))
