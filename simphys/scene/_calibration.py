"""`[fit]` as an experiment and its parameters."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from .. import inverse, io, materials
from ._blame import blame
from ._error import SceneError
from ._fit_section import NominalStress
from ._homogeneous_model import TESTS, HomogeneousModel
from ._measurements import build_observations, build_samples, noise_of
from ._model import FieldModel
from ._numbers import Numbers, is_network, number_at, numbers_of
from ._series_model import SeriesModel
from ._time_model import March
from ._unknowns import build_parameters, build_priors, sought


@dataclasses.dataclass(frozen=True)
class Curve:
    """A measured homogeneous test: name, kind of test, stretches, stresses and their noise."""

    name: str
    test: str
    stretch: np.ndarray
    stress: np.ndarray
    noise: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What a scene's `[fit]` describes.

    **Attributes:**

    - `model`: the scene's model.
    - `experiment`: predicts the measurements.
    - `parameters`: what is sought.
    - `priors`: what is known of it before.
    - `curves`: the measured tests of a scene without a mesh.
    """

    model: FieldModel | HomogeneousModel | SeriesModel
    experiment: inverse.AbstractExperiment
    parameters: tuple[inverse.Parameter, ...]
    priors: tuple[inverse.AbstractPrior, ...] = ()
    curves: tuple[Curve, ...] = ()

    def run(self, progress=None, on_iteration=None) -> inverse.Fit:
        """Fit; see `simphys.inverse.fit`."""
        section = self.model.scene.data.fit
        with blame(self.model.scene.file, "fit"):
            return inverse.fit(
                self.experiment,
                self.parameters,
                priors=self.priors,
                loss={"squares": inverse.Squares, "huber": inverse.Huber, "cauchy": inverse.Cauchy}[section.loss](),
                method=section.method,
                max_iterations=section.max_steps,
                step_tolerance=section.rtol,
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


def build_calibration(model) -> Calibration:
    """Return the calibration of a scene.

    **Raises:** `SceneError`, naming file and key, if the scene has no `[fit]`, or something in it does not fit.
    """
    file, section = model.scene.file, model.scene.data.fit
    if section is None:
        raise SceneError("this scene has no [fit]: nothing says what to find from which data.", file=file)
    if section.experiments and not isinstance(model, FieldModel):
        raise SceneError("[fit.experiments] need a body: [mesh].", file=file, key="fit.experiments")
    values = sought(model)
    parameters = build_parameters(model, numbers_of(model, values))
    with blame(file, "fit.parameters"):
        numbers_of(model, values).made()
    curves = _curves(model) if isinstance(model, HomogeneousModel) else ()
    if isinstance(model, HomogeneousModel):
        experiment = _material_tests(model, numbers_of(model, values), curves)
    elif isinstance(model, SeriesModel):
        experiment = model.experiment(numbers_of(model, values))
    else:
        experiment = (_load_steps if model.scene.data.time is None else _time_series)(model, values)
    return Calibration(model, experiment, parameters, build_priors(model), curves)


def _time_series(model, values):
    march, numbers = March.build(model), numbers_of(model, values)
    if model.scene.data.fit.experiments:
        raise SceneError("[fit.experiments] and [time] exclude one another.", file=model.scene.file, key="fit")
    samples = build_samples(model)
    with blame(model.scene.file, "fit"):
        times, _ = march.chosen(numbers.made())
        return inverse.TimeSeries(
            march.stepper, numbers, march.start, times, samples, drive=march.drive, method=march.method
        )


def _load_steps(model, values):
    observations, differing = build_observations(model), _experiments(model, values)
    factors = jnp.asarray(model.factors)
    start = {key: rows[0] for key, rows in differing.items()}
    numbers = numbers_of(model, values | start, None if differing else factors[0])
    vary = [lambda n, key=key: n.values[key] for key in differing] or [lambda n: n.factor]
    with blame(model.scene.file, "fit"):
        return inverse.LoadSteps(
            numbers,
            lambda n: [pick(n) for pick in vary],
            list(differing.values()) or [factors],
            observations,
            newton=model.method,
            adjoint=model.adjoint,
            independent=bool(differing),
        )


def _experiments(model, values) -> dict:
    """What differs from experiment to experiment: key → its value in each."""
    experiments = model.scene.data.fit.experiments
    if experiments and len(model.factors) > 1:
        raise SceneError("[fit.experiments] and [steps] exclude one another.", file=model.scene.file, key="fit")
    own = {}
    for name, entries in experiments.items():
        for key, value in entries.items():
            with blame(model.scene.file, f"fit.experiments.{name}"):
                if key in values:
                    raise SceneError(f"{key!r} is sought: it cannot differ from experiment to experiment.")
                if is_network(key):
                    raise SceneError(f"{key!r} is a network: it cannot differ from experiment to experiment.")
                own[key] = number_at(model, key)
                numbers_of(model, {key: number_at(model, key, value)})
    rows = {key: [entries.get(key, value) for entries in experiments.values()] for key, value in own.items()}
    return {key: jnp.stack([jnp.asarray(v, dtype=float) for v in row]) for key, row in rows.items()}


def _curves(model):
    found = []
    for name, entry in model.scene.data.fit.data.items():
        with blame(model.scene.file, f"fit.data.{name}"):
            if not isinstance(entry, NominalStress):
                raise SceneError(f'type = {entry.type!r} needs a body; in [homogeneous] it is "nominal_stress".')
            table = io.read_table(model.scene.path_of(entry.file))
            stretch, stress = table[entry.stretch], table[entry.stress]
            if np.any(stretch <= 0):
                raise SceneError(f"{entry.file}: stretches must be positive, got {stretch.min():g}.")
            found.append(Curve(name, entry.test, stretch, stress, noise_of(entry, stress)))
    return tuple(found)


def _material_tests(model, numbers, curves):
    tests = tuple((TESTS[c.test](), jnp.asarray(c.stretch)) for c in curves)
    noises = [c.noise for c in curves]
    if any(n is None for n in noises) and not all(n is None for n in noises):
        raise SceneError("state the noise of all data or of none.", file=model.scene.file, key="fit.data")
    noise = None if noises[0] is None else np.concatenate(noises)

    def stresses(law):
        return materials.nominal_stresses(law, tests)

    return inverse.Model(numbers, stresses, np.concatenate([c.stress for c in curves]), noise, name="stress")
