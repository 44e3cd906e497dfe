"""`[fit]` as an experiment and its parameters."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from .. import inverse, io, materials
from ._blame import blame
from ._error import SceneError, listing
from ._fit_section import NominalStress
from ._homogeneous_model import TESTS, HomogeneousModel
from ._leaves import is_network, leaf_of
from ._measurements import build_observations, build_samples, noise_of
from ._model import FieldModel
from ._series_model import SeriesModel
from ._time_model import March
from ._unknowns import build_parameters, build_priors, with_fields


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


def build_calibration(model: FieldModel | HomogeneousModel | SeriesModel) -> Calibration:
    """Return the calibration of a scene.

    **Raises:** `SceneError`, naming file and key, if the scene has no `[fit]`, or something in it does not fit.
    """
    file = model.scene.file
    if model.scene.data.fit is None:
        raise SceneError("this scene has no [fit]: nothing says what to find from which data.", file=file)
    parameters, priors = build_parameters(model), build_priors(model)
    if isinstance(model, HomogeneousModel):
        curves = _curves(model)
        return Calibration(model, _material_tests(model, curves), parameters, priors, curves)
    if isinstance(model, SeriesModel):
        return Calibration(model, model.experiment(), parameters, priors)
    make = _load_steps if model.scene.data.time is None else _time_series
    return Calibration(model, make(model), parameters, priors)


def _time_series(model):
    march, problem = March.build(model), with_fields(model, model.problem())
    samples = build_samples(model)
    with blame(model.scene.file, "fit"):
        times, _ = march.chosen(problem)
        return inverse.TimeSeries(
            march.stepper, problem, march.start, times, samples, drive=march.drive, method=march.method
        )


def _load_steps(model):
    if model.scene.data.mixed:
        raise SceneError(
            "a fit needs a problem of one field; use the displacement formulation, or differentiate from Python.",
            file=model.scene.file,
            key="fit",
        )
    observations = build_observations(model)
    apart = bool(model.scene.data.fit.experiments)
    if apart:
        problem, vary, values = _experiments(model)
    else:
        problems = [model.problem(None, factor) for factor in model.factors]
        problem, vary = problems[-1], _varying(model, problems)
        values = jnp.stack([vary(problem) for problem in problems])
    with blame(model.scene.file, "fit"):
        return inverse.LoadSteps(
            with_fields(model, problem),
            vary,
            values,
            observations,
            newton=model.method,
            adjoint=model.adjoint,
            independent=apart,
        )


def _experiments(model):
    """The body, what differs from experiment to experiment, and its values in each."""
    problem, experiments = model.problem(), model.scene.data.fit.experiments
    if len(model.factors) > 1:
        raise SceneError("[fit.experiments] and [steps] exclude one another.", file=model.scene.file, key="fit")
    keys = list(dict.fromkeys(key for entries in experiments.values() for key in entries))
    picks, sought = {}, {p.key for p in model.scene.data.fit.parameters.values()}
    for name, entries in experiments.items():
        for key, value in entries.items():
            with blame(model.scene.file, f"fit.experiments.{name}"):
                if key in sought:
                    raise SceneError(f"{key!r} is sought: it cannot differ from experiment to experiment.")
                if is_network(key):
                    raise SceneError(f"{key!r} is a network: it cannot differ from experiment to experiment.")
                picks[key] = leaf_of(model, key)
                shape = picks[key](problem).shape
                if np.shape(value) != shape:
                    raise SceneError(f"{key!r} must have shape {shape}, got {np.shape(value)}.")
    where = [picks[key] for key in keys]
    rows = [
        [entries.get(key, pick(problem)) for entries in experiments.values()]
        for key, pick in zip(keys, where, strict=True)
    ]
    values = [jnp.stack([jnp.asarray(v, dtype=float) for v in row]) for row in rows]
    return problem, lambda problem: [pick(problem) for pick in where], values


def _varying(model, problems):
    """The one leaf that changes from step to step; with one step any will do."""
    kind = model.scene.data.physics
    section = getattr(model.scene.data, kind)
    changing = []
    for group in ("constraints", "loads"):
        for i, name in enumerate(getattr(section, group)):
            value = [getattr(getattr(p, group)[i], "value", None) for p in problems]
            if value[0] is not None and not all(bool(jnp.all(v == value[0])) for v in value):
                changing.append((f"{kind}.{group}.{name}", group, i))
    if not changing:
        return lambda problem: problem.thickness
    if len(changing) > 1:
        names = listing(name for name, _, _ in changing)
        raise SceneError(f"in a fit one load or constraint may change from step to step, here {names} do: name one.",
                         file=model.scene.file, key="steps.scale")  # fmt: skip
    _, group, i = changing[0]
    return lambda problem: getattr(problem, group)[i].value


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


def _material_tests(model, curves):
    tests = tuple((TESTS[c.test](), jnp.asarray(c.stretch)) for c in curves)
    noises = [c.noise for c in curves]
    if any(n is None for n in noises) and not all(n is None for n in noises):
        raise SceneError("state the noise of all data or of none.", file=model.scene.file, key="fit.data")
    noise = None if noises[0] is None else np.concatenate(noises)

    def stresses(law):
        return materials.nominal_stresses(law, tests)

    return inverse.Model(model.material, stresses, np.concatenate([c.stress for c in curves]), noise, name="stress")
