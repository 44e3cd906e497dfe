"""Balance laws on meshes as problems in time."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from .._trees import all_finite
from .._typing import Scalar
from ..assembly import assemble
from ..implicit import Newton, where_finite
from ..physics import (
    AbstractBalance,
    AbstractContact,
    Stage,
    check_storage,
    memory_of,
    reduced_forces,
    remembering,
    settled,
    sliding,
    updated_memory,
)
from ._drawn_back import drawn_back
from ._evolution import AbstractEvolution, Bounds, alike, combine, driven
from ._until_touch import until_touch


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
        """Return what the problem remembers: its `state`, and that of loads with a memory."""
        return memory_of(self.problem)

    def remembering(self, history, interval):
        """Return the problem with another memory."""
        if history is None:
            return self
        return Semidiscrete(remembering(self.problem, history, interval), self.drive)

    def remembered(self, u, t):
        """Return what the problem remembers then."""
        return updated_memory(self.at(t), u)

    @property
    def rubbing(self):
        """The problem's loads with friction."""
        return tuple(load for load in self.problem.loads if load.stepwise)

    def sliding(self, before, span):
        """Tell the problem's loads."""
        return Semidiscrete(sliding(self.problem, before, span), self.drive) if self.rubbing else self

    def admitted(self, stage, u, guess):
        """Draw back what touches."""
        touches = any(isinstance(load, AbstractContact) for load in self.problem.loads)
        return drawn_back(stage, u, guess) if touches else guess

    def until_touch(self, t, h, ahead):
        """End where a contact that is open begins."""
        touches = any(isinstance(load, AbstractContact) for load in self.problem.loads)
        return until_touch(self.at(t), ahead, h) if touches else h

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
        return settled(problem, problem.value(problem.unknowns(alike(u, like))))

    def spread(self, rate, u):
        """Return u̇ with a number for each of u."""
        return alike(rate, u)

    def like(self):
        """Return the shapes of the fields."""
        return eqx.filter_eval_shape(lambda problem: problem.value(problem.unknowns(None)), self.problem)

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


def _fields(u):
    return u if isinstance(u, tuple) else (u,)
