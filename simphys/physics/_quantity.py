"""What is read off a solution: fields to draw, to write and to observe."""

from typing import Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from .._typing import Any, Array, Callable
from ..fem import Integral, cells_of, density_at_points, raised


class Quantity(NamedTuple):
    """A field that follows from a solution.

    **Attributes:**

    - `name`: what it is called; `label`: in words, for axes.
    - `unit`: the kind of its unit, such as "length" or "stress"; "" for a pure number.
    - `where`: "node", of the first field's space, or "cell" (means over the cell).
    - `values`: (problem, solution) → (node or cell,) or (node or cell, component).
    - `field`: number of the field of the solution that it is; None for what is derived.
    - `shown`: whether it is drawn unless others are asked for.
    - `moves`: whether it is a displacement of the body.
    """

    name: str
    label: str
    unit: str
    where: Literal["node", "cell"]
    values: Callable[[Any, Any], Array]
    field: int | None = None
    shown: bool = False
    moves: bool = False


def nodal(
    name: str, label: str, unit: str = "", *, field: int = 0, shown: bool = False, moves: bool = False
) -> Quantity:
    """Return a field of the solution itself, at the nodes of the first field's space."""
    return Quantity(name, label, unit, "node", _Field(field), field, shown, moves)


def fields_of(problem) -> tuple[Quantity, ...]:
    """Return the fields of a problem that says nothing of them: "field", or "field_1", "field_2", ...

    What has no nodes, or finer ones than the first field, is told by its means over cells.
    """
    first, *others = (space.element.lagrange for space in problem.spaces)
    told, found = [first is not None, *(first is not None and d is not None and d <= first for d in others)], []
    for f, at_nodes in enumerate(told):
        name = "field" if len(told) == 1 else f"field_{f + 1}"
        where, values = ("node", _Field(f)) if at_nodes else ("cell", _CellMean(f))
        found.append(Quantity(name, name.replace("_", " "), "", where, values, f, shown=True))
    return tuple(found)


class _Field(NamedTuple):
    number: int

    def __call__(self, problem, value):
        first, values = problem.spaces[0], value if isinstance(value, tuple) else (value,)
        return raised(problem.spaces[self.number], values[self.number], first) if self.number else values[0]


class _CellMean(NamedTuple):
    number: int

    def __call__(self, problem, value):
        values = value if isinstance(value, tuple) else (value,)
        return _cell_mean(problem.spaces[self.number], values[self.number])


@eqx.filter_jit
def _cell_mean(space, values):
    whole = Integral(cells_of(space), _value, None, _value, slots=("value",))
    found, measure = density_at_points(whole, (space,), (values,))
    return jnp.einsum("eq...,eq->e...", found, measure / jnp.sum(measure, axis=1, keepdims=True))


def _value(fields, point, parameters):
    return fields[0].value
