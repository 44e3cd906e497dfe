"""Profile likelihood: how much worse the best fit becomes when one parameter is held elsewhere."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import scipy.special

from ..._hidden import on_host
from ..._result import RESULTS
from ..fits import Fit, Limits, Local, Objective, Search, levenberg_marquardt


@dataclasses.dataclass(frozen=True)
class Profile:
    """The profile of one parameter.

    **Attributes:**

    - `name`: of the parameter; `level`: of the interval.
    - `theta`: (point,), increasing, values at which it was held.
    - `excess`: (point,), 2 (min f − min f overall) there, over s² where the noise was estimated.
    - `others`: (point, number), all parameters there.
    - `threshold`: excess at the ends of the interval: the quantile of χ² with 1 degree of freedom, of F where the noise
      was estimated.
    - `interval`: ends of the interval; infinite where the excess stays below the threshold as far as was looked.
    - `estimate`: the fitted value.
    """

    name: str
    level: float
    theta: np.ndarray
    excess: np.ndarray
    others: np.ndarray
    threshold: float
    interval: tuple[float, float]
    estimate: float

    def __str__(self):
        low, high = self.interval
        return f"{self.name} = {self.estimate:.6g}, {100 * self.level:g} % by profile: [{low:.6g}, {high:.6g}]"

    __repr__ = __str__


@on_host("A profile")
@on_host("A profile")
def profile(fit: Fit, name: str, *, level: float = 0.95, reach: float = 10.0, max_points: int = 30) -> Profile:
    r"""Return the profile of a parameter, and the interval of a given level that follows from it.

    PL(θ_j) = min over the others of f,   {θ_j : 2 (PL(θ_j) − f*) ≤ χ²₁(level)}

    Unlike the intervals of `Fit.uncertainty` it allows for curvature, asymmetry and bounds. From the fit outwards the
    parameter is held at one value after another and the others are fitted, each from the ones before.

    **Arguments:**

    - `fit`: a successful fit by Levenberg–Marquardt with squared residuals.
    - `name`: a name in `fit.names`, of a parameter whose entries have transforms of their own.
    - `level`: of the interval.
    - `reach`: how many standard deviations (in φ) to look; one end may be infinite.
    - `max_points`: fits at most to each side.

    **Returns:** a `Profile`.

    **Raises:** `ValueError` for a name that is not known, or a fit that has no curvature.

    Reference: W. Q. Meeker, L. A. Escobar, Amer. Statist. 49 (1995) 48.
    """
    local, entry = _checked(fit, name)
    variance, threshold = _scale(fit, local, level)
    objective, center = local.objective, np.asarray(local.phi, float)
    inverse = np.linalg.pinv(local.matrix(), hermitian=True)
    spread = np.sqrt(variance * max(inverse[entry, entry], 1e-300))
    points = [(center[entry], 0.0, np.asarray(objective.parameters.flat(local.phi)))]
    ends = []
    for side in (-1.0, 1.0):
        found, end = _walk(objective, local, entry, side * spread, inverse, variance, threshold, reach, max_points)
        points += found
        ends.append(end)
    points.sort(key=lambda point: point[0])
    index = fit.names.index(name)
    others = np.stack([p[2] for p in points])
    theta, excess = others[:, index], np.array([p[1] for p in points])
    order = np.argsort(theta)
    interval = tuple(sorted(_theta(objective, center, entry, index, end) for end in ends))
    return Profile(
        name, level, theta[order], excess[order], others[order], threshold, interval, float(fit.values[index])
    )


def _checked(fit, name):
    if fit.local is None or fit.local.jacobian is None or fit.status == "fit_interrupted":
        raise ValueError("A profile starts from a fit that has ended, with its Jacobian.")
    parameters = fit.local.objective.parameters
    if name not in fit.names:
        raise ValueError(f"No parameter {name!r}; there are {', '.join(map(repr, fit.names[:12]))}.")
    if name not in parameters.coordinates:
        raise ValueError(f"{name!r} has no coordinate of its own: its transform mixes several.")
    entry = parameters.coordinates.index(name)
    for number, transform in enumerate(parameters.transforms):
        if parameters.part(number).start <= entry < parameters.part(number).stop and not transform.pointwise():
            raise ValueError(f"{name!r} has no coordinate of its own: its transform mixes several.")
    return fit.local, entry


def _scale(fit, local, level):
    """Variance of a residual, and the excess at which the interval ends."""
    noise = None if fit.uncertainty is None else fit.uncertainty.noise
    if noise is None:
        return 1.0, float(scipy.special.chdtri(1, 1 - level))
    freedom = local.residuals.size - local.size
    return noise**2, float(scipy.special.fdtri(1, freedom, level))


def _walk(objective, local, entry, step, inverse, variance, threshold, reach, max_points):
    """Hold the parameter further and further out on one side; return the points, and where the threshold is crossed."""
    points, previous, start = [], (0.0, 0.0), local
    # The quadratic model crosses at √threshold standard deviations: a third of the way each time, then what is needed.
    distance, grow = np.sqrt(threshold) / 3, np.sqrt(threshold) / 3
    phi0 = np.asarray(local.phi, float)
    column = inverse[:, entry] / inverse[entry, entry]
    bracket = None
    for _ in range(max_points):
        guess = np.asarray(start.phi, float)
        guess = guess + column * (phi0[entry] + distance * step - guess[entry])
        held = _fit_others(objective, guess, entry, start.evaluation.memory)
        if held is None:
            # No solution there: half way.
            if distance - previous[0] < 1e-3:
                return points, phi0[entry] + previous[0] * step
            bracket, distance = None, 0.5 * (distance + previous[0])
            grow *= 0.5
            continue
        excess = 2 * (held.value - local.value) / variance
        points.append((phi0[entry] + distance * step, excess, np.asarray(objective.parameters.flat(held.phi))))
        if excess >= threshold:
            bracket = (distance, excess)
        else:
            previous, start = (distance, excess), held
        if bracket is None:
            if distance >= reach:
                return points, np.sign(step) * np.inf
            grow *= 1.5 if excess < 0.3 * (distance**2) else 1.0
            distance = min(distance + grow, reach)
            continue
        if abs(excess - threshold) < 1e-4 * threshold or bracket[0] - previous[0] < 1e-6:
            break
        distance = _between(previous, bracket, threshold)
    if bracket is None:
        return points, np.sign(step) * np.inf
    return points, phi0[entry] + _between(previous, bracket, threshold) * step


def _between(inner, outer, threshold):
    """Where √excess, nearly a straight line, crosses."""
    a, b = np.sqrt(max(inner[1], 0.0)), np.sqrt(outer[1])
    return inner[0] + (outer[0] - inner[0]) * (np.sqrt(threshold) - a) / (b - a)


def _fit_others(objective, guess, entry, memory) -> Local | None:
    """Fit all but one entry of φ."""
    held = Objective(
        objective.experiment, objective.parameters, objective.loss, objective.penalty, objective.derivatives,
        objective.progress, held=entry,
    )  # fmt: skip
    search = Search(held, lambda _: None, jnp.asarray(guess), memory)
    if guess.size == 1:
        return search.best if search.begin() == RESULTS.successful else None
    status = levenberg_marquardt(search, Limits(30, 1e-7, 1e-9))
    return search.best if status in (RESULTS.successful, RESULTS.fit_stalled) else None


def _theta(objective, center, entry, index, end):
    if not np.isfinite(end):
        # A limit of the link, if it has one: 0 for a positive parameter.
        end = np.sign(end) * 700.0
        value = float(
            objective.parameters.flat(jnp.asarray(np.where(np.arange(center.size) == entry, end, center)))[index]
        )
        return value if abs(value) < 1e100 and abs(value) != abs(end) else float(np.sign(end) * np.inf)
    at = jnp.asarray(np.where(np.arange(center.size) == entry, end, center))
    return float(objective.parameters.flat(at)[index])
