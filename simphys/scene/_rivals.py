"""Laws against one another: each fitted to all homogeneous tests, and once more without those held out."""

import dataclasses
from collections.abc import Iterator

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import inverse
from ._blame import blame
from ._calibration import Calibration, build_calibration
from ._error import SceneError, listing
from ._fit_section import Parameter
from ._homogeneous_model import HomogeneousModel


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
            other = build_calibration(HomogeneousModel.build(_of_rival(scene, rival)))
            say(f"{name}: all data")
            fit = inverse.fit(other.experiment, other.parameters, max_iterations=section.max_steps)
            yield _compare(name, other, fit, say)
    yield _compare(own, calibration, found, say)


def _of_rival(scene, rival):
    """The scene with another law, of which the numbers named are sought."""
    sought = {key: Parameter(key=f"homogeneous.material.{key}") for key in rival.sought}
    changes = dict(
        homogeneous=scene.data.homogeneous.model_copy(update=dict(material=rival.material)),
        fit=scene.data.fit.model_copy(update=dict(parameters=sought)),
    )
    return dataclasses.replace(scene, data=scene.data.model_copy(update=changes))


def _compare(name, calibration, fit, say):
    section, experiment = calibration.model.scene.data.fit, calibration.experiment
    if not section.hold_out:
        return Comparison(name, fit, _errors(calibration, fit), None, {})
    say(f"{name}: without {listing(section.hold_out)}")
    curves = calibration.model.measured
    noise = jnp.ones_like(experiment.measured) if experiment.noise is None else experiment.noise
    left_out = np.concatenate([np.full(c.stretch.size, c.name in section.hold_out) for c in curves])
    less = jnp.where(left_out, jnp.inf, noise)
    fewer = eqx.tree_at(lambda e: e.noise, experiment, less, is_leaf=lambda leaf: leaf is None)
    partial = inverse.fit(fewer, calibration.parameters, priors=calibration.priors, max_iterations=section.max_steps)
    return Comparison(name, fit, _errors(calibration, fit), partial, _errors(calibration, partial))


def _errors(calibration, fit):
    """Mean relative error of each test; by the compiled code of the fit."""
    found, experiment = {}, calibration.experiment
    sought = inverse.Parametrisation(calibration.parameters, experiment.problem)
    residuals = experiment.evaluate(sought, fit.phi, None, None).residuals
    noise = jnp.ones_like(experiment.measured) if experiment.noise is None else experiment.noise
    predicted = np.asarray(experiment.measured + noise * residuals)
    start = 0
    for curve in calibration.model.measured:
        mine, start = predicted[start : start + curve.stress.size], start + curve.stress.size
        found[curve.name] = float(np.mean(np.abs(mine / curve.stress - 1)))
    return found
