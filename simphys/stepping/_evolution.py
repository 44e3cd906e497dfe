"""What can be stepped in time."""

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .._told import Told
from .._trees import all_finite
from .._typing import Array, Bool, PyTree, Scalar
from ..assembly import assemble
from ..implicit import AbstractRootProblem, Newton, where_finite
from ..physics import (
    AbstractBalance,
    Stage,
    check_storage,
    reduced_forces,
    settled,
)


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

    def method(self):
        """Newton's method with full steps."""
        return Newton(damped=False, least_steps=1, max_steps=24)

    def resting(self):
        """Itself: there is no inertia of second order."""
        return self


class Semidiscrete(AbstractEvolution):
    """A balance law on a mesh, its capacity or density telling what is stored.

    **Arguments:**

    - `problem`: an `AbstractBalance`; what it stores is its `capacity` (`Heat`) or `density` (`Solid`). One that stores
      nothing goes through equilibria.
    - `drive`: (problem, t) → the problem as it is at time t, with leaves replaced (loads, prescribed values,
      parameters); None if nothing changes. A module may carry parameters of its own.
    """

    problem: AbstractBalance
    drive: Callable | None

    def __init__(self, problem, drive=None):
        check_storage(problem)
        self.problem, self.drive = problem, drive

    @property
    def derivatives(self):
        """2 for bodies with inertia, 0 for what stores nothing, else 1."""
        return self.problem.terms().derivatives

    def at(self, t: Scalar) -> AbstractBalance:
        """Return the problem at time t."""
        return driven(self.problem, self.drive, t)

    def stored(self, u, t):
        """Return Tᵀ S(u)."""
        return where_finite(_stored, self.at(t), u)

    def flow(self, u, t):
        """Return Tᵀ r(u)."""
        return where_finite(_flow, self.at(t), u)

    def stage(self, t, factor, known, *, acting_at=None, weight=1.0, base=None, points=0, split=False, flowing=True):
        """Return the balance law's stage; the balance law itself if nothing is stored."""
        if self.derivatives == 0:
            return self.at(t)
        base, dtype = None if base is None else _fields(base), jax.tree.leaves(known)[0].dtype
        own = lambda x: x.astype(dtype) if isinstance(x, jax.Array) else x  # times may be of more digits than the state
        factor, weight = own(factor), own(weight)
        if split:
            problem, concave = self.at(t).convex_split()
            pull, _, _ = assemble(problem.spaces, (concave,), base)
            known = combine((1.0, known), (-1.0, problem.split(reduced_forces(problem, pull))))
            return Stage(problem, factor, known)
        acting = None if acting_at is None or self.drive is None else self.at(acting_at)
        return Stage(self.at(t), factor, known, acting, weight, base, points, flowing)

    def rate(self, u, t):
        """A problem on a mesh is led implicitly, or by Diffrax."""
        raise ValueError("On meshes no stepper is explicit: see `diffrax_term(…, lumped=True)` for explicit methods.")

    def bounds(self, u, t):
        """Unknown."""
        return Bounds(jnp.asarray(jnp.inf), all_finite(u))

    def history(self):
        """Return the problem's `state`."""
        return getattr(self.problem, "state", None)

    def remembering(self, history, interval):
        """Return the problem with another `state`."""
        if history is None:
            return self
        return eqx.tree_at(lambda s: (s.problem.state, s.problem.interval), self, (history, interval))

    def remembered(self, u, t):
        """Return the problem's updated `state`."""
        return self.at(t).updated_state(u)

    def method(self):
        """Newton's method as for equilibria."""
        return Newton(least_steps=1)

    def resting(self):
        """Return the unloaded problem, driven by nothing."""
        return Semidiscrete(self.problem.unloaded())

    def consistent(self, u, t):
        """Return u with the prescribed values of time t, and with what follows from the rest at once."""
        problem = self.at(t)
        like = problem.value(problem.unknowns(None))
        u = jax.tree.map(lambda a, b: jnp.broadcast_to(jnp.asarray(a, b.dtype), b.shape), u, like)
        return settled(problem, problem.value(problem.unknowns(u)))

    def judged(self, error):
        """Return all of it."""
        return error


def _stored(problem, u):
    total, _, _ = assemble(problem.spaces, (problem.terms().stored,), _fields(u))
    return problem.split(reduced_forces(problem, total))


def _flow(problem, u):
    terms = problem.terms()
    forces, at_rest = problem.forces(_fields(u), terms)[0], terms.algebraic
    forces = tuple(jnp.zeros_like(r) if f in at_rest else r for f, r in enumerate(forces))
    return problem.split(reduced_forces(problem, forces))


def combine(*terms) -> PyTree:
    """Return Σ aᵢ xᵢ of pairs (aᵢ, xᵢ)."""
    factors, trees = zip(*terms, strict=True)
    times = lambda a, x: jnp.asarray(a, x.dtype) * x  # steps in time may be of more digits than the state
    return jax.tree.map(lambda *leaves: sum(times(a, x) for a, x in zip(factors, leaves, strict=True)), *trees)


def _fields(u):
    return u if isinstance(u, tuple) else (u,)


def driven(problem, drive: Callable | None, t: Scalar):
    """Return a problem as a `drive` makes it at time t."""
    if drive is None:
        return problem
    found = drive(problem, t)
    if jax.tree.structure(found) != jax.tree.structure(problem):
        raise ValueError("`drive` must return a problem of the same structure: replace leaves only.")
    return found
