"""Whether a fit agrees with its data, and what a reader of its numbers should know."""

import dataclasses

import numpy as np
import scipy.special

from ..._told import listing
from ..experiments import outside_of
from ._correlated import Correlated
from ._losses import Squares
from ._objective import FEW, Local
from ._uncertainty import Uncertainty


IMPROBABLE = 1e-6
AGREES, CONTRADICTS, UNKNOWN = "agrees with its data", "contradicts its data", "not judged"
OUTLIERS = 0.25
"""Part of the data that may be outliers where a robust loss bears with them."""
DOMINATED = 0.1
"""Part of what is known of a parameter that comes from the data, below which it is its prior's."""
TENSION = 5.0
PROBABLE = 0.6745
"""Half of all residuals are larger, in units of the noise."""
ALIKE = 1e-9


@dataclasses.dataclass(frozen=True)
class Quality:
    """The goodness of a fit.

    **Attributes:**

    - `p_value`: probability of residuals as large as these if model, noise and priors are right: that of χ² with as many
      degrees of freedom as there are independent data less parameters, or of a prior as far from what the data say, if that
      is smaller; under a robust loss, of as many residuals beyond their probable error. None where the noise is unknown.
    - `verdict`: "agrees with its data", "contradicts its data" (p below 1e-6), or "not judged" (unknown noise).
    - `white`: whether the residuals may be independent of one another.
    - `remarks`: in words, what is wrong or should be known; the first is of the verdict if that is bad.
    """

    p_value: float | None
    verdict: str
    white: bool
    remarks: list[str]

    def __repr__(self):
        return listing(self)


def judge(local: Local, spread: Uncertainty, found: Correlated) -> Quality:
    """Judge a fit at its end."""
    priors = _priors(local, spread)
    p_value, words = _p_value(local, spread, found)
    if p_value is not None:
        # Data and prior may each be content with a compromise that is far from both.
        apart = max((apart for _, _, apart in priors), default=0.0)
        p_value = min(p_value, float(scipy.special.erfc(apart / np.sqrt(2))))
    verdict = UNKNOWN if p_value is None else CONTRADICTS if p_value < IMPROBABLE else AGREES
    remarks = [f"{name!r}: {done}" for name, done in outside_of(local.objective.experiment).items()]
    if verdict == CONTRADICTS:
        line = (
            f"the fit contradicts its data: {words} (p = {p_value:.1e}). The model, a prior, the stated noise or a unit is "
            "wrong, and the intervals mean nothing"
        )
        remarks.insert(0, line)
    for name, share, apart in priors:
        if share < DOMINATED:
            remarks.append(
                f"{name} is held by its prior: the data contribute {100 * share:.2g} % of what is known of it"
            )
        if apart > TENSION:
            remarks.append(f"the prior on {name} and the data are {apart:.3g} standard deviations apart")
    if local.evaluation.weakly_active:
        remarks.append(
            f"{local.evaluation.weakly_active} points stand at a kink of their law at the parameters found: derivatives "
            "there, and the intervals made of them, are one-sided"
        )
    return Quality(p_value, verdict, found.white, [*remarks, *_units(local), *_independence(spread, found)])


def _p_value(local, spread, found):
    """p of the residuals and what it is of, in words; None where the noise is not stated."""
    noises = [noise for _, _, noise in local.objective.experiment.blocks()]
    if any(noise is None for noise in noises):
        return None, ""
    r = local.residuals[np.concatenate([np.isfinite(np.asarray(noise)).ravel() for noise in noises]) & found.first]
    if not isinstance(local.objective.loss, Squares):
        beyond, most = int(np.sum(np.abs(r) > PROBABLE)), 0.5 + OUTLIERS / 2
        p = float(scipy.special.bdtrc(beyond - 1, r.size, most)) if beyond else 1.0
        return p, f"{beyond} of {r.size} residuals are larger than they should be in half of all cases"
    chi2, freedom = float(r @ r), max(r.size - spread.effective, 0.0)
    return _beyond(chi2, freedom, found.share), f"χ² is {chi2:.4g} for {freedom:.4g} degrees of freedom"


def _beyond(chi2, freedom, share):
    """Probability of a larger χ², of which only a share is independent."""
    return float(scipy.special.chdtrc(freedom * share, chi2 * share)) if freedom > 0 else 1.0


def _scalars(local):
    """Entries of φ that are numbers of their own with a Gaussian prior, as (name, entry)."""
    parameters, found = local.objective.parameters, []
    for number, form in local.objective.penalty.parts:
        part = parameters.part(number)
        own = parameters.transforms[number].pointwise() and part.stop - part.start <= FEW and not parameters.networks
        if own and not form.latent and form.weights is None:
            found += [(parameters.coordinates[entry], entry) for entry in range(part.start, part.stop)]
    return found


def _priors(local, spread):
    """(name, share of the data in what is known, deviations between prior and data) of each entry with its own prior."""
    J, A = local.jacobian, local.prior.matrix.toarray()
    data, prior, found = J.T @ J * (spread.effective_data / max(spread.data, 1)), A.T @ A, []
    for name, entry in _scalars(local):
        own = prior[entry, entry]
        others = np.delete(np.arange(local.size), entry)
        # What the data (and the priors on the others) tell of this entry, the others being free.
        rest = data + prior
        across = rest[entry, others]
        told = rest[entry, entry] - own - across @ np.linalg.pinv(rest[np.ix_(others, others)], hermitian=True) @ across
        told = max(float(told), 0.0)
        pull = float((A.T @ local.prior.residuals)[entry])
        apart = abs(pull) * float(np.sqrt(1 / told + 1 / own)) if told > ALIKE * own else 0.0
        found.append((name, told / (told + own), apart))
    return found


def _units(local):
    """Sets of data that are a power of ten times what is predicted."""
    lines, start = [], 0
    for name, measured, noise in local.objective.experiment.blocks():
        measured = np.ravel(np.asarray(measured, float))
        deviation = np.broadcast_to(1.0 if noise is None else np.ravel(np.asarray(noise, float)), measured.shape)
        r, start = local.residuals[start : start + measured.size], start + measured.size
        seen = np.isfinite(deviation)
        m, s, r = measured[seen], deviation[seen], r[seen]
        p = m + s * r
        if not m.size or not np.any(p) or not np.any(m):
            continue
        factor = float((m / s) @ (p / s) / np.sum((p / s) ** 2))
        left = np.sum(((m - factor * p) / s) ** 2)
        power = round(np.log10(abs(factor))) if factor else 0
        if power and left < 0.1 * (r @ r) and abs(np.log10(abs(factor)) - power) < 0.15:
            lines.append(f"{name!r} is about {10.0**power:g} times what is predicted: are its units right?")
        elif r @ r > 0.5 * np.sum((m / s) ** 2):
            lines.append(f"the residuals of {name!r} are as large as the data themselves: nothing of them is explained")
    return lines


def _independence(spread, found):
    lines = []
    if found.copies:
        lines.append(
            f"{found.copies} of {spread.data} data repeat another one exactly, and count once: "
            f"{spread.effective_data:.4g} in all"
        )
    if found.names:
        lines.append(
            f"the residuals of {', '.join(map(repr, found.names))} are not white (correlation up to {found.nearest:+.2f} "
            f"from one to the next): {spread.data} data count as {spread.effective_data:.4g}, and the intervals are so "
            "much wider"
        )
    return lines
