"""The average vector field method."""

from typing import ClassVar

import equinox as eqx

from ._stepper import AbstractSingleStep, Memory, combine, taken


class AverageVectorField(AbstractSingleStep):
    r"""The average vector field method, a discrete gradient: order 2, A-stable, and faithful to energies.

    [S(u₁) − S(u₀)] / h + ∫₀¹ R(s u₁ + (1 − s) u₀, t₀ + h/2) ds = 0

    Where R is the derivative of an energy E, so that ∫ R ds · (u₁ − u₀) = E(u₁) − E(u₀), the energy of a gradient flow
    falls in every step that can be solved, by just what is dissipated. `points` Gauss points take the integral: exact
    for energies of degree 2 `points`, such as the double well's with 2. Fields that nothing stores, such as a chemical
    potential, are those of the middle of the step.

    **Arguments:**

    - `points`: of the quadrature, 1 (the implicit midpoint rule) or more.

    Reference: G. R. W. Quispel, D. I. McLaren, J. Phys. A 41 (2008) 045206.
    """

    derivatives: ClassVar[int] = 1
    order: ClassVar[int] = 2
    error_constant: ClassVar[float] = -1 / 12
    points: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        if not isinstance(self.points, int) or self.points < 1:
            raise ValueError(f"`points` must be a whole number of 1 or more, got {self.points!r}.")

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁."""
        known = combine((1 / h, evolution.stored(memory.u, t)))
        stage = evolution.stage(t + h, 1 / h, known, acting_at=t + h / 2, base=memory.u, points=self.points)
        found = solve(stage, memory.u)
        return taken(Memory(found.value), found)
