"""A sequence of equilibria."""

from typing import ClassVar

import equinox as eqx

from .._typing import PyTree
from ._stepper import AbstractStepper, taken


class _Memory(eqx.Module):
    u: PyTree


class Equilibrium(AbstractStepper):
    r"""Equilibria at given times, for problems that store nothing: loads that change slowly, laws with a memory.

    R(u₁, t₁; z₀) = 0

    The error of a law's update is of order 1 in the step.
    """

    derivatives: ClassVar[int] = 0
    order: ClassVar[int] = 1
    error_constant: ClassVar[float] = -1 / 2
    remembers: ClassVar[bool] = True

    def begin(self, evolution, t, state, solve):
        """Take the first state as it is."""
        del solve
        return _Memory(evolution.consistent(state, t))

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁."""
        found = solve(evolution.stage(t + h, None, None), memory.u)
        return taken(_Memory(found.value), found)
