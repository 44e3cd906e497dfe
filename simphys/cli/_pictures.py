"""Pictures of what came out, as the scene asks for them."""

import numpy as np

from .. import fem, scene as scenes, viz


def at_load(factor: float) -> str:
    """Say at which load factor; nothing for the whole load."""
    return "" if factor == 1 else f"load factor {factor:.4g}"


def draw_state(session, model, problem, value, when: str = "") -> list[str]:
    """Draw the fields of a state that the scene asks for; return the names of the files."""
    wanted = wanted_of(session.scene.data, problem)
    for found in wanted:
        _draw_field(session, model, value, when, found, np.asarray(found.values(problem, value)))
    return [f"{found.name}.png" for found in wanted]


def wanted_of(data, problem) -> list:
    """Return the quantities that a scene wants to see."""
    if data.pictures.fields is None:
        return [found for found in problem.quantities() if found.shown]
    return [scenes.quantity_of(problem, name) for name in data.pictures.fields]


def draw_newton(session) -> list[str]:
    """Draw the Newton iterations of a run, unless the scene wants no pictures."""
    content = session.result.content
    steps = [entry for entry in content["steps"] if any(r > 0 for r in entry["history"])]
    if session.scene.data.pictures.fields == [] or not steps:
        return []
    labels = [f"load {entry['reached']:.3g}" for entry in steps]
    rows, tolerance = [entry["history"] for entry in steps], content["certificate"]["tolerance"]
    viz.newton_history(rows, session.out / "newton.png", tolerance=tolerance, labels=labels)
    return ["newton.png"]


def look_of(data, found) -> dict:
    """Return label, units and view of a picture of a quantity."""
    view = tuple(data.pictures.view) if isinstance(data.pictures.view, list) else data.pictures.view
    unit = getattr(data.units, found.unit, "") if found.unit else ""
    return dict(label=found.label, unit=unit, length_unit=data.units.length, view=view)


def _draw_field(session, model, value, when, found, values):
    data, path = session.scene.data, session.out / f"{found.name}.png"
    look = look_of(data, found) | dict(title=f"{data.title}, {when}" if when else data.title)
    scalar = np.linalg.norm(values, axis=-1) if values.ndim > 1 else values
    field = scalar if found.where == "node" else fem.CellField(scalar)
    if not moves(model.base):
        viz.field(model.space, field, path, **look)
        return
    unit = look.pop("unit")
    look["label"] = f"{found.label} ({unit})" if unit else found.label
    look |= dict(unit=look.pop("length_unit"), scale=data.pictures.deformation)
    viz.deformed(model.space, scenes.main_field(value), path, colour="magnitude" if found.moves else field, **look)


def moves(problem) -> bool:
    """Whether a solution deforms the body."""
    return any(found.moves for found in problem.quantities())


def draw_curves(session, curves) -> list[str]:
    """Draw the stress of homogeneous tests over the stretch."""
    if session.scene.data.pictures.fields == [] or not curves:
        return []
    unit = session.scene.data.units.stress
    panels = [
        viz.Panel((), viz.Curve(stretch, stress), "stretch", stress_label(unit), name)
        for name, (stretch, stress) in curves.items()
    ]
    viz.compare_curves(panels, session.out / "tests.png", title=session.scene.data.title)
    return ["tests.png"]


def stress_label(unit: str) -> str:
    """Return the label of a stress axis."""
    return f"nominal stress ({unit})" if unit else "nominal stress"
