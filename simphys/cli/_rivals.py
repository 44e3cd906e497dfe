"""Laws against one another in `simphys fit`: a table of errors, a picture of all curves."""

import numpy as np
from rich.markup import escape
from rich.table import Table

from .. import scene as scenes, viz
from ._pictures import stress_label


def compare_rivals(session, calibration, found) -> list[str]:
    """Fit the scene's other laws, report all of them, and return the names of the pictures."""
    content = session.result.content
    content["laws"], comparisons = {}, []
    with session.console.status("fitting other laws ...") as status:
        for comparison in scenes.compare_laws(calibration, found, lambda text: status.update(escape(text))):
            comparisons.append(comparison)
            content["laws"][comparison.name] = _entry(comparison, session.scene.data.fit.hold_out)
            session.result.write()
    session.console.print(_table(session, calibration, comparisons))
    return _draw(session, calibration, comparisons)


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


def _table(session, calibration, comparisons):
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    held_out = session.scene.data.fit.hold_out
    for heading in (
        "law",
        *(c.name for c in calibration.curves),
        *(f"{name}, held out" for name in held_out),
        "status",
    ):
        table.add_column(heading, justify="left" if heading in ("law", "status") else "right")
    for comparison in comparisons:
        fitted = [f"{100 * comparison.errors[c.name]:.1f} %" for c in calibration.curves]
        predicted = [f"{100 * comparison.partial_errors[name]:.1f} %" for name in held_out]
        table.add_row(escape(comparison.name), *fitted, *predicted, comparison.fit.status)
    table.caption = "mean relative error of each test; held out: fitted to the others, this one predicted"
    table.caption_justify = "left"
    return table


def _draw(session, calibration, comparisons):
    held_out = session.scene.data.fit.hold_out
    _draw_panels(session, calibration, {c.name: c.fit for c in comparisons}, "laws.png", ())
    if not held_out:
        return ["laws.png"]
    _draw_panels(session, calibration, {c.name: c.partial for c in comparisons}, "laws_held_out.png", held_out)
    return ["laws.png", "laws_held_out.png"]


def _draw_panels(session, calibration, fits, file, held_out):
    label = stress_label(session.scene.data.units.stress)
    grids = [(c.test, np.linspace(1.0, c.stretch.max(), 100)) for c in calibration.curves]
    computed = {name: scenes.stresses_of(fit.problem, grids) for name, fit in fits.items()}
    panels = []
    for i, curve in enumerate(calibration.curves):
        curves = [viz.Curve(grids[i][1], np.asarray(stress[i]), label=name) for name, stress in computed.items()]
        title = f"{curve.name} (predicted)" if curve.name in held_out else curve.name
        panels.append(viz.Panel(viz.Points(curve.stretch, curve.stress, curve.noise), curves, "stretch", label, title))
    viz.compare_curves(panels, session.out / file, title=session.scene.data.title)
