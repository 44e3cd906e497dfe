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
    "plastic_strain": ("accumulated plastic strain", ""),
    "pressure": ("pressure", "stress"),
    "velocity": ("speed", "velocity"),
    "temperature": ("temperature", "temperature"),
    "heat_flux": ("heat flux", "heat_flux"),
    "phase": ("phase field", ""),
    "chemical_potential": ("chemical potential", ""),
    "damage": ("damage", ""),
    "smoothed_strain": ("smoothed strain", ""),
}
DEFAULTS = {
    "solid": ("displacement", "von_mises"),
    "stokes": ("velocity", "pressure"),
    "heat": ("temperature",),
    "thermo_solid": ("temperature", "von_mises"),
    "phase_field": ("phase",),
}
DEFORMS = ("solid", "thermo_solid")


def at_load(factor: float) -> str:
    """Say at which load factor; nothing for the whole load."""
    return "" if factor == 1 else f"load factor {factor:.4g}"


def draw_state(session, model, problem, value, when: str = "") -> list[str]:
    """Draw the fields of a state that the scene asks for; return the names of the files."""
    data = session.scene.data
    wanted = DEFAULTS[data.physics] if data.pictures.fields is None else data.pictures.fields
    for name in wanted:
        where, values = scenes.quantity(problem, value, name, plane_of(model))
        _draw_field(session, model, value, when, name, where, np.asarray(values))
    return [f"{name}.png" for name in wanted]


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


def _draw_field(session, model, value, when, name, where, values):
    data, path = session.scene.data, session.out / f"{name}.png"
    label, kind = LABELS[name]
    unit = getattr(data.units, kind) if kind else ""
    view = tuple(data.pictures.view) if isinstance(data.pictures.view, list) else data.pictures.view
    title = f"{data.title}, {when}" if when else data.title
    scalar = np.linalg.norm(values, axis=-1) if values.ndim > 1 else values
    field = scalar if where == "node" else fem.CellField(scalar)
    if data.physics not in DEFORMS:
        look = dict(label=label, unit=unit, length_unit=data.units.length, view=view, title=title)
        viz.field(model.space, field, path, **look)
        return
    label = f"{label} ({unit})" if unit else label
    look = dict(label=label, unit=data.units.length, scale=data.pictures.deformation, view=view, title=title)
    colour = "magnitude" if name == "displacement" else field
    viz.deformed(model.space, scenes.main_field(value), path, colour=colour, **look)


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
