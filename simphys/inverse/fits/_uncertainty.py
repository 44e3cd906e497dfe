"""How well the data determine the parameters."""

import dataclasses

import numpy as np
import scipy.linalg
import scipy.special

from ..._told import listing
from ._correlated import Correlated
from ._losses import variance_factor
from ._objective import FEW, INFLUENCE, Local


@dataclasses.dataclass(frozen=True)
class Uncertainty:
    """Gauss–Newton covariance of fitted parameters.

    C = s² S H⁻¹ S̄ H⁻¹ Sᵀ,   S = ∂θ/∂φ,   H = JᵀJ + curvature of the priors,   S̄ = JᵀΣJ + curvature of the priors,
    s² = 1 if the noise is stated, else |r|² / (n − p); for robust losses Huber's factor

    Σ is 1 for independent residuals, and C then s² S H⁻¹ Sᵀ. Where residuals are seen to be correlated from one to the
    next, or to repeat one another, Σ is their correlation matrix; deviations never become smaller by it. Along directions
    that the data do not determine, H⁻¹ is a pseudo-inverse, and only parameters that change along them have no bounds.

    **Attributes:**

    - `covariance`, `correlation`: (p, p); infinite and NaN for parameters that are not determined.
    - `std`: standard deviations.
    - `interval95`: (p, 2), by Student's t with n − p degrees of freedom where the noise was estimated.
    - `singular_values`: of J (with the priors' rows), columns scaled by each parameter's coordinate.
    - `null_directions`: for each direction that the data do not see, its largest components by name, in words.
    - `undetermined`: names of the parameters that change along one of them.
    - `reduced_chi2`: |r|² / (n − p), noise as stated; 1 by construction where it was estimated.
    - `noise`: estimated standard deviation of the noise, None where it is stated.
    - `effective`: p, how many parameters the data determine: tr(J H⁻¹ Jᵀ), their number where there are no priors.
    - `data`: n, how many data there are; `effective_data`: for how many independent ones they count.
    """

    covariance: np.ndarray
    correlation: np.ndarray
    std: np.ndarray
    interval95: np.ndarray
    singular_values: np.ndarray
    null_directions: list[str]
    undetermined: list[str]
    reduced_chi2: float
    noise: float | None
    effective: float
    data: int
    effective_data: float

    def __repr__(self):
        return listing(self)


IDENTIFIABLE = 1e-7
UNSEEN = 1e-4
"""Part of a parameter's derivative along directions that are not seen, from which on it is not determined."""


def null_space(local: Local) -> tuple[np.ndarray, np.ndarray]:
    """Return the singular values of J with the priors' rows, and the directions in which nothing changes, as rows.

    Singular values below 1e-7 of the largest count as zero: derivatives are not known better than that.
    """
    gone = np.flatnonzero(without_influence(local))
    rest = np.setdiff1d(np.arange(local.size), gone)
    if local.size <= FEW:
        rows = np.concatenate([local.jacobian, local.prior.matrix.toarray()])
        # With fewer rows than columns the rest of the directions would be left out.
        rows = np.concatenate([rows, np.zeros((max(local.size - len(rows), 0), local.size))])
        every = np.linalg.svd(rows, compute_uv=False)
        _, values, vectors = np.linalg.svd(rows[:, rest], full_matrices=False)
    else:
        matrix = local.matrix()
        every = np.sqrt(np.maximum(scipy.linalg.eigh(matrix, eigvals_only=True)[::-1], 0)) if gone.size else None
        squares, vectors = scipy.linalg.eigh(matrix[np.ix_(rest, rest)])
        values, vectors = np.sqrt(np.maximum(squares[::-1], 0)), vectors[:, ::-1].T
        every = values if every is None else every
    unseen = vectors[values <= IDENTIFIABLE * max(values.max(initial=0.0), 1e-300)]
    null = np.zeros((gone.size + len(unseen), local.size))
    null[np.arange(gone.size), gone] = 1.0
    null[gone.size :, rest] = unseen
    return every, null


def without_influence(local: Local) -> np.ndarray:
    """Which entries of φ nothing depends on any more, measured against the scatter of the residuals."""
    r = local.residuals
    noises = [noise for _, _, noise in local.objective.experiment.blocks()]
    size = np.linalg.norm(r)
    if all(noise is not None for noise in noises):
        size = min(size, np.sqrt(r.size))
    return local.felt() <= INFLUENCE * size


