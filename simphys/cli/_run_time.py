"""`simphys run` of a scene with `[time]`: march, and keep what was reached after every frame."""

import csv
import pathlib
import time

import numpy as np
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .. import scene as scenes, viz
from .._result import name_of
from ..stepping import StepFailed
from ._fields import FieldWriter
from ._march_pictures import draw_histories, draw_motion
from ._pictures import draw_state
from ._report import add_statistics, kinks, labels, observable_table
from ._session import Session


CHECKPOINT = "march.npz"


def run_march(session: Session, model, resume: bool = False):
    """March, report and write; `typer.Exit` with 3 if a step has no solution.

    What was reached is in a checkpoint after every frame, from which `resume` goes on.
    """
    with session.timing("build"):
        march = scenes.March.build(model)
    _check_movie(session.scene)
    sizes = {
        "cells": model.space.mesh.n_cells,
        "nodes": model.space.n_nodes,
        "unknowns": model.base.system.reduction.size,
    }
    session.result.content.update(sizes=sizes, observables={}, certificate={}, march={})
    session.say(f"{session.scene.data.physics}, {sizes['cells']} cells, {sizes['unknowns']} unknowns, {march.stepper}")
    file = session.checkpoint(CHECKPOINT, resume)
    failure = lead(session, model, march, model.problem(), file)
    session.result.content["certificate"] = {"converged": failure is None}
    _finish(session, failure)


def _check_movie(scene):
    try:
        viz.check_movie(pathlib.Path(f"animation.{scene.data.pictures.movie}"))
    except ValueError as error:
        raise scenes.SceneError(str(error), file=scene.file, key="pictures.movie") from None


def lead(session: Session, model, march, problem, file: pathlib.Path | None = None) -> StepFailed | None:
    """March a problem, from a checkpoint if there is one; write fields, histories and pictures.

    **Returns:** the failure that ended it, if any.
    """
    observers = scenes.build_observers(model)
    log, frames, failure = _Log(observers), [], None
    fields = FieldWriter(session, model)
    progress = Progress(
        TextColumn("marching"), BarColumn(), TextColumn("step {task.completed} of {task.total}, t = {task.fields[t]}"),
        TimeRemainingColumn(), console=session.console, transient=True,
    )  # fmt: skip
    observe = lambda t, u, problem: {o.name: o.read(problem, u) for o in observers}
    content, start = session.result.content, time.perf_counter()
    before = content["timings"].get("output", 0.0)
    try:
        with progress:
            task = progress.add_task("march", total=None, t="…")
            for frame in march.frames(problem, observe, file):
                progress.update(task, total=frame.steps, completed=frame.done, t=f"{frame.t:.4g}")
                with session.timing("output"):
                    log.add(frame)
                    _check_statistics(session.scene, log)
                    fields.write(frame.t, frame.problem, frame.u)
                    frames.append((frame.t, frame.problem, frame.u))
                    content["march"] = log.summary(frame)
                    _write_histories(session, log)
                    session.result.write()
                session.may_stop_here()
    except StepFailed as error:
        failure = error
    spent = time.perf_counter() - start - (content["timings"]["output"] - before)
    content["timings"]["march"] = round(spent, 4)
    session.say(log.line(frames[-1][0], failure is None))
    with session.timing("output"):
        _write(session, model, log, frames)
        histories = {observer.name: log.history(observer.name) for observer in observers}
        add_statistics(session, log.times, histories, failure is None)
    return failure


def _check_statistics(scene, log):
    """What they are of is one number at each time: found out at the first of them."""
    for name, entry in scene.data.statistics.items():
        with scenes.blame(scene.file, f"statistics.{name}"):
            scenes.check_shape(log.history(entry.of).shape[1:])


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

    def summary(self, frame) -> dict:
        """Return what the result file says of the march."""
        return {
            "steps": frame.done,
            "of": frame.steps,
            "time": frame.t,
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


def _write(session, model, log, frames):
    """Histories, statistics, pictures."""
    content = session.result.content
    histories = {observer.name: log.history(observer.name) for observer in log.observers}
    for observer in log.observers:
        content["observables"][observer.name] = {"value": histories[observer.name][-1].tolist()} | labels(
            observer.section
        )
    t, problem, u = frames[-1]
    pictures = draw_state(session, model, problem, u, f"t = {t:.6g}")
    drawn = [*pictures, *draw_histories(session, log), *draw_motion(session, model, frames)]
    content["pictures"] = [*content.get("pictures", []), *drawn]


def _write_histories(session, log):
    """`history.csv`: a row for each time."""
    if not log.observers:
        return
    columns, rows = ["time"], [np.asarray(log.times)[:, None]]
    for observer in log.observers:
        values = log.history(observer.name).reshape(len(log.times), -1)
        wide = values.shape[1] > 1
        columns += [f"{observer.name}_{'xyz'[i]}" if wide else observer.name for i in range(values.shape[1])]
        rows.append(values)
    session.out.mkdir(parents=True, exist_ok=True)
    with open(session.out / "history.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(np.concatenate(rows, axis=1).tolist())
    session.result.content["history"] = "history.csv"


def _finish(session, failure):
    if session.result.content["observables"]:
        session.console.print(observable_table(session.result.content["observables"]))
    if failure is None:
        session.result.finish("successful")
        session.say(f"results in [bold]{escape(str(session.out))}[/]")
        return
    message = f"{failure} What was reached is in {session.out}."
    session.result.finish(name_of(failure.trajectory.result), message)
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(3)
