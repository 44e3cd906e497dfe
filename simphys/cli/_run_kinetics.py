"""`simphys run` of reactions in a vessel."""

import csv

import numpy as np
import typer
from rich.markup import escape

from .. import viz
from .._result import RESULTS, name_of
from ._report import add_statistics, observable_table
from ._session import Session


def run_kinetics(session: Session, model):
    """March, report and write; `typer.Exit` with 3 if a step has no solution."""
    with session.timing("march"), session.console.status("marching ..."):
        found = model.march()
        good = found.result == RESULTS.successful
    content, t = session.result.content, np.asarray(found.times)
    rows = np.stack([np.asarray(values) for values in found.values], axis=1)
    kept = np.all(np.isfinite(rows), axis=1)
    t, rows = t[kept], rows[kept]
    mark = "[green]✓[/]" if good else "[red]✗[/]"
    session.say(f"{mark} {len(t) - 1} steps to t = {t[-1]:.6g}, {int(found.rejected)} rejected")
    content["march"] = {"steps": len(t) - 1, "rejected": int(found.rejected), "time": float(t[-1])}
    content["certificate"] = {"converged": bool(good)}
    session.result.write()
    content["observables"] = {name: {"value": float(y)} for name, y in zip(model.species, rows[-1], strict=True)}
    with session.timing("output"):
        _write(session, model, t, rows)
        add_statistics(session, t, dict(zip(model.species, rows.T, strict=True)), good)
    session.console.print(observable_table(content["observables"]))
    if good:
        session.result.finish("successful")
        session.say(f"results in [bold]{escape(str(session.out))}[/]")
        return
    message = f"the step after t = {t[-1]:g} failed: {RESULTS[found.result]} What was reached is in {session.out}."
    session.result.finish(name_of(found.result), message)
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(3)


def _write(session, model, t, rows):
    """`history.csv`, and a picture."""
    with open(session.out / "history.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["time", *model.species])
        writer.writerows(np.column_stack([t, rows]).tolist())
    session.result.content["history"] = "history.csv"
    data = session.scene.data
    if data.pictures.fields == [] or len(t) < 2:
        return
    # Reactions that go on over decades are shown over decades.
    slow = t[-1] > 1e4 * (t[1] - t[0]) and t[0] >= 0
    label = f"time ({data.units.time})" if data.units.time else "time"
    some = slice(1, None) if slow and t[0] == 0 else slice(None)
    panels = [
        viz.Panel((), viz.Curve(t[some], y[some], ""), label, name, logarithmic=slow)
        for name, y in zip(model.species, rows.T, strict=True)
    ]
    viz.compare_curves(panels, session.out / "histories.png", title=data.title)
    session.result.content["pictures"] = ["histories.png"]
