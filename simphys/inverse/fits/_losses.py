"""What a residual costs: squares, and losses that bear with outliers."""

import abc

import equinox as eqx
import numpy as np

from ..._check import positive


class AbstractLoss(eqx.Module):
    """A loss Σ ρ(r) of residuals in units of their noise, ρ(r) ≈ ½ r² for small r."""

    @abc.abstractmethod
    def value(self, r: np.ndarray) -> np.ndarray:
        """Return ρ(r)."""

    @abc.abstractmethod
    def weight(self, r: np.ndarray) -> np.ndarray:
        """Return w(r) = ρ'(r) / r: least squares with these weights have the gradient of the loss."""

    @abc.abstractmethod
    def curvature(self, r: np.ndarray) -> np.ndarray:
        """Return ρ''(r)."""


class Squares(AbstractLoss):
    """ρ(r) = ½ r²."""

    def value(self, r):
        """Return ½ r²."""
        return 0.5 * r**2

    def weight(self, r):
        """Return 1."""
        return np.ones_like(r)

    def curvature(self, r):
        """Return 1."""
        return np.ones_like(r)


class Huber(AbstractLoss):
    """ρ(r) = ½ r² up to |r| = k, and k |r| − ½ k² beyond: far values pull, but no harder than those at k.

    **Arguments:**

    - `k`: in standard deviations; 1.345 loses 5 % of the efficiency of least squares if there are no outliers.

    Reference: P. J. Huber, Ann. Math. Statist. 35 (1964) 73.
    """

    k: float = eqx.field(static=True, default=1.345)

    def __check_init__(self):
        positive("k", self.k)

    def value(self, r):
        """Return ρ(r)."""
        size = np.abs(r)
        return np.where(size <= self.k, 0.5 * r**2, self.k * size - 0.5 * self.k**2)

    def weight(self, r):
        """Return min(1, k / |r|)."""
        return self.k / np.maximum(np.abs(r), self.k)

    def curvature(self, r):
        """Return 1 within k, else 0."""
        return (np.abs(r) <= self.k).astype(float)


class Cauchy(AbstractLoss):
    """ρ(r) = ½ c² ln(1 + r²/c²): the further off a value, the less it pulls. There may be several minima.

    **Arguments:**

    - `c`: in standard deviations; 2.385 loses 5 % of the efficiency of least squares if there are no outliers.

    Reference: P. W. Holland, R. E. Welsch, Commun. Statist. A 6 (1977) 813.
    """

    c: float = eqx.field(static=True, default=2.385)

    def __check_init__(self):
        positive("c", self.c)

    def value(self, r):
        """Return ρ(r)."""
        return 0.5 * self.c**2 * np.log1p((r / self.c) ** 2)

    def weight(self, r):
        """Return 1 / (1 + r²/c²)."""
        return 1 / (1 + (r / self.c) ** 2)

    def curvature(self, r):
        """Return (1 − r²/c²) / (1 + r²/c²)²."""
        square = (r / self.c) ** 2
        return (1 - square) / (1 + square) ** 2


def variance_factor(loss: AbstractLoss, residuals: np.ndarray, effective: float) -> float:
    """Return by what the covariance (JᵀJ)⁻¹ is to be multiplied for an estimate by a robust loss.

    K² [Σ ρ'² / (n − p)] / [Σ ρ'' / n]²,   K = 1 + (p/n) var ρ'' / (mean ρ'')²

    **Arguments:**

    - `residuals`: (n,), in units of the noise.
    - `effective`: p, number of parameters.

    Reference: P. J. Huber, Robust Statistics, Wiley 1981, section 7.6.
    """
    n = residuals.size
    slope = loss.weight(residuals) * residuals
    bend = loss.curvature(residuals)
    mean = bend.mean()
    if n <= effective or mean <= 0:
        return np.inf
    correction = 1 + effective / n * bend.var() / mean**2
    return float(correction**2 * (slope @ slope) / (n - effective) / mean**2)
