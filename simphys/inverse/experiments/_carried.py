"""Load steps each of which begins with what the one before has left: derivatives go through all of them."""

import jax
import jax.numpy as jnp

from ..._hidden import compiled
from ...implicit import Verify, solve
from ...physics import begin_of, begun
from ._experiment import pulled, pushed


def led(experiment, parameters, phi, values, directions=None) -> tuple[list, list | None]:
    """Return the predictions of each step, of solutions that are known, and their derivatives along directions."""
    known = _known(experiment, values)
    if directions is None:
        return _apart(_read(experiment, parameters, phi, *known), len(values)), None
    found, slopes = _pushed(experiment, parameters, phi, *known, directions)
    return _apart(found, len(values)), _apart(slopes, len(values))


def push_path(experiment, parameters, phi, values, directions) -> list:
    """Return the derivatives of each step's predictions along directions, columns last."""
    return _apart(_pushed(experiment, parameters, phi, *_known(experiment, values), directions)[1], len(values))


def pull_path(experiment, parameters, phi, values, weights) -> jax.Array:
    """Return the transpose of that, times weights of all steps, columns last."""
    return _pull(experiment, parameters, phi, *_known(experiment, values), weights)


def _known(experiment, values):
    """Solutions of all steps, and what observations need to know of each, one behind the other."""
    settings = [tuple(o.setting(step) for o in experiment.observations) for step in range(len(values))]
    together = lambda *leaves: jnp.stack(leaves)
    return jax.tree.map(together, *values), jax.tree.map(together, *settings)


def _apart(found, count):
    return [jax.tree.map(lambda a, k=k: a[k], found) for k in range(count)]


def _predict(experiment, parameters, phi, values, settings, solved=True):
    """Predictions of all steps, each attached to its known solution and to the step before."""
    fresh = parameters.apply(experiment.problem, phi)

    def step(begin, known):
        value, loads, setting = known
        problem = begun(experiment.loaded(fresh, loads), begin)
        if solved:
            value = solve(problem, value, method=Verify(rtol=1e-3), adjoint=experiment.adjoint, throw=False).value
        read = tuple(o.predict(problem, value, s) for o, s in zip(experiment.observations, setting, strict=True))
        return begin_of(problem, value), read

    first = begin_of(experiment.loaded(fresh, tuple(v[0] for v in experiment.values)))
    return jax.lax.scan(step, first, (values, experiment.values, settings))[1]


@compiled
def _read(experiment, parameters, phi, values, settings):
    return _predict(experiment, parameters, phi, values, settings, solved=False)


@compiled
def _pushed(experiment, parameters, phi, values, settings, directions):
    return pushed(lambda phi: _predict(experiment, parameters, phi, values, settings), phi, directions)


@compiled
def _pull(experiment, parameters, phi, values, settings, weights):
    return pulled(lambda phi: _predict(experiment, parameters, phi, values, settings), phi, weights)
