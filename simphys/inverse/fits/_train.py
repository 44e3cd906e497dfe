"""Least squares for many weights: what trains a network that sits in a simulation."""

import dataclasses
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ... import _check
from ..._hidden import on_host
from ..._progress import Progress, told
from ..._told import listing
from ..._typing import Callable, PyTree
from ...distributed import sum_over_members


@dataclasses.dataclass(frozen=True)
class Training:
    """The result of `train`.

    **Attributes:**

    - `model`: with the weights found.
    - `errors`: root mean square of the residuals, the start and every accepted step.
    - `evaluations`: how often derivatives were taken, and residuals in all.
    - `seconds`: wall time.
    """

    model: Any
    errors: np.ndarray
    evaluations: tuple[int, int]
    seconds: float

    def __repr__(self):
        return listing(self)


@told("training")
@on_host("Training")
def train(
    residuals: Callable,
    model: PyTree,
    data: PyTree = None,
    *,
    trainable: PyTree | Callable = eqx.is_inexact_array,
    max_iterations: int = 30,
    tolerance: float = 1e-4,
    damping: float = 1e-2,
    batch: int = 16,
    devices: Any = None,
    progress: Progress = None,
    on_iteration: Callable | None = None,
) -> Training:
    r"""Minimise ½|r|² over the weights of a model by Levenberg and Marquardt's method.

    (JᵀJ + μ D) δ = −Jᵀ r,   D = diag(JᵀJ) + 10⁻⁶ max diag(JᵀJ)

    For up to a few hundred weights: JᵀJ is formed by forward mode, some columns at a time. Weights that the data do not
    tell apart are no failure here, and no uncertainty is stated: that is what `fit` is for.

    **Arguments:**

    - `residuals`: (model, data) → array of residuals. Not finite: the step is refused. With `devices`: (model, member).
    - `model`: where to start; any pytree.
    - `data`: passed on. With `devices` a list of members, or arrays with a leading axis for them.
    - `trainable`: which leaves are weights, a filter of Equinox.
    - `max_iterations`: trial steps at most.
    - `tolerance`: two steps in turn that gain less than this part of the error end it.
    - `damping`: first μ.
    - `batch`: columns of J at a time.
    - `devices`: a JAX `Mesh` (of several processes, which all call with the same), a list of devices, or how many: they
      share the members, whose JᵀJ are summed in their order: the same bits on any number of them.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
    - `on_iteration`: called with (number, root mean square, accepted); what it raises ends the training.

    **Returns:** a `Training`.

    **Raises:** `ValueError` if there are no weights, or the residuals are not finite at the start.

    Reference: J. J. Moré, The Levenberg–Marquardt algorithm, Lecture Notes in Mathematics 630 (1978) 105.
    """
    _check.tolerance("tolerance", tolerance, zero=True)
    begun = time.perf_counter()
    free, fixed = eqx.partition(model, trainable)
    weights, unravel = ravel_pytree(free)
    weights = jax.lax.convert_element_type(weights, weights.dtype)  # never weakly typed, as what follows from it
    if weights.size == 0:
        raise ValueError("`model` has no weights to train.")
    of = lambda w, given: jnp.ravel(residuals(eqx.combine(unravel(w), fixed), given))
    square = _mean(lambda w, given: _squares(of(w, given)), devices)
    normal = _mean(lambda w, given: _normal_equations(lambda v: of(v, given), w, batch), devices)
    error = float(square(weights, data))
    if not np.isfinite(error):
        raise ValueError("The residuals are not finite at the start.")
    matrix, slope = normal(weights, data)
    errors, taken, small, tried = [error], 1, 0, 1
    for number in range(max_iterations):
        trial = weights - _damped(matrix, slope, damping)
        new = float(square(trial, data))
        tried += 1
        accepted = bool(np.isfinite(new)) and new < error
        root = float(np.sqrt(new if accepted else error))
        progress(f"step {number + 1} of {max_iterations}, root mean square {root:.4g}")
        if on_iteration is not None:
            on_iteration(number, root, accepted)
        if not accepted:
            damping *= 4
            if damping > 1e10:
                break
            continue
        small = small + 1 if np.sqrt(error) - np.sqrt(new) < tolerance * np.sqrt(error) else 0
        weights, error, damping = trial, new, max(damping / 5, 1e-10)
        errors.append(error)
        if small == 2:
            break
        if number < max_iterations - 1:
            matrix, slope = normal(weights, data)
            taken += 1
    found = eqx.combine(unravel(weights), fixed)
    return Training(found, np.sqrt(errors), (taken, tried), time.perf_counter() - begun)


def _mean(function, devices):
    """What a function of weights and data sums up, over the number of residuals; of members of the data where given."""
    total = eqx.filter_jit(function) if devices is None else sum_over_members(function, devices=devices)

    def mean(w, data):
        sums, count = total(w, data)
        return jax.tree.map(lambda x: x / count.astype(x.dtype), sums)

    return mean


def _squares(r):
    return jnp.sum(r**2), jnp.asarray(r.size)


def _normal_equations(residuals, weights, batch):
    """JᵀJ and Jᵀr, and the number of residuals."""
    r, push = jax.linearize(residuals, weights)
    rows = jax.lax.map(push, jnp.eye(weights.size, dtype=weights.dtype), batch_size=batch)
    return (rows @ rows.T, rows @ r), jnp.asarray(r.size)


def _damped(matrix, slope, damping):
    """The step, with columns scaled to length 1."""
    diagonal = jnp.diag(matrix)
    length = jnp.sqrt(diagonal + 1e-6 * jnp.max(diagonal))
    length = jnp.where(length > 0, length, 1.0)
    scaled = matrix / length[:, None] / length[None, :] + damping * jnp.eye(length.size)
    return jnp.linalg.solve(scaled, slope / length) / length
