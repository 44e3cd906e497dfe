"""`simphys run`: solve the load steps, write what came out after each of them."""

import time

import numpy as np
import typer
from rich.markup import escape

from .. import scene as scenes
from .._result import RESULTS, name_of
from ._fields import FieldWriter
from ._pictures import at_load, draw_curves, draw_newton, draw_state
from ._report import observable_table, record_observables, step_line
from ._run_kinetics import run_kinetics
from ._run_time import run_march
from ._series import run_series
from ._session import Session


def run_scene(session: Session, resume: bool = False):
    """Solve, report and write; `typer.Exit` with 3 if a load step has no solution.

    `resume` is for marches on a mesh: they go on from the checkpoint in the folder for results.
    """
    if resume and (session.scene.data.time is None or session.scene.data.mesh is None):
        raise scenes.SceneError("only a march on a mesh, a scene with [mesh] and [time], can go on.", key="--resume")
    with session.timing("build"):
        model = session.scene.build()
    if isinstance(model, scenes.HomogeneousModel):
        return _run_homogeneous(session, model)
    if isinstance(model, scenes.KineticsModel):
        return run_kinetics(session, model)
    if session.scene.data.time is not None:
        return run_march(session, model, resume)
    if isinstance(model, scenes.SeriesModel):
        return run_series(session, model)
    observers = scenes.build_observers(model)
    kind = session.scene.data.physics
    sizes = {
        "cells": model.space.mesh.n_cells,
        "nodes": model.space.n_nodes,
        "unknowns": model.base.system.reduction.size,
    }
    session.result.content.update(sizes=sizes, observables={}, certificate={}, steps=[])
    session.say(f"{kind}, {sizes['cells']} cells, {sizes['unknowns']} unknowns, {len(model.factors)} load step(s)")
    last, failed = None, None
    fields, steps = FieldWriter(session, model), model.march()
    while (step := _next(session, steps)) is not None:
        failed = None if step.converged else step
        if step.converged or step.reached > step.start:
            last = step
            with session.timing("output"):
                fields.write(step.reached, step.state, step.solution.reached)
                record_observables(session, observers, step.state, step.solution.reached)
        session.result.write()
    if last is not None:
        with session.timing("output"):
            pictures = draw_state(session, model, last.state, last.solution.reached, at_load(last.reached))
            session.result.content["pictures"] = [*pictures, *draw_newton(session)]
    _finish(session, last, failed)


def _next(session, steps):
    """The next load step, its line on the console and its entry in the result; None after the last."""
    session.may_stop_here()
    start = time.perf_counter()
    with session.timing("solve"), session.console.status("solving ..."):
        step = next(steps, None)
    if step is None:
        return None
    seconds = time.perf_counter() - start
    session.say(step_line(step, seconds))
    certificate, stats = step.solution.certificate, step.solution.stats
    history = np.asarray(certificate.history)
    entry = {
        "factor": step.factor,
        "reached": step.reached,
        "status": name_of(step.solution.result),
        "residual": float(certificate.residual),
        "weakly_active": int(certificate.weakly_active),
        "newton_steps": int(stats.newton_steps),
        "factorisations": int(stats.factorisations),
        "cutbacks": int(stats.cutbacks),
        "history": history[np.isfinite(history)].tolist(),
        "seconds": round(seconds, 4),
    }
    content = session.result.content
    content["steps"].append(entry)
    content["certificate"] = {
        "forward_residual": max(e["residual"] for e in content["steps"]),
        "tolerance": float(certificate.tolerance),
        "load_factor": step.reached,
        "converged": step.converged,
        "weakly_active": int(certificate.weakly_active),
    }
    return step


def _finish(session, last, failed):
    if failed is None:
        session.result.finish("successful")
        if session.result.content["observables"]:
            session.console.print(observable_table(session.result.content["observables"]))
        session.say(f"results in [bold]{escape(str(session.out))}[/]")
        return
    message = _failure(session, last, failed)
    session.result.finish(name_of(failed.solution.result), message)
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(3)


def _failure(session, last, failed) -> str:
    text = f"not converged in load step {failed.number} of {failed.of}: "
    why = RESULTS[failed.solution.result]
    if last is None:
        return f"{text}no equilibrium was found. {why} Nothing was written but this."
    return (
        f"{text}equilibrium found up to load factor {failed.reached:.4g} of {failed.factor:.4g} wanted. {why} Fields and "
        f"pictures of the last equilibrium, at load factor {last.reached:.4g}, are in {session.out}."
    )


def _run_homogeneous(session, model):
    with session.timing("solve"):
        curves = {name: (stretch, np.asarray(stress)) for name, (stretch, stress) in model.curves().items()}
    content = session.result.content
    content["observables"] = {
        name: {"stretch": stretch.tolist(), "nominal_stress": stress.tolist()}
        for name, (stretch, stress) in curves.items()
    }
    bad = [name for name, (_, stress) in curves.items() if not np.all(np.isfinite(stress))]
    content["certificate"] = {"forward_residual": 0.0 if not bad else None, "converged": not bad}
    with session.timing("output"):
        content["pictures"] = draw_curves(session, curves)
    if bad:
        message = f"no equilibrium at some stretches of {', '.join(bad)}: there the stress is left out."
        session.result.finish("nonfinite", message)
        typer.echo(f"error: {message}", err=True)
        raise typer.Exit(3)
    session.result.finish("successful")
    for name, (stretch, stress) in curves.items():
        session.say(
            f"{name}: stretch {stretch[0]:g} to {stretch[-1]:g}, nominal stress {stress[0]:.4g} to {stress[-1]:.4g}"
        )
    session.say(f"results in [bold]{escape(str(session.out))}[/]")
