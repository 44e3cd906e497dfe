"""Which values of parameters mean something: said once, checked when a module is made and again in every certificate.

What a law is made of is checked at once where it is known. Under `jit` it is not, and a parameter that is replaced is
seen by no constructor: there the range is part of what a solve certifies.
"""

import abc
import dataclasses
import functools
import inspect
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from . import _check
from ._told import Told
from ._typing import Value


class _Range(NamedTuple):
    """An interval, open unless it contains its lower end, or its upper one."""

    low: float
    high: float
    closed: bool
    closed_above: bool = False

    def check(self, name: str, value: Any):
        """Raise `ValueError` for a concrete entry outside."""
        if self.low == 0:
            _check.positive(name, value, strict=not self.closed)
        if self.low != 0 or self.high != float("inf"):
            high = math.nextafter(self.high, math.inf) if self.closed_above else self.high
            _check.between(name, value, -1.0 if self.closed else self.low, high)

    def contains(self, leaf) -> jax.Array:
        """Tell it of every entry; NaN lies nowhere."""
        above = (leaf >= self.low) if self.closed else (leaf > self.low)
        return above & ((leaf <= self.high) if self.closed_above else (leaf < self.high))


def number() -> Any:
    """A field that is a number (or a field of them)."""
    return eqx.field(metadata={"number": True})


def positive(*, or_zero: bool = False, several: bool = False) -> Any:
    """A field that is a positive number (or a field of them), or several."""
    return eqx.field(metadata={"range": _Range(0.0, float("inf"), or_zero), "number": not several})


def between(low: float, high: float, *, or_low: bool = False, or_high: bool = False) -> Any:
    """A field that is a number in an interval (or a field of them), open but for its lower or upper end if so said."""
    return eqx.field(metadata={"range": _Range(low, high, or_low, or_high), "number": True})


class Ranged(Told):
    """A module whose parameters have admissible ranges: those of its fields, and `relations` between them."""

    def __check_init__(self):
        # A field that a constructor leaves to its default is no part of the instance, and the structure of the
        # pytree would not be that of the same module with this field replaced.
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, getattr(self, field.name))
        for name in _required(type(self)):
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` of {type(self).__name__} must be a number or a field, got None.")
        for name, value, interval in _fields(self):
            interval.check(name, value)

    def relations(self) -> dict[str, Any]:
        """Return conditions beyond the ranges of single fields, each by what it says: pytrees of booleans."""
        return {}


class Sampled(Ranged):
    """A value that depends on something: what its field allows is asked of the values that it is known to take."""

    @abc.abstractmethod
    def samples(self) -> Any:
        """Return these values, stacked, or None where none is known."""


def _fields(part: Ranged):
    for field, interval in _intervals(type(part)):
        value = getattr(part, field)
        yield field, value.samples() if isinstance(value, Sampled) else value, interval


def _intervals(kind):
    found = ((name, field.metadata.get("range")) for name, field in kind.__dataclass_fields__.items())
    return [(name, interval) for name, interval in found if interval is not None]


@functools.cache
def _required(kind):
    """Values that a constructor cannot do without."""
    ranged = {name for name, _ in _intervals(kind)}
    given = inspect.signature(kind.__init__).parameters.values()
    values = (p.name for p in given if p.default is p.empty and (p.annotation is Value or p.name in ranged))
    return frozenset(values) & frozenset(kind.__dataclass_fields__)


def _parts(tree):
    """All modules with ranges within a pytree."""
    inner = lambda x: isinstance(x, Ranged) and x is not tree
    if isinstance(tree, Ranged):
        yield tree
    for leaf in jax.tree.leaves(tree, is_leaf=inner):
        if isinstance(leaf, Ranged):
            yield from _parts(leaf)


def _conditions(tree):
    for part in _parts(tree):
        name = type(part).__name__
        for field, value, interval in _fields(part):
            real = eqx.filter(value, eqx.is_inexact_array)
            yield f"{name}.{field}", jax.tree.map(interval.contains, real)
        for what, holds in part.relations().items():
            yield f"{name}: {what}", holds


def admissible(tree: Any) -> jax.Array | None:
    """Tell whether all parameters within a pytree lie in their ranges; None where nothing within has one."""
    found = [jnp.all(leaf) for _, holds in _conditions(tree) for leaf in jax.tree.leaves(holds)]
    return jnp.all(jnp.stack(found)) if found else None


def inadmissible(tree: Any) -> list[str]:
    """Return the names of what lies outside its range, of concrete parameters."""
    return [
        name for name, holds in _conditions(tree) if not all(bool(jnp.all(leaf)) for leaf in jax.tree.leaves(holds))
    ]


def check_numbers(tree: Any):
    """Raise `ValueError` for an array in the place of a number, traced ones too.

    Under `vmap` each member has a number there; a problem is made of numbers, and what varies in space is a field.
    """
    for part in _parts(tree):
        for name, field in type(part).__dataclass_fields__.items():
            value = getattr(part, name)
            value = getattr(value, "value", None) if isinstance(value, Ranged) else value  # of a constant curve
            shape = getattr(value, "shape", ())
            if field.metadata.get("number") and shape:
                raise ValueError(
                    f"`{name}` of {type(part).__name__} must be a number or a field, got an array of shape {shape}: "
                    "`CellField(array)` has one for each cell, `NodalField(array)` one for each node."
                )


def related(condition, *values) -> Any:
    """Return a condition on several parameters: fields of one kind and numbers; nothing of what does not fit together."""
    leaves = [jax.tree.leaves(value) for value in values]
    kinds = {jax.tree.structure(value) for value in values if jax.tree.structure(value) != jax.tree.structure(0.0)}
    if len(kinds) > 1 or any(len(found) != 1 for found in leaves):
        return ()
    try:
        return condition(*(found[0] for found in leaves))
    except (TypeError, ValueError):
        return ()
