"""Pictures of a fit: how it went, what it cannot tell apart, and what it leaves unexplained."""

import numpy as np

from .. import inverse
from . import _viz as viz
from ._pictures import panels_of, with_unit
from ._replace import find_entry


MOST_NAMES = 40


def draw_search(data, found) -> dict:
    """Return pictures of the iterations and of the correlation of what was found."""
    if data.pictures.fields == []:
        return {}
    drawn, accepted = {}, [iteration for iteration in found.history if iteration.accepted]
    if len(accepted) > 1:
        history = {
            "objective": np.array([i.objective for i in accepted]),
            "relative gradient": np.array([i.gradient for i in accepted]),
        }
        drawn["convergence.png"] = lambda path: viz.convergence(history, path, title=data.title)
    if found.uncertainty is not None and 1 < len(found.names) <= MOST_NAMES:
        correlation = found.uncertainty.correlation
        if np.all(np.isfinite(correlation)):
            drawn["correlation.png"] = lambda path: viz.correlation(found.names, correlation, path)
    return drawn


def draw_series(calibration, found) -> dict:
    """Return pictures of measured and computed histories, a panel for each sensor."""
    data, drawn = calibration.model.scene.data, {}
    if data.pictures.fields == []:
        return {}
    for sample, read in zip(calibration.experiment.samples, found.evaluation.memory, strict=True):
        o, t = sample.observation, np.asarray(sample.times)
        names = getattr(data.fit.data[o.name], "values", [o.name])
        rows = lambda a, t=t: np.asarray(a).reshape(len(t), -1).T
        noise = [None] * len(names) if o.noise is None else rows(o.noise)
        axes = (with_unit("time", data.units.time), _axis(calibration.model, o))
        # Of a record of thousands of values, every so many are shown.
        some = slice(None, None, max(len(t) // 60, 1))
        panels = [
            viz.Panel(viz.Points(t[some], m[some], None if n is None else n[some]), viz.Curve(t, r), *axes, name)
            for name, m, n, r in zip(names, rows(o.measured), noise, rows(read), strict=True)
        ]
        drawn |= panels_of(data, f"fit_{o.name}.png", panels)
    return drawn


def _axis(model, observation) -> str:
    """What was measured, with its unit."""
    if not isinstance(observation, inverse.PointValues):
        return observation.name
    found = next(q for q in model.base.quantities() if q.field == observation.field)
    return with_unit(found.name, getattr(model.scene.data.units, found.unit, ""))


def draw_tables(calibration, found) -> dict:
    """Return pictures of properties found as a table over the temperature, with their uncertainty."""
    data, drawn, start, numbers = calibration.model.scene.data, {}, 0, calibration.found(found)
    for parameter, section in zip(calibration.parameters, data.fit.parameters.values(), strict=True):
        size = parameter.count(numbers)
        mine, start = slice(start, start + size), start + size
        if not section.key.endswith(".values") or size < 2 or found.uncertainty is None:
            continue
        at = np.asarray(find_entry(data, section.key.removesuffix("values") + "temperatures"))
        curve = viz.Curve(at, found.values[mine], "found ± 2σ", 2 * found.uncertainty.std[mine])
        panel = viz.Panel((), curve, with_unit("temperature", data.units.temperature), parameter.name)
        drawn |= panels_of(data, f"{parameter.name}.png", panel)
    return drawn


def draw_observations(calibration, found) -> dict:
    """Return residuals of field data on the body, curves of resultants over the load, measured points on a line."""
    drawn, start, model = {}, 0, calibration.model
    residuals = np.asarray(found.evaluation.residuals)
    for observation in calibration.experiment.observations:
        shape = observation.measured.shape
        size = int(np.prod(shape))
        mine, start = residuals[start : start + size].reshape(shape), start + size
        drawn |= _drawn(model, observation, mine, found)
    return {} if model.scene.data.pictures.fields == [] else drawn


def _drawn(model, observation, mine, found):
    data, file = model.scene.data, f"fit_{observation.name}.png"
    if isinstance(observation, inverse.Reading):
        return {}
    if isinstance(observation, inverse.Resultant):
        return panels_of(data, file, _resultant(model, observation, mine))
    if model.space.mesh.dim == 1:
        return {file: lambda path: _line(model, observation, found, path)}
    positions = np.asarray(observation.setting(observation.measured.shape[0] - 1).positions)
    scale = 1.0 if found.uncertainty is None else found.uncertainty.noise or 1.0
    unit, names = data.units.length, _component_names(observation, mine)
    draw = lambda path: viz.residual_map(model.space, positions, -mine[-1] / scale, path, length_unit=unit, names=names)
    return {file: draw}


def _component_names(observation, residuals):
    if residuals.ndim < 3:
        return ()
    numbers = observation.components or range(residuals.shape[-1])
    return ["u" + "xyz"[i] for i in numbers]


def _resultant(model, observation, residuals):
    measured = np.asarray(observation.measured)
    noise = None if observation.noise is None else np.asarray(observation.noise)
    computed = measured + residuals * (1.0 if noise is None else noise)
    label = with_unit(observation.name, model.scene.data.units.force)
    count = len(model.factors)
    at, axis = (model.factors, "load factor") if count == len(measured) else (range(1, len(measured) + 1), "experiment")
    at = np.asarray(at, float)
    return viz.Panel(viz.Points(at, measured, noise), viz.Curve(at, computed), axis, label)


def _line(model, observation, found, path):
    step, data = observation.measured.shape[0] - 1, model.scene.data
    noise = None if found.uncertainty is None else found.uncertainty.noise
    noise = noise if observation.noise is None else np.asarray(observation.noise[step])
    positions = np.asarray(observation.setting(step).positions)[:, 0]
    values = np.asarray(observation.measured[step]).reshape(len(positions))
    if np.ndim(noise):
        # Infinite noise: left out.
        kept = np.isfinite(noise).reshape(len(positions))
        positions, values, noise = positions[kept], values[kept], noise.reshape(len(positions))[kept]
    quantity = next(q for q in model.base.quantities() if q.field == observation.field)
    value = found.evaluation.memory[1][step]
    value = np.asarray(value[observation.field] if isinstance(value, tuple) else value).reshape(-1)
    viz.field(
        model.base.spaces[observation.field], value, path, label=quantity.label.removesuffix(" magnitude"),
        unit=getattr(data.units, quantity.unit, ""), length_unit=data.units.length,
        measured=viz.Measured(positions, values, noise), title=data.title,
    )  # fmt: skip
