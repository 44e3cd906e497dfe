"""How wrong observed numbers are because of a grid's steps."""

import dataclasses

import numpy as np

from .. import implicit
from .._result import RESULTS
from ._grid_section import Grid
from ._interface import MeshErrors
from ._observe import observe


LEAST = 8
"""Cells along each axis from which on a grid of half as many tells something."""


def grid_errors(model, problem, value) -> MeshErrors:
    """Return the errors of what a scene observes at a steady solution, by a solve on every second plane of the grid.

    q − q_h = (q_h − q_2h) / 3 of a scheme of second order.
    """
    shape = model.grid.shape
    if any(n % 2 or n < LEAST for n in shape):
        return MeshErrors({}, remark=f"grid error not known: even numbers of cells from {LEAST} on are needed for it")
    faces = [np.asarray(model.grid.faces(axis))[::2].tolist() for axis in range(len(shape))]
    data = model.scene.data.model_copy(update={"grid": Grid(faces=faces)})
    coarse = type(model).build(dataclasses.replace(model.scene, data=data))
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
