"""Load steps that stand for themselves: predictions of each, and their derivatives, as programs."""

import jax.numpy as jnp

from ..._hidden import compiled
from ...implicit import Verify, solve, value_and_grad
from ._experiment import pulled, pushed


def _predict(experiment, parameters, phi, value, loads, settings):
    """Predictions of one step as a function of φ, by derivatives attached to the known solution."""
    problem = experiment.loaded(parameters.apply(experiment.problem, phi), loads)
    found = solve(problem, value, method=Verify(rtol=1e-3), adjoint=experiment.adjoint, throw=False).value
    return tuple(o.predict(problem, found, s) for o, s in zip(experiment.observations, settings, strict=True))


@compiled
def predict_known(experiment, parameters, phi, value, loads, settings):
    """Predictions of one step at its solution."""
    problem = experiment.loaded(parameters.apply(experiment.problem, phi), loads)
    return tuple(o.predict(problem, value, s) for o, s in zip(experiment.observations, settings, strict=True))


@compiled
def linearised(experiment, parameters, phi, value, loads, settings, directions, targets):
    """`push_step` and `adjoint_gradient` by one program: half of what either compiles is the other's, too."""
    known = experiment, parameters, phi, value, loads, settings
    return *_pushed(*known, directions), _half_squares(*known, targets)


@compiled
def push_step(experiment, parameters, phi, value, loads, settings, directions):
    """Derivatives of the predictions of one step, by one forward solve per column."""
    return _pushed(experiment, parameters, phi, value, loads, settings, directions)[1]


def _pushed(experiment, parameters, phi, value, loads, settings, directions):
    """Predictions, and their derivatives by one forward solve per column, that share a factor."""
    return pushed(lambda phi: _predict(experiment, parameters, phi, value, loads, settings), phi, directions)


@compiled
def pull_step(experiment, parameters, phi, value, loads, settings, weights):
    """The transpose, by one adjoint solve per column."""
    return pulled(lambda phi: _predict(experiment, parameters, phi, value, loads, settings), phi, weights)


@compiled
def adjoint_gradient(experiment, parameters, phi, value, loads, settings, targets):
    """The gradient of half the squares of one step by an adjoint, and its certificate."""
    return _half_squares(experiment, parameters, phi, value, loads, settings, targets)


def _half_squares(experiment, parameters, phi, value, loads, settings, targets):
    """The gradient of half the squares of one step by an adjoint, and its certificate."""

    def half_squares(phi):
        found = _predict(experiment, parameters, phi, value, loads, settings)
        weighted = [(f - m) / (1.0 if n is None else n) for f, (m, n) in zip(found, targets, strict=True)]
        return 0.5 * sum(jnp.sum(w * w) for w in weighted)

    # Solves under the probe must stand at the level at which it was attached: `_predict` is called directly.
    _, gradient, certificate = value_and_grad(half_squares)(phi)
    return gradient, certificate
