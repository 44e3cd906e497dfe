"""Gauss–Newton steps by conjugate gradients, in a region of trust; no matrix is formed."""

import numpy as np

from ..._result import RESULTS
from ..._typing import Callable
from ._search import Limits, Search


MOST_STEPS = 200


def newton_cg(search: Search, limits: Limits):
    """Minimise the quadratic model gᵀδ + ½ δᵀHδ within |δ|_R ≤ Δ, R the curvature of the priors; return the status.

    Each conjugate-gradient step costs one tangent and one adjoint solve of each load step. They end early where the model
    is not worth more (Eisenstat and Walker), at the border of the region, and along a direction without curvature.

    Reference: T. Steihaug, SIAM J. Numer. Anal. 20 (1983) 626.
    """
    if (status := search.begin()) != RESULTS.successful:
        return status
    first = search.best.cosine()
    search.control = np.inf
    for _ in range(limits.max_iterations):
        best = search.best
        cosine = best.cosine()
        if cosine <= limits.gradient or best.value == 0.0:
            return RESULTS.successful
        forcing = min(0.1, np.sqrt(cosine / first) if first > 0 else 0.1)
        solve = best.prior_solve
        step, length, border = steihaug(best.curvature, best.gradient, solve, search.control, forcing, _metric(best))
        trial = search.trial(search.phi + step)
        gain = search.gain(trial, step)
        if gain > 1e-4:
            search.accept(trial)
            if gain > 0.75 and border:
                search.control *= 2
        else:
            search.reject(trial, search.phi + step)
            # What a whole step brings is the squared distance to the minimum in standard errors, by halves.
            near = best.predicted(step) <= max(1e-12 * best.value, 0.5e-4)
            if near and not border:
                return RESULTS.successful
        if gain < 0.25:
            search.control = 0.25 * length
        if np.linalg.norm(step) <= limits.step * (1 + np.linalg.norm(search.phi)):
            return RESULTS.successful if gain > 1e-4 else RESULTS.fit_stalled
    return RESULTS.fit_unfinished


def _metric(local) -> Callable:
    """⟨u, v⟩ by the curvature of the priors, as `Local.prior_solve` has it."""
    A = local.prior.matrix
    largest = np.asarray(A.multiply(A).sum(axis=0)).max(initial=0.0)
    shift = 1e-10 * largest if largest > 0 else 1.0
    return lambda u, v: float((A @ u) @ (A @ v) + shift * (u @ v))


def steihaug(
    curvature: Callable, gradient: np.ndarray, solve: Callable, radius: float, forcing: float, metric: Callable
) -> tuple[np.ndarray, float, bool]:
    """Return an approximate minimiser of the model, its length, and whether it lies on the border."""
    step, r = np.zeros_like(gradient), gradient.copy()
    z = solve(r)
    d, rz = -z, float(r @ z)
    enough = forcing**2 * rz
    for _ in range(min(MOST_STEPS, 2 * gradient.size)):
        Hd = curvature(d[:, None])[:, 0]
        bend = float(d @ Hd)
        ahead = step + (rz / bend) * d if bend > 0 else None
        if ahead is None or metric(ahead, ahead) >= radius**2:
            if not np.isfinite(radius):
                break
            return _to_border(step, d, radius, metric), radius, True
        step, r = ahead, r + (rz / bend) * Hd
        z = solve(r)
        new = float(r @ z)
        if new <= enough:
            break
        d, rz = -z + (new / rz) * d, new
    return step, float(np.sqrt(metric(step, step))), False


def _to_border(step, d, radius, metric):
    """step + τ d with |step + τ d| = Δ, τ > 0."""
    a, b, c = metric(d, d), metric(step, d), metric(step, step) - radius**2
    return step + (-b + np.sqrt(b * b - a * c)) / a * d
