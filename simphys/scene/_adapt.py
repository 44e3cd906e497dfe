"""`[adapt]`: finer meshes until what is observed is known well enough."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .. import errors
from ._blame import blame
from ._error import SceneError
from ._mesh_error import mesh_errors
from ._model import FieldModel


AIM, AT_ONCE = 0.7, 16.0
"""Part of the tolerance that a new mesh is made for, and how much less of the error it is to have at most."""


class AdaptRound(NamedTuple):
    """One mesh on the way.

    **Attributes:**

    - `model`: the scene on that mesh.
    - `entry`: for result.json: cells, unknowns, value, error, seconds.
    - `message`: why no finer mesh follows though the tolerance is not reached.
    """

    model: FieldModel
    entry: dict
    message: str


def adapted(model: FieldModel) -> Iterator[AdaptRound]:
    r"""Solve, estimate, refine; tell each mesh. The last one told is the one to go on with.

    h_new/h = μ |η_K|^{−1/(q + dim)}   (`errors.size_field`): few meshes, each of which is a program to be compiled

    **Raises:** `SceneError` if the goal is more than one number, or its error is not known on the first mesh.
    """
    section, file = model.scene.data.adapt, model.scene.file
    begun, number, previous = time.perf_counter(), 0, None
    while True:
        found = _estimated(model, section.goal)
        if isinstance(found, str):
            if previous is None:
                raise SceneError(f"`adapt`: {found}.", file=file, key="adapt")
            yield previous._replace(message=_missed(section, previous.entry, f"on a finer mesh ({found})"))
            return
        value, error, indicators = found
        number += 1
        mesh, size = model.space.mesh, model.base.system.reduction.size
        entry = {"cells": mesh.n_cells, "unknowns": size, "value": value, "error": error}
        entry["seconds"] = round(time.perf_counter() - begun, 3)
        if abs(error) <= section.tolerance:
            yield AdaptRound(model, entry, "")
            return
        with blame(file, "adapt"):
            aim = max(AIM * section.tolerance, abs(error) / AT_ONCE)
            finer = mesh.refined() if section.uniform else errors.finer_mesh(model.base, indicators, error, aim)
        limit = ""
        if number >= section.max_rounds:
            limit = f"within {section.max_rounds} meshes"
        elif size * finer.n_points / mesh.n_points > section.max_unknowns:
            limit = f"within {section.max_unknowns} unknowns"
        previous = AdaptRound(model, entry, _missed(section, entry, limit) if limit else "")
        yield previous
        if limit:
            return
        model = FieldModel.build(model.scene, finer)


def _estimated(model, goal):
    """The goal, its error, and each cell's part; or why they are not known, in words."""
    *_, step = model.march()
    if not step.converged:
        return "there is no equilibrium"
    found = mesh_errors(model, step.state, step.solution.reached, goal)
    if found.indicators is None:
        return found.remark or "nothing is known of the error"
    error, corrected = np.asarray(found.observables[goal]["error"]), np.asarray(found.observables[goal]["corrected"])
    if error.ndim:
        return f"{goal!r} is {error.size} numbers, name a component"
    return float(corrected - error), float(error), found.indicators


def _missed(section, entry, why) -> str:
    return f"the tolerance {section.tolerance:.3g} was not reached {why}: the error is {abs(entry['error']):.3g}"


def line_of(section, number: int, entry: dict) -> str:
    """Return one line of progress."""
    return (
        f"mesh {number}: {entry['cells']} cells, {entry['unknowns']} unknowns  "
        f"{section.goal} {entry['value']:.8g} ± {abs(entry['error']):.2g} (mesh)  {entry['seconds']:.1f} s"
    )
