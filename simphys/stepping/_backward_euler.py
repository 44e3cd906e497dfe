"""Backward Euler."""

from typing import ClassVar

import equinox as eqx

from .._typing import PyTree
from ._stepper import AbstractStepper, combine, taken


class _Memory(eqx.Module):
    u: PyTree


class BackwardEuler(AbstractStepper):
    r"""Backward Euler: order 1, L-stable, monotone.

    [S(u₁) − S(u₀)] / h + R(u₁, t₁) = 0

    Reference: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, Springer 1996, section IV.3.
    """

    derivatives: ClassVar[int] = 1
    order: ClassVar[int] = 1
    error_constant: ClassVar[float] = -1 / 2
    remembers: ClassVar[bool] = True

    def begin(self, evolution, t, state, solve):
        """Nothing but the state is needed."""
        del solve
        return _Memory(evolution.consistent(state, t))

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁."""
        known = combine((1 / h, evolution.stored(memory.u, t)))
        found = solve(evolution.stage(t + h, 1 / h, known), memory.u)
        return taken(_Memory(found.value), found)
