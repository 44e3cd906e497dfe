"""The objective of a fit: loss of the residuals and priors, with the derivatives that each method asks for."""

import dataclasses
import functools
from typing import Literal

import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from ..._result import RESULTS
from ..._told import listing
from ..._typing import Array, Callable
from ..experiments import COLUMNS, AbstractExperiment, Evaluation, gathered_jacobian
from ..parameters import Parametrisation, Penalty, Rows
from ._losses import AbstractLoss


Derivatives = Literal["tangents", "adjoints", "products"]

INFLUENCE = 1e-6
FEW = 60
"""Up to so many parameters, least squares by orthogonal factors; beyond, by normal equations."""


@dataclasses.dataclass
class Objective:
    """f(φ) = Σ ρ(r_i) + Σ priors.

    **Attributes:**

    - `experiment`, `parameters`, `loss`, `penalty`: its parts.
    - `derivatives`: "tangents" or "adjoints" for a Jacobian formed by columns or by rows, "products" for none.
    - `progress`: told what is going on.
    - `held`: an entry of φ that does not change.
    """

    experiment: AbstractExperiment
    parameters: Parametrisation
    loss: AbstractLoss
    penalty: Penalty
    derivatives: Derivatives
    progress: Callable
    held: int | None = None

    def __repr__(self):
        return listing(self)

    def at(self, phi: Array, memory=None) -> "Local | RESULTS":
        """Evaluate with derivatives; the status instead where a solve fails."""
        batched = self.derivatives != "tangents" or phi.shape[0] > COLUMNS
        evaluation = self.experiment.evaluate(self.parameters, phi, memory, self.progress, not batched)
        if evaluation.result != RESULTS.successful:
            return evaluation.result
        if batched and self.derivatives != "products":
            jacobian = self._jacobian(phi, evaluation)
            if not np.all(np.isfinite(jacobian)):
                return RESULTS.adjoint_failed
            evaluation = dataclasses.replace(evaluation, jacobian=jnp.asarray(jacobian))
        return Local(self, phi, evaluation, self.penalty.at(phi))

    def _jacobian(self, phi, evaluation):
        if self.derivatives == "tangents":
            self.progress(f"Jacobian by {phi.shape[0]} tangents")
            found = gathered_jacobian(self.experiment, self.parameters, phi, evaluation)
            if found is not None:
                return np.asarray(found)
            eye, product = np.eye(phi.shape[0]), self.experiment.push
        else:
            self.progress(f"Jacobian by {evaluation.residuals.size} adjoints")
            eye, product = np.eye(evaluation.residuals.size), self.experiment.pull
        parts = []
        for first in range(0, len(eye), COLUMNS):
            some = eye[:, first : first + COLUMNS]
            # One width for all: one compiled program.
            full = np.zeros((len(eye), min(COLUMNS, len(eye))))
            full[:, : some.shape[1]] = some
            found = product(self.parameters, phi, evaluation, jnp.asarray(full, phi.dtype))
            parts.append(np.asarray(found)[:, : some.shape[1]])
        whole = np.concatenate(parts, axis=1)
        return whole if self.derivatives == "tangents" else whole.T


