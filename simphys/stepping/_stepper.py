"""What a stepper is."""

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from .._result import RESULTS
from .._told import Told
from .._typing import Array, Int, PyTree, Scalar
from ..implicit import Solution
from ._evolution import AbstractEvolution, combine as combine


class Taken(Told):
    """One step.

    **Attributes:**

    - `memory`: what the stepper goes on with; its `u` is the new state.
    - `result`: status of the first solve that failed.
    - `newton_steps`, `linear_steps`: of all its solves.
    - `weakly_active`: how many points stood at a kink of their law, in all its solves.
    - `error`: the embedded estimate of the local error of u, if the stepper has one.
    """

    memory: PyTree
    result: RESULTS
    newton_steps: Int[Array, ""]
    linear_steps: Int[Array, ""]
    weakly_active: Int[Array, ""]
    error: PyTree | None = None


class AbstractStepper(eqx.Module):
    """A time integrator.

    **Attributes:**

    - `derivatives`: order of the time derivative that it integrates, 1 or 2.
    - `order`: order of accuracy.
    - `error_constant`: C in the local error C h^{p+1} u^{(p+1)} of a method without embedded estimate, else None.
    - `error_order`: power of h that the embedded estimate goes with.
    - `remembers`: whether it balances at the end of the step alone, as laws with a memory need it.
    - `rubs`: whether it says what friction acts against.
    """

    derivatives: ClassVar[int]
    order: eqx.AbstractVar[int]
    error_constant: ClassVar[float | None] = None
    error_order: ClassVar[int | None] = None
    remembers: ClassVar[bool] = False
    rubs: ClassVar[bool] = False

    @abc.abstractmethod
    def begin(self, evolution: AbstractEvolution, t: Scalar, state: PyTree, solve: Callable) -> PyTree:
        """Return the memory at the first time; it has a field `u`.

        **Arguments:**

        - `state`: u, for problems of second order the pair (u, u̇).
        - `solve`: (root problem, guess, problem that the guess solves) → `Solution`; the last may be left away.
        """

    @abc.abstractmethod
    def step(self, evolution: AbstractEvolution, memory: PyTree, t: Scalar, h: Scalar, solve: Callable) -> Taken:
        """Go from t to t + h."""

    def ahead(self, memory: PyTree, h: Scalar) -> PyTree | None:
        """Return where u would be after h if nothing new acted; None for a stepper that does not know."""
        return None

    def rubbed(self, evolution: AbstractEvolution, memory: PyTree) -> AbstractEvolution:
        """Return the problem whose friction is that at the end of the step that led to this memory."""
        return evolution


class Memory(eqx.Module):
    """What a stepper goes on with that needs nothing but the state."""

    u: PyTree


class AbstractSingleStep(AbstractStepper):
    """A stepper that needs nothing but the state."""

    def begin(self, evolution, t, state, solve):
        """Take the first state, with the values that are prescribed then."""
        return Memory(evolution.consistent(state, t))


def taken(memory, *solutions: Solution, error=None) -> Taken:
    """Sum up the solves of a step."""
    result = RESULTS.successful
    for solution in reversed(solutions):
        result = RESULTS.where(solution.result == RESULTS.successful, result, solution.result)
    counts = (sum(each, jnp.zeros((), jnp.int32)) for each in zip(*map(counted, solutions), strict=True))
    return Taken(memory, result, *counts, error)


def counted(solution: Solution) -> tuple[Array, Array, Array]:
    """Return what a step counts of a solve: Newton steps, linear steps, points at a kink of their law."""
    return solution.stats.newton_steps, solution.stats.linear_steps, solution.certificate.weakly_active
