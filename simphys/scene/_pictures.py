"""Pictures of what came out, as the scene asks for them: each a file's name and what draws it."""

import numpy as np

from .. import fem, grids
from . import _viz as viz
from ._grid_sampling import components_of
from ._quantities import quantities_of, quantity_of
from ._recovered import at_nodes


def draw_state(model, problem, value, when: str = "") -> dict:
    """Return the pictures of a state that the scene asks for."""
    wanted = wanted_of(model.scene.data, problem)
    return {f"{found.name}.png": _drawn(model, problem, value, when, found) for found in wanted}


def wanted_of(data, problem) -> list:
    """Return the quantities that a scene wants to see."""
    if data.pictures.fields is None:
        return [found for found in quantities_of(problem) if found.shown]
    return [quantity_of(problem, name) for name in data.pictures.fields]


def look_of(data, found) -> dict:
    """Return label, units and view of a picture of a quantity."""
    view = tuple(data.pictures.view) if isinstance(data.pictures.view, list) else data.pictures.view
    unit = getattr(data.units, found.unit, "") if found.unit else ""
    return dict(label=found.label, unit=unit, length_unit=data.units.length, view=view)


def displacement(problem, value) -> np.ndarray | None:
    """Return by how much a solution moves the nodes that are shown; None for one that does not deform the body."""
    moving = [found for found in quantities_of(problem) if found.moves]
    return np.asarray(moving[0].values(problem, value)) if moving else None


def shown(model, found, problem, value):
    """Return the values of a quantity as pictures show them: at nodes if they can be, of vectors the length."""
    if isinstance(model.shown, grids.Grid):
        parts = components_of(found.values(problem, value))
        return grids.CellField(parts[0] if len(parts) == 1 else np.sqrt(sum(np.asarray(p) ** 2 for p in parts)))
    smooth = None if found.where == "node" else at_nodes(model, found, problem, value)
    values = np.asarray(found.values(problem, value) if smooth is None else smooth)
    values = np.linalg.norm(values, axis=-1) if values.ndim > 1 else values
    return values if found.where == "node" or smooth is not None else fem.CellField(values)


def _drawn(model, problem, value, when, found):
    data = model.scene.data
    look = look_of(data, found) | dict(title=f"{data.title}, {when}" if when else data.title)
    if isinstance(model.shown, grids.Grid):
        del look["view"]
        return lambda path: viz.grid_field(model.shown, found.values(problem, value), path, **look)
    moved = displacement(problem, value)
    if moved is None:
        return lambda path: viz.field(model.shown, shown(model, found, problem, value), path, **look)
    unit = look.pop("unit")
    look["label"] = f"{found.label} ({unit})" if unit else found.label
    look |= dict(unit=look.pop("length_unit"), scale=data.pictures.deformation)
    colour = lambda: "magnitude" if found.moves else shown(model, found, problem, value)
    return lambda path: viz.deformed(model.shown, moved, path, colour=colour(), **look)


def draw_newton(data, steps: list[dict], tolerance: float) -> dict:
    """Return the picture of the Newton iterations of load steps, unless the scene wants no pictures."""
    steps = [entry for entry in steps if any(r > 0 for r in entry["history"])]
    if data.pictures.fields == [] or not steps:
        return {}
    labels = [f"load {entry['reached']:.3g}" for entry in steps]
    rows = [entry["history"] for entry in steps]
    return {"newton.png": lambda path: viz.newton_history(rows, path, tolerance=tolerance, labels=labels)}


def panels_of(data, file: str, panels) -> dict:
    """Return a picture of several panels, unless the scene wants none."""
    if data.pictures.fields == [] or not panels:
        return {}
    return {file: lambda path: viz.compare_curves(panels, path, title=data.title)}


def with_unit(label: str, unit: str) -> str:
    """Return the label of an axis."""
    return f"{label} ({unit})" if unit else label
