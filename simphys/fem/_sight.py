"""What a user's function of a point looks at: values and gradients of fields, and the equations that it enters."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax

from ._integral import Integral, element_residuals
from ._point import Sides
from ._space import FunctionSpace


PARTS = ("value", "gradient")


class Sight(NamedTuple):
    """What the function of a form looks at, and what it enters."""

    fields: tuple[int, ...]
    slots: tuple[str, ...]
    read: tuple[int, ...]
    """The fields it looks at."""
    rows: tuple[int, ...]
    """The equations that it enters."""


def whole(count: int) -> Sight:
    """Return the sight of a function of which nothing is known."""
    every = tuple(range(count))
    return Sight(every, ("both",) * count, every, every)


def seen(term: Integral, spaces: tuple[FunctionSpace, ...]) -> Sight:
    """Return what the function of an integral looks at; it is traced once."""
    read, written = [set() for _ in spaces], [set() for _ in spaces]
    function = term.weak if term.energy is None else term.energy

    def watch(fields, point, parameters):
        try:
            found = function(tuple(map(_watched, fields, read)), point, parameters)
        except Exception:
            # A function may ask what its fields are. What fails with the fields themselves is the user's error.
            found = function(fields, point, parameters)
            for parts in read:
                parts.update(PARTS)
        if term.energy is None:
            for parts, pair in zip(written, found, strict=True):
                pair = pair[0] if term.domain.two_sided else pair
                parts.update(what for what, part in zip(PARTS, pair, strict=True) if part is not None)
            return found
        return term.weak(fields, point, parameters)

    watched = dataclasses.replace(term, weak=watch, energy=None)
    values = tuple(jax.ShapeDtypeStruct(space.shape, space.mesh.points.dtype) for space in spaces)
    eqx.filter_eval_shape(lambda values: element_residuals(watched, spaces, values)[0], values)
    written = read if term.energy is not None else written
    both = [a | b for a, b in zip(read, written, strict=True)]
    fields = tuple(f for f, parts in enumerate(both) if parts)
    slots = tuple("both" if len(both[f]) == 2 else next(iter(both[f])) for f in fields)
    members = lambda sets: tuple(f for f, parts in enumerate(sets) if parts)
    return Sight(fields, slots, members(read), members(written))


def _watched(field, parts):
    sides = (field.near, field.far) if isinstance(field, Sides) else ()
    return Sides(*(Watched(side, parts) for side in sides)) if sides else Watched(field, parts)


@jax.tree_util.register_pytree_node_class
class Watched:
    """A field at a point that notes what is looked at: as a pytree, all of it."""

    def __init__(self, field, parts: set):
        self.seen_through, self._parts = field, parts

    @property
    def value(self):
        """The field's value."""
        self._parts.add("value")
        return self.seen_through.value

    @property
    def gradient(self):
        """The field's gradient."""
        self._parts.add("gradient")
        return self.seen_through.gradient

    def tree_flatten(self):
        """Leave the field itself."""
        self._parts.update(PARTS)
        return jax.tree.flatten(self.seen_through)

    @classmethod
    def tree_unflatten(cls, treedef, leaves):
        """Return the field itself."""
        del cls
        return jax.tree.unflatten(treedef, leaves)


class Narrowed:
    """A field at a point of which only those parts are there that were looked at when the problem was made."""

    def __init__(self, parts: dict, name: str):
        self._parts, self._name = parts, name

    @property
    def value(self):
        """The field's value."""
        return self._part("value")

    @property
    def gradient(self):
        """The field's gradient."""
        return self._part("gradient")

    def _part(self, what):
        if what not in self._parts:
            raise changed(self._name, f"looks at a {what}")
        return self._parts[what]


def changed(name: str, what: str) -> ValueError:
    """The error of a function that is another one than when the problem was made."""
    return ValueError(
        f"`{name}` {what}, as it did not when the problem was made. Numbers of a problem may be replaced; for another "
        "function, or another choice within it, make another problem."
    )
