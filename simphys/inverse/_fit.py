"""Least-squares calibration by Levenberg–Marquardt."""

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._result import RESULTS, name_of
from .._typing import Array, Callable
from ._experiment import AbstractExperiment, Evaluation
from ._parameters import Parametrisation
from ._uncertainty import Uncertainty, uncertainty


@dataclasses.dataclass(frozen=True)
class Iteration:
    """One accepted or rejected step of a fit: number, ½|r|², relative gradient, damping, θ, acceptance, seconds."""

    number: int
    objective: float
    gradient: float
    damping: float
    theta: np.ndarray
    accepted: bool
    seconds: float


@dataclasses.dataclass(frozen=True)
class Fit:
    """The result of `fit`.

    **Attributes:**

    - `status`: name of an item of `RESULTS`, "successful" if the gradient vanished; `message`: its sentence.
    - `names`, `values`: the parameters; `phi`: the same in the coordinates of their transforms.
    - `uncertainty`: covariance, intervals, correlation, reduced χ²; None if nothing could be evaluated.
    - `problem`: the problem with the fitted parameters.
    - `evaluation`: residuals, Jacobian, and the solutions in `memory`.
    - `history`: the iterations.
    - `forward_residual`, `adjoint_residual`: worst relative residuals of forward and of adjoint solves at the end.
    - `gradient_agreement`: relative difference of the adjoint gradient and of Jᵀr by forward mode, in the scale of J r.
    """

    status: str
    message: str
    names: list[str]
    values: np.ndarray
    phi: np.ndarray
    uncertainty: Uncertainty | None
    problem: Any
    evaluation: Evaluation | None
    history: list[Iteration]
    forward_residual: float
    adjoint_residual: float
    gradient_agreement: float

    @property
    def successful(self) -> bool:
        """Whether a minimum was found."""
        return self.status == "successful"

    def __str__(self):
        lines = [f"fit: {self.status}" + (f" ({self.message})" if self.message else "")]
        if self.uncertainty is not None:
            rows = zip(self.names, self.values, self.uncertainty.std, self.uncertainty.interval95)
            for name, value, std, (low, high) in rows:
                lines.append(f"  {name:12s} = {value:.6g} ± {std:.2g}   95 %: [{low:.6g}, {high:.6g}]")
            lines.append(f"  reduced χ² = {self.uncertainty.reduced_chi2:.4f}")
        return "\n".join(lines)


class _Report:
    """Default progress: silence."""

    def __call__(self, text: str):
        pass


def fit(
    experiment: AbstractExperiment,
    parameters,
    *,
    max_iterations: int = 50,
    gradient_tolerance: float = 1e-6,
    step_tolerance: float = 1e-8,
    progress: Callable[[str], None] | None = None,
    on_iteration: Callable[[Iteration], None] | None = None,
) -> Fit:
    """Find the parameters that minimise ½|r|², r = (prediction − measurement) / noise.

    (JᵀJ + μ D) δ = −Jᵀ r,   D = diag(JᵀJ),   in the coordinates φ of the parameters' transforms

    Each iteration costs one evaluation of the experiment with its Jacobian; solves start from the last iterate's
    solutions. A trial at which a solve fails is rejected like one that is worse. Where trials are rejected though the
    minimum is nearer than a hundredth of a standard error, that is near enough.

    **Arguments:**

    - `experiment`: `LoadSteps` or `Model`.
    - `parameters`: sequence of `Parameter`.
    - `max_iterations`: evaluations at most.
    - `gradient_tolerance`: largest cosine between r and a column of J at a minimum.
    - `step_tolerance`: step in φ, relative to 1 + |φ|, below which the fit has converged.
    - `progress`: called with a line of text as work goes on.
    - `on_iteration`: called after each iteration.

    **Returns:** a `Fit`; look at `status`. An interrupted fit (Ctrl-C) returns the best parameters so far.

    Reference: J. J. Moré, The Levenberg–Marquardt algorithm, Lecture Notes in Mathematics 630 (1978) 105.
    """
    parametrisation = Parametrisation(parameters, experiment.template())
    progress = _Report() if progress is None else progress
    state = _Search(experiment, parametrisation, progress, on_iteration or (lambda _: None))
    try:
        status = state.run(max_iterations, gradient_tolerance, step_tolerance)
    except KeyboardInterrupt:
        status, state.progress = RESULTS.fit_interrupted, _Report()
    return state.finish(status)


