"""Pictures of a march: what was observed over time, and how the body moved."""

import numpy as np

from .. import fem, scene as scenes, viz
from ._pictures import look_of, moves, wanted_of


MOST = 9
"""Panels of the picture of histories."""


def draw_histories(session, log) -> list[str]:
    """Draw what was observed over time; return the names of the files."""
    data = session.scene.data
    if data.pictures.fields == [] or not log.observers or len(log.times) < 2:
        return []
    panels, unit = [], data.units.time
    for observer in log.observers[:MOST]:
        values = log.history(observer.name).reshape(len(log.times), -1)
        names = "xyz"[: values.shape[1]] if values.shape[1] > 1 else ("",)
        curves = [viz.Curve(log.times, column, name) for column, name in zip(values.T, names, strict=True)]
        label = observer.name.replace("_", " ")
        label = f"{label} ({observer.section.unit})" if observer.section.unit else label
        panels.append(viz.Panel((), curves, f"time ({unit})" if unit else "time", label))
    viz.compare_curves(panels, session.out / "histories.png", title=data.title)
    return ["histories.png"]


def draw_motion(session, model, frames) -> list[str]:
    """Animate a field; return the names of the files."""
    data = session.scene.data
    wanted = wanted_of(data, model.base)
    if data.pictures.animation is False or not wanted or len(frames) < 2:
        return []
    found = wanted[0] if data.pictures.animation is None else scenes.quantity_of(model.base, data.pictures.animation)
    values = []
    for _, problem, u in frames:
        now = np.asarray(found.values(problem, u))
        if found.where == "cell":
            now = fem.CellField(np.linalg.norm(now, axis=-1) if now.ndim > 1 else now)
        values.append(now)
    moved = [np.asarray(scenes.main_field(u)) for _, _, u in frames] if moves(model.base) else None
    viz.animation(
        model.space, values, session.out / f"animation.{data.pictures.movie}", times=[t for t, _, _ in frames],
        displacements=moved, scale=data.pictures.deformation, time_unit=data.units.time, title=data.title,
        **look_of(data, found),
    )  # fmt: skip
    return [f"animation.{data.pictures.movie}"]
