"""The implicit midpoint rule."""

from typing import ClassVar

from ._stepper import AbstractSingleStep, Memory, combine, taken


class ImplicitMidpoint(AbstractSingleStep):
    r"""The implicit midpoint rule: order 2, A-stable, symplectic; quadratic invariants are kept.

    [S(u₁) − S(u₀)] / h + R((u₀ + u₁)/2, t₀ + h/2) = 0

    Reference: E. Hairer, C. Lubich, G. Wanner, Geometric Numerical Integration, Springer 2006, section II.1.
    """

    derivatives: ClassVar[int] = 1
    order: ClassVar[int] = 2
    error_constant: ClassVar[float] = -1 / 12

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁."""
        known = combine((1 / h, evolution.stored(memory.u, t)))
        stage = evolution.stage(t + h, 1 / h, known, acting_at=t + h / 2, weight=0.5, base=memory.u)
        found = solve(stage, memory.u)
        return taken(Memory(found.value), found)
