"""Laws against one another: each fitted to all homogeneous tests, and once more without those held out."""

import dataclasses
from collections.abc import Iterator

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import inverse, materials
from ._blame import blame
from ._build_material import build_material
from ._calibration import Calibration
from ._error import SceneError, listing


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One law of several.

    **Attributes:**

    - `name`: of the law in the scene.
    - `fit`: to all data; `errors`: its mean relative error of each test.
    - `partial`: the fit without the data held out, None if nothing is; `partial_errors`: its errors, in the tests held out
      those of a prediction.
    """

    name: str
    fit: inverse.Fit
    errors: dict[str, float]
    partial: inverse.Fit | None
    partial_errors: dict[str, float]


def compare_laws(calibration: Calibration, found: inverse.Fit, progress=None) -> Iterator[Comparison]:
    """Yield the comparison of every law of a scene, its own one last.

    **Arguments:**

    - `calibration`: that of a `[homogeneous]` scene.
    - `found`: the fit of its own law to all data.
    - `progress`: told in a line what is being done.
    """
    scene = calibration.model.scene
    section, say = scene.data.fit, progress or (lambda text: None)
    unknown = [name for name in section.hold_out if name not in section.data]
    if unknown:
        text = f"{listing(unknown)} is not among the data, which are {listing(section.data)}."
        raise SceneError(text, file=scene.file, key="fit.hold_out")
    own = scene.data.homogeneous.material.law
    for name, rival in section.rivals.items():
        with blame(scene.file, f"fit.rivals.{name}"):
            law = _law(rival, scene.path_of)
            parameters = tuple(inverse.Parameter(key, _Pick(key)) for key in rival.sought)
            whole = calibration.experiment
            experiment = inverse.Model(law, whole.function, whole.measured, whole.noise, name=whole.name)
            say(f"{name}: all data")
            fit = inverse.fit(experiment, parameters, max_iterations=section.max_steps)
            yield _compare(name, calibration, experiment, parameters, (), fit, say)
    yield _compare(own, calibration, calibration.experiment, calibration.parameters, calibration.priors, found, say)


def _law(rival, find):
    law = build_material(rival.material, find)
    if not isinstance(law, materials.AbstractFiniteStrain) or law.dimension != 3:
        raise SceneError("a finite-strain law without `plane` expected.")
    for key in rival.sought:
        if not eqx.is_inexact_array(getattr(law, key, None)):
            names = [n for n in vars(law) if eqx.is_inexact_array(getattr(law, n))]
            raise SceneError(f"the law has no parameter {key!r}; it has {listing(names)}.")
    return law


class _Pick:
    """Picks an argument of a law; equal for equal names, so that compiled code is shared."""

    def __init__(self, key):
        self.key = key

    def __call__(self, law):
        return getattr(law, self.key)

    def __eq__(self, other):
        return isinstance(other, _Pick) and self.key == other.key

    def __hash__(self):
        return hash(self.key)


def _compare(name, calibration, experiment, parameters, priors, fit, say):
    section = calibration.model.scene.data.fit
    if not section.hold_out:
        return Comparison(name, fit, _errors(calibration, experiment, parameters, fit), None, {})
    say(f"{name}: without {listing(section.hold_out)}")
    curves = calibration.curves
    noise = jnp.ones_like(experiment.measured) if experiment.noise is None else experiment.noise
    left_out = np.concatenate([np.full(c.stretch.size, c.name in section.hold_out) for c in curves])
    fewer = inverse.Model(
        experiment.problem,
        experiment.function,
        experiment.measured,
        jnp.where(left_out, jnp.inf, noise),
        name=experiment.name,
    )
    partial = inverse.fit(fewer, parameters, priors=priors, max_iterations=section.max_steps)
    return Comparison(
        name,
        fit,
        _errors(calibration, experiment, parameters, fit),
        partial,
        _errors(calibration, experiment, parameters, partial),
    )


def _errors(calibration, experiment, parameters, fit):
    """Mean relative error of each test; by the compiled code of the fit."""
    found = {}
    sought = inverse.Parametrisation(parameters, experiment.problem)
    residuals = experiment.evaluate(sought, fit.phi, None, None).residuals
    noise = jnp.ones_like(experiment.measured) if experiment.noise is None else experiment.noise
    predicted = np.asarray(experiment.measured + noise * residuals)
    start = 0
    for curve in calibration.curves:
        mine, start = predicted[start : start + curve.stress.size], start + curve.stress.size
        found[curve.name] = float(np.mean(np.abs(mine / curve.stress - 1)))
    return found
