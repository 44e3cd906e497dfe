"""`simphys design`: optimise a layout; write densities, pictures and the part as they come."""

import dataclasses

import numpy as np
from rich.markup import escape

from .. import design, errors, io, scene as scenes
from ._design_pictures import draw_design, draw_history
from ._session import Session


CHECKPOINT = "design.npz"


def design_scene(session: Session, resume: bool = False):
    """Optimise, report and write; `typer.Exit` with 3 unless the design settled and satisfies its constraints."""
    with session.timing("build"):
        task = scenes.build_design(session.scene.build())
    content = session.result.content
    sizes = {"cells": task.layout.mesh.n_cells, "variables": task.layout.size}
    sizes["unknowns"] = task.model.base.system.reduction.size
    content.update(sizes=sizes, objective=None, constraints={}, certificate={}, iterations=[], pictures=[])
    goals = ", ".join([f"objective: {task.objective.name}", *(goal.name for goal in task.constraints)])
    session.say(f"{sizes['variables']} variables, {sizes['unknowns']} unknowns; {escape(goals)}")
    file = session.checkpoint(CHECKPOINT, resume)
    every = task.model.scene.data.design.every
    with session.timing("design"):
        found = task.run(file=file, on_iteration=lambda one, x: _iteration(session, task, one, x, every))
    content["iterations"] = [_entry(one) for one in found.history]
    if found.history:
        with session.timing("output"):
            _write(session, task, found)
        _finish(session, found, _errors(session, task, found))
    else:
        _finish(session, found, None)


def _errors(session, task, found):
    """What the design owes to its mesh; None where that is not asked for."""
    content = session.result.content
    content["objective"] = {"value": found.objective}
    content["constraints"] = {name: {"value": value} for name, value in found.constraints.items()}
    session.result.write()
    if not session.errors or found.status == "design_interrupted":
        return None
    with session.timing("error"), session.console.status("judging the design on a richer space ..."):
        judged = design.mesh_errors(found)
    for entry, one in ((content["objective"], judged.objective), *_pairs(content["constraints"], judged.constraints)):
        if np.isfinite(one.error):
            entry.update(error=one.error, corrected=one.corrected)
    content["remarks"] = list(judged.remarks)
    _write_reanalysis(session, task, found)
    return judged


def _pairs(entries, errors):
    return [(entries[name], one) for name, one in errors.items()]


def _iteration(session, task, one, x, every):
    """A line on the console, the entry in result.json, and now and then a picture."""
    limits = "  ".join(f"[dim]{escape(name)}:[/] {value:.6g}" for name, value in one.constraints.items())
    mark = "[green]✓[/]" if one.violation <= 1e-3 else "[yellow]·[/]"
    moved = f"change {one.change:.3g}, of all {one.drift:.2g}"
    session.say(f"{mark} {one.number:4d}  objective {one.objective:.6g}  {limits}  {moved}  {one.seconds:.2f} s")
    session.result.content["iterations"].append(_entry(one))
    if one.number % every == 0:
        with session.timing("output"):
            layout, _ = task.stages[one.stage].applied((task.layout, ())) if task.stages else (task.layout, ())
            density = design.density_of(layout, x)
            draw_design(session, task, density, f"design_{one.number:04d}.png", f"iteration {one.number}")
            session.result.write()
    session.may_stop_here()


def _entry(one):
    return {
        "stage": one.stage,
        "objective": one.objective,
        "constraints": one.constraints,
        "change": one.change,
        "drift": one.drift if np.isfinite(one.drift) else None,
        "forward_residual": one.forward_residual,
        "adjoint_residual": one.adjoint_residual,
        "adjoint_solves": one.adjoint_solves,
        "seconds": round(one.seconds, 4),
    }


def _write(session, task, found):
    """Densities, the surface of the part, and pictures."""
    content, out = session.result.content, session.out
    mesh, density = task.layout.mesh, found.density
    io.write_fields(out / "design.vtu", mesh, {}, {"density": density})
    content["fields"] = "design.vtu"
    _write_part(session, mesh, density)
    content["pictures"] = [
        *sorted(path.name for path in out.glob("design_????.png")),
        *draw_design(session, task, density, "design.png"),
        *draw_history(session, found),
    ]
    content["certificate"] = {
        "forward_residual": max(one.forward_residual for one in found.history),
        "adjoint_residual": max(one.adjoint_residual for one in found.history),
        "converged": found.successful,
    }
    content["grey"] = float(np.mean(4 * density * (1 - density)))


def _write_part(session, mesh, density):
    """The part as files, and what its maker asks."""
    content, section = session.result.content, session.scene.data.design
    body = design.body_of(mesh, density, section.part_threshold, smooth=section.part_smooth, strays=section.part_strays)
    if body is None:
        return
    thickness = float(getattr(session.scene.data.section, "thickness", 1.0))
    points, triangles = body.surface(thickness)
    for ending in ("stl", *section.part_also):
        io.write_surface(session.out / f"part.{ending}", points, triangles)
    content["part"] = "part.stl"
    facts = design.part_facts(points, triangles, up=section.part_up)
    strays = [size * (thickness if mesh.dim == 2 else 1.0) for size in body.strays]
    content["part_facts"] = {**dataclasses.asdict(facts), "strays": strays}
    session.say(f"the part: {facts}")
    if strays:
        session.say(f"[yellow]stray pieces were left out: {len(strays)}, of volume {sum(strays):.3g}[/]")


def _write_reanalysis(session, task, found):
    """What the density field promised and the body does not hold."""
    content = session.result.content
    try:
        with session.timing("body"), session.console.status("judging the design as a body ..."):
            judged = scenes.reanalyse(task, found)
    except errors.IMPOSSIBLE as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        content["remarks"] = [*content.get("remarks", []), f"as a body the design could not be judged: {why}"]
        return
    for entry, one in ((content["objective"], judged.objective), *_pairs(content["constraints"], judged.constraints)):
        entry["of_body"] = one.of_body
    change = judged.objective.change
    content["remarks"] = [
        *content.get("remarks", []),
        f"as a body on a mesh of its own the objective is {judged.objective.of_body:.6g} ({change:+.2%})",
    ]


def _finish(session, found, judged):
    interrupted = found.status == "design_interrupted"
    session.result.finish("interrupted" if interrupted else found.status, found.message)
    shown = lambda value, one: str(one) if one and one.error else f"{value:.6g}"
    errors = {} if judged is None else judged.constraints
    reached = ", ".join(f"{name}: {shown(value, errors.get(name))}" for name, value in found.constraints.items())
    if found.history:
        objective = shown(found.objective, judged and judged.objective)
        session.say(f"objective {objective} after {len(found.history)} iterations; {escape(reached)}")
    for remark in session.result.content.get("remarks", ()):
        session.say(f"[yellow]{escape(remark)}[/]")
    session.end(found)
