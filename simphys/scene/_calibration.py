"""`[fit]` as an experiment and its parameters."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from .. import inverse, io, materials
from ._blame import blame
from ._error import SceneError, listing
from ._fit_section import NominalStress
from ._homogeneous_model import TESTS, HomogeneousModel
from ._leaves import leaf_of
from ._measurements import build_observations, build_samples, noise_of
from ._model import FieldModel
from ._series_model import SeriesModel
from ._time_model import March


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
    - `curves`: the measured tests of a scene without a mesh.
    """

    model: FieldModel | HomogeneousModel | SeriesModel
    experiment: inverse.AbstractExperiment
    parameters: tuple[inverse.Parameter, ...]
    curves: tuple[Curve, ...] = ()

    def run(self, progress=None, on_iteration=None) -> inverse.Fit:
        """Fit; see `simphys.inverse.fit`."""
        section = self.model.scene.data.fit
        with blame(self.model.scene.file, "fit"):
            return inverse.fit(
                self.experiment,
                self.parameters,
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
    parameters = tuple(_parameter(model, name, p) for name, p in model.scene.data.fit.parameters.items())
    if isinstance(model, HomogeneousModel):
        curves = _curves(model)
        return Calibration(model, _material_tests(model, curves), parameters, curves)
    if isinstance(model, SeriesModel):
        return Calibration(model, model.experiment(), parameters)
    make = _load_steps if model.scene.data.time is None else _time_series
    return Calibration(model, make(model), parameters)


def _time_series(model):
    march, problem = March.build(model), model.problem()
    samples = build_samples(model)
    with blame(model.scene.file, "fit"):
        times, _ = march.chosen(problem)
        return inverse.TimeSeries(
            march.stepper, problem, march.start, times, samples, drive=march.drive, method=march.method
        )


def _parameter(model, name, section):
    with blame(model.scene.file, f"fit.parameters.{name}"):
        transform = None
        if section.transform == "log":
            transform = inverse.Positive()
        elif section.transform == "bounded":
            transform = inverse.Bounded(*section.bounds)
        start = None if section.start is None else jnp.asarray(section.start, dtype=float)
        parameter = inverse.Parameter(name, leaf_of(model, section.key), start, transform)
        template = model.material if isinstance(model, HomogeneousModel) else model.problem()
        leaf = parameter.where(template)
        if start is not None and start.shape != leaf.shape:
            raise SceneError(f"`start` must have shape {leaf.shape}, as the entry itself, got {start.shape}.")
        if transform is not None:
            transform.inverse(leaf if start is None else start)
        return parameter


def _load_steps(model):
    if model.scene.data.mixed:
        raise SceneError(
            "a fit needs a problem of one field; use the displacement formulation, or differentiate from Python.",
            file=model.scene.file,
            key="fit",
        )
    observations = build_observations(model)
    problems = [model.problem(None, factor) for factor in model.factors]
    vary = _varying(model, problems)
    with blame(model.scene.file, "fit"):
        return inverse.LoadSteps(
            problems[-1],
            vary,
            jnp.stack([vary(problem) for problem in problems]),
            observations,
            newton=model.method,
            adjoint=model.adjoint,
        )


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