def in_words(vector: np.ndarray, names: list[str]) -> str:
    """Return a direction as its largest components, "a (+1.00), b (-0.80)"; those that are alike in the order of names."""
    size = np.abs(vector) / np.abs(vector).max()
    order = [i for i in np.argsort(-np.round(size, 2), kind="stable") if size[i] > 0.05]
    lead = vector[order[0]]
    shown = ", ".join(f"{names[i]} ({vector[i] / lead:+.2f})" for i in order[:8])
    return shown + (f" and {len(order) - 8} more" if len(order) > 8 else "")


def uncertainty(local: Local, slope: np.ndarray, theta: np.ndarray, found: Correlated) -> Uncertainty:
    """Compute the covariance at fitted parameters.

    **Arguments:**

    - `local`: the objective there, with its Jacobian.
    - `slope`: ∂θ/∂φ (number, coordinate).
    - `theta`: θ.
    - `found`: what is seen of the residuals' correlation.
    """
    objective = local.objective
    noises = [noise for _, _, noise in objective.experiment.blocks()]
    stated = all(noise is not None for noise in noises)
    count = local.residuals.size if not stated else sum(int(np.sum(np.isfinite(noise))) for noise in noises)
    values, null = null_space(local)
    words = [in_words(vector, objective.parameters.coordinates) for vector in null]
    inverse, effective, ratio = _inverse(local, null, found)
    freedom = count - effective
    square = float(local.residuals @ local.residuals)
    chi2 = square / freedom if freedom > 0 else square
    variance = chi2
    if stated:
        seen = np.concatenate([np.isfinite(np.asarray(noise)).ravel() for noise in noises])
        variance = variance_factor(objective.loss, local.residuals[seen], effective)
        variance = variance if _robust(objective.loss) else 1.0
    lost = _undetermined(slope, null) if freedom > 0 else np.ones(theta.size, bool)
    covariance = variance * slope @ inverse @ slope.T if freedom > 0 else np.zeros((theta.size, theta.size))
    covariance[lost], covariance[:, lost] = np.inf, np.inf
    std = np.sqrt(np.diag(covariance))
    # As many degrees of freedom as there are data that count.
    counted = max(count / ratio, effective + 1.0)
    quantile = scipy.special.ndtri(0.975) if stated else scipy.special.stdtrit(max(counted - effective, 1), 0.975)
    interval = np.stack([theta - quantile * std, theta + quantile * std], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / std[:, None] / std[None, :]
    noise = None if stated else float(np.sqrt(chi2))
    names = [name for name, gone in zip(objective.parameters.names, lost, strict=True) if gone]
    return Uncertainty(
        covariance, correlation, std, interval, values, words, names, chi2 if stated else 1.0, noise, effective, count,
        count / ratio,
    )  # fmt: skip


def _robust(loss):
    return bool(np.any(loss.curvature(np.array([1e3])) != 1))


def _undetermined(slope, null):
    """Which θ change along directions that are not seen."""
    if not len(null):
        return np.zeros(slope.shape[0], bool)
    size = np.linalg.norm(slope, axis=1)
    return np.linalg.norm(slope @ null.T, axis=1) > UNSEEN * np.where(size > 0, size, 1.0)


def _inverse(local, null, found):
    """H⁻¹ S̄ H⁻¹ on what is determined, H = JᵀJ + AᵀA; tr(J H⁻¹ Jᵀ), and the mean of the variances' growth by Σ."""
    J, prior = local.jacobian, (local.prior.matrix.T @ local.prior.matrix).toarray()
    data = J.T @ J
    length = np.sqrt(np.diag(data + prior))
    length = np.where(length > 0, length, 1.0)
    scaled = (data + prior) / np.outer(length, length)
    unseen = null * length
    unseen = unseen / np.linalg.norm(unseen, axis=1, keepdims=True)
    basis = scipy.linalg.null_space(unseen) if len(null) else np.eye(local.size)
    inverse = basis @ np.linalg.inv(basis.T @ scaled @ basis) @ basis.T / np.outer(length, length)
    effective = float(basis.shape[1]) if not local.prior.residuals.size else float(np.sum(inverse * data))
    if found.white or not basis.size:
        return inverse, effective, 1.0
    # In coordinates in which H is 1: growth along each direction, never below 1.
    root = np.linalg.cholesky(basis.T @ scaled @ basis)
    half = scipy.linalg.solve_triangular(root, basis.T / length, lower=True)
    excess = J.T @ (found.spread(J) - J)
    growth, vectors = np.linalg.eigh(half @ (excess + excess.T) @ half.T / 2)
    growth = np.maximum(growth, 0.0)
    grown = half.T @ vectors
    return inverse + grown @ np.diag(growth) @ grown.T, effective, 1.0 + float(growth.mean())
