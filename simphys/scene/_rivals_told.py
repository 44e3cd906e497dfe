"""What is told of laws against one another: a table of errors, a picture of all curves."""

from collections.abc import Iterator

import numpy as np

from . import _viz as viz
from ._homogeneous_model import stresses_of
from ._interface import Table, Told
from ._pictures import panels_of, with_unit
from ._rivals import compare_laws


def rivals_told(calibration, found, progress) -> Iterator[Told]:
    """Fit the scene's other laws, and tell of all of them."""
    held_out, laws, comparisons = calibration.model.scene.data.fit.hold_out, {}, []
    for comparison in compare_laws(calibration, found, progress):
        comparisons.append(comparison)
        laws[comparison.name] = _entry(comparison, held_out)
        yield Told(content={"laws": dict(laws)}, stage="rivals")
    pictures = _drawn(calibration, {c.name: c.fit for c in comparisons}, "laws.png", ())
    if held_out:
        pictures |= _drawn(calibration, {c.name: c.partial for c in comparisons}, "laws_held_out.png", held_out)
    yield Told(pictures=pictures, table=_table(calibration, comparisons, held_out), stage="output")


def _entry(comparison, held_out):
    entry = {
        "status": comparison.fit.status,
        "parameters": dict(zip(comparison.fit.names, comparison.fit.values.tolist(), strict=True)),
        "mean_relative_error": comparison.errors,
    }
    if comparison.partial is not None:
        entry["held_out"] = {
            "status": comparison.partial.status,
            "parameters": dict(zip(comparison.partial.names, comparison.partial.values.tolist(), strict=True)),
            "predicted": {name: comparison.partial_errors[name] for name in held_out},
            "fitted": {n: e for n, e in comparison.partial_errors.items() if n not in held_out},
        }
    return entry


def _table(calibration, comparisons, held_out):
    curves = [c.name for c in calibration.model.measured]
    rows = []
    for comparison in comparisons:
        fitted = [f"{100 * comparison.errors[name]:.1f} %" for name in curves]
        predicted = [f"{100 * comparison.partial_errors[name]:.1f} %" for name in held_out]
        rows.append((comparison.name, *fitted, *predicted, comparison.fit.status))
    head = ("law", *curves, *(f"{name}, held out" for name in held_out), "status")
    return Table(head, rows, "mean relative error of each test; held out: fitted to the others, this one predicted")


def _drawn(calibration, fits, file, held_out) -> dict:
    data, curves = calibration.model.scene.data, calibration.model.measured
    grids = [(c.test, np.linspace(1.0, c.stretch.max(), 100)) for c in curves]
    computed = {name: stresses_of(fit.problem, grids) for name, fit in fits.items()}
    panels = []
    for i, curve in enumerate(curves):
        lines = [viz.Curve(grids[i][1], np.asarray(stress[i]), label=name) for name, stress in computed.items()]
        title = f"{curve.name} (predicted)" if curve.name in held_out else curve.name
        points = viz.Points(curve.stretch, curve.stress, curve.noise)
        panels.append(viz.Panel(points, lines, "stretch", with_unit("nominal stress", data.units.stress), title))
    return panels_of(data, file, panels)
