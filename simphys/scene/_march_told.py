"""What is told of a march: every frame, histories, statistics, pictures, how it ended."""

import csv
import pathlib
import time
from collections.abc import Callable, Iterator

import numpy as np
from rich.markup import escape

from .._result import name_of
from ..stepping import StepFailed
from . import _viz as viz
from ._blame import blame
from ._error import SceneError
from ._interface import Fields, Told
from ._march_error import march_errors
from ._march_pictures import draw_histories, draw_motion
from ._pictures import draw_state
from ._statistics import check_shape, statistic


LONG, MARCHES = 20, 8
"""Seconds of a march from which on it is said how long its errors take, and how many marches they take."""


def march_told(way, problem, file: pathlib.Path | None, errors: Callable[[str], None] | None = None) -> Iterator[Told]:
    """March a problem, from a checkpoint if there is one, and tell it; `errors` as of `AbstractWay.run`."""
    model, scene, log, frames, failure = way.model, way.model.scene, _Log(way.observers), [], None
    begun = time.perf_counter()
    _check_movie(scene)
    observe = way.reader
    about = ", ".join([scene.data.physics, *(f"{n} {what}" for what, n in model.sizes.items() if what != "nodes")])
    yield Told(f"{about}, {way.stepper}", {"march": {}} | ({"sizes": model.sizes} if model.sizes else {}))
    try:
        for frame in way.frames(problem, observe, file):
            log.add(frame)
            for name, entry in scene.data.statistics.items():
                # What they are of is one number at each time: found out at the first of them.
                with blame(scene.file, f"statistics.{name}"):
                    check_shape(log.history(entry.of).shape[1:])
            frames.append((frame.t, frame.problem, frame.u))
            fields = None if model.space is None else Fields(frame.t, frame.problem, frame.u)
            files = {"history.csv": log.write} if log.observers else {}
            content = {"march": log.summary(frame)} | ({"history": "history.csv"} if files else {})
            doing = f"step {frame.done} of {frame.steps}, t = {frame.t:.4g}"
            yield Told(content=content, fields=fields, files=files, stage="march", doing=doing)
    except StepFailed as error:
        failure = error
    yield Told(log.line(frames[-1][0], failure is None), stage="march")
    t, now, u = frames[-1]
    pictures = {} if model.space is None else draw_state(model, now, u, f"t = {t:.6g}")
    pictures |= draw_histories(scene.data, log.observers, log.times, log.histories) | draw_motion(model, frames)
    lines, read = _statistics(scene, log, failure is None)
    yield Told("\n".join(lines), {"observables": log.observables | read}, pictures=pictures, stage="output")
    if failure is None and errors is not None:
        # Files and pictures are there by now, whatever happens while errors are looked for.
        yield Told(_more_marches(time.perf_counter() - begun), stage="error")
        found = march_errors(way, problem, tuple(log.histories.values()), log.times, errors)
        told = {name: entry | found.observables.get(name, {}) for name, entry in (log.observables | read).items()}
        line = f"[yellow]{escape(found.remark)}[/]" if found.remark else ""
        yield Told(line, {"observables": told}, stage="error")
    content = {"certificate": {"converged": failure is None}}
    if failure is None:
        yield Told(content=content, status="successful")
    else:
        yield Told(
            content=content,
            status=name_of(failure.trajectory.result),
            message=f"{failure} What was reached is in {{out}}.",
        )


def _more_marches(seconds: float) -> str:
    """Half and twice the steps, and a few times as long for each on the richer space."""
    long = f", {MARCHES * seconds / 60:.0f} min or so" if seconds > LONG else ""
    return f"[dim]errors of steps and mesh: some marches more{long} (--no-error leaves them away)[/]"


def _check_movie(scene):
    with blame(scene.file, "pictures.movie"):
        viz.check_movie(pathlib.Path(f"animation.{scene.data.pictures.movie}"))


def _statistics(scene, log, whole: bool):
    """Lines and numbers that the scene reads off histories; what a march that failed lacks is said in a line."""
    lines, found = [], {}
    for name, entry in scene.data.statistics.items():
        try:
            value = statistic(entry, np.asarray(log.times), log.history(entry.of))
        except SceneError as error:
            if whole:
                raise SceneError(error.message, file=scene.file, key=f"statistics.{name}") from None
            lines.append(f"[yellow]statistics.{escape(name)}: {escape(str(error))}[/]")
            continue
        found[name] = {"value": value} | labels(entry)
    return lines, found


def labels(entry) -> dict:
    """Return the reference, its source and the unit of an entry, those that it has."""
    return {key: given for key in ("reference", "source", "unit") if (given := getattr(entry, key)) is not None}


def kinks(count) -> str:
    """What there is to say of points at which a law switches, as an addition to a line."""
    text = f"\n  [yellow]{count} points stand at a kink of their law: derivatives there are one-sided[/]"
    return text if int(count) else ""


class _Log:
    """What was observed, and how hard the steps were."""

    def __init__(self, observers):
        self.observers, self.times, self.newton, self.kinks = observers, [], [], []
        self.seen = {o.name: [] for o in observers}

    def add(self, frame):
        """Take up the part of the march that leads to a frame."""
        self.times += frame.times.tolist()
        self.newton += frame.newton_steps.tolist()
        self.kinks += frame.weakly_active.tolist()
        for name, values in frame.observed.items():
            self.seen[name] += list(values)

    def history(self, name) -> np.ndarray:
        """Return an observed quantity at all times."""
        return np.asarray(self.seen[name])

    @property
    def histories(self) -> dict[str, np.ndarray]:
        """Of all that was observed."""
        return {observer.name: self.history(observer.name) for observer in self.observers}

    @property
    def observables(self) -> dict:
        """What the result file says of the last time."""
        return {o.name: {"value": self.history(o.name)[-1].tolist()} | labels(o.section) for o in self.observers}

    def summary(self, frame) -> dict:
        """Return what the result file says of the march."""
        return {
            "steps": frame.done,
            "of": frame.steps,
            "time": frame.t,
            "rejected": frame.rejected,
            "newton_steps": int(sum(self.newton)),
            "most_newton_steps": max(self.newton, default=0),
            "weakly_active": int(sum(self.kinks)),
        }

    def line(self, t, good: bool) -> str:
        """One line about the march."""
        steps = len(self.newton)
        mean = sum(self.newton) / max(steps, 1)
        mark = "[green]✓[/]" if good else "[red]✗[/]"
        return f"{mark} {steps} steps to t = {t:.6g}, {mean:.2g} Newton steps each{kinks(sum(self.kinks))}"

    def write(self, path: pathlib.Path):
        """Write `history.csv`: a row for each time."""
        columns, rows = ["time"], [np.asarray(self.times)[:, None]]
        for name, history in self.histories.items():
            values = history.reshape(len(self.times), -1)
            columns += [f"{name}_{'xyz'[i]}" if values.shape[1] > 1 else name for i in range(values.shape[1])]
            rows.append(values)
        with open(path, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            writer.writerows(np.concatenate(rows, axis=1).tolist())
