"""The state of a fit on its way, and the Levenberg–Marquardt method."""

import dataclasses
import time

import jax.numpy as jnp
import numpy as np

from ..._result import RESULTS
from ..._told import shown
from ..._typing import Callable
from ._objective import FEW, Local, Objective


@dataclasses.dataclass(frozen=True)
class Iteration:
    """One accepted or rejected step of a fit: number, objective, relative gradient, damping (Levenberg–Marquardt) or
    radius of trust (Newton–CG), θ, acceptance, seconds."""

    number: int
    objective: float
    gradient: float
    damping: float
    theta: np.ndarray
    accepted: bool
    seconds: float

    def __repr__(self):
        return shown(self)


@dataclasses.dataclass(frozen=True)
class Limits:
    """When a fit ends: evaluations at most, relative gradient, and step relative to 1 + |φ|."""

    max_iterations: int
    gradient: float
    step: float


class Search:
    """The best point so far, and how it was reached; `free` are the entries of φ that may change."""

    def __init__(self, objective: Objective, on_iteration: Callable, phi=None, memory=None):
        self.objective, self.on_iteration = objective, on_iteration
        self.phi = objective.parameters.start if phi is None else phi
        self.memory = memory
        self.best: Local | None = None
        self.history: list[Iteration] = []
        self.control = 1e-3

    def begin(self) -> RESULTS:
        """Evaluate the start; return its status."""
        first = self.trial(self.phi)
        if isinstance(first, Local):
            self.accept(first)
            return RESULTS.successful
        return first

    def trial(self, phi) -> "Local | RESULTS":
        """Evaluate at another φ."""
        self.started = time.perf_counter()
        memory = self.memory if self.best is None else self.best.evaluation.memory
        return self.objective.at(jnp.asarray(phi, self.phi.dtype), memory)

    def accept(self, local: Local):
        """Go there."""
        self.phi, self.best = local.phi, local
        self._record(local.value, local.phi, True)

    def reject(self, trial: "Local | RESULTS", phi):
        """Stay."""
        self._record(trial.value if isinstance(trial, Local) else float("nan"), phi, False)

    def _record(self, value, phi, accepted):
        seconds = time.perf_counter() - self.started
        theta = np.asarray(self.objective.parameters.flat(jnp.asarray(phi)))
        entry = Iteration(len(self.history), value, self.best.cosine(), self.control, theta, accepted, seconds)
        self.history.append(entry)
        self.on_iteration(entry)

    def gain(self, trial: "Local | RESULTS", step) -> float:
        """Actual over predicted decrease; negative for a failure."""
        if not isinstance(trial, Local):
            return -1.0
        predicted = self.best.predicted(step)
        return (self.best.value - trial.value) / predicted if predicted > 0 else -1.0

    def negligible(self) -> bool:
        """Whether what is left to the minimum is within a hundredth of a standard error in all parameters together.

        An objective that is not smooth (properties in tables, contact) need not let the iteration come nearer.
        """
        return self.best.explained() <= 0.01 * self.scatter()

    def scatter(self) -> float:
        """Deviation of the residuals, in units of the noise; 1 at most."""
        r = self.best.residuals
        return min(float(np.linalg.norm(r) / np.sqrt(r.size)), 1.0)


def levenberg_marquardt(search: Search, limits: Limits):
    """Take steps (H + μ D) δ = −g, D = diag H, with μ by how well they were predicted; return the status.

    Reference: J. J. Moré, The Levenberg–Marquardt algorithm, Lecture Notes in Mathematics 630 (1978) 105.
    """
    if (status := search.begin()) != RESULTS.successful:
        return status
    growth = 2.0
    for _ in range(limits.max_iterations):
        best = search.best
        if best.cosine() <= limits.gradient or best.value == 0.0:
            return RESULTS.successful
        step = best.step(search.control)
        # Entry by entry: one that has run away to infinity makes no step of the others small.
        if np.all(np.abs(step) <= limits.step * (1 + np.abs(search.phi))):
            # A short step is the end of the way only if it is not the damping that makes it short.
            near = search.control <= 1.0 or best.cosine() <= 1e3 * limits.gradient
            return RESULTS.successful if near else RESULTS.fit_stalled
        networks = search.objective.parameters.networks
        near = (0.3 if networks else 0.1) * search.scatter()
        if (networks or best.size > FEW) and search.control < 0.1 and 2 * best.predicted(step) <= near**2:
            return RESULTS.successful
        trial = search.trial(search.phi + step)
        gain = search.gain(trial, step)
        if gain > 1e-4:
            search.accept(trial)
            search.control *= max(1 / 10, 1 - (2 * gain - 1) ** 3)
            growth = 2.0
            continue
        search.reject(trial, search.phi + step)
        if abs(best.predicted(step)) <= 1e-12 * best.value or search.negligible():
            return RESULTS.successful
        search.control, growth = search.control * growth, 2 * growth
        if search.control > 1e12:
            return RESULTS.fit_stalled
    return RESULTS.fit_unfinished
