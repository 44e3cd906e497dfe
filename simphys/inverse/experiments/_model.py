"""Experiments that need no solve of their own."""

import math
from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..._hidden import compiled, on_host
from ..._keyed import keyed
from ..._result import RESULTS
from ..._typing import Array, Callable, PyTree
from ..data import checked_data, columns_of
from ._description import made
from ._experiment import AbstractExperiment, Evaluation, pulled, pushed, tangents


class Model(AbstractExperiment):
    """Predictions that are a plain JAX function of the parameters, such as stresses at a material point.

    **Arguments:**

    - `problem`: a pytree whose leaves the parameters are, such as a material; or an `AbstractDescription` of it.
    - `function`: problem → array of predictions; or, of named data, a dictionary of arrays.
    - `measured`: array of the same shape; or named columns, a dictionary of arrays or a DataFrame, which are compared with
      the predictions of those names. Each is a set of data of its own in reports.
    - `noise`: standard deviation, number or array, of named data also a dictionary; None if unknown.
    - `name`: for reports.

    **Raises:** `ValueError` for names or shapes that do not fit, when predictions are first made.
    """

    problem: PyTree
    measured: Array
    noise: Array | None
    function: Callable = eqx.field(static=True)
    name: str = eqx.field(static=True)
    parts: tuple[tuple[str, tuple[int, ...]], ...] | None = eqx.field(static=True)
    """Names and shapes of named data; their numbers stand in `measured` one after the other."""

    @on_host("A measurement")
    def __init__(self, problem, function, measured, noise=None, *, name="data"):
        self.problem, self.function, self.name = problem, keyed(function), name
        columns, self.parts = columns_of(measured), None
        if columns is None:
            self.measured, self.noise = checked_data(name, np.atleast_1d(np.asarray(measured, float)), noise)
            return
        if not columns:
            raise ValueError("`measured` has no columns.")
        self.parts = tuple((key, column.shape) for key, column in columns.items())
        checked = [checked_data(key, column, part) for (key, column), part in _with_noise(columns, noise)]
        self.measured = jnp.concatenate([jnp.ravel(found) for found, _ in checked])
        self.noise = None if noise is None else jnp.concatenate([jnp.ravel(part) for _, part in checked])

    def template(self):
        """The problem."""
        return self.problem

    def blocks(self):
        """The one set of data, or one for each column."""
        if self.parts is None:
            return [(self.name, self.measured, self.noise)]
        places = np.cumsum([0, *(math.prod(shape) for _, shape in self.parts)])
        cut = lambda values, k: None if values is None else values[places[k] : places[k + 1]].reshape(self.parts[k][1])
        return [(key, cut(self.measured, k), cut(self.noise, k)) for k, (key, _) in enumerate(self.parts)]

    def evaluate(self, parameters, phi, memory, progress, derivatives=True):
        """Evaluate the function and its forward-mode Jacobian."""
        residuals, jacobian = _evaluate(self, parameters, phi, derivatives)
        finite = bool(jnp.all(jnp.isfinite(residuals)))
        finite = finite and (jacobian is None or bool(jnp.all(jnp.isfinite(jacobian))))
        result = RESULTS.successful if finite else RESULTS.nonfinite
        return Evaluation(residuals, jacobian, (), result, 0.0, 1)

    def push(self, parameters, phi, evaluation, directions):
        """Differentiate the function forwards."""
        return _push(self, parameters, phi, directions)

    def pull(self, parameters, phi, evaluation, weights):
        """Differentiate the function backwards."""
        return _pull(self, parameters, phi, weights)

    def certify(self, parameters, phi, evaluation, progress):
        """There is no adjoint solve to be checked: the gradient is that of forward mode, where that was taken.

        Not every function has a reverse mode: an adaptive integration in forward mode has none.
        """
        if evaluation.jacobian is not None:
            return evaluation.jacobian.T @ evaluation.residuals, 0.0
        return _pull(self, parameters, phi, evaluation.residuals[:, None])[:, 0], 0.0


def _residuals(model, parameters, phi):
    found = model.function(made(parameters.apply(model.problem, phi)))
    found = found if model.parts is None else _side_by_side(model.parts, found)
    if found.shape != model.measured.shape:
        raise ValueError(f"`function` returns shape {found.shape}, but `measured` has {model.measured.shape}.")
    return jnp.ravel((found - model.measured) / (jnp.ones(()) if model.noise is None else model.noise))


def _side_by_side(parts, found):
    """Predictions by name, as the measurements stand."""
    names = [name for name, _ in parts]
    if not isinstance(found, Mapping) or any(name not in found for name in names):
        got = ", ".join(map(repr, found)) if isinstance(found, Mapping) else type(found).__name__
        raise ValueError(f"`function` must return a dictionary with {', '.join(map(repr, names))}, got {got}.")
    for name, shape in parts:
        if jnp.shape(found[name]) != shape:
            raise ValueError(f"`function` returns {name!r} of shape {jnp.shape(found[name])}, measured is {shape}.")
    return jnp.concatenate([jnp.ravel(found[name]) for name in names])


def _with_noise(columns, noise):
    """Each column with the noise that is stated for it: its own, or one for all."""
    own = columns_of(noise)
    if own is None:
        return [(item, noise) for item in columns.items()]
    if missing := [name for name in columns if name not in own]:
        raise ValueError(f"`noise` says nothing of {missing[0]!r}; it has {', '.join(map(repr, own))}.")
    return [(item, own[item[0]]) for item in columns.items()]


@compiled
def _evaluate(model, parameters, phi, derivatives):
    if not derivatives:
        return _residuals(model, parameters, phi), None
    residuals, jacobian, _ = tangents(lambda phi: (_residuals(model, parameters, phi), None), phi)
    return residuals, jacobian


@compiled
def _push(model, parameters, phi, directions):
    return pushed(lambda phi: _residuals(model, parameters, phi), phi, directions)[1]


@compiled
def _pull(model, parameters, phi, weights):
    return pulled(lambda phi: _residuals(model, parameters, phi), phi, weights)
