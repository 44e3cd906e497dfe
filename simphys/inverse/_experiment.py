"""Experiments: how parameters become predictions, their derivatives, and what the next evaluation starts from."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._result import RESULTS
from .._typing import Any, Array, Callable, PyTree
from ..implicit import AbstractAdjoint, Implicit, Newton, Solution, Verify, solve, value_and_grad
from ..physics import AbstractBalance
from ._observations import AbstractObservation, checked_data
from ._parameters import Parametrisation


class Evaluation(eqx.Module):
    """Predictions at one set of parameters.

    **Attributes:**

    - `residuals`: (prediction − measurement) / noise, one vector.
    - `jacobian`: ∂residuals/∂φ; None if it was not asked for.
    - `memory`: what makes the next evaluation start warm.
    - `result`: status of the worst solve; with a failure the residuals mean nothing.
    - `forward_residual`: worst relative residual of the solves.
    - `reached`: how many steps were solved.
    """

    residuals: Array
    jacobian: Array | None
    memory: Any
    result: RESULTS
    forward_residual: float
    reached: int


class AbstractExperiment(eqx.Module):
    """Something that predicts measurements from parameters."""

    @abc.abstractmethod
    def template(self) -> PyTree:
        """Return the problem whose leaves the parameters are."""

    @abc.abstractmethod
    def blocks(self) -> list[tuple[str, Array, Array | None]]:
        """Return (name, measured, noise) of each set of measurements, in the order of the residuals."""

    @abc.abstractmethod
    def evaluate(self, parameters: Parametrisation, phi: Array, memory: Any, progress: Callable) -> Evaluation:
        """Predict, with derivatives; `progress(text)` is told what is going on."""

    @abc.abstractmethod
    def certify(
        self, parameters: Parametrisation, phi: Array, evaluation: Evaluation, progress: Callable
    ) -> tuple[Array, float]:
        """Return the gradient of ½|residuals|² by adjoint solves, and the worst of their relative residuals."""


class LoadSteps(AbstractExperiment):
    """A body led through a sequence of loads or displacements, observed after each.

    **Arguments:**

    - `problem`: the root problem.
    - `vary`: picks the leaf that changes from step to step, `lambda solid: solid.constraints[1].value`.
    - `values`: its value in each step, (step, …).
    - `observations`: sequence of observations.
    - `newton`: root finder for the steps.
    - `adjoint`: policy for the derivatives.

    Within a pass each step starts from the one before; in later passes from its own solution at the last parameters,
    predicted by the tangent. Costs one pass of Newton solves, and one linear solve per parameter and step.
    """

    problem: AbstractBalance
    values: Array
    observations: tuple[AbstractObservation, ...]
    newton: Newton
    adjoint: AbstractAdjoint
    vary: Callable = eqx.field(static=True)

    def __init__(self, problem, vary, values, observations, *, newton=None, adjoint=None):
        self.problem, self.vary = problem, vary
        shape = jnp.shape(vary(problem))
        self.values = jnp.asarray(values, jnp.result_type(vary(problem)))
        if self.values.shape[1:] != shape or self.values.ndim != len(shape) + 1:
            raise ValueError(f"`values` must have shape (step, {', '.join(map(str, shape))}), got {self.values.shape}.")
        self.observations = tuple(observations)
        for o in self.observations:
            if o.measured.shape[0] != self.values.shape[0]:
                raise ValueError(
                    f"Observation {o.name!r} has {o.measured.shape[0]} steps, but there are {self.values.shape[0]}."
                )
        self.newton = Newton() if newton is None else newton
        self.adjoint = Implicit() if adjoint is None else adjoint

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return self.values.shape[0]

    def template(self):
        """The problem, before any step."""
        return self.problem

    def blocks(self):
        """Measurements of all steps, observation by observation."""
        return [(o.name, o.measured, o.noise) for o in self.observations]

    def at_step(self, problem, step: int):
        """Return the problem with the load of a step."""
        return eqx.tree_at(self.vary, problem, self.values[step])

    def evaluate(self, parameters, phi, memory, progress):
        """Solve every step, then differentiate it."""
        problem = parameters.apply(self.problem, phi)
        solutions: list = []
        predictions, jacobians, worst = [], [], 0.0
        for step in range(self.n_steps):
            now = self.at_step(problem, step)
            if memory is not None:
                start, guess = self._remembered(parameters, memory, step)
            elif step == 0:
                start = parameters.apply(now.unloaded(), phi)
                guess = start.value(start.unknowns(None))
            else:
                # Fresh arrays for the parameters: one compiled solve then serves load steps and changes of parameters.
                start, guess = self.at_step(parameters.apply(self.problem, phi), step - 1), solutions[-1]
            solution = solve(now, guess, start=start, method=self.newton, adjoint=self.adjoint, throw=False)
            worst = max(worst, float(solution.certificate.residual))
            progress(_line(step, self.n_steps, solution))
            if solution.result != RESULTS.successful:
                return Evaluation(jnp.zeros(0), None, None, solution.result, worst, step)
            solutions.append(solution.value)
            settings = tuple(o.setting(step) for o in self.observations)
            found, slopes = _sensitivities(self, Static(parameters), phi, solution.value, self.values[step], settings)
            if not all(bool(jnp.all(jnp.isfinite(s))) for s in slopes):
                return Evaluation(jnp.zeros(0), None, None, RESULTS.adjoint_failed, worst, step)
            predictions.append(found)
            jacobians.append(slopes)
        residuals, jacobian = self._collect(predictions, jacobians)
        return Evaluation(residuals, jacobian, (phi, solutions), RESULTS.successful, worst, self.n_steps)

    def _remembered(self, parameters, memory, step):
        phi, solutions = memory
        return self.at_step(parameters.apply(self.problem, phi), step), solutions[step]

    def _collect(self, predictions, jacobians):
        residuals, rows = [], []
        for i, o in enumerate(self.observations):
            noise = jnp.ones_like(o.measured) if o.noise is None else o.noise
            found = jnp.stack([p[i] for p in predictions])
            residuals.append(((found - o.measured) / noise).ravel())
            slopes = jnp.stack([j[i] for j in jacobians]) / noise[..., None]
            rows.append(slopes.reshape(-1, slopes.shape[-1]))
        return jnp.concatenate(residuals), jnp.concatenate(rows)

    def certify(self, parameters, phi, evaluation, progress):
        """Adjoint solves of every step at the solutions that are known."""
        gradient, worst = jnp.zeros_like(phi), 0.0
        for step, value in enumerate(evaluation.memory[1]):
            progress(f"adjoint of load step {step + 1}/{self.n_steps}")
            settings = tuple(o.setting(step) for o in self.observations)
            targets = tuple((o.measured[step], None if o.noise is None else o.noise[step]) for o in self.observations)
            part, certificate = _adjoint_gradient(
                self, Static(parameters), phi, value, self.values[step], settings, targets
            )
            gradient = gradient + part
            worst = max(worst, float(certificate.residual))
        return gradient, worst


class Static:
    """A parametrisation as a static argument of compiled functions: equal ones share the compiled code."""

    def __init__(self, parameters: Parametrisation):
        self.parameters = parameters
        parts = zip(parameters.parameters, parameters.transforms, parameters.starts)
        self.key = tuple((p.name, p.where, transform, start.shape) for p, transform, start in parts)

    def __hash__(self):
        return hash(self.key)

    def __eq__(self, other):
        return self.key == other.key


def _predict(experiment, parameters, phi, value, load, settings, adjoint):
    """Predictions of one step as a function of φ, by derivatives attached to the known solution."""
    problem = parameters.apply(experiment.problem, phi)
    problem = eqx.tree_at(experiment.vary, problem, load)
    found = solve(problem, value, method=Verify(rtol=1e-3), adjoint=adjoint, throw=False).value
    return tuple(o.predict(problem, found, s) for o, s in zip(experiment.observations, settings))


@eqx.filter_jit
def _sensitivities(experiment, parameters, phi, value, load, settings):
    """Predictions, and their derivatives by one forward solve per parameter that share a factor."""
    parameters = parameters.parameters
    predict = lambda phi: _predict(experiment, parameters, phi, value, load, settings, experiment.adjoint)
    linear = lambda direction: jax.jvp(predict, (phi,), (direction,))
    found, slopes = jax.vmap(linear, out_axes=(None, -1))(jnp.eye(phi.shape[0], dtype=phi.dtype))
    return found, slopes


@eqx.filter_jit
def _adjoint_gradient(experiment, parameters, phi, value, load, settings, targets):
    parameters = parameters.parameters

    def half_squares(phi):
        found = _predict(experiment, parameters, phi, value, load, settings, experiment.adjoint)
        weighted = [(f - m) / (1.0 if n is None else n) for f, (m, n) in zip(found, targets)]
        return 0.5 * sum(jnp.sum(w * w) for w in weighted)

    # Solves under the probe must stand at the level at which it was attached: `_predict` is called directly.
    _, gradient, certificate = value_and_grad(half_squares)(phi)
    return gradient, certificate


def _line(step, steps, solution: Solution):
    c, s = solution.certificate, solution.stats
    return (
        f"load step {step + 1}/{steps}: {int(s.newton_steps)} Newton steps, "
        f"{int(s.factorisations)} factorisations, residual {float(c.residual):.1e}"
    )


class Model(AbstractExperiment):
    """Predictions that are a plain JAX function of the parameters, such as stresses at a material point.

    **Arguments:**

    - `problem`: a pytree whose leaves the parameters are, such as a material.
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

    def __init__(self, problem, function, measured, noise=None, *, name="data"):
        self.problem, self.function, self.name = problem, function, name
        self.measured, self.noise = checked_data(name, np.atleast_1d(np.asarray(measured, float)), noise)

    def template(self):
        """The pytree."""
        return self.problem

    def blocks(self):
        """The one set of data."""
        return [(self.name, self.measured, self.noise)]

    def evaluate(self, parameters, phi, memory, progress):
        """Evaluate the function and its forward-mode Jacobian."""
        residuals, jacobian = _model(self, Static(parameters), phi)
        finite = bool(jnp.all(jnp.isfinite(residuals))) and bool(jnp.all(jnp.isfinite(jacobian)))
        result = RESULTS.successful if finite else RESULTS.nonfinite
        return Evaluation(residuals, jacobian, (), result, 0.0, 1)

    def certify(self, parameters, phi, evaluation, progress):
        """There is no adjoint solve to be checked: the gradient is that of forward mode."""
        return evaluation.jacobian.T @ evaluation.residuals, 0.0


def _model_residuals(model, parameters, phi):
    found = model.function(parameters.apply(model.problem, phi))
    return jnp.ravel((found - model.measured) / (jnp.ones(()) if model.noise is None else model.noise))


def tangents(function: Callable, phi: Array) -> tuple[Array, Array, Any]:
    """Return f(φ), ∂f/∂φ by one forward sweep with a tangent for each entry, and what f gives besides."""

    def linear(direction):
        found, slope, extra = jax.jvp(function, (phi,), (direction,), has_aux=True)
        return found, slope, extra

    return jax.vmap(linear, out_axes=(None, -1, None))(jnp.eye(phi.shape[0], dtype=phi.dtype))


@eqx.filter_jit
def _model(model, parameters, phi):
    """Residuals and their derivatives in one forward sweep."""
    residuals, jacobian, _ = tangents(lambda phi: (_model_residuals(model, parameters.parameters, phi), None), phi)
    return residuals, jacobian