class Local:
    """The objective near one φ: value, gradient, and Gauss–Newton curvature H = JᵀWJ + AᵀA."""

    def __init__(self, objective: Objective, phi: Array, evaluation: Evaluation, prior: Rows):
        self.objective, self.phi, self.evaluation, self.prior = objective, phi, evaluation, prior
        r = np.asarray(evaluation.residuals, float)
        self.residuals = r
        self.weights = objective.loss.weight(r)
        self.misfit = float(np.sum(objective.loss.value(r)))
        self.value = self.misfit + prior.energy
        self.jacobian = None if evaluation.jacobian is None else np.asarray(evaluation.jacobian, float)
        if objective.held is not None:
            free = np.arange(phi.shape[0]) != objective.held
            self.jacobian = self.jacobian * free
            self.prior = prior._replace(matrix=sparse.csr_array(prior.matrix @ sparse.diags_array(free.astype(float))))
        pulled = self.pull((self.weights * r)[:, None])[:, 0]
        self.gradient = pulled + self.prior.matrix.T @ prior.residuals

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.phi.shape[0]

    def push(self, directions: np.ndarray) -> np.ndarray:
        """Return J V."""
        if self.jacobian is not None:
            return self.jacobian @ directions
        return self._product(self.objective.experiment.push, directions)

    def pull(self, weights: np.ndarray) -> np.ndarray:
        """Return Jᵀ W."""
        if self.jacobian is not None:
            return self.jacobian.T @ weights
        return self._product(self.objective.experiment.pull, weights)

    def _product(self, product, columns):
        found = product(self.objective.parameters, self.phi, self.evaluation, jnp.asarray(columns, self.phi.dtype))
        found = np.asarray(found, float)
        if not np.all(np.isfinite(found)):
            raise FloatingPointError(str(RESULTS[RESULTS.adjoint_failed]))
        return found

    def data_curvature(self, directions: np.ndarray) -> np.ndarray:
        """Return JᵀWJ V."""
        return self.pull(self.weights[:, None] * self.push(directions))

    def curvature(self, directions: np.ndarray) -> np.ndarray:
        """Return H V."""
        return self.data_curvature(directions) + self.prior.matrix.T @ (self.prior.matrix @ directions)

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return M and s with MᵀM = H, Mᵀs the gradient: the least-squares problem of few parameters."""
        root = np.sqrt(self.weights)
        M = np.concatenate([root[:, None] * self.jacobian, self.prior.matrix.toarray()])
        return M, np.concatenate([root * self.residuals, self.prior.residuals])

    def matrix(self) -> np.ndarray:
        """Return H."""
        weighted = np.sqrt(self.weights)[:, None] * self.jacobian
        return weighted.T @ weighted + (self.prior.matrix.T @ self.prior.matrix).toarray()

    def lengths(self) -> np.ndarray:
        """Return the lengths of the columns of M; without a Jacobian those of its priors' part."""
        square = np.asarray(self.prior.matrix.multiply(self.prior.matrix).sum(axis=0)).ravel()
        if self.jacobian is not None:
            square = square + np.einsum("np,n,np->p", self.jacobian, self.weights, self.jacobian)
        return np.sqrt(square)

    def cosine(self) -> float:
        """Return the largest cosine between s and a column of M: a gradient free of all units.

        Without a Jacobian, of which the columns' lengths are not known: √(gᵀ R⁻¹ g) / √(2 f), an upper bound of the cosine
        between s and all columns.
        """
        if self.jacobian is None:
            return float(np.sqrt(abs(self.gradient @ self.prior_solve(self.gradient)) / max(2 * self.value, 1e-300)))
        scale = np.sqrt(self.weights @ self.residuals**2 + self.prior.residuals @ self.prior.residuals)
        size = self.lengths() * scale
        cosines = np.abs(self.gradient) / np.where(size > 0, size, 1.0)
        return float(np.max(np.where(self.influential, cosines, 0.0)))

    @functools.cached_property
    def prior_solve(self) -> Callable:
        """v ↦ R⁻¹ v for the priors' curvature R = AᵀA, with a small multiple of the identity where it is singular."""
        R = sparse.csc_array(self.prior.matrix.T @ self.prior.matrix)
        largest = R.diagonal().max(initial=0.0)
        shift = 1e-10 * largest if largest > 0 else 1.0
        return splu(sparse.csc_array(R + shift * sparse.eye_array(self.size))).solve

    @functools.cached_property
    def influential(self) -> np.ndarray:
        """Which entries of φ the residuals depend on: a step as far as it may go (or as the entry is large) is felt.

        It changes them by a millionth of what they are: with less, a parameter that has run away to where it means
        nothing would keep the others from their minimum.
        """
        s = np.sqrt(self.weights @ self.residuals**2 + self.prior.residuals @ self.prior.residuals)
        return self.felt() > INFLUENCE * s

    def felt(self) -> np.ndarray:
        """Return how much a step as far as it may go changes the residuals, for each entry of φ."""
        reach = self.objective.parameters.reach()
        size = np.maximum(np.abs(np.asarray(self.phi, float)), 1.0)
        return self.lengths() * np.where(np.isfinite(reach), reach, size)

    def step(self, damping: float) -> np.ndarray:
        """Solve (H + μ D) δ = −gradient, D = diag H, within the reach of each entry; without influence it stays."""
        free, reach = self.influential.copy(), self.objective.parameters.reach()
        step = np.zeros(self.size)
        while free.any():
            step[free] = self._solved(damping, free, np.where(free, 0.0, step))
            over = free & (np.abs(step) > reach)
            if not over.any():
                break
            step[over] = np.sign(step[over]) * reach[over]
            free &= ~over
        return step

    def _solved(self, damping, free, given):
        """The step in the entries that are free, the others' being given."""
        length = self.lengths()[free]
        length = np.where(length > 0, length, 1.0)
        if self.size <= FEW:
            M, s = self.rows()
            stacked = np.concatenate([M[:, free] / length, np.sqrt(damping) * np.eye(length.size)])
            rhs = np.concatenate([-s - M @ given, np.zeros(length.size)])
            return np.linalg.lstsq(stacked, rhs, rcond=None)[0] / length
        H = self.matrix()
        scaled = H[np.ix_(free, free)] / np.outer(length, length)
        scaled[np.diag_indices(length.size)] += max(damping, 1e-14)
        rhs = -self.gradient[free] - H[free] @ given
        return scipy.linalg.solve(scaled, rhs / length, assume_a="pos") / length

    def predicted(self, step: np.ndarray) -> float:
        """Return the decrease of the objective by a step, as the quadratic model has it."""
        column = step[:, None]
        return float(-self.gradient @ step - 0.5 * step @ self.curvature(column)[:, 0])

    def explained(self) -> float:
        """Return |P s|, P the projection on the columns of M: the distance to the minimum in standard errors."""
        length = self.lengths()
        length = np.where(length > 0, length, 1.0)
        if self.size <= FEW:
            M, s = self.rows()
            M = (M / length)[:, self.influential]
            return float(np.linalg.norm(M @ np.linalg.lstsq(M, s, rcond=None)[0])) if M.size else 0.0
        return float(np.sqrt(max(-self.gradient @ self.step(0.0), 0.0)))
