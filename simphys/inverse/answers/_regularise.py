"""How much a prior shall weigh: the discrepancy principle, the L-curve and the evidence."""

import dataclasses

import numpy as np

from ..._hidden import on_host
from ..._progress import Progress, told
from ..fits import Fit, fit
from ._laplace import laplace


RULES = ("discrepancy", "lcurve", "evidence")


@dataclasses.dataclass(frozen=True)
class Regularisation:
    """Fits under one prior with different weights.

    **Attributes:**

    - `weights`: (w,), increasing: what −ln p of the priors was multiplied by.
    - `misfit`: (w,), |r|² of the fit; `penalty`: (w,), −ln p of the priors as given, unweighted.
    - `curvature`: (w,), of the L-curve, ln |r|² over ln penalty; NaN at its ends.
    - `evidence`: (w,), −ln p of the data, up to a constant; NaN under the other rules.
    - `chosen`: the weight of the fit that was taken.
    - `fit`: that fit.
    - `rule`: by which; `count`: number of data.
    """

    weights: np.ndarray
    misfit: np.ndarray
    penalty: np.ndarray
    curvature: np.ndarray
    evidence: np.ndarray
    chosen: float
    fit: Fit
    rule: str
    count: int

    def __str__(self):
        rows = [
            f"  {w:9.3g}  {m:10.4g}  {p:10.4g}" for w, m, p in zip(self.weights, self.misfit, self.penalty, strict=True)
        ]
        head = f"weight by {self.rule}: {self.chosen:.3g} ({self.count} data)"
        return "\n".join([head, "     weight        |r|²     penalty", *rows])

    __repr__ = __str__


@told("weights of priors")
@on_host("A choice of regularisation")
def regularise(
    experiment,
    parameters,
    priors,
    weights=None,
    *,
    rule: str = "discrepancy",
    progress: Progress = None,
    **options,
) -> Regularisation:
    r"""Fit with priors of different weights, and take one of them by a rule.

    f_α = ½ |r|² + α Σ −ln p(θ)

    "discrepancy" (Morozov): the largest α, found by halving the last interval four times, with |r|² ≤ n: data are not
    fitted closer than their noise. "lcurve": the α at which ln |r|² over ln penalty turns most sharply, for noise whose
    level is not believed; it tends to smooth too little where data are many. "evidence": the α under which the data are
    most probable, all fields considered (empirical Bayes); by Laplace's approximation

    −ln p(y) = ½ |r|² − α ln p(θ*) + ½ Σ ln(1 + λ_i),   λ as in `laplace`

    **Arguments:**

    - `experiment`, `parameters`, `priors`: as of `fit`.
    - `weights`: α, positive; None for 10⁻³ … 10³ by factors of 10^½.
    - `rule`: "discrepancy", "lcurve" or "evidence".
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
    - `options`: passed to `fit`.

    **Returns:** a `Regularisation`.

    **Raises:** `ValueError` for a rule that is not known, for the evidence of priors that are no densities, and if no
    weight meets the discrepancy principle: the model or the stated noise is wrong then.

    References: V. A. Morozov, Soviet Math. Dokl. 7 (1966) 414; P. C. Hansen, SIAM Review 34 (1992) 561; D. J. C. MacKay,
    Neural Computation 4 (1992) 415.
    """
    if rule not in RULES:
        raise ValueError(f"`rule` must be one of {', '.join(map(repr, RULES))}, got {rule!r}.")
    if not len(priors):
        raise ValueError("`priors` is empty: there is nothing to weigh.")
    weights = np.logspace(-3, 3, 13) if weights is None else np.sort(np.asarray(weights, float))
    if weights.ndim != 1 or weights.size < (3 if rule == "lcurve" else 1) or np.any(weights <= 0):
        raise ValueError(f"`weights` must be positive numbers, for the L-curve three or more, got {weights}.")
    path = _Path(experiment, parameters, priors, options, progress or (lambda _: None))
    found = [path.at(w) for w in weights[::-1]][::-1]
    count = sum(int(np.sum(np.isfinite(n))) for _, _, n in experiment.blocks())
    misfit = np.array([_square(f) for f in found])
    penalty = np.array([f.local.prior.energy / w for f, w in zip(found, weights, strict=True)])
    curvature = _curvature(misfit, penalty) if weights.size >= 3 else np.full(weights.size, np.nan)
    evidence = np.array([_evidence(f) for f in found]) if rule == "evidence" else np.full(weights.size, np.nan)
    table = (weights, misfit, penalty, curvature, evidence)
    if rule == "discrepancy":
        return Regularisation(*table, *_discrepancy(path, weights, found, misfit, count), rule, count)
    best = int(np.nanargmax(curvature) if rule == "lcurve" else np.argmin(evidence))
    return Regularisation(*table, float(weights[best]), found[best], rule, count)


def _evidence(found):
    """−ln p(y): how well the data are met, how improbable the field is, and how few others do as well."""
    belief = laplace(found, cutoff=1e-3)
    if not np.all(np.isfinite(belief.prior_std)):
        raise ValueError(
            "The evidence needs priors that are densities: one leaves the level of a field open, as `TotalVariation` does. "
            'Take "discrepancy" or "lcurve".'
        )
    seen = belief.eigenvalues
    return _square(found) / 2 + float(found.local.prior.energy) + float(np.sum(np.log1p(seen))) / 2


def _square(found):
    return float(found.local.residuals @ found.local.residuals)


def _discrepancy(path, weights, found, misfit, count):
    """The largest weight with |r|² ≤ n, between those that were tried by bisection of ln α."""
    able = np.flatnonzero(misfit <= count)
    if not able.size:
        raise ValueError(
            f"With no weight the fit comes as close to the data as their noise allows: |r|² is {misfit.min():.4g} at best, "
            f"for {count} data. The model, or the stated noise, is wrong; or try smaller weights."
        )
    low = int(able[-1])
    chosen, taken = float(weights[low]), found[low]
    if low + 1 == weights.size:
        return chosen, taken
    high = float(weights[low + 1])
    for _ in range(4):
        middle = float(np.sqrt(chosen * high))
        trial = path.at(middle, taken)
        if _square(trial) <= count:
            chosen, taken = middle, trial
        else:
            high = middle
    return chosen, taken


def _curvature(misfit, penalty):
    """Signed curvature of (ln misfit, ln penalty) along the weights, by differences."""
    x, y = np.log(misfit), np.log(np.maximum(penalty, 1e-300))
    dx, dy = np.gradient(x), np.gradient(y)
    bend = dx * np.gradient(dy) - dy * np.gradient(dx)
    found = bend / np.maximum((dx**2 + dy**2) ** 1.5, 1e-300)
    found[[0, -1]] = np.nan
    return found


class _Path:
    """Fits that start from the one before."""

    def __init__(self, experiment, parameters, priors, options, progress):
        self.experiment, self.parameters, self.priors = experiment, parameters, priors
        self.options, self.progress = options, progress
        self.last: Fit | None = None

    def at(self, weight, start: Fit | None = None) -> Fit:
        """Fit with a weight."""
        scaled = [prior.scaled(float(weight)) for prior in self.priors]
        start = self.last if start is None else start
        phi = None if start is None else start.phi
        found = fit(self.experiment, self.parameters, priors=scaled, start=phi, **self.options)
        if found.local is None:
            raise ValueError(f"The fit with weight {weight:g} failed at its start: {found.message}")
        self.progress(f"weight {weight:.3g}: |r|² {_square(found):.5g}, {found.status}")
        self.last = found
        return found
