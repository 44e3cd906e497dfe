"""Marches in time as experiments."""

import math

import jax.numpy as jnp
import numpy as np

from ... import _check
from ..._hidden import compiled, on_host
from ..._keyed import keyed
from ..._result import RESULTS
from ..._told import Told
from ..._typing import Array, Callable, Float, PyTree
from ...implicit import Implicit, Newton
from ...stepping import AbstractEvolution, AbstractStepper, check_fits, checked_times, evolution_of, march
from ..data import AbstractObservation, lost_points
from ._description import made
from ._experiment import AbstractExperiment, Evaluation, outside_of, pulled, pushed, tangents


class Sampled(Told):
    """Something observed at times of its own, which need not be those of the march: between them straight lines.

    **Arguments:**

    - `observation`: `PointValues`, `Resultant` or `FaceMean`, one row of its measurements for each time.
    - `times`: (row,), not decreasing.
    """

    observation: AbstractObservation
    times: Float[Array, " row"]

    @on_host("A measurement")
    def __init__(self, observation, times):
        times = _check.finite("times", _check.parameter(times))
        rows = observation.measured.shape[0]
        if times.shape != (rows,) or np.any(np.diff(np.asarray(times)) < 0):
            raise ValueError(
                f"`times` of {observation.name!r} must be {rows} numbers that do not decrease, got shape {times.shape}."
            )
        self.observation, self.times = observation, times


class TimeSeries(AbstractExperiment):
    """A body, or a system of ordinary differential equations, led through time and observed on the way.

    Derivatives are those of the whole march: of all of its steps. Costs one march, and one linear solve per step and
    parameter.

    **Arguments:**

    - `stepper`, `problem`, `times`, `drive`: see `simphys.stepping.march`; or an `AbstractDescription` of the problem.
    - `state`: at the first time; or a function of the problem that returns it.
    - `samples`: sequence of `Sampled`.
    - `method`: root finder for the steps.

    **Raises:** `ValueError` for measurements outside the times of the march, and as `march`.
    """

    stepper: AbstractStepper
    problem: PyTree
    times: Float[Array, " n"]
    samples: tuple[Sampled, ...]
    drive: Callable | None
    method: Newton | None
    state: PyTree

    def __init__(self, stepper, problem, state, times, samples, *, drive=None, method=None):
        self.stepper, self.problem, self.method = stepper, problem, method
        self.state, self.drive = keyed(state), keyed(drive)
        self.times = checked_times(times)
        check_fits(stepper, evolution_of(made(problem), drive))
        self.samples = tuple(samples)
        if not self.samples or not all(isinstance(s, Sampled) for s in self.samples):
            raise ValueError("`samples` must be one or more `Sampled` observations.")
        first, last = float(self.times[0]), float(self.times[-1])
        slack = 1e-9 * (last - first)
        for s in self.samples:
            low, high = float(s.times[0]), float(s.times[-1])
            if low < first - slack or high > last + slack:
                raise ValueError(
                    f"Observation {s.observation.name!r} goes from t = {low:g} to {high:g}, the march from {first:g} to "
                    f"{last:g}."
                )

    def template(self):
        """The problem."""
        return self.problem

    def blocks(self):
        """Measurements of all times, observation by observation."""
        return [(s.observation.name, s.observation.measured, s.observation.noise) for s in self.samples]

    def predictions(self, problem, checkpoints: int | None = None) -> tuple[tuple[Array, ...], RESULTS]:
        """March; return what the observations should read, and the status of the step that failed, if any."""
        return self._led(problem, checkpoints)[:2]

    def _led(self, problem, checkpoints):
        """The same, and at how many kinks of laws the steps ended."""
        problem = made(problem)
        state = self.state(problem) if callable(self.state) else self.state
        return self.led(problem, state, self.times, [s.observation for s in self.samples], checkpoints)

    def led(self, problem, state, times, observations, checkpoints=None):
        """March a problem from a state through some times; what the observations read, the status, and the kinks."""
        settings = tuple(o.setting(0) for o in observations)

        def observe(t, u, now):
            return tuple(o.predict(now, u, q) for o, q in zip(observations, settings, strict=True))

        options = dict(
            drive=self.drive, method=self.method, adjoint=Implicit(), observe=observe, checkpoints=checkpoints
        )
        if isinstance(problem, AbstractEvolution):
            del options["drive"]
        found = march(self.stepper, problem, state, times, save=None, throw=False, **options)
        read = [_between(times, rows, s.times) for rows, s in zip(found.observed, self.samples, strict=True)]
        return tuple(read), found.result, jnp.sum(found.weakly_active)

    def weighed(self, found) -> Array:
        """Return (prediction − measurement) / noise of all samples as one vector."""
        weighted = []
        for s, read in zip(self.samples, found, strict=True):
            noise = 1.0 if s.observation.noise is None else s.observation.noise
            weighted.append(((read - s.observation.measured) / noise).ravel())
        return jnp.concatenate(weighted)

    def evaluate(self, parameters, phi, memory, progress, derivatives=True):
        """March once, with one tangent for each parameter."""
        progress(f"march of {self.times.shape[0] - 1} steps, {phi.shape[0]} parameters")
        residuals, jacobian, predictions, result, kinks = _evaluate(self, parameters, phi, derivatives)
        if bool(result == RESULTS.successful) and derivatives and not bool(jnp.all(jnp.isfinite(jacobian))):
            result = RESULTS.adjoint_failed
        if not bool(result == RESULTS.successful):
            return Evaluation(jnp.zeros(0), None, None, result, math.nan, 0)
        return Evaluation(residuals, jacobian, predictions, result, math.nan, self.times.shape[0] - 1, int(kinks))

    def push(self, parameters, phi, evaluation, directions):
        """March once, with a tangent for each column."""
        return _push(self, parameters, phi, directions)

    def pull(self, parameters, phi, evaluation, weights):
        """March forwards and, for each column, backwards."""
        return _pull(self, parameters, phi, weights)

    def certify(self, parameters, phi, evaluation, progress):
        """March backwards; each adjoint solve inside is checked, and fails if its residual is too large."""
        progress("adjoint of the march")
        return _pull(self, parameters, phi, evaluation.residuals[:, None])[:, 0], math.nan


