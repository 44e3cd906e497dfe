"""Backward Euler."""

from typing import ClassVar

from ._stepper import AbstractSingleStep, Memory, combine, taken


class BackwardEuler(AbstractSingleStep):
    r"""Backward Euler: order 1, L-stable, monotone.

    [S(u₁) − S(u₀)] / h + R(u₁, t₁) = 0

    Reference: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, Springer 1996, section IV.3.
    """

    derivatives: ClassVar[int] = 1
    order: ClassVar[int] = 1
    error_constant: ClassVar[float] = -1 / 2
    remembers: ClassVar[bool] = True

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁."""
        known = combine((1 / h, evolution.stored(memory.u, t)))
        found = solve(evolution.stage(t + h, 1 / h, known), memory.u)
        return taken(Memory(found.value), found)
