"""A sequence of equilibria."""

from typing import ClassVar

from ._stepper import AbstractSingleStep, Memory, taken


class Equilibrium(AbstractSingleStep):
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

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁; friction acts against what moves from u₀ on."""
        evolution = evolution.sliding(memory.u, None)
        before = evolution.stage(t, None, None)
        found = solve(evolution.stage(t + h, None, None), memory.u, before)
        return taken(Memory(found.value), found)
