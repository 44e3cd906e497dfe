"""Experiments: how parameters become predictions, their derivatives, and what the next evaluation starts from."""

import abc
import functools

import jax
import jax.numpy as jnp

from ..._result import RESULTS
from ..._told import Told
from ..._typing import Any, Array, Callable, PyTree
from ..parameters import Parametrisation


class Evaluation(Told):
    """Predictions at one set of parameters.

    **Attributes:**

    - `residuals`: (prediction − measurement) / noise, one vector.
    - `jacobian`: ∂residuals/∂φ; None if it was not asked for.
    - `memory`: what makes the next evaluation start warm.
    - `result`: status of the worst solve; with a failure the residuals mean nothing.
    - `forward_residual`: worst relative residual of the solves.
    - `reached`: how many steps were solved.
    - `weakly_active`: how many points stood at a kink of their law, in all steps: derivatives are one-sided there.
    - `certified`: what `certify` returns, where it was found on the way; else None.
    """

    residuals: Array
    jacobian: Array | None
    memory: Any
    result: RESULTS
    forward_residual: float
    reached: int
    weakly_active: int = 0
    certified: tuple[Array, float] | None = None


class AbstractExperiment(Told):
    """Something that predicts measurements from parameters."""

    @abc.abstractmethod
    def template(self) -> PyTree:
        """Return the problem whose leaves the parameters are."""

    @abc.abstractmethod
    def blocks(self) -> list[tuple[str, Array, Array | None]]:
        """Return (name, measured, noise) of each set of measurements, in the order of the residuals."""

    @abc.abstractmethod
    def evaluate(
        self, parameters: Parametrisation, phi: Array, memory: Any, progress: Callable, derivatives: bool = True
    ) -> Evaluation:
        """Predict, with the Jacobian by tangents if `derivatives`; `progress(text)` is told what is going on."""

    @abc.abstractmethod
    def push(self, parameters: Parametrisation, phi: Array, evaluation: Evaluation, directions: Array) -> Array:
        """Return J V for the columns V, (parameter, k) → (residual, k), by tangents; NaN where a solve fails."""

    @abc.abstractmethod
    def pull(self, parameters: Parametrisation, phi: Array, evaluation: Evaluation, weights: Array) -> Array:
        """Return Jᵀ W for the columns W, (residual, k) → (parameter, k), by adjoints; NaN where a solve fails."""

    @abc.abstractmethod
    def certify(
        self, parameters: Parametrisation, phi: Array, evaluation: Evaluation, progress: Callable
    ) -> tuple[Array, float]:
        """Return the gradient of ½|residuals|² by adjoint solves, and the worst of their relative residuals."""


@functools.singledispatch
def outside_of(experiment: AbstractExperiment) -> dict[str, Any]:
    """Return what was done with positions outside the body, by the name of the observation; mostly nothing."""
    return {}


def tangents(function: Callable, phi: Array) -> tuple[Array, Array, Any]:
    """Return f(φ), ∂f/∂φ by one forward sweep with a tangent for each entry, and what f gives besides."""

    def linear(direction):
        found, slope, extra = jax.jvp(function, (phi,), (direction,), has_aux=True)
        return found, slope, extra

    return jax.vmap(linear, out_axes=(None, -1, None))(jnp.eye(phi.shape[0], dtype=phi.dtype))


def pushed(function: Callable, phi: Array, directions: Array) -> tuple[PyTree, PyTree]:
    """Return f(φ), and ∂f/∂φ V, the columns of V last."""
    return jax.vmap(lambda v: jax.jvp(function, (phi,), (v,)), in_axes=1, out_axes=(None, -1))(directions)


def pulled(function: Callable, phi: Array, weights: PyTree) -> Array:
    """Return (∂f/∂φ)ᵀ W, the columns of W last."""
    _, back = jax.vjp(function, phi)
    return jax.vmap(lambda w: back(w)[0], in_axes=-1, out_axes=-1)(weights)
