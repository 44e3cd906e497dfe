"""How well the data determine the parameters."""

import dataclasses

import numpy as np
import scipy.stats


@dataclasses.dataclass(frozen=True)
class Uncertainty:
    """Gauss–Newton covariance of fitted parameters.

    C = s² H (JᵀJ)⁻¹ Hᵀ,   H = ∂θ/∂φ,   s² = 1 if the noise is stated, else |r|² / (n − p)

    **Attributes:**

    - `covariance`, `correlation`: (p, p).
    - `std`: standard deviations.
    - `interval95`: (p, 2), by Student's t with n − p degrees of freedom where the noise was estimated.
    - `singular_values`: of J, columns scaled by each parameter's coordinate.
    - `null_directions`: for each direction that the data do not see, its largest components by name, in words.
    - `reduced_chi2`: |r|² / (n − p), noise as stated; 1 by construction where it was estimated.
    - `noise`: estimated standard deviation of the noise, None where it is stated.
    """

    covariance: np.ndarray
    correlation: np.ndarray
    std: np.ndarray
    interval95: np.ndarray
    singular_values: np.ndarray
    null_directions: list[str]
    reduced_chi2: float
    noise: float | None


IDENTIFIABLE = 1e-7


def null_directions(jacobian: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return the singular values of J and, in words, the directions in which the data do not change.

    Singular values below 1e-7 of the largest count as zero: derivatives are not known better than that.
    """
    _, values, vectors = np.linalg.svd(np.asarray(jacobian), full_matrices=False)
    words = []
    for value, vector in zip(values, vectors):
        if value <= IDENTIFIABLE * max(values[0], 1e-300):
            order = [i for i in np.argsort(-np.abs(vector)) if abs(vector[i]) > 0.05]
            lead = vector[order[0]]
            words.append(", ".join(f"{names[i]} ({vector[i] / lead:+.2f})" for i in order))
    return values, words


def uncertainty(residuals, jacobian, slope, theta, names, stated: bool, count: int) -> Uncertainty:
    """Compute the covariance at the fitted parameters.

    **Arguments:**

    - `residuals`: weighted residuals (n,).
    - `jacobian`: ∂residuals/∂φ (n, p).
    - `slope`: ∂θ/∂φ (p, p).
    - `theta`: θ (p,).
    - `names`: names of the p parameters.
    - `stated`: whether the residuals are in units of a stated noise.
    - `count`: number of measurements with finite noise.
    """
    residuals, jacobian, slope = (np.asarray(a, float) for a in (residuals, jacobian, slope))
    p = jacobian.shape[1]
    freedom = count - p
    chi2 = float(residuals @ residuals) / max(freedom, 1)
    values, words = null_directions(jacobian, names)
    variance = 1.0 if stated else chi2
    if words or freedom < 1:
        covariance = np.full((p, p), np.inf)
    else:
        covariance = variance * slope @ np.linalg.inv(jacobian.T @ jacobian) @ slope.T
    std = np.sqrt(np.diag(covariance))
    quantile = scipy.stats.norm.ppf(0.975) if stated else scipy.stats.t.ppf(0.975, max(freedom, 1))
    theta = np.asarray(theta, float)
    interval = np.stack([theta - quantile * std, theta + quantile * std], axis=1)
    with np.errstate(invalid="ignore"):
        correlation = covariance / np.outer(std, std)
    noise = None if stated else float(np.sqrt(chi2))
    return Uncertainty(covariance, correlation, std, interval, values, words, chi2 if stated else 1.0, noise)
