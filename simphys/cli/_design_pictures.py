"""Pictures of a design, and of how it came about."""

import numpy as np

from .. import design, fem, viz


def draw_design(session, task, density, name: str, when: str = "") -> list[str]:
    """Draw the densities of a plane design, or the full cells of one in space; return the names of the files."""
    data = session.scene.data
    if data.pictures.fields == []:
        return []
    mesh, density = task.layout.mesh, np.asarray(density)
    look = dict(label="density", length_unit=data.units.length, limits=(0.0, 1.0), mesh_lines=False)
    look["title"] = f"{data.title}, {when}" if when else data.title
    if mesh.dim == 3:
        mesh, density = design.full_cells(mesh, density, data.design.part_threshold)
        look["view"] = tuple(data.pictures.view) if isinstance(data.pictures.view, list) else data.pictures.view
        if not len(density):
            return []
    else:
        look["colormap"] = "gray_r"
    viz.field(fem.FunctionSpace(mesh, mesh.degree), fem.CellField(density), session.out / name, **look)
    return [name]


def draw_history(session, found) -> list[str]:
    """Draw objective, constraints and changes over the iterations."""
    if session.scene.data.pictures.fields == [] or len(found.history) < 2:
        return []
    columns = {"objective": [one.objective for one in found.history]}
    columns |= {name: [one.constraints[name] for one in found.history] for name in found.history[0].constraints}
    columns["change"] = [one.change for one in found.history]
    # What stands at its bound all the time is not worth a panel.
    moving = lambda values: np.ptp(values) > 1e-5 * np.abs(values).max()
    rows = {name: np.round(v, 9) for name, v in columns.items() if moving(v) or name == "objective"}
    viz.convergence(rows, session.out / "convergence.png", title=session.scene.data.title)
    return ["convergence.png"]
