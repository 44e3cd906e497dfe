"""Quantities of problems on grids: fields of the grid that scenes draw, write and observe."""

from typing import NamedTuple

import jax.numpy as jnp

from .. import grids
from ..physics import Quantity


UNITS = {"pressure": "stress", "velocity_x": "velocity", "velocity_y": "velocity", "velocity_z": "velocity"}
UNITS |= {"depth": "length"}


def quantities_on_grid(problem: grids.AbstractGridProblem) -> tuple[Quantity, ...]:
    """Return the quantities of a problem on a grid; their values are fields of the grid."""
    if isinstance(problem, grids.NavierStokes):
        found = (
            Quantity("velocity", "speed", "velocity", "cell", _Velocity(), 0, True),
            Quantity("pressure", "pressure", "stress", "cell", _Pressure(), 1, True),
        )
        plane = problem.space.grid.dimension == 2
        return (*found, Quantity("vorticity", "vorticity", "", "cell", _Vorticity())) if plane else found
    if isinstance(problem, grids.Diffusion):
        unit = problem.name if problem.name == "temperature" else ""
        return (Quantity(problem.name, problem.name, unit, "cell", _Itself(), 0, True),)
    return tuple(
        Quantity(name, name.replace("_", " "), UNITS.get(name, ""), "cell", _Primitive(name), i, True)
        for i, name in enumerate(problem.names)
    )


class _Velocity(NamedTuple):
    def __call__(self, problem, value):
        return value.velocity


class _Pressure(NamedTuple):
    def __call__(self, problem, value):
        return problem.pressure(value)


class _Vorticity(NamedTuple):
    """Means over the corners of each cell."""

    def __call__(self, problem, value):
        corners = problem.space.curl(value.velocity).values
        for axis in range(2):
            n = corners.shape[axis]
            periodic = n == problem.space.grid.shape[axis]
            upper = jnp.roll(corners, -1, axis) if periodic else jnp.take(corners, jnp.arange(1, n), axis)
            lower = corners if periodic else jnp.take(corners, jnp.arange(n - 1), axis)
            corners = (lower + upper) / 2
        return grids.CellField(corners)


class _Itself(NamedTuple):
    def __call__(self, problem, value):
        return value


class _Primitive(NamedTuple):
    name: str

    def __call__(self, problem, value):
        return problem.primitives(value)[self.name]
