"""`[time] initial` on a grid as a state."""

import jax.numpy as jnp

from .. import grids
from ._blame import blame
from ._build_conditions import as_array
from ._build_grid import fraction
from ._error import SceneError, listing, nearest


def begin_on_grid(model, problem):
    """Return the state that a march begins with.

    **Raises:** `SceneError` for names that are none of unknowns, and for laws that lack a variable.
    """
    initial, grid = model.scene.data.time.initial, model.grid
    flows, laws = isinstance(problem, grids.NavierStokes), isinstance(problem, grids.ConservationLaw)
    names = ("velocity",) if flows else problem.names if laws else (problem.name,)
    with blame(model.scene.file, "time.initial"):
        _check(initial.values, names)
        lacking = [name for name in names if name not in initial.values]
        if laws and lacking:
            raise SceneError(f"`values` must say what {listing(lacking)} is at first.")
    field = lambda name, points, number: _field(model, initial, name, points, number)
    if flows:
        c = range(grid.dimension)
        return problem.space.field(tuple(field("velocity", problem.space.points(a), a) for a in c))
    rows = [field(name, grid.points(), None) for name in names]
    return problem.state(*rows) if laws else problem.space.field(rows[0])


def _field(model, initial, name, points, number):
    """Values at points, of a vector those of one component."""
    found = jnp.zeros_like(points[0]) + _one(model, initial.values.get(name, 0.0), number, "time.initial.values")
    for key, region in initial.regions.items():
        with blame(model.scene.file, f"time.initial.regions.{key}"):
            _check(region.values, (name,) if number is not None else region.values)
            if name in region.values:
                there = _one(model, region.values[name], number, f"time.initial.regions.{key}")
                found = found + fraction(region, model.grid, points) * (there - found)
    return found


def _one(model, value, number, path):
    """A number, or the one of a component."""
    with blame(model.scene.file, path):
        given = as_array(value)
        if number is None:
            if given.ndim:
                raise SceneError(f"a number expected, got {value}.")
            return given
        if given.ndim and given.shape != (model.grid.dimension,):
            raise SceneError(f"a velocity has {model.grid.dimension} entries on this grid, got {value}.")
        return given[number] if given.ndim else given


def _check(values, names):
    for name in values:
        if name not in names:
            raise SceneError(f"no unknown {name!r}.{nearest(name, list(names))} There are: {listing(names)}.")
