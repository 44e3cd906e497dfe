"""Pictures of a fit: how it went, what it cannot tell apart, and what it leaves unexplained."""

import numpy as np

from .. import inverse, scene as scenes, viz
from ._pictures import stress_label


MOST_NAMES = 40


def draw_fit(session, calibration, found) -> list[str]:
    """Draw a fit; return the names of the files."""
    if session.scene.data.pictures.fields == []:
        return []
    drawn = []
    accepted = [iteration for iteration in found.history if iteration.accepted]
    if len(accepted) > 1:
        history = {
            "objective": np.array([i.objective for i in accepted]),
            "relative gradient": np.array([i.gradient for i in accepted]),
        }
        viz.convergence(history, session.out / "convergence.png", title=session.scene.data.title)
        drawn.append("convergence.png")
    if found.uncertainty is None:
        return [*drawn, *_draw_observations(session, calibration, found)]
    correlation = found.uncertainty.correlation
    if 1 < len(found.names) <= MOST_NAMES and np.all(np.isfinite(correlation)):
        viz.correlation(found.names, correlation, session.out / "correlation.png")
        drawn.append("correlation.png")
    if isinstance(calibration.model, scenes.HomogeneousModel):
        return [*drawn, *_draw_tests(session, calibration, found)]
    if isinstance(calibration.experiment, inverse.TimeSeries):
        return [*drawn, *_draw_series(session, calibration, found), *_draw_tables(session, calibration, found)]
    return [*drawn, *_draw_observations(session, calibration, found)]


def _draw_tests(session, calibration, found):
    panels, label = [], stress_label(session.scene.data.units.stress)
    grids = [(c.test, np.linspace(min(1.0, c.stretch.min()), c.stretch.max(), 100)) for c in calibration.curves]
    computed = scenes.stresses_of(found.problem, grids)
    for curve, (_, stretch), stress in zip(calibration.curves, grids, computed, strict=True):
        points = viz.Points(curve.stretch, curve.stress, curve.noise)
        panels.append(viz.Panel(points, viz.Curve(stretch, np.asarray(stress)), "stretch", label, curve.name))
    viz.compare_curves(panels, session.out / "tests.png", title=session.scene.data.title)
    return ["tests.png"]


def _draw_series(session, calibration, found):
    """Measured and computed histories, a panel for each sensor."""
    units, drawn = session.scene.data.units, []
    for sample, read in zip(calibration.experiment.samples, found.evaluation.memory, strict=True):
        o, t = sample.observation, np.asarray(sample.times)
        entry = session.scene.data.fit.data[o.name]
        names = getattr(entry, "values", [o.name])
        rows = lambda a: np.asarray(a).reshape(len(t), -1).T
        noise = [None] * len(names) if o.noise is None else rows(o.noise)
        kind, unit = ("temperature", units.temperature) if session.scene.data.heat else ("displacement", units.length)
        kind, unit = (o.name, "") if isinstance(o, inverse.Resultant) else (kind, unit)
        axes = (f"time ({units.time})" if units.time else "time", f"{kind} ({unit})" if unit else kind)
        # Of a record of thousands of values, every so many are shown.
        some = slice(None, None, max(len(t) // 60, 1))
        panels = [
            viz.Panel(viz.Points(t[some], m[some], None if n is None else n[some]), viz.Curve(t, r), *axes, name)
            for name, m, n, r in zip(names, rows(o.measured), noise, rows(read), strict=True)
        ]
        viz.compare_curves(panels, session.out / f"fit_{o.name}.png", title=session.scene.data.title)
        drawn.append(f"fit_{o.name}.png")
    return drawn


def _draw_tables(session, calibration, found):
    """Properties found as a table over the temperature, with their uncertainty."""
    drawn, start, numbers = [], 0, calibration.found(found)
    for parameter, section in zip(calibration.parameters, session.scene.data.fit.parameters.values(), strict=True):
        size = parameter.count(numbers)
        mine, start = slice(start, start + size), start + size
        if not section.key.endswith(".values") or size < 2:
            continue
        at = np.asarray(scenes.find_entry(session.scene.data, section.key.removesuffix("values") + "temperatures"))
        values, std, unit = found.values[mine], found.uncertainty.std[mine], session.scene.data.units.temperature
        panel = viz.Panel(
            (), viz.Curve(at, values, "found ± 2σ", 2 * std), f"temperature ({unit})" if unit else "temperature",
            parameter.name,
        )  # fmt: skip
        viz.compare_curves(panel, session.out / f"{parameter.name}.png", title=session.scene.data.title)
        drawn.append(f"{parameter.name}.png")
    return drawn


def _draw_observations(session, calibration, found):
    """Residuals of field data on the body, curves of resultants over the load, measured points on a line."""
    drawn, start, model = [], 0, calibration.model
    residuals = np.asarray(found.evaluation.residuals)
    for observation in calibration.experiment.observations:
        shape = observation.measured.shape
        size = int(np.prod(shape))
        mine, start = residuals[start : start + size].reshape(shape), start + size
        name = f"fit_{observation.name}.png"
        if isinstance(observation, inverse.Resultant):
            _draw_resultant(session, model, observation, mine, session.out / name)
        elif model.space.mesh.dim > 1:
            positions = np.asarray(observation.setting(shape[0] - 1).positions)
            scale = 1.0 if found.uncertainty is None else found.uncertainty.noise or 1.0
            unit, names = session.scene.data.units.length, _component_names(observation, mine)
            path = session.out / name
            viz.residual_map(model.space, positions, -mine[-1] / scale, path, length_unit=unit, names=names)
        else:
            _draw_line(session, model, observation, found, session.out / name)
        drawn.append(name)
    return drawn


def _component_names(observation, residuals):
    if residuals.ndim < 3:
        return ()
    numbers = observation.components or range(residuals.shape[-1])
    return ["u" + "xyz"[i] for i in numbers]


def _draw_resultant(session, model, observation, residuals, path):
    measured = np.asarray(observation.measured)
    noise = None if observation.noise is None else np.asarray(observation.noise)
    computed = measured + residuals * (1.0 if noise is None else noise)
    unit, factors = session.scene.data.units.force, np.asarray(model.factors)
    label = f"{observation.name} ({unit})" if unit else observation.name
    panel = viz.Panel(viz.Points(factors, measured, noise), viz.Curve(factors, computed), "load factor", label)
    viz.compare_curves(panel, path, title=session.scene.data.title)


def _draw_line(session, model, observation, found, path):
    step = observation.measured.shape[0] - 1
    noise = found.uncertainty.noise if observation.noise is None else np.asarray(observation.noise[step])
    positions = np.asarray(observation.setting(step).positions)[:, 0]
    values = np.asarray(observation.measured[step]).reshape(len(positions))
    if np.ndim(noise):
        # Infinite noise: left out.
        kept = np.isfinite(noise).reshape(len(positions))
        positions, values, noise = positions[kept], values[kept], noise.reshape(len(positions))[kept]
    measured = viz.Measured(positions, values, noise)
    units = session.scene.data.units
    kind = "temperature" if session.scene.data.physics == "heat" else "displacement"
    unit = units.temperature if kind == "temperature" else units.length
    value = np.asarray(found.evaluation.memory[1][step]).reshape(-1)
    viz.field(
        model.space, value, path, label=kind, unit=unit, length_unit=units.length, measured=measured,
        title=session.scene.data.title,
    )  # fmt: skip
