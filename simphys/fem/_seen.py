"""Columns at a quadrature point as the fields that an integrand sees, and what it returns as columns."""

import jax.numpy as jnp

from ._columns import parts_of, width
from ._point import Local, Sides, UnsidedLocal


PARTS = ("value", "gradient", "hessian")


def seen_at(integral, spaces, columns) -> tuple[Local, ...]:
    """Split columns (component, column) into value, gradient, …, as the integrand is to see them."""
    found = []
    for f, slots, z in zip(integral.fields, integral.slots, columns, strict=True):
        z = z[0] if spaces[f].components is None else z
        if integral.domain.two_sided:
            found.append(Sides(*(Local(**_split(half, slots, spaces[f])) for half in jnp.split(z, 2, axis=-1))))
            continue
        parts = _split(z, slots, spaces[f])
        unsided = integral.domain.unsided
        found.append(UnsidedLocal(parts["value"], unsided) if unsided else Local(**parts))
    return tuple(found)


def _split(z, slots, space):
    found, first = dict.fromkeys(PARTS), 0
    for part, count, shape in _layout(slots, space):
        found[part] = z[..., first : first + count].reshape(z.shape[:-1] + shape)
        first += count
    return found


def _layout(slots, space):
    """For each part its number of columns, and the shape that they stand for."""
    size, dim = space.value_size, space.mesh.dim
    own = (size,) if space.vectorial else ()
    for part in parts_of(slots):
        yield part, width(part, size, dim), (*own, *(dim,) * PARTS.index(part))


def packed(integral, spaces, pairs, columns):
    """The inverse of `seen_at` for what the integrand returned."""
    found = []
    for f, slots, pair, z in zip(integral.fields, integral.slots, pairs, columns, strict=True):
        halves = jnp.split(z, 2, axis=-1) if integral.domain.two_sided else [z]
        of_sides = pair if integral.domain.two_sided else [pair]
        parts = [_joined(slots, own, half, spaces[f]) for own, half in zip(of_sides, halves, strict=True)]
        found.append(parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1))
    return tuple(found)


def _joined(slots, given, z, space):
    lead = () if space.components is None else z.shape[:1]
    given, parts = dict(zip(PARTS, given, strict=False)), []
    for part, count, shape in _layout(slots, space):
        value = given.get(part)
        value = jnp.zeros((), z.dtype) if value is None else jnp.asarray(value, z.dtype)
        parts.append(_fitted(value, (*lead, *shape), part).reshape(*lead, count))
    return jnp.concatenate(parts, axis=-1).reshape(z.shape)


def _fitted(value, shape, part):
    return jnp.broadcast_to(value, shape) if part == "value" or value.ndim == 0 else value.reshape(shape)


def pointwise(integral, spaces):
    def function(columns, mapped):
        point, parameters = mapped
        pairs = integral.weak(seen_at(integral, spaces, columns), point, parameters)
        return packed(integral, spaces, pairs, columns)

    return function
