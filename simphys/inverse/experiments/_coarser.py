"""Experiments on grids whose predictions are extrapolated from those on every second plane."""

import equinox as eqx
import jax.numpy as jnp

from ..._result import RESULTS
from ._better import Better
from ._description import AbstractDescription


def coarser(experiment) -> tuple | None:
    """Return what a description of a grid says of it: see `AbstractDescription.coarser`."""
    described = experiment.problem
    return described.coarser() if isinstance(described, AbstractDescription) else None


class _OnGrid(Better):
    errs = "grid"
    remedies = ("take more cells",)

    def _read(self, experiment, parameters, phi, memory, progress, text):
        """What an experiment evaluates to; None where it fails."""
        progress(f"grid error: {text}")
        found = experiment.evaluate(parameters, phi, memory, progress, derivatives=False)
        return found if bool(found.result == RESULTS.successful) else None


class CoarserSteps(_OnGrid):
    """Load steps: r⁺ = r_h + (r_h − r_2h) / 3, both read by cubics."""

    def __init__(self, experiment, observations, coarse):
        self.own = eqx.tree_at(lambda e: e.observations, experiment, observations)
        self.coarse, self.memory, self.other = coarse, None, None

    def residuals(self, parameters, phi, evaluation, progress):
        """Extrapolate from both grids."""
        memory = evaluation.memory if self.memory is None else self.memory
        own = self._read(self.own, parameters, phi, memory, progress, "read by cubics")
        other = self._read(self.coarse, parameters, phi, self.other, progress, "on every second plane")
        if own is None or other is None:
            return None
        self.memory, self.other = own.memory, other.memory
        return own.residuals + (own.residuals - other.residuals) / 3


class CoarserMarch(_OnGrid):
    """Marches: r⁺ = r_h + (r_h − r_2h) / 3 + (r_{τ/2} − r_τ) / (1 − 2^−q), all read by cubics."""

    def __init__(self, experiment, observations, coarse):
        times = experiment.times
        halved = jnp.sort(jnp.concatenate([times, (times[1:] + times[:-1]) / 2]))
        self.own = eqx.tree_at(lambda e: e.samples, experiment, observations)
        # Whatever steps the coarse grid would choose.
        self.coarse, self.halved = (eqx.tree_at(lambda e: e.times, *of) for of in ((coarse, times), (self.own, halved)))
        self.factor = 1 / (1 - 2.0**-experiment.stepper.order)

    def residuals(self, parameters, phi, evaluation, progress):
        """Extrapolate from both grids, and from half the steps."""
        found = []
        for experiment, text in (
            (self.own, "read by cubics"),
            (self.coarse, "on every second plane"),
            (self.halved, "half the steps"),
        ):
            read = self._read(experiment, parameters, phi, None, progress, text)
            if read is None:
                return None
            found.append(read.residuals)
        own, other, half = found
        mesh, step = (own - other) / 3, self.factor * (half - own)
        if not self.parts:
            self.parts = {"mesh": own - evaluation.residuals + mesh, "step": step}
        return own + mesh + step
