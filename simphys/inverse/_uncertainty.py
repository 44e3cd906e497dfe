"""How well the data determine the parameters."""

import dataclasses

import numpy as np
import scipy.linalg
import scipy.special

from ._losses import variance_factor
from ._objective import FEW, Local


@dataclasses.dataclass(frozen=True)
class Uncertainty:
    """Gauss–Newton covariance of fitted parameters.

    C = s² S H⁻¹ Sᵀ,   S = ∂θ/∂φ,   H = JᵀJ + curvature of the priors,
    s² = 1 if the noise is stated, else |r|² / (n − p); for robust losses Huber's factor

    **Attributes:**

    - `covariance`, `correlation`: (p, p).
    - `std`: standard deviations.
    - `interval95`: (p, 2), by Student's t with n − p degrees of freedom where the noise was estimated.
    - `singular_values`: of J (with the priors' rows), columns scaled by each parameter's coordinate.
    - `null_directions`: for each direction that the data do not see, its largest components by name, in words.
    - `reduced_chi2`: |r|² / (n − p), noise as stated; 1 by construction where it was estimated.
    - `noise`: estimated standard deviation of the noise, None where it is stated.
    - `effective`: p, how many parameters the data determine: tr(J H⁻¹ Jᵀ), their number where there are no priors.
    """

    covariance: np.ndarray
    correlation: np.ndarray
    std: np.ndarray
    interval95: np.ndarray
    singular_values: np.ndarray
    null_directions: list[str]
    reduced_chi2: float
    noise: float | None
    effective: float


IDENTIFIABLE = 1e-7


def null_space(local: Local) -> tuple[np.ndarray, np.ndarray]:
    """Return the singular values of J with the priors' rows, and the directions in which nothing changes, as rows.

    Singular values below 1e-7 of the largest count as zero: derivatives are not known better than that.
    """
    if local.size <= FEW:
        rows = np.concatenate([local.jacobian, local.prior.matrix.toarray()])
        # With fewer rows than columns the rest of the directions would be left out.
        rows = np.concatenate([rows, np.zeros((max(local.size - len(rows), 0), local.size))])
        _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    else:
        squares, vectors = scipy.linalg.eigh(local.matrix())
        values, vectors = np.sqrt(np.maximum(squares[::-1], 0)), vectors[:, ::-1].T
    return values, vectors[values <= IDENTIFIABLE * max(values[0], 1e-300)]


def in_words(vector: np.ndarray, names: list[str]) -> str:
    """Return a direction as its largest components: "a (+1.00), b (-0.80)"."""
    order = [i for i in np.argsort(-np.abs(vector)) if abs(vector[i]) > 0.05 * np.abs(vector).max()]
    lead = vector[order[0]]
    shown = ", ".join(f"{names[i]} ({vector[i] / lead:+.2f})" for i in order[:8])
    return shown + (f" and {len(order) - 8} more" if len(order) > 8 else "")


def uncertainty(local: Local, slope: np.ndarray, theta: np.ndarray) -> Uncertainty:
    """Compute the covariance at fitted parameters.

    **Arguments:**

    - `local`: the objective there, with its Jacobian.
    - `slope`: ∂θ/∂φ (number, coordinate).
    - `theta`: θ.
    """
    objective = local.objective
    noises = [noise for _, _, noise in objective.experiment.blocks()]
    stated = all(noise is not None for noise in noises)
    count = local.residuals.size if not stated else sum(int(np.sum(np.isfinite(noise))) for noise in noises)
    values, null = null_space(local)
    words = [in_words(vector, objective.parameters.coordinates) for vector in null]
    inverse, effective = _inverse(local, bool(words))
    freedom = count - effective
    square = float(local.residuals @ local.residuals)
    chi2 = square / freedom if freedom > 0 else square
    variance = chi2
    if stated:
        seen = np.concatenate([np.isfinite(np.asarray(noise)).ravel() for noise in noises])
        variance = variance_factor(objective.loss, local.residuals[seen], effective)
        variance = variance if _robust(objective.loss) else 1.0
    if inverse is None or freedom <= 0:
        covariance = np.full((theta.size, theta.size), np.inf)
    else:
        covariance = variance * slope @ inverse @ slope.T
    std = np.sqrt(np.diag(covariance))
    quantile = scipy.special.ndtri(0.975) if stated else scipy.special.stdtrit(max(freedom, 1), 0.975)
    interval = np.stack([theta - quantile * std, theta + quantile * std], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(std, std)
    noise = None if stated else float(np.sqrt(chi2))
    chi2 = chi2 if stated else 1.0
    return Uncertainty(covariance, correlation, std, interval, values, words, chi2, noise, effective)


def _robust(loss):
    return bool(np.any(loss.curvature(np.array([1e3])) != 1))


def _inverse(local, singular):
    """H⁻¹ with H = JᵀJ + AᵀA (JᵀWJ's place is taken by Huber's factor), and tr(J H⁻¹ Jᵀ)."""
    if singular:
        return None, float(local.size)
    prior = (local.prior.matrix.T @ local.prior.matrix).toarray()
    data = local.jacobian.T @ local.jacobian
    length = np.sqrt(np.diag(data + prior))
    scaled = (data + prior) / np.outer(length, length)
    inverse = np.linalg.inv(scaled) / np.outer(length, length)
    effective = float(local.size) if not local.prior.residuals.size else float(np.sum(inverse * data))
    return inverse, effective
