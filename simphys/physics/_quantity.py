"""What is read off a solution: fields to draw, to write and to observe."""

from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Any, Array, Callable
from ..fem import Integral, cells_of, density_at_points, raised


class Quantity(NamedTuple):
    """A field that follows from a solution.

    **Attributes:**

    - `name`: what it is called; `label`: in words, for axes.
    - `unit`: the kind of its unit, such as "length" or "stress"; "" for a pure number.
    - `where`: "node", of the problem's `shown_space` (the first field's, if it is one of Lagrange elements), or "cell"
      (means over the cell).
    - `values`: (problem, solution) → (node or cell,) or (node or cell, component).
    - `field`: number of the field of the solution that it is; None for what is derived.
    - `shown`: whether it is drawn unless others are asked for.
    - `moves`: whether it is a displacement of the body.
    - `seen`: problem → an integral whose energy is what it follows from at a quadrature point (a stress, a flux);
      `read`: what it is of that, None for that itself. None for what is not recovered at nodes.
    """

    name: str
    label: str
    unit: str
    where: Literal["node", "cell"]
    values: Callable[[Any, Any], Array]
    field: int | None = None
    shown: bool = False
    moves: bool = False
    seen: Callable[[Any], Integral] | None = None
    read: Callable[[Array], Array] | None = None


def averaged(
    name: str,
    label: str,
    unit: str,
    seen: Callable[[Any], Integral],
    read: Callable | None = None,
    *,
    shown: bool = False,
) -> Quantity:
    """Return a quantity of points within cells, shown by its means over cells."""
    return Quantity(name, label, unit, "cell", _Mean(seen, read), None, shown, False, seen, read)


def gradients_of(problem) -> tuple[Quantity, ...]:
    """Return the gradients of the fields of a problem: "gradient", or "gradient_1", "gradient_2", ..."""
    fields = [f for f, space in enumerate(problem.spaces) if not space.blocks[0].element.whole]
    name = lambda f: "gradient" if len(problem.spaces) == 1 else f"gradient_{f + 1}"
    return tuple(averaged(name(f), name(f).replace("_", " "), "", _Gradient(f)) for f in fields)


def nodal(
    name: str, label: str, unit: str = "", *, field: int = 0, shown: bool = False, moves: bool = False
) -> Quantity:
    """Return a field of the solution itself, at the nodes that are shown."""
    return Quantity(name, label, unit, "node", _Field(field), field, shown, moves)


def fields_of(problem) -> tuple[Quantity, ...]:
    """Return the fields of a problem that says nothing of them: "field", or "field_1", "field_2", ..."""
    count = len(problem.spaces)
    if count == 1:
        return (nodal("field", "field", shown=True),)
    return tuple(nodal(f"field_{f + 1}", f"field {f + 1}", field=f, shown=True) for f in range(count))


class _Field(NamedTuple):
    number: int

    def __call__(self, problem, value):
        shown, own = problem.shown_space, problem.spaces[self.number]
        values = value[self.number] if isinstance(value, tuple) else value
        return values if own is shown else raised(own, values, shown)


class _Mean(NamedTuple):
    """(problem, value) → means over cells."""

    seen: Callable
    read: Callable | None

    def __call__(self, problem, value):
        return _cell_mean(self.seen, self.read, problem, value)


@eqx.filter_jit
def _cell_mean(seen, read, problem, value):
    found, measure = density_at_points(seen(problem), problem.spaces, value if isinstance(value, tuple) else (value,))
    found = found if read is None else jax.vmap(jax.vmap(read))(found)
    return jnp.einsum("eq...,eq->e...", found, measure / jnp.sum(measure, axis=1, keepdims=True))


class _Gradient(NamedTuple):
    field: int

    def __call__(self, problem):
        where = cells_of(problem.spaces[self.field])
        return Integral(where, _slope, None, _slope, fields=(self.field,), slots=("gradient",))


def _slope(fields, point, parameters):
    return fields[0].gradient
