"""The optimality criteria method, for one constraint on a resource."""

import dataclasses
from typing import ClassVar, NamedTuple

import numpy as np

from ._optimiser import AbstractOptimiser


LEAST_MOVE = 1e-4


class _Memory(NamedTuple):
    """The last steps' end and length of each variable, and how far each may go."""

    last: np.ndarray
    step: np.ndarray
    reach: np.ndarray


@dataclasses.dataclass(frozen=True)
class OptimalityCriteria(AbstractOptimiser):
    """Scale each variable by how much its material earns.

    x ← x (−∂f/∂x / (λ ∂g/∂x))^η, moved by no more than `move`, in [0, 1], with λ such that g + ∂g/∂x·Δx = 0

    For one constraint that grows with every variable, such as a volume; where more material is worse, it is taken away.
    A variable that turns back is given .7 of its reach from then on, one that goes on 1.2, up to `move`: a sharp
    projection otherwise leads to two designs in turn.

    **Arguments:**

    - `move`: largest change of a variable in one step, 0.2 by default.
    - `damping`: η, 1/2 by default.

    Reference: M. P. Bendsøe, O. Sigmund, Topology Optimization, Springer 2004, section 1.2.1.
    """

    restarts: ClassVar[bool] = True
    move: float = 0.2
    damping: float = 0.5

    def __post_init__(self):
        if not 0 < self.move <= 1 or not 0 < self.damping <= 1:
            raise ValueError(f"`move` and `damping` must lie in (0, 1], got {self.move:g} and {self.damping:g}.")

    def begin(self, x, constraints):
        """No step yet."""
        if constraints != 1:
            raise ValueError(f"Optimality criteria are for one constraint, got {constraints}: take `MMA`.")
        return _Memory(np.asarray(x), np.zeros_like(x), np.full_like(x, self.move))

    def step(self, memory, x, value, gradient, constraints, jacobian):
        """Bisect for λ."""
        cost = jacobian[0]
        if np.any(cost < 0) or not np.any(cost > 0):
            raise ValueError("Optimality criteria are for a constraint that grows with every variable: take `MMA`.")
        memory = self._followed(_Memory(*memory), x)
        low, high = np.maximum(0.0, x - memory.reach), np.minimum(1.0, x + memory.reach)
        worth = np.maximum(-gradient, 0.0) / np.where(cost > 0, cost, 1.0)

        scaled, free = x * worth**self.damping, np.where(gradient < 0, high, x)

        def moved(multiplier):
            return np.where(cost > 0, np.clip(scaled * multiplier**-self.damping, low, high), free)

        # A product `@` of this size wakes the threads of BLAS, which takes longer than to sum.
        excess = lambda new: constraints[0] + np.sum(cost * (new - x))
        least, most = 1e-40 * max(worth.max(), 1e-200), 1e10 * max(worth.max(), 1e-200)
        if excess(moved(least)) <= 0:
            return moved(least), memory
        for _ in range(200):
            middle = np.sqrt(least * most)
            if most <= least * (1 + 1e-12):
                break
            least, most = (middle, most) if excess(moved(middle)) > 0 else (least, middle)
        return moved(most), memory

    def _followed(self, memory, x):
        """The memory with the step that has led to x."""
        step = x - memory.last
        turn = step * memory.step
        reach = np.where(turn < 0, 0.7, np.where(turn > 0, 1.2, 1.0)) * memory.reach
        return _Memory(x, step, np.clip(reach, min(LEAST_MOVE, self.move), self.move))
