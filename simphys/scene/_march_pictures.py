"""Pictures of a march: what was observed over time, and how the body moved."""

import numpy as np

from . import _viz as viz
from ._pictures import displacement, look_of, panels_of, shown, wanted_of, with_unit
from ._quantities import quantity_of


MOST = 9
"""Panels of the picture of histories."""


def draw_histories(data, observers, times, histories) -> dict:
    """Return the picture of what was observed over time; over decades, if the steps grow so."""
    t = np.asarray(times)
    if len(t) < 2:
        return {}
    slow = t[0] >= 0 and t[-1] > 1e4 * (t[1] - t[0])
    some = slice(1, None) if slow and t[0] == 0 else slice(None)
    panels = []
    for observer in observers[:MOST]:
        values = histories[observer.name].reshape(len(t), -1)
        names = "xyz"[: values.shape[1]] if values.shape[1] > 1 else ("",)
        curves = [viz.Curve(t[some], column[some], name) for column, name in zip(values.T, names, strict=True)]
        label = with_unit(observer.name.replace("_", " "), observer.section.unit)
        panels.append(viz.Panel((), curves, with_unit("time", data.units.time), label, logarithmic=slow))
    return panels_of(data, "histories.png", panels)


def draw_motion(model, frames) -> dict:
    """Return the animation of a field."""
    data = model.scene.data
    wanted = [] if model.space is None else wanted_of(data, model.base)
    if data.pictures.animation is False or not wanted or len(frames) < 2:
        return {}
    found = wanted[0] if data.pictures.animation is None else quantity_of(model.base, data.pictures.animation)

    def draw(path):
        values = [shown(model, found, problem, u) if found.where == "cell" else np.asarray(found.values(problem, u))
                  for _, problem, u in frames]  # fmt: skip
        moved = [displacement(problem, u) for _, problem, u in frames]
        viz.animation(
            model.shown, values, path, times=[t for t, _, _ in frames], displacements=None if moved[0] is None else moved,
            scale=data.pictures.deformation, time_unit=data.units.time, title=data.title, **look_of(data, found),
        )  # fmt: skip

    return {f"animation.{data.pictures.movie}": draw}
