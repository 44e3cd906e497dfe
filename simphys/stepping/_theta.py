"""The θ-method: backward Euler, Crank–Nicolson and what lies between."""

from typing import ClassVar

import equinox as eqx

from .._typing import PyTree
from ._stepper import AbstractStepper, combine, taken


class _Memory(eqx.Module):
    u: PyTree
    flow: PyTree


class Theta(AbstractStepper):
    r"""The θ-method.

    [S(u₁) − S(u₀)] / h + θ R(u₁, t₁) + (1 − θ) R(u₀, t₀) = 0

    θ = ½ (Crank–Nicolson): order 2, A-stable, rough data oscillate. θ = 1: `BackwardEuler`.

    **Arguments:**

    - `theta`: θ, ½ … 1.

    Reference: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, Springer 1996, section IV.3.
    """

    derivatives: ClassVar[int] = 1
    theta: float = eqx.field(static=True, default=0.5)

    def __check_init__(self):
        if not 0.5 <= self.theta <= 1:
            raise ValueError(f"`theta` must lie between 0.5 and 1 (the method is unstable below), got {self.theta}.")

    @property
    def order(self):
        """2 for θ = ½, else 1."""
        return 2 if self.theta == 0.5 else 1

    @property
    def error_constant(self):
        """−1/12 for θ = ½, else ½ − θ."""
        return -1 / 12 if self.theta == 0.5 else 0.5 - self.theta

    def begin(self, evolution, t, state, solve):
        """Evaluate R at the first state."""
        u = evolution.consistent(state, t)
        return _Memory(u, evolution.flow(u, t))

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁; R(u₁) then is known."""
        factor = 1 / (self.theta * h)
        rest = (1 - self.theta) / self.theta
        known = combine((factor, evolution.stored(memory.u, t)), (-rest, memory.flow))
        found = solve(evolution.stage(t + h, factor, known), memory.u)
        flow = combine((1.0, known), (-factor, evolution.stored(found.value, t + h)))
        return taken(_Memory(found.value, flow), found)
