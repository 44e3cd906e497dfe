"""Experiments whose predictions are those of richer spaces, and of shorter steps in time."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp

from ..._hidden import compiled
from ..._result import RESULTS
from ...errors import Enrichment, prolonged_state, solved
from ...physics import AbstractBalance
from ._better import Better
from ._coarser import CoarserMarch, CoarserSteps, coarser
from ._description import made
from ._experiment import AbstractExperiment
from ._joint import Joint
from ._load_steps import LoadSteps
from ._time_series import TimeSeries


RTOL = 1e-2
"""Relative residual of the linear solves on the richer space: their error is a hundredth of the shift."""


@functools.singledispatch
def enriched(experiment: AbstractExperiment, parameters, phi) -> Better | None:
    """Return an experiment on richer spaces; None for one without a mesh, or of which no mesh error is offered.

    **Raises:** `ValueError` for spaces that no richer one holds, for load steps that depend on those before them, and for
    grids that have no coarser one.
    """
    return None


@enriched.register
def _(experiment: LoadSteps, parameters, phi):
    if (twin := coarser(experiment)) is not None:
        return CoarserSteps(experiment, *twin)
    if experiment.carried(experiment.at_step(parameters.apply(experiment.problem, phi), 0)):
        raise ValueError("Load steps that begin with what the one before has left are not led on richer spaces.")
    return _RicherSteps(experiment, parameters, phi)


@enriched.register
def _(experiment: Joint, parameters, phi):
    views = experiment.views(parameters)
    every = [enriched(e, view, phi) for e, view in zip(experiment.experiments, views, strict=True)]
    return _RicherJoint(experiment, every) if any(e is not None for e in every) else None


class _RicherSteps(Better):
    def __init__(self, experiment, parameters, phi):
        self.experiment, self.kept = experiment, None
        problem = experiment.at_step(parameters.apply(experiment.problem, phi), 0)
        self.enrichment = Enrichment(problem)
        self.observations = tuple(o.enriched(self.enrichment) for o in experiment.observations)
        self.degree = self.enrichment.degree

    def residuals(self, parameters, phi, evaluation, progress):
        experiment, found, values = self.experiment, [], []
        for step, value in enumerate(evaluation.memory[1]):
            progress(f"mesh error, load step {step + 1}/{experiment.n_steps}")
            start = self.enrichment.prolonged(value) if self.kept is None else self.kept[step]
            known = experiment.known(value, step)
            read, reached, good = _stepped(
                experiment, self.observations, self.enrichment, parameters, phi, start, *known
            )
            if not bool(good):
                return None
            found.append(read)
            values.append(reached)
        self.kept = values
        return experiment.residuals(found)


class _RicherJoint(Better):
    def __init__(self, experiment, every):
        self.experiment, self.every = experiment, every
        self.degree = max(each.degree for each in every if each is not None)

    def residuals(self, parameters, phi, evaluation, progress):
        found, views = [], self.experiment.views(parameters)
        for (_, part, _), each, view in zip(self.experiment.parts(evaluation), self.every, views, strict=True):
            found.append(part.residuals if each is None else each.residuals(view, phi, part, progress))
        return None if any(f is None for f in found) else jnp.concatenate(found)


@compiled
def _stepped(experiment, observations, enrichment, parameters, phi, start, value, loads, settings):
    problem = experiment.loaded(parameters.apply(experiment.problem, phi), loads)
    rich = enrichment(problem)

    def newton(residual, y):
        to_step = jax.tree.map(jnp.negative, residual)
        (step,), good = solved(enrichment, problem, rich, value, rich.jacobian(y), (to_step,), RTOL)
        return jax.tree.map(jnp.add, y, step), good

    def visited(carry):
        """Read, and at the first visit go on: residual and reactions of both points are one program."""
        visit, y, _, good = carry
        reached = rich.value(y)
        read = tuple(o.predict(rich, reached, s) for o, s in zip(observations, settings, strict=True))
        y, more = jax.lax.cond(visit == 0, newton, lambda _, y: (y, jnp.ones((), bool)), rich.residual(y), y)
        return visit + 1, y, read, good & more

    first, yes = jnp.zeros((), jnp.int32), jnp.ones((), bool)
    shapes = eqx.filter_eval_shape(lambda y: visited((first, y, None, yes))[2], rich.unknowns(start))
    read = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    begin = (first, rich.unknowns(start), read, yes)
    _, y, read, good = jax.lax.while_loop(lambda carry: carry[0] < 2, visited, begin)
    return read, rich.value(y), good & jnp.all(jnp.isfinite(jnp.concatenate([r.ravel() for r in read])))


@enriched.register
def _(experiment: TimeSeries, parameters, phi):
    if (twin := coarser(experiment)) is not None:
        return CoarserMarch(experiment, *twin)
    return _RicherMarch(experiment, parameters, phi)


class _RicherMarch(Better):
    """Marches with other steps, and one on richer spaces: r⁺ = r_h + (r_{h/2} − r_h) / (1 − 2^−q) + (r⁺_h − r_h)."""

    def __init__(self, experiment, parameters, phi):
        self.experiment, self.enrichment = experiment, None
        problem = made(parameters.apply(experiment.problem, phi))
        if isinstance(problem, AbstractBalance):
            self.enrichment = Enrichment(problem)
        self.degree = 0 if self.enrichment is None else self.enrichment.degree
        self.observations = tuple(s.observation for s in experiment.samples)
        rich = self.enrichment
        self.richer = None if rich is None else tuple(o.enriched(rich) for o in self.observations)
        times = experiment.times
        self.halved = jnp.sort(jnp.concatenate([times, (times[1:] + times[:-1]) / 2]))

    def residuals(self, parameters, phi, evaluation, progress):
        first = not self.parts
        march = lambda text, times, rich=None: self._led(parameters, phi, times, rich, progress, text)
        now = evaluation.residuals if first else march("the steps themselves", self.experiment.times)
        half = march("half the steps", self.halved)
        rich = now if self.richer is None else march("the richer space", self.experiment.times, self.enrichment)
        if now is None or half is None or rich is None:
            return None
        changes = {"mesh": rich - now, "step": (half - now) / (1 - 2.0**-self.experiment.stepper.order)}
        if first:
            self.parts = changes if self.richer is not None else {"step": changes["step"]}
        return now + changes["mesh"] + changes["step"]

    def _led(self, parameters, phi, times, rich, progress, text):
        progress(f"mesh and step error: a march with {text}")
        observations = self.observations if rich is None else self.richer
        read, result = _marched(self.experiment, observations, rich, parameters, phi, times)
        return read if bool(result == RESULTS.successful) else None


@compiled
def _marched(experiment, observations, enrichment, parameters, phi, times):
    problem = made(parameters.apply(experiment.problem, phi))
    state = experiment.state
    if enrichment is not None:
        rich = enrichment(problem)
        state = state(rich) if callable(state) else prolonged_state(enrichment, problem, state)
        problem = rich
    elif callable(state):
        state = state(problem)
    read, result, _ = experiment.led(problem, state, times, observations)
    return experiment.weighed(read), result
