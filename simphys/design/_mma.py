"""The method of moving asymptotes."""

import dataclasses
from typing import NamedTuple

import numpy as np

from ._optimiser import AbstractOptimiser


class _Memory(NamedTuple):
    """Points and asymptotes of the last steps, how many there were, and what the objective is divided by."""

    last: np.ndarray
    before: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    scale: np.ndarray


@dataclasses.dataclass(frozen=True)
class MMA(AbstractOptimiser):
    """Minimise convex separable approximations of objective and constraints, with asymptotes that move.

    f̃_i(x) = r_i + Σ_j p_ij / (U_j − x_j) + q_ij / (x_j − L_j)

    Each approximation is minimised through its dual, a concave problem in as many variables as there are constraints;
    constraints that cannot be met are missed by as little as possible.

    **Arguments:**

    - `move`: largest change of a variable in one step, 0.2 by default; 0.1 or less for objectives that bend strongly.
    - `price`: of violating a constraint, relative to the objective; 1000 by default.

    Reference: K. Svanberg, International Journal for Numerical Methods in Engineering 24 (1987) 359–373, with the
    asymptotes and constants of his notes "MMA and GCMMA" (2007).
    """

    move: float = 0.2
    price: float = 1000.0

    def __post_init__(self):
        if not 0 < self.move <= 1 or not self.price > 0:
            raise ValueError(f"`move` must lie in (0, 1] and `price` be positive, got {self.move:g}, {self.price:g}.")

    def begin(self, x, constraints):
        """No step yet."""
        blank = np.zeros_like(x)
        return _Memory(blank, blank, blank, blank, np.array(0), np.array(1.0))

    def step(self, memory, x, value, gradient, constraints, jacobian):
        """Move the asymptotes, and minimise the approximations between them."""
        memory = _Memory(*memory)
        if memory.count == 0:
            memory = memory._replace(scale=np.array(max(abs(value), 1e-30) / 10))
        low, high = self._asymptotes(memory, x)
        alpha = np.maximum.reduce([np.zeros_like(x), low + 0.1 * (x - low), x - self.move])
        beta = np.minimum.reduce([np.ones_like(x), high - 0.1 * (high - x), x + self.move])
        slopes = np.concatenate([gradient[None] / memory.scale, jacobian])
        up, down = np.maximum(slopes, 0), np.maximum(-slopes, 0)
        p = (high - x) ** 2 * (1.001 * up + 0.001 * down + 1e-5)
        q = (x - low) ** 2 * (0.001 * up + 1.001 * down + 1e-5)
        offset = constraints - np.sum(p[1:] / (high - x) + q[1:] / (x - low), axis=1)
        new = _Subproblem(p, q, offset, low, high, alpha, beta, self.price).solve()
        return new, _Memory(x, memory.last, low, high, memory.count + 1, memory.scale)

    @staticmethod
    def _asymptotes(memory, x):
        if memory.count < 2:
            return x - 0.5, x + 0.5
        turn = (x - memory.last) * (memory.last - memory.before)
        factor = np.where(turn > 0, 1.2, np.where(turn < 0, 0.7, 1.0))
        low = x - factor * (memory.last - memory.low)
        high = x + factor * (memory.high - memory.last)
        return np.clip(low, x - 10, x - 0.01), np.clip(high, x + 0.01, x + 10)


class _Subproblem(NamedTuple):
    """min f̃₀(x) + c Σ y_i + y_i²/2,  f̃_i(x) − y_i ≤ 0,  α ≤ x ≤ β,  y ≥ 0, through its dual in λ ≥ 0."""

    p: np.ndarray
    q: np.ndarray
    offset: np.ndarray
    low: np.ndarray
    high: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    price: float

    def solve(self) -> np.ndarray:
        """Maximise the dual with a logarithmic barrier that fades."""
        multiplier = np.ones(len(self.offset))
        barrier = 1.0
        while barrier > 1e-10 and len(multiplier):
            multiplier = self._centre(multiplier, barrier)
            barrier /= 10
        return self._minimiser(multiplier)[0]

    def _minimiser(self, multiplier):
        """x(λ), with the sums of p and q over objective and constraints."""
        p = self.p[0] + multiplier @ self.p[1:]
        q = self.q[0] + multiplier @ self.q[1:]
        root_p, root_q = np.sqrt(p), np.sqrt(q)
        x = (root_p * self.low + root_q * self.high) / (root_p + root_q)
        return np.clip(x, self.alpha, self.beta), p, q

    def _dual(self, multiplier, barrier):
        x, p, q = self._minimiser(multiplier)
        slack = np.maximum(0.0, multiplier / self.price - 1)
        value = np.sum(p / (self.high - x) + q / (x - self.low)) + multiplier @ self.offset
        value += np.sum(self.price * (slack + slack**2 / 2) - multiplier * slack)
        return value + barrier * np.sum(np.log(multiplier)), x, p, q, slack

    def _centre(self, multiplier, barrier):
        """Newton's method with backtracking for one weight of the barrier."""
        for _ in range(50):
            value, x, p, q, slack = self._dual(multiplier, barrier)
            above, below = self.high - x, x - self.low
            gradient = self.offset + np.sum(self.p[1:] / above + self.q[1:] / below, axis=1) - slack
            gradient = gradient + barrier / multiplier
            free = (x > self.alpha) & (x < self.beta)
            slopes = (self.p[1:] / above**2 - self.q[1:] / below**2)[:, free]
            bend = (2 * p / above**3 + 2 * q / below**3)[free]
            curvature = (slopes / bend) @ slopes.T
            curvature[np.diag_indices_from(curvature)] += barrier / multiplier**2 + (slack > 0) / self.price
            step = np.linalg.solve(curvature, gradient)
            gain = gradient @ step
            if gain <= 1e-8 * barrier + 1e-13 * abs(value):
                break
            length = min(1.0, 0.99 / max(np.max(-step / multiplier), 1e-300))
            while length > 1e-12 and self._dual(multiplier + length * step, barrier)[0] < value + 1e-4 * length * gain:
                length /= 2
            if length <= 1e-12:
                break
            multiplier = multiplier + length * step
        return multiplier
