"""A user's function as the integrand of a term: what it sees, and whether what it returns is what is asked for."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Callable
from ._point import CellPoint, Local, Point, Sides
from ._seen import PARTS
from ._sight import Narrowed, Sight, Watched, changed


class _Function(eqx.Module):
    """A user's function; what of it is no array is part of the compiled program."""

    rest: Callable = eqx.field(static=True)
    sight: Sight = eqx.field(static=True)
    count: int = eqx.field(static=True)
    name: str = eqx.field(static=True)

    def found(self, fields, point, parameters):
        weights, parameters = parameters
        given = dict(zip(self.sight.fields, map(self._narrowed, self.sight.fields, fields), strict=True))
        u = tuple(given.get(f, Narrowed({}, self.name)) for f in range(self.count))
        within = isinstance(point, Point) and point.normal is None
        at = CellPoint(point.position, point.size) if within else point
        return eqx.combine(weights, self.rest)(u[0] if self.count == 1 else u, at, parameters)

    def _narrowed(self, number, field):
        if isinstance(field, Sides):
            return Sides(self._narrowed(number, field.near), self._narrowed(number, field.far))
        if isinstance(field, Local) and (number not in self.sight.read or None in (field.value, field.gradient)):
            there = PARTS if number in self.sight.read else ()
            return Narrowed({w: getattr(field, w) for w in there if getattr(field, w) is not None}, self.name)
        return field


class Pairs(_Function):
    """What a `Weak` integrates: for each field the pair (f₀, f₁)."""

    def __call__(self, fields, point, parameters):
        found = self.found(fields, point, parameters)
        found = (found,) if self.count == 1 else found
        if not isinstance(found, tuple) or len(found) != self.count:
            raise ValueError(
                f"A `Weak` on {self.count} spaces must return a tuple of {self.count} pairs, got {found!r}."
            )
        pairs = tuple((None, None) if pair is None else pair for pair in found)
        for number, pair in enumerate(pairs):
            if not isinstance(pair, tuple) or len(pair) not in (2, 3):
                raise ValueError(f"A `Weak` must return a pair (f0, f1) for each field, got {pair!r}.")
            if number not in self.sight.fields and any(part is not None for part in pair):
                raise changed(self.name, f"enters equation {number}")
        return tuple(self._checked(field, pairs[f]) for f, field in zip(self.sight.fields, fields, strict=True))

    def _checked(self, field, pair):
        if isinstance(field, Sides):
            return _of_sides(*self._checked(field.near, pair))
        field = field.seen_through if isinstance(field, Watched) else field
        parts = []
        for what, part, name in zip(PARTS, pair, ("f0", "f1", "f2"), strict=False):
            part = None if part is None else _real(part, f"`{name}` of `{self.name}`")
            if part is not None and getattr(field, what) is None:
                raise changed(self.name, f"returns {name}")
            if part is not None and part.shape != getattr(field, what).shape:
                raise ValueError(
                    f"`{name}` of a `Weak` must have the shape of the field's {what}, {getattr(field, what).shape}, "
                    f"got {part.shape}."
                )
            parts.append(part)
        return tuple(parts)


class Density(_Function):
    """What an `Energy` integrates."""

    def __call__(self, fields, point, parameters):
        found = _real(self.found(fields, point, parameters), f"What `{self.name}` returns")
        if found.shape != () or not jnp.issubdtype(found.dtype, jnp.floating):
            raise ValueError(f"An `Energy` must return a real scalar, got shape {found.shape} of {found.dtype}.")
        return found.astype(point.position.dtype)


class Slopes(eqx.Module):
    """The derivatives of an energy."""

    density: Density = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        slopes = jax.grad(lambda fields: self.density(fields, point, parameters))(fields)
        return tuple(tuple(map(_slope, (s.near, s.far))) if isinstance(s, Sides) else _slope(s) for s in slopes)


def _slope(s):
    return (s.value, s.gradient, s.hessian) if isinstance(s, Local) else (s.value, None)


def _of_sides(f0, *slopes):
    """f₀·[v] + f₁:{∇v} + f₂:{∇²v} as what each side is tested with."""
    halves = tuple(None if part is None else part / 2 for part in slopes)
    return (f0, *halves), (None if f0 is None else -f0, *halves)


def _real(part, what):
    try:
        part = jnp.asarray(part)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must be real numbers, got {part!r}.") from error
    if jnp.issubdtype(part.dtype, jnp.complexfloating):
        raise ValueError(f"{what} must be real numbers, got {part.dtype}.")
    return part
