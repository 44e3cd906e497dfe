"""Values and gradients of all goals at one design."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._hidden import compiled
from .._result import RESULTS, name_of
from .._told import listing
from .._typing import PyTree
from ..implicit import value_and_grad
from ._goal import AbstractGoal
from ._layout import Layout


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A goal at a design: value, gradient, the quantity behind it, memory, status, and the residuals it rests on."""

    value: float
    gradient: np.ndarray
    quantity: float
    memory: PyTree
    status: str
    message: str
    forward_residual: float
    adjoint_residual: float
    adjoint_solves: int

    def __repr__(self):
        return listing(self)


def evaluate(goal: AbstractGoal, layout: Layout, x: np.ndarray, memory: PyTree) -> Evaluation:
    """Evaluate a goal and its gradient; `status` is that of the solve, or else of the adjoint solve, that failed."""
    value, outcome, gradient, certificate = _evaluate(goal, layout, jnp.asarray(x, layout.volumes.dtype), memory)
    result = outcome.result
    if bool(result == RESULTS.successful):
        result = certificate.result
    if bool(result == RESULTS.successful) and not (np.isfinite(value) and np.all(np.isfinite(gradient))):
        result = RESULTS.nonfinite
    return Evaluation(
        float(value),
        np.asarray(gradient, float),
        float(outcome.quantity),
        outcome.memory,
        name_of(result),
        str(RESULTS[result]),
        float(outcome.residual),
        float(certificate.residual),
        int(certificate.solves),
    )


@compiled
def _evaluate(goal, layout, x, memory):
    judged = lambda x: goal(layout, x, memory)
    (value, outcome), gradient, certificate = value_and_grad(judged, has_aux=True)(x)
    if outcome.memory is not None:
        # Filters that are heuristics smooth what the equilibrium says, not the geometry.
        gradient = layout.gradient(x, gradient)
    return value, outcome, gradient, certificate


def density_of(layout: Layout, x) -> np.ndarray:
    """Return the density of every cell, (cell,), for design variables x, (n,)."""
    return np.asarray(_density_of(layout, jnp.asarray(x, layout.volumes.dtype)))


def values_of(layout: Layout, x) -> np.ndarray:
    """Return the cells' own values, before filter and projection: x, unless they come from a network."""
    if layout.network is None:
        return np.asarray(x)
    return np.asarray(_values_of(layout, jnp.asarray(x, layout.volumes.dtype)))


_density_of = eqx.filter_jit(lambda layout, x: layout(x))
_values_of = eqx.filter_jit(lambda layout, x: layout.values(x))
