"""Quantities of a solution by the names that a scene calls them by."""

from .. import grids, physics
from .._typing import Array
from ._error import SceneError, listing, nearest
from ._grid_quantities import quantities_on_grid


def quantities_of(problem) -> tuple[physics.Quantity, ...]:
    """Return the quantities of a problem, on a mesh or on a grid."""
    return quantities_on_grid(problem) if isinstance(problem, grids.AbstractGridProblem) else problem.quantities()


def available(problem) -> tuple[str, ...]:
    """Return the names of the quantities that a problem has."""
    return tuple(found.name for found in quantities_of(problem))


def quantity_of(problem, name: str) -> physics.Quantity:
    """Return the quantity of this name; raise `SceneError` if a problem has none."""
    entries = () if isinstance(problem, grids.AbstractGridProblem) else problem.tensors()
    for found in (*quantities_of(problem), *entries):
        if found.name == name:
            return found
    names = available(problem)
    raise SceneError(f"no quantity {name!r} here.{nearest(name, names)} There are: {listing(names)}.")


def quantity(problem, value, name: str) -> tuple[str, Array]:
    """Return "node" or "cell", and the values of the quantity of this name at a solution."""
    found = quantity_of(problem, name)
    return found.where, found.values(problem, value)


def main_field(value) -> Array:
    """Return the first field of a solution: a displacement, a velocity, a temperature or phases."""
    return value[0] if isinstance(value, tuple) else value
