"""Systems judged by a record, and networks trained on it."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import inverse, stepping
from .._typing import Callable
from ..stepping import derivative
from ._series_model import SeriesModel, predict
from ._series_section import Network


SHORT = (64, 300)
"""Samples and number of the short simulations, from measured states, that a neural one learns from first."""
CORRECTION = 0.02
"""Magnitude of a correction's acceleration beside that of the motion, for weights of order 1."""


@dataclasses.dataclass(frozen=True)
class SeriesErrors:
    """How well a system predicts the record from the input alone.

    **Attributes:**

    - `train`, `validation`: root mean square of the residuals over all ranges.
    - `at`: sample numbers of the validation; `residuals`: prediction − measurement there.
    """

    train: float
    validation: float
    at: np.ndarray
    residuals: np.ndarray


def evaluate(model: SeriesModel, system) -> SeriesErrors:
    """Simulate all ranges of training and validation in full, each from rest before its beginning."""
    _, training = _residuals(model, system, model.section.train)
    at, validation = _residuals(model, system, model.section.validation)
    # A simulation that runs away has an infinite error, which is no reason to warn.
    with np.errstate(over="ignore", invalid="ignore"):
        size = lambda r: float(np.sqrt(np.mean(r * r)))
        return SeriesErrors(size(training), size(validation), at, validation)


_predict = eqx.filter_jit(predict)


def _residuals(model, system, ranges):
    recorded = model.recorded(system, ranges)
    found = np.asarray(_predict(recorded)) - model.measured(recorded)
    at = np.concatenate([np.arange(begin, end) for begin, end in ranges])
    return at, np.concatenate([row[: end - begin] for row, (begin, end) in zip(found, ranges, strict=True)])


def train_network(
    model: SeriesModel, section: Network, system: stepping.Oscillator, on_iteration: Callable | None = None
) -> inverse.Training:
    """Train one network of the scene.

    A correction starts as nothing beside the fitted oscillator, whose numbers stay. A neural differential equation starts
    as the linear one that best gives the derivatives of the measured output; it learns from short simulations that begin
    at measured states (value and derivative of the output), then, as the correction does, from simulations from rest.

    **Arguments:**

    - `system`: the fitted oscillator.
    - `on_iteration`: called with (stage, "short" or "whole", number, root mean square, accepted).

    **Returns:** the last training; its `model` is the trained system.
    """
    start = _start(model, section, system)
    mask = _trainable(start)
    watch = (lambda *about: None) if on_iteration is None else on_iteration
    say = lambda stage: lambda *about: watch(stage, *about)
    if section.kind == "replacement":
        start = inverse.train(
            _short_residuals, start, _short(model, *SHORT), trainable=mask, max_iterations=section.iterations,
            on_iteration=say("short"),
        ).model  # fmt: skip
    recorded = model.recorded(None, windows=section.windows)
    data = (recorded, jnp.asarray(model.measured(recorded)))
    return inverse.train(
        _long_residuals, start, data, trainable=mask, max_iterations=section.iterations,
        on_iteration=say("whole"),
    )  # fmt: skip


def scales_of(model: SeriesModel) -> tuple[np.ndarray, float]:
    """Return standard deviations of y, ẏ and u in the training, and the rate at which y changes."""
    s = model.section
    velocity = derivative(model.output) * s.rate
    pick = lambda values: np.concatenate([values[begin:end] for begin, end in s.train])
    scales = np.array([np.std(pick(values)) for values in (model.output, velocity, model.input)])
    return scales, float(scales[1] / scales[0])


def _start(model, section, system):
    scales, rate = scales_of(model)
    sizes = dict(width=section.width, depth=section.depth, seed=section.seed)
    if section.kind == "correction":
        size = jnp.asarray(CORRECTION * rate**2 * scales[0])
        return stepping.Corrected(system, stepping.network(3, 1, last=0.0, **sizes), jnp.asarray(scales), size)
    net = stepping.network(3, 2, last=0.0, **sizes)
    return stepping.NeuralRate(net, jnp.asarray(_linear(model, scales, rate)), jnp.asarray(scales), jnp.asarray(rate))


def _linear(model, scales, rate):
    """W of the linear system ẋ = r s W z that fits the derivatives of the measured output best."""
    velocity = derivative(model.output) * model.section.rate
    state = np.stack([model.output, velocity, model.input], axis=1) / scales
    rates = np.stack([velocity, derivative(velocity) * model.section.rate], axis=1) / (rate * scales[:2])
    at = np.concatenate([np.arange(begin, end) for begin, end in model.section.train])
    return np.linalg.lstsq(state[at], rates[at], rcond=None)[0].T


def _trainable(system):
    """Network and linear part; not the scales, nor the numbers of the oscillator."""
    nothing = jax.tree.map(lambda _: False, system)
    if isinstance(system, stepping.Corrected):
        return eqx.tree_at(lambda s: s.network, nothing, jax.tree.map(eqx.is_inexact_array, system.network))
    inner = jax.tree.map(eqx.is_inexact_array, system.network)
    return eqx.tree_at(lambda s: (s.network, s.linear), nothing, (inner, True))


def _short(model, samples, count):
    """Simulations all over the training that begin at measured states."""
    s = model.section
    every = np.concatenate([np.arange(begin, end - samples) for begin, end in s.train])
    begin = every[np.linspace(0, every.size - 1, min(count, every.size)).round().astype(int)]
    state = np.stack([model.output[begin], derivative(model.output)[begin] * s.rate], axis=1)
    recorded = dataclasses.replace(model.recorded(None), begin=jnp.asarray(begin), warm_up=0, samples=samples)
    return recorded, jnp.asarray(state), jnp.asarray(model.measured(recorded))


def _short_residuals(system, data):
    recorded, state, measured = data
    found = stepping.simulate(
        system, recorded.signal, recorded.begin, recorded.samples, recorded.rate,
        start=state, substeps=recorded.substeps,
    )  # fmt: skip
    return found[..., 0] - measured


def _long_residuals(system, data):
    recorded, measured = data
    return predict(eqx.tree_at(lambda r: r.system, recorded, system, is_leaf=lambda x: x is None)) - measured
