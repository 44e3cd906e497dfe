"""What the mesh does to fitted parameters: its shift of each, and the fit without it."""

import dataclasses
import time
from typing import Literal

import jax.numpy as jnp
import numpy as np
import scipy.special

from ..._result import RESULTS
from ..._told import listing
from ..._typing import Callable
from ...errors import IMPOSSIBLE
from ..experiments import Evaluation, enriched
from ._objective import Local
from ._uncertainty import Uncertainty


Discretisation = Literal["estimate", "correct", "ignore"]

DOUBT = 0.3
"""Part of a shift that may be missing from it, as a standard deviation (measured: docs/accuracy.md)."""
TOLD = 0.5
"""Shift in standard deviations from which on it is told in words."""
LINEAR = 20.0
"""Shift in standard deviations beyond which it tells direction and order only."""
SETTLED = 0.05
"""Step in standard deviations below which a corrected fit has converged."""
MOST_CORRECTIONS = 12


@dataclasses.dataclass(frozen=True)
class MeshShift:
    """What a fit's parameters would change by on a space of one degree more, or on a grid of far more cells.

    δφ = −H⁻¹ JᵀW (r⁺ − r),   r⁺ after one Newton step on the richer space

    **Attributes:**

    - `shift`: of each parameter, the corrected value minus that of the mesh; `relative`: in standard deviations.
    - `parts`: of marches, by "mesh" and "step", what each of them shifts, in standard deviations.
    - `corrected`: the parameters with it.
    - `interval95`: (p, 2), intervals that hold both errors: those of the noise, and three tenths of the shift, about the
      corrected value, widened to the value itself.
    - `degree`: of the richer space; 0 of grids, whose residuals are extrapolated.
    - `iterations`: 0 where the shift was estimated once; how often it was improved upon where the fit was corrected.
    - `settled`: whether such a correction has converged.
    - `remarks`: in words, what is to be known of it.
    - `seconds`: what it took.
    """

    shift: np.ndarray
    relative: np.ndarray
    corrected: np.ndarray
    interval95: np.ndarray
    degree: int
    iterations: int
    settled: bool
    remarks: tuple[str, ...]
    seconds: float
    parts: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __repr__(self):
        return listing(self)


def mesh_shift(local: Local, quality: Uncertainty, how: Discretisation, progress: Callable) -> MeshShift | None:
    """Return what the mesh does to the parameters at the minimum; None for experiments that have no mesh.

    **Arguments:**

    - `local`: the objective at the minimum, with its Jacobian.
    - `quality`: the parameters' deviations, by which shifts are judged.
    - `how`: "estimate" it once, or "correct" the parameters, with the mesh's own Jacobian, until they settle.
    """
    begun, objective = time.perf_counter(), local.objective
    parameters, phi = objective.parameters, local.phi
    try:
        rich = enriched(objective.experiment, parameters, phi)
    except IMPOSSIBLE as error:
        return _unknown(quality, _why(error), begun)
    if rich is None:
        return None
    settled, failed, count = False, False, 0
    while not settled and count < (1 if how == "estimate" else MOST_CORRECTIONS):
        try:
            residuals = rich.residuals(parameters, phi, local.evaluation, progress)
        except IMPOSSIBLE as error:
            return _unknown(quality, _why(error), begun)
        failed = residuals is None
        if failed:
            break
        step = _step(local, phi, residuals)
        phi, count = phi + jnp.asarray(step, phi.dtype), count + 1
        settled = _size(local, step) < SETTLED
    if failed:
        return _unknown(quality, "the mesh's error is not known: the richer problem has no solution near by", begun)
    corrected, value = (np.asarray(parameters.flat(p), float) for p in (phi, local.phi))
    shift = np.where(np.isin(parameters.names, quality.undetermined), 0.0, corrected - value)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(shift == 0, 0.0, shift / quality.std)
    interval = _interval(value, value + shift, quality)
    parts = {name: _shifted(local, value, change, quality) for name, change in rich.parts.items()}
    remarks = _remarks(parameters.names, relative, how, settled, parts, rich)
    done = 0 if how == "estimate" else count
    seconds = time.perf_counter() - begun
    return MeshShift(shift, relative, value + shift, interval, rich.degree, done, settled, remarks, seconds, parts)


def _shifted(local, value, change, quality):
    """What a change of the residuals shifts the parameters by, in standard deviations."""
    parameters, step = local.objective.parameters, _step(local, local.phi, local.evaluation.residuals + change)
    shift = np.asarray(parameters.flat(local.phi + jnp.asarray(step, local.phi.dtype)), float) - value
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isin(parameters.names, quality.undetermined), 0.0, shift / quality.std)


def _step(local, phi, residuals):
    """The Gauss–Newton step towards the minimum of the richer problem, by the mesh's own Jacobian."""
    evaluation = Evaluation(residuals, local.evaluation.jacobian, None, RESULTS.successful, 0.0, 0)
    return Local(local.objective, phi, evaluation, local.objective.penalty.at(phi)).step(0.0)


def _size(local, step):
    """Length of a step in standard deviations."""
    return float(np.sqrt(max(step @ local.curvature(step[:, None])[:, 0], 0.0)))


def _interval(value, corrected, quality):
    """Intervals of both errors; they reach to the value itself."""
    half = (quality.interval95[:, 1] - quality.interval95[:, 0]) / 2
    reach = np.hypot(half, scipy.special.ndtri(0.975) * DOUBT * (corrected - value))
    return np.stack([np.minimum(value, corrected - reach), np.maximum(value, corrected + reach)], axis=1)


def _remarks(names, relative, how, settled, parts, rich):
    if how == "correct":
        if settled:
            return ()
        return (f"the correction for the {rich.errs} has not settled: {' or '.join(rich.remedies)}",)
    worst = int(np.argmax(np.abs(relative)))
    size = abs(relative[worst])
    if not size > TOLD:
        return ()
    # What errs most is to be mended.
    steps, mesh = (abs(parts[name][worst]) if name in parts else 0.0 for name in ("step", "mesh"))
    who, remedies = rich.errs, rich.remedies
    if steps > mesh:
        who, remedies = ("step in time", ("shorten it",))
    text = f"the {who} shifts {names[worst]} by {size:.2g} standard deviations"
    if size > LINEAR:
        return (f"{text}, too many for more than a direction: {' or '.join(remedies)}",)
    return (f'{text}: {", ".join(remedies)}, or ask for discretisation = "correct"',)


def _why(error):
    """What was found is kept, whatever happens while its error is looked for."""
    return f"the mesh's error is not known: {(str(error) or type(error).__name__).splitlines()[0]}"


def _unknown(quality, remark, begun):
    nan = np.full(len(quality.std), np.nan)
    both = np.stack([nan, nan], axis=1)
    return MeshShift(nan, nan, nan, both, 0, 0, False, (remark,), time.perf_counter() - begun)
