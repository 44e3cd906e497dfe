"""Experiments that need no solve of their own."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._hidden import compiled, on_host
from .._keyed import keyed
from .._result import RESULTS
from .._typing import Array, Callable, PyTree
from ._description import made
from ._experiment import AbstractExperiment, Evaluation, pulled, pushed, tangents
from ._observations import checked_data


class Model(AbstractExperiment):
    """Predictions that are a plain JAX function of the parameters, such as stresses at a material point.

    **Arguments:**

    - `problem`: a pytree whose leaves the parameters are, such as a material; or an `AbstractDescription` of it.
    - `function`: problem → array of predictions.
    - `measured`: array of the same shape.
    - `noise`: standard deviation, number or array; None if unknown.
    - `name`: for reports.
    """

    problem: PyTree
    measured: Array
    noise: Array | None
    function: Callable = eqx.field(static=True)
    name: str = eqx.field(static=True)

    @on_host("A measurement")
    def __init__(self, problem, function, measured, noise=None, *, name="data"):
        self.problem, self.function, self.name = problem, keyed(function), name
        self.measured, self.noise = checked_data(name, np.atleast_1d(np.asarray(measured, float)), noise)

    def template(self):
        """The problem."""
        return self.problem

    def blocks(self):
        """The one set of data."""
        return [(self.name, self.measured, self.noise)]

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
    if found.shape != model.measured.shape:
        raise ValueError(f"`function` returns shape {found.shape}, but `measured` has {model.measured.shape}.")
    return jnp.ravel((found - model.measured) / (jnp.ones(()) if model.noise is None else model.noise))


@compiled
def _evaluate(model, parameters, phi, derivatives):
    if not derivatives:
        return _residuals(model, parameters, phi), None
    residuals, jacobian, _ = tangents(lambda phi: (_residuals(model, parameters, phi), None), phi)
    return residuals, jacobian


@compiled
def _push(model, parameters, phi, directions):
    return pushed(lambda phi: _residuals(model, parameters, phi), phi, directions)


@compiled
def _pull(model, parameters, phi, weights):
    return pulled(lambda phi: _residuals(model, parameters, phi), phi, weights)
