"""A sequence of equilibria."""

from typing import ClassVar

import equinox as eqx

from .._typing import PyTree
from ._stepper import AbstractStepper, taken


class _Memory(eqx.Module):
    u: PyTree
    before: PyTree
    """Where friction acted from in the step that led to u; None without friction."""


class Equilibrium(AbstractStepper):
    r"""Equilibria at given times, for problems that store nothing: loads that change slowly, laws with a memory.

    R(u₁, t₁; z₀) = 0

    The error of a law's update is of order 1 in the step. Each step follows the path of its loads from the state before,
    predicted by the tangent, and where need be in parts.
    """

    derivatives: ClassVar[int] = 0
    order: ClassVar[int] = 1
    error_constant: ClassVar[float] = -1 / 2
    remembers: ClassVar[bool] = True
    rubs: ClassVar[bool] = True

    def begin(self, evolution, t, state, solve):
        """Take the first state, with the values that are prescribed then."""
        u = evolution.consistent(state, t)
        return _Memory(u, u if evolution.rubbing else None)

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁; friction acts against what moves from u₀ on."""
        before = self.rubbed(evolution, memory).stage(t, None, None)
        now = evolution.sliding(memory.u, None)
        found = solve(now.stage(t + h, None, None), memory.u, before)
        return taken(_Memory(found.value, memory.u if evolution.rubbing else None), found)

    def rubbed(self, evolution, memory):
        """Friction acts against what has moved since u₀."""
        return evolution.sliding(memory.before, None)
