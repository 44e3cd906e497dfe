"""Pictures of what came out, as the scene asks for them."""

import numpy as np

from .. import fem, scene as scenes, viz
from ._fields import plane_of


LABELS = {
    "displacement": ("displacement magnitude", "length"),
    "von_mises": ("von Mises stress", "stress"),
    "principal_stress": ("largest principal stress", "stress"),
    "energy_density": ("stored energy density", "stress"),
    "volume_ratio": ("volume ratio J", ""),
    "temperature": ("temperature", "temperature"),
    "heat_flux": ("heat flux", "heat_flux"),
}
DEFAULTS = {"solid": ("displacement", "von_mises"), "heat": ("temperature",)}


def draw_state(session, model, step) -> list[str]:
    """Draw the fields of a load step and the Newton iterations; return the names of the files."""
    data = session.scene.data
    wanted = DEFAULTS[data.physics] if data.pictures.fields is None else data.pictures.fields
    drawn = []
    for name in wanted:
        where, values = scenes.quantity(step.state, step.solution.value, name, plane_of(model))
        _draw_field(session, model, step, name, where, np.asarray(values))
        drawn.append(f"{name}.png")
    rows = [entry["history"] for entry in session.result.content.get("steps", ())]
    if wanted and any(r > 0 for row in rows for r in row):
        labels = [f"load {entry['reached']:.3g}" for entry in session.result.content["steps"]]
        tolerance = session.result.content["certificate"]["tolerance"]
        viz.newton_history(rows, session.out / "newton.png", tolerance=tolerance, labels=labels[: len(rows)])
        drawn.append("newton.png")
    return drawn


def _draw_field(session, model, step, name, where, values):
    data, path = session.scene.data, session.out / f"{name}.png"
    label, kind = LABELS[name]
    unit = getattr(data.units, kind) if kind else ""
    view = tuple(data.pictures.view) if isinstance(data.pictures.view, list) else data.pictures.view
    title = data.title if step.reached == 1 else f"{data.title}, load factor {step.reached:.4g}"
    scalar = np.linalg.norm(values, axis=-1) if values.ndim > 1 else values
    field = scalar if where == "node" else fem.CellField(scalar)
    if data.physics == "heat":
        look = dict(label=label, unit=unit, length_unit=data.units.length, view=view, title=title)
        viz.field(model.space, field, path, **look)
        return
    label = f"{label} ({unit})" if unit else label
    look = dict(label=label, unit=data.units.length, scale=data.pictures.deformation, view=view, title=title)
    viz.deformed(model.space, step.solution.value, path, colour="magnitude" if name == "displacement" else field, **look)


def draw_curves(session, curves) -> list[str]:
    """Draw the stress of homogeneous tests over the stretch."""
    if not curves:
        return []
    unit = session.scene.data.units.stress
    panels = [
        viz.Panel((), viz.Curve(stretch, stress), "stretch", _stress_label(unit), name)
        for name, (stretch, stress) in curves.items()
    ]
    viz.compare_curves(panels, session.out / "tests.png", title=session.scene.data.title)
    return ["tests.png"]


def _stress_label(unit):
    return f"nominal stress ({unit})" if unit else "nominal stress"
