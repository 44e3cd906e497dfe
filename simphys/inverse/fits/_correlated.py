"""Residuals that are no noise: copies of one another, and correlated from one to the next."""

import dataclasses

import numpy as np
import scipy.special

from ..._told import listing
from ._objective import Local


LEAST = 16
"""Shortest sequence of residuals whose correlation is looked at."""
SURE = 1e-4
"""Probability below which residuals are not taken for white."""
ALIKE = 1e-9


@dataclasses.dataclass(frozen=True)
class Correlated:
    """How far the residuals of a fit are from independent ones.

    **Attributes:**

    - `copies`: how many residuals repeat another one: the same value, noise, prediction and derivatives.
    - `nearest`: largest correlation of a residual with the next one, over the sets of data that are not white; 0 for none.
    - `names`: of those sets.
    - `first`: (n,), whether a residual is none of the copies.
    - `spread`: J ↦ Σ J for the covariance matrix Σ of the residuals in units of their noise; None where it is 1.
    - `share`: the part of the data that counts for χ², n² / Σ ρ_ij² over n.
    """

    copies: int
    nearest: float
    names: list[str]
    first: np.ndarray
    matrices: list
    groups: np.ndarray
    share: float

    def __repr__(self):
        return listing(self)

    @property
    def white(self) -> bool:
        """Whether the residuals may be independent."""
        return not self.copies and not self.names

    def spread(self, jacobian: np.ndarray) -> np.ndarray:
        """Return Σ J: sums over copies, and over neighbours weighted by their correlation."""
        found = jacobian.copy()
        for place, shape, axis, weights in self.matrices:
            block = jacobian[place].reshape(*shape, -1)
            found[place] = _smoothed(block, axis, weights).reshape(found[place].shape)
        if self.copies:
            sums = np.zeros((self.groups.max() + 1, jacobian.shape[1]))
            np.add.at(sums, self.groups, jacobian)
            found += sums[self.groups] - jacobian
        return found


def correlated(local: Local) -> Correlated:
    """Look for copies and correlation among the residuals at a minimum, in the order in which data are given.

    The correlation ρ_k over k steps along the longest axis of each set of data is estimated where a test of Ljung and Box
    finds the residuals not to be white, and is then that of an autoregression.

    Reference: P. J. Brockwell, R. A. Davis, Time Series: Theory and Methods, Springer 1991, sections 5.2, 8.2 and 9.3.
    """
    groups = _groups(local)
    first = np.zeros(groups.size, bool)
    first[np.unique(groups, return_index=True)[1]] = True
    slopes = local.weights * local.residuals
    start, matrices, names, nearest, squares, count = 0, [], [], 0.0, 0.0, 0
    for name, measured, noise in local.objective.experiment.blocks():
        place = slice(start, start + int(np.size(measured)))
        start = place.stop
        shape = np.shape(measured)
        seen = np.ones(shape, bool) if noise is None else np.isfinite(np.asarray(noise))
        seen = seen & first[place].reshape(shape)
        axis, size = int(np.argmax(shape)), int(seen.sum())
        count, squares = count + size, squares + size
        if shape[axis] < LEAST or size < LEAST:
            continue
        rho = _autocorrelation(slopes[place].reshape(shape), seen, axis)
        if _white(rho, size, local.size):
            continue
        weights = _autoregressive(rho, size)
        matrices.append((place, shape, axis, weights))
        names.append(name)
        nearest = max(nearest, float(rho[1]), key=abs)
        squares += size * 2 * float(np.sum(weights[1:] ** 2))
    copies = int(groups.size - first.sum())
    share = count / squares if squares else 1.0
    return Correlated(copies, nearest, names, first, matrices, groups, share)


def _groups(local):
    """A number for each residual, equal for those that repeat one another."""
    blocks = local.objective.experiment.blocks()
    measured = np.concatenate([np.ravel(np.asarray(m, float)) for _, m, _ in blocks])
    filled = lambda m, s: np.broadcast_to(1.0 if s is None else np.asarray(s, float), np.shape(m)).ravel()
    noise = np.concatenate([filled(m, s) for _, m, s in blocks])
    J, r = local.jacobian, local.residuals
    size = np.abs(J).max(axis=0, initial=0.0)
    scaled = J / np.where(size > 0, size, 1.0)
    # What does not depend on the parameters repeats without harm.
    telling = np.abs(scaled).max(axis=1, initial=0.0) > ALIKE
    order = np.lexsort((scaled @ np.cos(np.arange(J.shape[1])), noise, measured))
    before, after = order[:-1], order[1:]
    same = (measured[before] == measured[after]) & (noise[before] == noise[after])
    same &= telling[after] & np.isfinite(noise[after])
    same &= np.all(np.abs(scaled[before] - scaled[after]) <= ALIKE, axis=1)
    same &= np.abs(r[before] - r[after]) <= ALIKE * (1 + np.abs(r[after]))
    numbers = np.concatenate([[0], np.cumsum(~same)]) if order.size else np.zeros(0, int)
    groups = np.empty(order.size, int)
    groups[order] = numbers
    return groups


def _autocorrelation(values, seen, axis):
    """ρ_k over all sequences along an axis, by Fourier transforms."""
    values = np.moveaxis(np.where(seen, values, 0.0), axis, 0)
    n = values.shape[0]
    transformed = np.fft.rfft(values, 2 * n, axis=0)
    products = np.fft.irfft(np.abs(transformed) ** 2, 2 * n, axis=0)[:n].reshape(n, -1).sum(axis=1)
    return products / products[0] if products[0] > 0 else np.where(np.arange(n) == 0, 1.0, 0.0)


def _white(rho, count, parameters) -> bool:
    """Ljung and Box's test over up to ten lags."""
    lags = min(10, rho.size // 4)
    statistic = (count + 2) * float(np.sum(rho[1 : lags + 1] ** 2 / (1 - np.arange(1, lags + 1) / rho.size)))
    return count <= 4 * parameters or scipy.special.chdtrc(lags, statistic) > SURE


def _autoregressive(rho, count):
    """ρ_k of the autoregression of the order that the data support (Schwarz), by Levinson and Durbin's recursion.

    Positive definite as a whole, with tails and resonances that single ρ_k lose in noise.
    """
    most = int(min(rho.size // 4, 10 * np.log10(count)))
    coefficients, error, best = np.zeros(0), 1.0, (np.inf, np.zeros(0))
    for order in range(most + 1):
        score = count * np.log(max(error, 1e-300)) + order * np.log(count)
        if score < best[0]:
            best = (score, coefficients)
        if order == most or error <= 1e-12:
            break
        reflection = (rho[order + 1] - coefficients @ rho[order:0:-1]) / error
        coefficients = np.append(coefficients - reflection * coefficients[::-1], reflection)
        error *= 1 - reflection**2
    chosen, found = best[1], rho.copy()
    for lag in range(chosen.size + 1, rho.size):
        found[lag] = chosen @ found[lag - chosen.size : lag][::-1]
    return found


def _smoothed(block, axis, weights):
    """Σ_k ρ_|k| J_{t+k} along an axis."""
    block = np.moveaxis(block, axis, 0)
    n = block.shape[0]
    both = np.concatenate([weights, [0.0], weights[:0:-1]])
    kernel = np.fft.rfft(both).reshape(-1, *(1,) * (block.ndim - 1))
    found = np.fft.irfft(kernel * np.fft.rfft(block, 2 * n, axis=0), 2 * n, axis=0)[:n]
    return np.moveaxis(found, 0, axis)