class _Search:
    """The Levenberg–Marquardt iteration, on the host."""

    def __init__(self, experiment, parameters, progress, on_iteration):
        self.experiment, self.parameters = experiment, parameters
        self.progress, self.on_iteration = progress, on_iteration
        self.phi: Array = parameters.start
        self.best: Evaluation | None = None
        self.history: list[Iteration] = []
        self.damping = 1e-3
        self.failure = RESULTS.successful

    def run(self, max_iterations, gradient_tolerance, step_tolerance):
        """Iterate; return the status."""
        first = self._evaluate(self.phi, None)
        if first.result != RESULTS.successful:
            self.failure = first.result
            return first.result
        self._accept(self.phi, first)
        growth = 2.0
        for _ in range(max_iterations):
            if self._gradient() <= gradient_tolerance or self._objective(self.best) == 0.0:
                return RESULTS.successful
            step = self._step()
            small = float(jnp.linalg.norm(step)) <= step_tolerance * (1 + float(jnp.linalg.norm(self.phi)))
            if small:
                # A short step is the end of the way only if it is not the damping that makes it short.
                near = self.damping <= 1.0 or self._gradient() <= 1e3 * gradient_tolerance
                return RESULTS.successful if near else RESULTS.fit_stalled
            trial = self._evaluate(self.phi + step, self.best.memory)
            gain = self._gain(trial, step)
            if gain > 1e-4:
                self._accept(self.phi + step, trial)
                self.damping *= max(1 / 10, 1 - (2 * gain - 1) ** 3)
                growth = 2.0
            else:
                self._record(trial, self.phi + step, False)
                if abs(self._predicted(step)) <= 1e-12 * self._objective(self.best) or self._negligible():
                    return RESULTS.successful
                self.damping, growth = self.damping * growth, 2 * growth
                if self.damping > 1e12:
                    return RESULTS.fit_stalled
        return RESULTS.nonlinear_max_steps_reached

    def finish(self, status) -> Fit:
        """Certify the best point and state its uncertainty."""
        names, best = self.parameters.names, self.best
        values, phi = np.asarray(self.parameters.flat(self.phi)), np.asarray(self.phi)
        problem = self.parameters.apply(self.experiment.template(), self.phi)
        if best is None:
            worst = float("nan")
            return Fit(
                name_of(status), str(RESULTS[status]), names, values, phi, None, problem, None, [], worst, worst, worst
            )
        slope = jax.jacfwd(self.parameters.flat)(self.phi)
        noises = [noise for _, _, noise in self.experiment.blocks()]
        stated = all(noise is not None for noise in noises)
        count = best.residuals.size if not stated else sum(int(jnp.sum(jnp.isfinite(noise))) for noise in noises)
        quality = uncertainty(best.residuals, best.jacobian, slope, values, names, stated, count)
        message = str(RESULTS[status])
        if quality.null_directions and status != RESULTS.fit_interrupted:
            status = RESULTS.unidentifiable
            message = f"{RESULTS[status]} Null direction: {'; '.join(quality.null_directions)}."
        gradient, adjoint_residual = self.experiment.certify(self.parameters, self.phi, best, self.progress)
        size = jnp.linalg.norm(best.jacobian, axis=0) * jnp.linalg.norm(best.residuals)
        difference = jnp.abs(gradient - best.jacobian.T @ best.residuals)
        agreement = float(jnp.max(difference / jnp.where(size > 0, size, 1.0)))
        return Fit(
            name_of(status),
            message,
            names,
            values,
            phi,
            quality,
            problem,
            best,
            self.history,
            best.forward_residual,
            adjoint_residual,
            agreement,
        )

    def _evaluate(self, phi, memory):
        self.started = time.perf_counter()
        return self.experiment.evaluate(self.parameters, phi, memory, self.progress)

    def _accept(self, phi, evaluation):
        self.phi, self.best = phi, evaluation
        self._record(evaluation, phi, True)

    def _record(self, evaluation, phi, accepted):
        solved = evaluation.result == RESULTS.successful
        entry = Iteration(
            len(self.history),
            self._objective(evaluation) if solved else float("nan"),
            self._gradient(),
            self.damping,
            np.asarray(self.parameters.flat(phi)),
            accepted,
            time.perf_counter() - self.started,
        )
        self.history.append(entry)
        self.on_iteration(entry)

    def _objective(self, evaluation):
        return 0.5 * float(jnp.vdot(evaluation.residuals, evaluation.residuals))

    def _gradient(self):
        """Largest cosine between the residual and a column of J: free of all units."""
        J, r = self.best.jacobian, self.best.residuals
        size = jnp.linalg.norm(J, axis=0) * jnp.linalg.norm(r)
        return float(jnp.max(jnp.abs(J.T @ r) / jnp.where(size > 0, size, 1.0)))

    def _step(self):
        """Solve the damped normal equations as a least-squares problem, columns scaled to length 1."""
        J, r = jnp.asarray(self.best.jacobian), self.best.residuals
        length = jnp.linalg.norm(J, axis=0)
        length = jnp.where(length > 0, length, 1.0)
        p = length.shape[0]
        stacked = jnp.concatenate([J / length[None], jnp.sqrt(self.damping) * jnp.eye(p)])
        rhs = jnp.concatenate([-r, jnp.zeros(p)])
        return jnp.linalg.lstsq(stacked, rhs)[0] / length

    def _negligible(self):
        """Whether what is left to the minimum is within a hundredth of a standard error in all parameters together.

        An objective that is not smooth (properties in tables, contact) need not let the iteration come nearer.
        """
        J, r = jnp.asarray(self.best.jacobian), self.best.residuals
        length = jnp.linalg.norm(J, axis=0)
        scaled = J / jnp.where(length > 0, length, 1.0)[None]
        explained = scaled @ jnp.linalg.lstsq(scaled, r)[0]
        scatter = jnp.linalg.norm(r) / jnp.sqrt(r.size)
        return bool(jnp.linalg.norm(explained) <= 0.01 * jnp.minimum(scatter, 1.0))

    def _predicted(self, step):
        J, r = self.best.jacobian, self.best.residuals
        change = J @ step
        return float(-jnp.vdot(r, change) - 0.5 * jnp.vdot(change, change))

    def _gain(self, trial, step):
        if trial.result != RESULTS.successful:
            return -1.0
        actual = self._objective(self.best) - self._objective(trial)
        predicted = self._predicted(step)
        return actual / predicted if predicted > 0 else -1.0
