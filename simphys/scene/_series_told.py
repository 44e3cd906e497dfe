"""What is told of an oscillator and its record: errors, the validation, trained networks."""

import time

import numpy as np
from rich.markup import escape

from .. import io
from . import _viz as viz
from ._interface import Table, Told
from ._series_fit import evaluate, train_network


OWN = "physics"
"""Name of the oscillator itself among its rivals."""


def simulated(model):
    """Simulate the record with the numbers of the scene; tell the validation."""
    found = evaluate(model, model.system)
    yield Told(content=_errors(model, {OWN: found}))
    if not (np.isfinite(found.train) and np.isfinite(found.validation)):
        message = "the simulation grows without bound: the numbers of [oscillator] are not those of a stable one."
        yield Told(status="nonfinite", message=message)
        return
    yield _validation(model, {OWN: found})
    yield Told(status="successful")


def trained(model, found, progress):
    """Judge the fitted oscillator, train the scene's networks, tell of all of them."""
    fitted, networks = found.problem.system, {}
    errors = {OWN: evaluate(model, fitted)}
    yield Told(content=_errors(model, errors), stage="evaluation")
    for name, section in model.scene.data.fit.networks.items():
        wall, cpu = time.perf_counter(), time.process_time()
        network = train_network(model, section, fitted, _watch(model, name, progress))
        errors[name] = evaluate(model, network.model)
        seconds = dict(wall=round(time.perf_counter() - wall, 1), cpu=round(time.process_time() - cpu, 1))
        history = network.errors.tolist()
        networks[name] = {**section.model_dump(), "weights": f"{name}.npz", "history": history, "seconds": seconds}
        line = f"[green]✓[/] {escape(name)} trained in {seconds['wall']} s ({seconds['cpu']} s of processor time)"
        files = {f"{name}.npz": lambda path, system=network.model: io.save_weights(path, system)}
        yield Told(line, {"networks": networks} | _errors(model, errors), files=files, stage=f"training {name}")
    yield _validation(model, errors, {"networks": networks})


def _watch(model, name, progress):
    factor, unit = small(model)

    def watch(stage, step, error, accepted):
        progress(f"training {name}, {stage} simulations, step {step}: {factor * error:.6g} {unit}")

    return watch


def small(model) -> tuple[float, str]:
    """A factor and unit in which residuals are read easily."""
    unit = model.section.unit
    return (1e3, f"m{unit}") if unit else (1.0, "")


def _errors(model, errors) -> dict:
    factor, unit = small(model)
    about = {"unit": unit, "of": "root mean square of simulation from rest, from the input alone, over whole ranges"}
    own = {name: dict(train=factor * e.train, validation=factor * e.validation) for name, e in errors.items()}
    return {"errors": about | own}


def _validation(model, errors, content=None) -> Told:
    """The validation series, its picture and the table of errors."""
    first, (factor, unit), data = next(iter(errors.values())), small(model), model.scene.data
    measured, seconds = model.output[first.at], first.at / model.section.rate
    table = {"time": seconds, "input": model.input[first.at], "measured": measured}
    table.update({name: measured + e.residuals for name, e in errors.items()})
    rows = np.stack(list(table.values()), axis=1)
    write = lambda path: np.savetxt(path, rows, "%.9g", ",", header=",".join(table), comments="")
    draw = lambda path: viz.series_residuals(
        seconds - seconds[0], measured, {name.replace("_", " "): e.residuals for name, e in errors.items()}, path,
        x_label="time (s)", label="output", unit=model.section.unit, factor=factor, small_unit=unit,
        title=f"{data.title}, validation",
    )  # fmt: skip
    shown = Table(
        ("model", f"training ({unit})", f"validation ({unit})"),
        [(name, f"{factor * e.train:.4g}", f"{factor * e.validation:.4g}") for name, e in errors.items()],
        "RMS error of simulations from rest that are given the input alone",
    )
    pictures = {} if data.pictures.fields == [] else {"validation.png": draw}
    files = {"validation.csv": write}
    return Told(content=content or {}, files=files, pictures=pictures, table=shown, stage="output")
