"""The conditions of one field on all sides of its grid, checked."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Any
from ._conditions import AbstractCondition, AbstractScalar, Inflow, Periodic
from ._grid import Grid


class Sides(eqx.Module):
    """What holds on each side for one number, which stands at cells or faces along each axis.

    **Attributes:**

    - `pairs`: for each axis the conditions of its lower and upper side; their values are of the grid's rank, or numbers.
    """

    pairs: tuple[tuple[AbstractScalar, AbstractScalar], ...]

    def periodic(self, axis: int) -> bool:
        """Whether an axis has no sides."""
        return isinstance(self.pairs[axis][0], Periodic)

    @property
    def bound(self) -> bool:
        """Whether some side determines the value, not only its slope."""
        return any(side.binds for pair in self.pairs for side in pair)

    def at_rest(self) -> "Sides":
        """Return the conditions of the same kinds that say 0."""
        return Sides(tuple(tuple(side.at_rest() for side in pair) for pair in self.pairs))


def scalar_sides(grid: Grid, conditions) -> Sides:
    """Return the conditions of a scalar in the cells.

    **Arguments:**

    - `conditions`: one condition for all sides, or a dictionary with one for each side's name.

    **Raises:** `ValueError` for sides that are missing or unknown, a periodic side opposite to another, values of another
    shape than the side's.
    """
    pairs = by_axis(grid, conditions)
    return _of_component(grid, pairs, None)


def vector_sides(grid: Grid, conditions) -> tuple[Sides, ...]:
    """Return the conditions of each component of a vector on the faces; a side may have a tuple of them, one for each."""
    pairs = by_axis(grid, conditions)
    return tuple(_of_component(grid, pairs, c) for c in range(grid.dimension))


def _of_component(grid, pairs, component) -> Sides:
    place = lambda axis, side: _placed(grid, pairs, component, axis, side)
    return Sides(tuple((place(axis, 0), place(axis, 1)) for axis in range(grid.dimension)))


def by_axis(grid: Grid, conditions) -> list[tuple]:
    """Return for each axis the conditions on its two sides; `ValueError` for sides left out, unknown or half periodic."""
    names = [name for pair in grid.sides for name in pair]
    if isinstance(conditions, AbstractCondition):
        conditions = dict.fromkeys(names, conditions)
    if not isinstance(conditions, dict):
        raise ValueError(f"`conditions` must be a condition or a dictionary of them by side, got {conditions!r}.")
    missing, unknown = [n for n in names if n not in conditions], [n for n in conditions if n not in names]
    if missing or unknown:
        raise ValueError(f"`conditions` must name the sides {names}: missing {missing}, unknown {unknown}.")
    for pair in grid.sides:
        kinds = [isinstance(conditions[name], Periodic) for name in pair]
        if kinds[0] != kinds[1]:
            raise ValueError(f"`{pair[0]}` and `{pair[1]}` must both be `Periodic`, or neither.")
    return [tuple(conditions[name] for name in pair) for pair in grid.sides]


def _placed(grid, pairs, component, axis, side) -> AbstractScalar:
    """The scalar condition that one component sees on one side, its values brought to the grid's rank and type."""
    name, condition = grid.sides[axis][side], pairs[axis][side]
    if isinstance(condition, tuple | list):
        if component is None or len(condition) != grid.dimension:
            raise ValueError(
                f"`{name}` must have one condition, or one for each component of a vector: got {condition}."
            )
        condition = condition[component]
    if not isinstance(condition, AbstractCondition):
        raise ValueError(f"`{name}` must be a condition such as `Wall()`, got {condition!r}.")
    if isinstance(condition, Periodic) and not isinstance(pairs[axis][0], Periodic):
        raise ValueError(f"`{name}` must be `Periodic` in every component, or in none.")
    if isinstance(condition, Inflow):
        lines = [grid.centres(a) for a in range(grid.dimension) if a != axis]
        condition = condition.on(tuple(jnp.meshgrid(*lines, indexing="ij")))
    found = condition.of(component, axis, 2 * side - 1)
    # A component has a face more than cells along its own axis.
    more = lambda a: component == a and not isinstance(pairs[a][0], Periodic)
    shape = tuple(n + more(a) for a, n in enumerate(grid.shape) if a != axis)
    return jax.tree.map(lambda value: _ranked(grid, value, shape, axis, name), found)


def _ranked(grid: Grid, value: Any, shape, axis: int, name: str):
    value = jnp.asarray(value, grid.dtype)
    if value.ndim == 0:
        return value
    if value.shape != shape:
        raise ValueError(f"A value over `{name}` must be a number or have shape {shape}, got {value.shape}.")
    return jnp.expand_dims(value, axis)
