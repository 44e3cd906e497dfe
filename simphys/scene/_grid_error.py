"""How wrong observed and fitted numbers are because of a grid's steps."""

import dataclasses

import numpy as np

from .. import implicit
from .._result import RESULTS
from ._grid_section import Grid
from ._interface import MeshErrors
from ._observe import observe
from ._unknowns import sought


LEAST = 8
"""Cells along each axis from which on a grid of half as many tells something."""
NEEDED = f"even numbers of cells from {LEAST} on are needed for it"


def grid_errors(model, problem, value) -> MeshErrors:
    """Return the errors of what a scene observes at a steady solution, by a solve on every second plane of the grid.

    q − q_h = (q_h − q_2h) / 3 of a scheme of second order.
    """
    coarse = _coarse(model)
    if coarse is None:
        return MeshErrors({}, remark=f"grid error not known: {NEEDED}")
    twin = coarse.problem(factor=model.factors[-1])
    found = implicit.solve(twin, method=model.method, throw=False)
    if bool(found.result != RESULTS.successful):
        return MeshErrors({}, remark="grid error not known: on a grid of cells twice as large there is no solution")
    own, other = observe(model.observers, problem, value), observe(coarse.observers, twin, found.value)
    entries = {}
    for name, number in own.items():
        error = (np.asarray(number) - np.asarray(other[name])) / 3
        entries[name] = {"error": error.tolist(), "corrected": (np.asarray(number) + error).tolist()}
    return MeshErrors(entries)


def coarser_experiment(model) -> tuple:
    """Return observations read by cubics, and the experiment on every second plane that reads so: a fit's grid error.

    Straight lines between points err by what depends on where between them a sensor is: no two grids tell that.

    **Raises:** `ValueError` for grids of odd or few cells, and for unknown fields.
    """
    if any(entry.field is not None for entry in model.scene.data.fit.parameters.values()):
        raise ValueError("a field on a grid has other entries on every second plane")
    coarse = _coarse(model)
    if coarse is None:
        raise ValueError(NEEDED)
    own, coarse = (dataclasses.replace(each, order=3) for each in (model, coarse))
    seen = own.observations() if model.scene.data.time is None else own.samples()
    return seen, coarse.way.experiment(sought(coarse))


def _coarse(model):
    """The same on every second plane; None where there is none."""
    shape = model.grid.shape
    if any(n % 2 or n < LEAST for n in shape):
        return None
    faces = [np.asarray(model.grid.faces(axis))[::2].tolist() for axis in range(len(shape))]
    data = model.scene.data.model_copy(update={"grid": Grid(faces=faces)})
    return type(model).build(dataclasses.replace(model.scene, data=data))
