"""`[fit]` as an experiment and its parameters."""

import dataclasses

import jax.numpy as jnp

from .. import grids, inverse
from .._told import shown
from ._blame import blame
from ._error import SceneError
from ._interface import AbstractModel
from ._numbers import Numbers, numbers_of
from ._unknowns import build_parameters, build_priors, sought


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What a scene's `[fit]` describes.

    **Attributes:**

    - `model`: the scene's model.
    - `experiment`: predicts the measurements.
    - `parameters`: what is sought.
    - `priors`: what is known of it before.
    """

    model: AbstractModel
    experiment: inverse.AbstractExperiment
    parameters: tuple[inverse.Parameter, ...]
    priors: tuple[inverse.AbstractPrior, ...] = ()

    def __repr__(self):
        return shown(self)

    def run(self, progress=None, on_iteration=None, errors: bool = True) -> inverse.Fit:
        """Fit; see `simphys.inverse.fit`."""
        section = self.model.scene.data.fit
        # The errors of marches, which take some marches more, are left away in Python unless asked for.
        how = section.discretisation or ("estimate" if isinstance(self.experiment, inverse.TimeSeries) else None)
        base = self.model.base
        if isinstance(base, grids.AbstractGridProblem) and not isinstance(base, grids.Diffusion):
            if section.discretisation not in (None, "ignore"):
                text = "on a [grid] `discretisation` is known of [diffusion]; it is ignored of all else."
                raise SceneError(text, file=self.model.scene.file, key="fit")
            how = "ignore"
        with blame(self.model.scene.file, "fit"):
            return inverse.fit(
                self.experiment,
                self.parameters,
                priors=self.priors,
                loss={"squares": inverse.Squares, "huber": inverse.Huber, "cauchy": inverse.Cauchy}[section.loss](),
                method=section.method,
                max_iterations=section.max_steps,
                step_tolerance=section.rtol,
                discretisation=how if errors else "ignore",
                progress=progress,
                on_iteration=on_iteration,
            )

    @property
    def numbers(self) -> Numbers:
        """The numbers of the scene that are sought or differ, at their start."""
        return self.experiment.template()

    def found(self, fit: inverse.Fit) -> Numbers:
        """Return the same numbers as a fit found them."""
        return inverse.Parametrisation(self.parameters, self.numbers).apply(self.numbers, jnp.asarray(fit.phi))


def build_calibration(model: AbstractModel) -> Calibration:
    """Return the calibration of a scene.

    **Raises:** `SceneError`, naming file and key, if the scene has no `[fit]`, or something in it does not fit.
    """
    file, section = model.scene.file, model.scene.data.fit
    if section is None:
        raise SceneError("this scene has no [fit]: nothing says what to find from which data.", file=file)
    if section.experiments and model.space is None:
        raise SceneError("[fit.experiments] need a body: [mesh].", file=file, key="fit.experiments")
    values = sought(model)
    parameters = build_parameters(model, numbers_of(model, values))
    with blame(file, "fit.parameters"):
        numbers_of(model, values).made()
    return Calibration(model, model.way.experiment(values), parameters, build_priors(model))
