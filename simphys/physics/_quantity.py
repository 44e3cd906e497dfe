"""What is read off a solution: fields to draw, to write and to observe."""

from typing import Literal, NamedTuple

from .._typing import Any, Array, Callable
from ..fem import raised


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
