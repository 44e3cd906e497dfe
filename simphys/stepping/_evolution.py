"""What can be stepped in time."""

import abc
from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp

from .._told import Told
from .._typing import Array, Bool, PyTree, Scalar
from ..implicit import AbstractRootProblem, Newton


class Bounds(Told):
    """What an explicit stepper must know of a state.

    **Attributes:**

    - `largest_step`: what a step may be at most; infinite where that is not known.
    - `admissible`: whether the state means something.
    """

    largest_step: Scalar
    admissible: Bool[Array, ""]


class AbstractEvolution(Told):
    """An initial value problem, d/dt S(u) + R(u, t) = 0, or with inertia d/dt S(u̇) + R(u, t) = 0 for a linear S.

    Everything a stepper needs is the root problem of one stage, and the values of S and R at a state.
    """

    @property
    @abc.abstractmethod
    def derivatives(self) -> int:
        """Order of the time derivative: 1 or 2."""

    @abc.abstractmethod
    def stored(self, u: PyTree, t: Scalar) -> PyTree:
        """Return S(u), in the space of residuals."""

    @abc.abstractmethod
    def flow(self, u: PyTree, t: Scalar) -> PyTree:
        """Return R(u, t); 0 for the equations that store nothing, which hold at every time."""

    @abc.abstractmethod
    def stage(
        self,
        t: Scalar,
        factor: Scalar,
        known: PyTree,
        *,
        acting_at=None,
        weight=1.0,
        base=None,
        points: int = 0,
        split: bool = False,
        flowing: bool = True,
    ) -> AbstractRootProblem:
        """Return the root problem c S(u) + R(w u + (1 − w) u₀, t_R) = b, whose value is u.

        **Arguments:**

        - `t`: time of u and of its constraints.
        - `factor`, `known`: c and b.
        - `acting_at`: t_R; None for t.
        - `weight`, `base`: w and u₀.
        - `points`: 0, or how many Gauss points average R between u₀ and u.
        - `split`: take the concave part of the energy at u₀, all else at u.
        - `flowing`: False to leave R away.
        """

    @abc.abstractmethod
    def rate(self, u: PyTree, t: Scalar) -> PyTree:
        """Return u̇, for explicit steppers.

        **Raises:** `ValueError` for problems whose rate would take a solve, or that are too stiff for any.
        """

    @abc.abstractmethod
    def bounds(self, u: PyTree, t: Scalar) -> Bounds:
        """Return what explicit steppers must know of u."""

    @abc.abstractmethod
    def history(self) -> PyTree:
        """Return the internal variables of the first state; None if there are none."""

    @abc.abstractmethod
    def remembering(self, history: PyTree, interval: Scalar) -> "AbstractEvolution":
        """Return the problem of a step of length Δt that begins with these internal variables."""

    @abc.abstractmethod
    def remembered(self, u: PyTree, t: Scalar) -> PyTree:
        """Return the internal variables at the end of such a step."""

    @property
    @abc.abstractmethod
    def rubbing(self) -> tuple:
        """The loads with friction."""

    @abc.abstractmethod
    def sliding(self, before: PyTree, span: Scalar | None) -> "AbstractEvolution":
        """Return the problem whose friction acts against (u − u_before)/τ, or where τ is None against a load increment."""

    @abc.abstractmethod
    def admitted(self, stage: AbstractRootProblem, u: PyTree, guess: PyTree) -> PyTree:
        """Return the guess of a stage, drawn back towards a state u as far as it takes for nothing to be gone through."""

    @abc.abstractmethod
    def until_touch(self, t: Scalar, h: Scalar, ahead: Callable) -> Scalar:
        """Return h, or less where something comes to touch on the way: `ahead` has the u that is expected after a time."""

    @abc.abstractmethod
    def method(self) -> Newton:
        """Return how stages are best solved."""

    @abc.abstractmethod
    def resting(self) -> "AbstractEvolution":
        """Return the problem without loads and with prescribed values 0: the one that accelerations obey."""

    @abc.abstractmethod
    def consistent(self, u: PyTree, t: Scalar) -> PyTree:
        """Return u with the values that are prescribed at time t, of the right types."""

    @abc.abstractmethod
    def spread(self, rate: PyTree, u: PyTree) -> PyTree:
        """Return u̇, numbers or arrays, as arrays of the types and shapes that u has."""

    def like(self) -> PyTree | None:
        """Return what u looks like, as shapes; None where the state itself decides that."""
        return None

    @abc.abstractmethod
    def judged(self, error: PyTree) -> PyTree:
        """Return what of an error of u decides the length of a step; 0 for what is no part of the state."""


class AbstractMemoryless(AbstractEvolution):
    """A problem of the first order in time, without internal variables, that has the same loads at rest."""

    derivatives: ClassVar[int] = 1

    def history(self):
        """None."""
        return None

    def remembering(self, history, interval):
        """Itself."""
        return self

    def remembered(self, u, t):
        """None."""

    @property
    def rubbing(self):
        """None."""
        return ()

    def sliding(self, before, span):
        """Itself."""
        return self

    def admitted(self, stage, u, guess):
        """The guess."""
        return guess

    def until_touch(self, t, h, ahead):
        """All of it."""
        return h

    def method(self):
        """Newton's method with full steps."""
        return Newton(damped=False, least_steps=1, max_steps=24)

    def resting(self):
        """Itself: there is no inertia of second order."""
        return self

    def spread(self, rate, u):
        """Return u̇ with a number for each of u."""
        return alike(rate, u)


def alike(tree: PyTree, like: PyTree) -> PyTree:
    """Return numbers or arrays as arrays of other ones' types and shapes."""
    return jax.tree.map(lambda x, y: jnp.broadcast_to(jnp.asarray(x, y.dtype), y.shape), tree, like)


def combine(*terms) -> PyTree:
    """Return Σ aᵢ xᵢ of pairs (aᵢ, xᵢ)."""
    factors, trees = zip(*terms, strict=True)
    times = lambda a, x: jnp.asarray(a, x.dtype) * x  # steps in time may be of more digits than the state
    return jax.tree.map(lambda *leaves: sum(times(a, x) for a, x in zip(factors, leaves, strict=True)), *trees)


def driven(problem, drive: Callable | None, t: Scalar):
    """Return a problem as a `drive` makes it at time t."""
    if drive is None:
        return problem
    found = drive(problem, t)
    if jax.tree.structure(found) != jax.tree.structure(problem):
        raise ValueError("`drive` must return a problem of the same structure: replace leaves only.")
    return found
