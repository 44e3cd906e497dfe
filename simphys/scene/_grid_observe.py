"""`[observe]` on a grid."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import grids
from .._typing import Array
from ._build_conditions import component_number
from ._error import SceneError, listing
from ._grid_sampling import ReadAt, Sampler, components_of
from ._quantities import available, quantity_of
from ._task_section import (
    ContentObservable,
    EnergyObservable,
    ExtremeObservable,
    ForceObservable,
    LineObservable,
    MeanObservable,
    PointObservable,
    ResultantObservable,
)


FINE = 2001
"""Points of a line that an extreme is looked for at."""


def read_on_grid(model, entry) -> Callable:
    """Return what reads an observable off a solution, (problem, value) → array."""
    grid, first = model.grid, available(model.base)[0]
    if isinstance(entry, PointObservable):
        found = quantity_of(model.base, first if entry.of is None else entry.of)
        return _Point(ReadAt(found.values, Sampler(grid, np.asarray([entry.at])), _component(entry, model, found)))
    if isinstance(entry, LineObservable):
        found = quantity_of(model.base, entry.of)
        sampler, spline = _line(entry, grid)
        return _Line(ReadAt(found.values, sampler, _component(entry, model, found)), spline, entry.type == "line_max")
    if isinstance(entry, ExtremeObservable):
        if entry.at == "nodes":
            raise SceneError("a grid has values of cells: leave out `at`.")
        found = quantity_of(model.base, entry.of)
        return _Extreme(found.values, _component(entry, model, found), entry.type == "max")
    if isinstance(entry, MeanObservable):
        if entry.where is not None:
            raise SceneError("a grid has no groups: leave out `where` for the mean over all cells.")
        found = quantity_of(model.base, first)
        return _Mean(found.values, _component(entry, model, found), entry.type == "mean_square")
    if isinstance(entry, ForceObservable):
        if not isinstance(model.base, grids.NavierStokes) or model.base.body is None:
            raise SceneError("only an `obstacle` within a flow takes up a force.")
        return _Force(() if entry.component is None else (component_number(entry.component, grid.dimension),))
    if isinstance(entry, EnergyObservable):
        if not isinstance(model.base, grids.NavierStokes):
            raise SceneError("on a grid, only a flow has an energy, the kinetic one.")
        return _KineticEnergy()
    if isinstance(entry, ContentObservable):
        if isinstance(model.base, grids.NavierStokes):
            raise SceneError("a flow keeps its content: nothing to observe.")
        return _Content()
    return _resultant(model, entry)


def _resultant(model, entry: ResultantObservable):
    if not isinstance(model.base, grids.Diffusion) or entry.of is not None or entry.component is not None:
        raise SceneError(
            'on a grid "resultant" is what diffusion brings in through a side: of [diffusion], `where` alone.'
        )
    sides = [name for pair in model.grid.sides for name in pair]
    if entry.where not in sides:
        raise SceneError(f"no side {entry.where!r}. There are: {listing(sides)}.")
    if isinstance(model.base.space.sides.pairs[sides.index(entry.where) // 2][0], grids.Periodic):
        raise SceneError(f"{entry.where!r} is periodic: nothing enters there.")
    return _Entering(entry.where)


def _component(entry, model, found) -> int | None:
    name = getattr(entry, "component", None)
    if name is None:
        return None
    if found.name != "velocity":
        raise SceneError("a scalar field has no components: leave out `component`.")
    return component_number(name, model.grid.dimension)


def _line(entry, grid):
    """Points along a line, and the weights of a cubic spline through them at many more."""
    axis = component_number(entry.axis, grid.dimension)
    if len(entry.at) != grid.dimension:
        raise SceneError(f"`at` needs {grid.dimension} entries on this grid, got {len(entry.at)}.")
    x = np.asarray(grid.centres(axis))
    points = np.tile(np.asarray(entry.at, float), (len(x), 1))
    points[:, axis] = x
    low, high = (x[0], x[-1]) if entry.within is None else entry.within
    if not x[0] - np.ptp(x) <= low < high <= x[-1] + np.ptp(x):
        raise SceneError(f"`within` must be two increasing positions on the grid, got {entry.within}.")
    fine = np.linspace(max(low, x[0]), min(high, x[-1]), FINE)
    from scipy.interpolate import CubicSpline  # takes a tenth of a second, and few need it

    return Sampler(grid, points), jnp.asarray(CubicSpline(x, np.eye(len(x)))(fine), grid.dtype)


class _Point(eqx.Module):
    read: ReadAt

    def __call__(self, problem, value) -> Array:
        return self.read(problem, value)[0]


class _Line(eqx.Module):
    read: ReadAt
    spline: Array
    greatest: bool

    def __call__(self, problem, value) -> Array:
        read = self.read(problem, value)
        read = read if read.ndim == 1 else jnp.linalg.norm(read, axis=-1)
        return (jnp.max if self.greatest else jnp.min)(self.spline @ read)


class _Extreme(eqx.Module):
    values: Callable
    component: int | None
    greatest: bool

    def __call__(self, problem, value) -> Array:
        parts = components_of(self.values(problem, value))
        read = parts[0] if len(parts) == 1 else jnp.sqrt(sum(p * p for p in parts))
        read = read if self.component is None else parts[self.component]
        return (jnp.max if self.greatest else jnp.min)(read)


class _Mean(eqx.Module):
    values: Callable
    component: int | None
    square: bool

    def __call__(self, problem, value) -> Array:
        parts = components_of(self.values(problem, value))
        parts = parts if self.component is None else parts[self.component : self.component + 1]
        grid = problem.grid if isinstance(problem, grids.ConservationLaw) else problem.space.grid
        weights = grid.volumes / jnp.sum(grid.volumes)
        if self.square:
            return sum(jnp.sum(weights * p * p) for p in parts)
        means = jnp.stack([jnp.sum(weights * p) for p in parts])
        return means[0] if len(parts) == 1 else means


class _Force(eqx.Module):
    component: tuple

    def __call__(self, problem, value) -> Array:
        return jnp.stack(problem.force_on_body(value))[self.component]


class _KineticEnergy(eqx.Module):
    def __call__(self, problem, value) -> Array:
        return problem.density * problem.kinetic_energy(value)


class _Content(eqx.Module):
    def __call__(self, problem, value) -> Array:
        return problem.content(value)


class _Entering(eqx.Module):
    side: str

    def __call__(self, problem, value) -> Array:
        return problem.entering(value, self.side)
