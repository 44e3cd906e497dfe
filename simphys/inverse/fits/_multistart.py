"""Fits from many starts: how many minima there are, and which is the deepest."""

import dataclasses
import functools
import hashlib
import pathlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._hidden import on_host
from ..._progress import Progress, told
from ..._told import listing
from ..._typing import Callable
from ..parameters import Parametrisation
from ._fit import Fit, fit


FOUND = ("successful", "unidentifiable")


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
    devices: Any = None,
    folder: str | pathlib.Path | None = None,
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
    - `devices`, `folder`: as of `distributed.map_members`: starts side by side on several devices, and shared by all
      processes that call this with the same folder, each of which returns the same minima.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
    - `options`: passed to `fit`.

    **Returns:** a `MultiStart`.

    **Raises:** `ValueError` for starts of the wrong shape.
    """
    parametrisation = Parametrisation(parameters, experiment.template())
    points = _starts(parametrisation, starts, spread, seed)
    if devices is None and folder is None:
        found = _one_by_one(lambda phi: fit(experiment, parameters, start=phi, **options), points, progress)
    else:
        found = _shared(experiment, parameters, points, options, devices, folder, progress)
    minima: list[Minimum] = []
    failures: dict[str, int] = {}
    for end in found:
        if end.status not in FOUND:
            failures[end.status] = failures.get(end.status, 0) + 1
            continue
        same = next((i for i, m in enumerate(minima) if _same(m.fit, end)), None)
        if same is None:
            best = end.fit()
            minima.append(Minimum(best.local.value, best.values, 1, best))
            continue
        m = minima[same]
        best = end.fit() if end.value < m.objective else m.fit
        minima[same] = Minimum(best.local.value, best.values, m.count + 1, best)
    return MultiStart(sorted(minima, key=lambda m: m.objective), failures, points)


@dataclasses.dataclass(frozen=True)
class _End:
    """Where a start led to: status, objective, φ, and how to have the fit there."""

    status: str
    value: float
    phi: np.ndarray
    fit: Callable

    @staticmethod
    def of(found: Fit):
        value = found.local.value if found.status in FOUND else np.nan
        return _End(found.status, value, found.phi, lambda: found)


def _one_by_one(fitted, points, progress):
    for number, phi in enumerate(points):
        end = _End.of(fitted(phi))
        progress(f"start {number + 1}/{len(points)}: {end.status}")
        yield end


def _shared(experiment, parameters, points, options, devices, folder, progress):
    """What all starts led to, deepest first. A folder keeps numbers only: a minimum is fitted again from where it is."""
    # Here, for most fits are one.
    from ...distributed import map_members

    fitted = lambda phi: fit(experiment, parameters, start=phi, **options)

    def numbers(member):
        end = _End.of(fitted(member["start"]))
        return {"status": end.status, "value": float(end.value), "phi": np.asarray(end.phi)}

    posed = np.frombuffer(_digest(experiment, options), np.uint8)
    members = [{"start": phi, "posed": posed} for phi in points]
    done = map_members(numbers, members, devices=devices, folder=folder, progress=progress).results
    ends = [
        _End(d["status"], float(d["value"]), d["phi"], functools.partial(fitted, jnp.asarray(d["phi"]))) for d in done
    ]
    return sorted(ends, key=lambda end: (np.isnan(end.value), end.value))


def _digest(experiment, options):
    """What processes that share a folder must agree in besides their starts: numbers of the problem and measurements."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves((experiment.template(), experiment.blocks(), sorted(options.items()))):
        if eqx.is_array(leaf) or isinstance(leaf, np.ndarray | np.generic):
            digest.update(np.asarray(leaf).tobytes())
        elif isinstance(leaf, str | int | float):  # of others the text may hold an address
            digest.update(repr(leaf).encode())
    return digest.digest()


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


def _same(a: Fit, b: _End) -> bool:
    if abs(a.local.value - b.value) > 1e-3 * max(1.0, abs(a.local.value)):
        return False
    step = b.phi - a.phi
    if a.local.jacobian is None:
        return bool(np.linalg.norm(step) < 1e-2 * (1 + np.linalg.norm(a.phi)))
    # Distance in standard errors; along directions that the data do not see, none.
    variance = 1.0 if a.uncertainty is None or a.uncertainty.noise is None else a.uncertainty.noise**2
    return bool(step @ a.local.curvature(step[:, None])[:, 0] < 0.25 * variance)
