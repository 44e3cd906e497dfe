"""Where the mesh's shift of fitted parameters comes from."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..._typing import Array
from ...errors import Enrichment, compare
from ..data import AbstractObservation
from ._objective import Local


def shift_indicators(local: Local, which: np.ndarray) -> np.ndarray:
    """Return how much each cell takes part in the shifts of some parameters, Σ_j |η_jK| of `shift_parts`, (cell,)."""
    return np.abs(shift_parts(local, which)).sum(axis=0)


def shift_parts(local: Local, which: np.ndarray) -> np.ndarray:
    r"""Return each cell's part of the mesh's shifts of some parameters, in standard deviations, (parameter, cell).

    δφ_j = −e_jᵀ H⁻¹ JᵀW (r⁺ − r) = σ_j Σ_K η_jK,   by the dual z_j with the load −CᵀW J H⁻¹ e_j

    One linear problem on the richer space for each load step and parameter.

    **Arguments:**

    - `local`: the objective at its minimum, of `LoadSteps`, with its Jacobian.
    - `which`: numbers of the parameters.

    **Raises:** `ValueError` for problems without a richer space.
    """
    objective, experiment = local.objective, local.objective.experiment
    covariance = np.linalg.pinv(local.matrix(), hermitian=True)
    rows = covariance[which] @ (local.jacobian.T * local.weights) / np.sqrt(np.diag(covariance)[which])[:, None]
    problem = objective.parameters.apply(experiment.problem, local.phi)
    values, total, enrichment = local.evaluation.memory[1], [0.0] * len(rows), None
    for step, value in enumerate(values):
        now = experiment.at_step(problem, step)
        enrichment = Enrichment(now) if enrichment is None else enrichment
        richer = tuple(o.enriched(enrichment) for o in experiment.observations)
        settings = [tuple(o.setting(step) for o in every) for every in (experiment.observations, richer)]
        for j, row in enumerate(rows):
            objective.progress(f"where the mesh's error is, load step {step + 1}/{len(values)}")
            weights = _of_step(experiment, row, step)
            own = _Shift(experiment.observations, weights, settings[0])
            there = _Richer(_Shift(richer, weights, settings[1]))
            found = compare(own, there, enrichment, now, value, stepped=False)
            total[j] = total[j] + np.asarray(found.indicators)
    return np.array(total)


class _Shift(eqx.Module):
    """−Σ w · prediction: what a parameter is shifted by."""

    observations: tuple[AbstractObservation, ...]
    weights: tuple[Array, ...]
    settings: tuple

    def __call__(self, problem, value):
        every = zip(self.observations, self.weights, self.settings, strict=True)
        return -sum(jnp.vdot(w, o.predict(problem, value, s)) for o, w, s in every)


class _Richer(eqx.Module):
    shift: _Shift

    def __call__(self, enrichment, problem, rich, value):
        return self.shift(rich, value)


def _of_step(experiment, row, step):
    """The weights of one step's predictions, from those of all residuals."""
    found, first = [], 0
    for o in experiment.observations:
        noise = np.ones(o.measured.shape) if o.noise is None else np.asarray(o.noise)
        mine = row[first : first + o.measured.size].reshape(o.measured.shape)
        found.append(jnp.asarray((mine / noise)[step]))
        first += o.measured.size
    return tuple(found)
