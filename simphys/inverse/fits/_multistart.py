"""Fits from many starts: how many minima there are, and which is the deepest."""

import dataclasses

import numpy as np

from ..._hidden import on_host
from ..._progress import Progress, told
from ..._told import listing
from ..parameters import Parametrisation
from ._fit import Fit, fit


@dataclasses.dataclass(frozen=True)
class Minimum:
    """A minimum that some starts led to: objective, θ, how many starts, and the best fit among them."""

    objective: float
    values: np.ndarray
    count: int
    fit: Fit = dataclasses.field(repr=False)

    def __repr__(self):
        return listing(self)


@dataclasses.dataclass(frozen=True)
class MultiStart:
    """The result of `multistart`.

    **Attributes:**

    - `minima`: the distinct ones, deepest first.
    - `failures`: status of each start that led to none, with how often.
    - `starts`: (start, coordinate), φ of the starts.
    """

    minima: list[Minimum]
    failures: dict[str, int]
    starts: np.ndarray

    @property
    def best(self) -> Fit:
        """The fit at the deepest minimum; `ValueError` if there is none."""
        if not self.minima:
            raise ValueError(f"No start led to a minimum: {self.failures}.")
        return self.minima[0].fit

    def __str__(self):
        lines = [f"{len(self.minima)} minima from {len(self.starts)} starts"]
        for m in self.minima:
            numbers = ", ".join(f"{n} {v:.5g}" for n, v in zip(m.fit.names[:8], m.values, strict=False))
            lines.append(f"  objective {m.objective:.6g}, {m.count} starts: {numbers}")
        lines += [f"  {count} starts: {status}" for status, count in self.failures.items()]
        return "\n".join(lines)

    __repr__ = __str__


@told("many fits")
@on_host("A fit from many starts")
def multistart(
    experiment,
    parameters,
    starts=10,
    *,
    spread: float = 1.0,
    seed: int = 0,
    progress: Progress = None,
    **options,
) -> MultiStart:
    """Fit from several starts and tell the minima apart.

    Starts are normal around the parameters' own, φ₀ + s N(0, 1), spread evenly by a Latin hypercube; the first is φ₀.
    Minima are the same where they are nearer to each other than half a standard error and their objectives agree to 1e-3.

    **Arguments:**

    - `experiment`, `parameters`: as of `fit`.
    - `starts`: how many; or an array of φ, (start, coordinate).
    - `spread`: s, in φ: for a positive parameter 1 is a factor of e, for a bounded one much of the range.
    - `seed`: of the random numbers.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
    - `options`: passed to `fit`.

    **Returns:** a `MultiStart`.

    **Raises:** `ValueError` for starts of the wrong shape.
    """
    parametrisation = Parametrisation(parameters, experiment.template())
    points = _starts(parametrisation, starts, spread, seed)
    minima: list[Minimum] = []
    failures: dict[str, int] = {}
    for number, phi in enumerate(points):
        found = fit(experiment, parameters, start=phi, **options)
        progress(f"start {number + 1}/{len(points)}: {found.status}")
        if found.status not in ("successful", "unidentifiable"):
            failures[found.status] = failures.get(found.status, 0) + 1
            continue
        same = next((i for i, m in enumerate(minima) if _same(m.fit, found)), None)
        if same is None:
            minima.append(Minimum(found.local.value, found.values, 1, found))
            continue
        m = minima[same]
        best = found if found.local.value < m.objective else m.fit
        minima[same] = Minimum(best.local.value, best.values, m.count + 1, best)
    return MultiStart(sorted(minima, key=lambda m: m.objective), failures, points)


def _starts(parameters, starts, spread, seed):
    first = np.asarray(parameters.start, float)
    if not isinstance(starts, int):
        points = np.asarray(starts, float)
        if points.ndim != 2 or points.shape[1] != first.size:
            raise ValueError(f"`starts` must have shape (start, {first.size}), got {points.shape}.")
        return points
    if starts < 1:
        raise ValueError(f"`starts` must be 1 or more, got {starts}.")
    if starts == 1:
        return first[None]
    # Here, for it is slow to load.
    from scipy.stats import norm, qmc

    cube = qmc.LatinHypercube(first.size, rng=np.random.default_rng(seed)).random(starts - 1)
    return np.concatenate([first[None], first + spread * norm.ppf(cube)])


def _same(a: Fit, b: Fit) -> bool:
    if abs(a.local.value - b.local.value) > 1e-3 * max(1.0, abs(a.local.value)):
        return False
    step = b.phi - a.phi
    if a.local.jacobian is None:
        return bool(np.linalg.norm(step) < 1e-2 * (1 + np.linalg.norm(a.phi)))
    # Distance in standard errors; along directions that the data do not see, none.
    variance = 1.0 if a.uncertainty is None or a.uncertainty.noise is None else a.uncertainty.noise**2
    return bool(step @ a.local.curvature(step[:, None])[:, 0] < 0.25 * variance)