@outside_of.register
def _(experiment: TimeSeries):
    return lost_points([s.observation for s in experiment.samples])


def _between(times, rows, wanted):
    """Rows at times between those of the march."""
    right = jnp.clip(jnp.searchsorted(times, wanted), 1, times.shape[0] - 1)
    part = jnp.clip((wanted - times[right - 1]) / (times[right] - times[right - 1]), 0.0, 1.0)
    part = part.reshape(-1, *(1,) * (rows.ndim - 1)).astype(rows.dtype)
    return (1 - part) * rows[right - 1] + part * rows[right]


def _residuals(series, parameters, phi, checkpoints=None):
    found, *told = series._led(parameters.apply(series.template(), phi), checkpoints)
    return series.weighed(found), (found, *told)


@compiled
def _evaluate(series, parameters, phi, derivatives):
    if not derivatives:
        residuals, told = _residuals(series, parameters, phi)
        return residuals, None, *told
    residuals, jacobian, told = tangents(lambda phi: _residuals(series, parameters, phi), phi)
    return residuals, jacobian, *told


@compiled
def _push(series, parameters, phi, directions):
    return pushed(lambda phi: _residuals(series, parameters, phi)[0], phi, directions)[1]


@compiled
def _pull(series, parameters, phi, weights):
    checkpoints = math.isqrt(series.times.shape[0] - 1) + 1
    return pulled(lambda phi: _residuals(series, parameters, phi, checkpoints)[0], phi, weights)
