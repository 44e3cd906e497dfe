"""What a user's function of a point looks at: values and gradients of fields, and the equations that it enters."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from ._columns import slots_of
from ._fields import NodalField, check_size, is_field
from ._integral import Integral
from ._point import Local, OfGradient, Sides
from ._residuals import element_residuals
from ._seen import PARTS
from ._setting import carrier
from ._space import FunctionSpace


class Sight(NamedTuple):
    """What the function of a form looks at, and what it enters."""

    fields: tuple[int, ...]
    slots: tuple[str, ...]
    read: tuple[int, ...]
    """The fields it looks at."""
    rows: tuple[int, ...]
    """The equations that it enters."""


def whole(spaces: tuple[FunctionSpace, ...]) -> Sight:
    """Return the sight of a function of which nothing is known."""
    every = tuple(range(len(spaces)))
    return Sight(every, tuple(slots_of(_offered(space)) for space in spaces), every, every)


def _offered(space):
    """Second derivatives of Piola-mapped functions are not offered."""
    return PARTS[:2] if space.vectorial else PARTS


def seen(term: Integral, spaces: tuple[FunctionSpace, ...]) -> Sight:
    """Return what the function of an integral looks at; it is traced once."""
    read, written = [set() for _ in spaces], [set() for _ in spaces]
    function = term.weak if term.energy is None else term.energy

    def watch(fields, point, parameters):
        try:
            found = function(tuple(map(_watched, fields, read)), point, parameters)
        except NotOffered:
            raise
        except Exception:
            found = _unwatched(function, fields, point, parameters)
            for parts in read:
                parts.update(PARTS[:2])
        if term.energy is None:
            for parts, pair in zip(written, found, strict=True):
                pair = pair[0] if term.domain.two_sided else pair
                parts.update(what for what, part in zip(PARTS, pair, strict=False) if part is not None)
            return found
        return term.weak(fields, point, parameters)

    parameters = _as_on(carrier(term, spaces), term.parameters)
    watched, own = dataclasses.replace(term, weak=watch, energy=None, parameters=parameters).pieces(spaces)[0]
    values = tuple(jax.ShapeDtypeStruct(space.shape, space.mesh.points.dtype) for space in spaces)
    eqx.filter_eval_shape(lambda values: element_residuals(watched, own, values)[0], values)
    written = read if term.energy is not None else written
    both = [a | b for a, b in zip(read, written, strict=True)]
    fields = tuple(f for f, parts in enumerate(both) if parts)
    slots = tuple(slots_of(part for part in PARTS if part in both[f]) for f in fields)
    members = lambda sets: tuple(f for f, parts in enumerate(sets) if parts)
    return Sight(fields, slots, members(read), members(written))


def check_nodes(term: Integral, spaces: tuple[FunctionSpace, ...]):
    """Raise `ValueError` for a `NodalField` of another size than the nodes that it is given at."""
    count = _count(carrier(term, spaces))
    for leaf in jax.tree.leaves(term.parameters, is_leaf=is_field):
        if isinstance(leaf, NodalField):
            check_size("NodalField", leaf.values.shape[:1], (count,))


def _count(space):
    placed = all(block.element.placed for block in space.blocks)
    return space.n_nodes if placed else space.mesh.n_points


def _as_on(space, parameters):
    """Parameters whose shapes fit this space: whose nodes are meant is not known before the fields are."""
    count = _count(space)
    one = lambda leaf: NodalField(jnp.zeros((count, *leaf.values.shape[1:]), leaf.values.dtype))
    fitted = lambda leaf: one(leaf) if isinstance(leaf, NodalField) else leaf
    return jax.tree.map(fitted, parameters, is_leaf=is_field)


def _unwatched(function, fields, point, parameters):
    """A function may ask what its fields are. What fails with the fields themselves is the user's error."""
    return function(tuple(map(without_hessian, fields)), point, parameters)


def _watched(field, parts):
    sides = (field.near, field.far) if isinstance(field, Sides) else ()
    return Sides(*(Watched(side, parts) for side in sides)) if sides else Watched(field, parts)


class NotOffered(ValueError):
    """What a user's function asks of a field that does not have it."""


def without_hessian(field):
    """The field at a point as if it had no second derivatives."""
    if isinstance(field, Sides):
        return Sides(without_hessian(field.near), without_hessian(field.far))
    return dataclasses.replace(field, hessian=None) if isinstance(field, Local) else field


@jax.tree_util.register_pytree_node_class
class Watched(OfGradient):
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

    @property
    def hessian(self):
        """The field's second derivatives."""
        if self.seen_through.hessian is None:
            raise NotOffered("Second derivatives are not offered of elements whose functions are vectors.")
        self._parts.add("hessian")
        return self.seen_through.hessian

    def tree_flatten(self):
        """Leave the field itself; of second derivatives nothing unless they were asked for by name."""
        self._parts.update(PARTS[:2])
        return jax.tree.flatten(without_hessian(self.seen_through))

    @classmethod
    def tree_unflatten(cls, treedef, leaves):
        """Return the field itself."""
        return jax.tree.unflatten(treedef, leaves)


class Narrowed(OfGradient):
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

    @property
    def hessian(self):
        """The field's second derivatives."""
        return self._part("hessian")

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
