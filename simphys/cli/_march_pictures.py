"""Pictures of a march: what was observed over time, and how the body moved."""

import numpy as np

from .. import fem, scene as scenes, viz
from ._fields import plane_of
from ._pictures import DEFAULTS, DEFORMS, LABELS


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
    wanted = data.pictures.fields
    fields = DEFAULTS[data.physics] if wanted is None else wanted
    if data.pictures.animation is False or not fields or len(frames) < 2:
        return []
    name = fields[0] if data.pictures.animation is None else data.pictures.animation
    values = []
    for _, problem, u in frames:
        where, found = scenes.quantity(problem, u, name, plane_of(model))
        found = np.asarray(found)
        if where == "cell":
            found = fem.CellField(np.linalg.norm(found, axis=-1) if found.ndim > 1 else found)
        values.append(found)
    label, kind = LABELS[name]
    view = tuple(data.pictures.view) if isinstance(data.pictures.view, list) else data.pictures.view
    moved = [np.asarray(scenes.main_field(u)) for _, _, u in frames] if data.physics in DEFORMS else None
    viz.animation(
        model.space, values, session.out / f"animation.{data.pictures.movie}", times=[t for t, _, _ in frames],
        displacements=moved, scale=data.pictures.deformation,
        label=label, unit=getattr(data.units, kind) if kind else "", length_unit=data.units.length,
        time_unit=data.units.time, view=view, title=data.title,
    )  # fmt: skip
    return [f"animation.{data.pictures.movie}"]
