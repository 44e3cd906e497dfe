"""Convex splitting."""

from typing import ClassVar

from ._stepper import AbstractSingleStep, Memory, combine, taken


class ConvexSplitting(AbstractSingleStep):
    r"""Backward Euler for the convex part of a free energy, forward Euler for its concave part: order 1.

    [S(u₁) − S(u₀)] / h + R₊(u₁, t₁) + R₋(u₀) = 0,   R = R₊ + R₋,   Ψ = Ψ₊ + Ψ₋

    For `AllenCahn` and `CahnHilliard`. Without loads the energy falls in every step and every step has one solution,
    however long it is: E(u₁) ≤ E(u₀). Its error is larger than that of `BackwardEuler`: long steps lag behind.

    Reference: D. J. Eyre, MRS Proceedings 529 (1998) 39.
    """

    derivatives: ClassVar[int] = 1
    order: ClassVar[int] = 1

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁."""
        known = combine((1 / h, evolution.stored(memory.u, t)))
        found = solve(evolution.stage(t + h, 1 / h, known, base=memory.u, split=True), memory.u)
        return taken(Memory(found.value), found)
