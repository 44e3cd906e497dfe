"""`simphys run` and `fit` for an oscillator and its record."""

import time

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from .. import io, scene as scenes, viz
from ._report import number


OWN = "physics"
"""Name of the oscillator itself among its rivals."""


def run_series(session, model):
    """Simulate the record with the numbers of the scene; write the validation and its picture."""
    with session.timing("solve"), session.console.status("simulating ..."):
        found = scenes.evaluate(model, model.system)
    errors = {OWN: found}
    _record(session, model, errors)
    if not (np.isfinite(found.train) and np.isfinite(found.validation)):
        message = "the simulation grows without bound: the numbers of [oscillator] are not those of a stable one."
        session.result.finish("nonfinite", message)
        typer.echo(f"error: {message}", err=True)
        raise typer.Exit(3)
    session.result.content["pictures"] = _write(session, model, errors)
    session.result.finish("successful")
    session.console.print(_table(model, errors))
    session.say(f"results in [bold]{escape(str(session.out))}[/]")


def fit_networks(session, model, fitted) -> list[str]:
    """Judge the fitted oscillator, train the scene's networks, report all of them; return the names of the pictures."""
    content = session.result.content
    content["networks"] = {}
    with session.timing("evaluation"), session.console.status("simulating ..."):
        errors = {OWN: scenes.evaluate(model, fitted)}
    _record(session, model, errors)
    for name, section in session.scene.data.fit.networks.items():
        wall, cpu = time.perf_counter(), time.process_time()
        with session.timing(f"training {name}"), session.console.status(f"training {escape(name)} ...") as status:
            trained = scenes.train_network(model, section, fitted, _watch(session, model, name, status))
        with session.timing("evaluation"), session.console.status("simulating ..."):
            errors[name] = scenes.evaluate(model, trained.model)
        seconds = dict(wall=round(time.perf_counter() - wall, 1), cpu=round(time.process_time() - cpu, 1))
        io.save_weights(session.out / f"{name}.npz", trained.model)
        content["networks"][name] = {
            **section.model_dump(),
            "weights": f"{name}.npz",
            "history": trained.errors.tolist(),
            "seconds": seconds,
        }
        session.say(f"[green]✓[/] {escape(name)} trained in {seconds['wall']} s ({seconds['cpu']} s of processor time)")
        _record(session, model, errors)
    pictures = _write(session, model, errors)
    session.console.print(_table(model, errors))
    return pictures


def _watch(session, model, name, status):
    factor, unit = small(model)

    def watch(stage, step, error, accepted):
        session.may_stop_here()
        status.update(f"training {escape(name)}, {stage} simulations, step {step}: {number(factor * error)} {unit}")

    return watch


def small(model) -> tuple[float, str]:
    """A factor and unit in which residuals are read easily."""
    unit = model.section.unit
    return (1e3, f"m{unit}") if unit else (1.0, "")


def _record(session, model, errors):
    factor, unit = small(model)
    session.result.content["errors"] = {
        "unit": unit,
        "of": "root mean square of simulation from rest, from the input alone, over whole ranges",
        **{name: dict(train=factor * e.train, validation=factor * e.validation) for name, e in errors.items()},
    }
    session.result.write()


def _write(session, model, errors):
    """The validation series, and its picture."""
    with session.timing("output"):
        first = next(iter(errors.values()))
        measured, seconds = model.output[first.at], first.at / model.section.rate
        table = {"time": seconds, "input": model.input[first.at], "measured": measured}
        table.update({name: measured + e.residuals for name, e in errors.items()})
        path = session.out / "validation.csv"
        header = ",".join(table)
        np.savetxt(path, np.stack(list(table.values()), axis=1), "%.9g", ",", header=header, comments="")
        if session.scene.data.pictures.fields == []:
            return []
        factor, unit = small(model)
        viz.series_residuals(
            seconds - seconds[0], measured, {name.replace("_", " "): e.residuals for name, e in errors.items()},
            session.out / "validation.png", x_label="time (s)", label="output", unit=model.section.unit,
            factor=factor, small_unit=unit, title=f"{session.scene.data.title}, validation",
        )  # fmt: skip
    return ["validation.png"]


def _table(model, errors):
    factor, unit = small(model)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("model", f"training ({unit})", f"validation ({unit})"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for name, e in errors.items():
        table.add_row(escape(name), f"{factor * e.train:.4g}", f"{factor * e.validation:.4g}")
    table.caption = "RMS error of simulations from rest that are given the input alone"
    table.caption_justify = "left"
    return table
