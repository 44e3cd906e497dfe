"""Balances on grids as what can be stepped."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from .._typing import Scalar
from ..grids import AbstractGridProblem, ConservationLaw, GridStage
from ._evolution import AbstractMemoryless, Bounds, driven


class Gridded(AbstractMemoryless):
    """A balance on a grid, as it is or as a `drive` changes it.

    **Arguments:**

    - `problem`: an `AbstractGridProblem`.
    - `drive`: (problem, t) → the problem as it is at time t, with leaves replaced; None if nothing changes.
    """

    problem: AbstractGridProblem
    drive: Callable | None = None

    def at(self, t: Scalar) -> AbstractGridProblem:
        """Return the problem at time t."""
        return driven(self.problem, self.drive, t)

    def stored(self, u, t):
        """Return S(u)."""
        problem = self.at(t)
        return problem.storage(problem.unknowns(u))

    def flow(self, u, t):
        """Return R(u), 0 in equations that store nothing."""
        problem = self.at(t)
        y = problem.unknowns(u)
        return problem.moving(problem.flow(y, y, jnp.zeros((), jax.tree.leaves(y)[0].dtype))[0])

    def stage(self, t, factor, known, *, acting_at=None, weight=1.0, base=None, points=0, split=False, flowing=True):
        """Return c S(u) + R(w u + (1 − w) u₀) − b."""
        if points or split or not flowing:
            raise ValueError("Steppers that keep energies in order are for balance laws on meshes, not for grids.")
        acting = None if acting_at is None or self.drive is None else self.at(acting_at)
        dtype = jax.tree.leaves(known)[0].dtype
        own = lambda x: jnp.asarray(x, dtype)
        return GridStage(self.at(t), own(factor), known, acting, own(weight), base)

    def carried(self, u, t):
        """Return the part of R that is not stiff, and how many cells per time it crosses at most."""
        problem = self.at(t)
        return problem.carried(problem.stepped(u))

    def stiff_stage(self, t, factor, known) -> GridStage:
        """Return c S(u) + R(u) − b without that part."""
        dtype = jax.tree.leaves(known)[0].dtype
        own = lambda x: jnp.asarray(x, dtype)
        return GridStage(self.at(t), own(factor), known, full=False)

    def rate(self, u, t):
        """Return that of a conservation law; other balances on grids are stiff."""
        return self._law(t).rate(u)

    def bounds(self, u, t):
        """Return those of a conservation law."""
        law = self._law(t)
        return Bounds(law.largest_step(u), law.admissible(u))

    def _law(self, t):
        problem = self.at(t)
        if not isinstance(problem, ConservationLaw):
            name = type(problem).__name__
            raise ValueError(f"`{name}` is led by implicit steppers; an explicit one takes a `ConservationLaw`.")
        return problem

    def consistent(self, u, t):
        """Return a state that obeys the conditions at time t."""
        return self.at(t).consistent(u)

    def judged(self, error):
        """Return what the problem counts."""
        return self.problem.judged(error)
