"""What holds at the sides of a grid for what is conserved there."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array
from ._conditions import Dirichlet, Outflow, Periodic, Slip, Symmetry, Wall
from ._grid import Grid
from ._law import AbstractLaw
from ._reconstruction import cut
from ._sides import by_axis


KINDS = (
    "`Periodic()`, `Outflow()`, `Wall()`, `Slip()`, `Symmetry()`, or for each primitive variable `Dirichlet(…)` or "
    "`Outflow()`"
)


class Mirror(eqx.Module):
    """What comes from beyond is the mirror image of what is within."""


class Open(eqx.Module):
    """What comes from beyond is as what stands in the cell before."""


class Prescribed(eqx.Module):
    """Some primitive variables are given, others as in the cell before.

    **Attributes:**

    - `values`: for each a number or an array of the grid's rank, or None.
    """

    values: tuple[Any, ...]


class LawSides(eqx.Module):
    """What holds on each side, checked, for a law on a grid.

    **Attributes:**

    - `pairs`: for each axis what holds on its lower and upper side; None for an axis that is periodic.
    """

    pairs: tuple[Any, ...]

    def __init__(self, grid: Grid, law: AbstractLaw, conditions):
        pairs = []
        for axis, (names, pair) in enumerate(zip(grid.sides, by_axis(grid, conditions), strict=True)):
            both = zip(names, pair, strict=True)
            periodic = isinstance(pair[0], Periodic)
            found = None if periodic else tuple(_checked(grid, law, axis, n, c) for n, c in both)
            pairs.append(found)
        self.pairs = tuple(pairs)

    def padded(self, law: AbstractLaw, u: Array, width: int) -> Array:
        """Return u with so many cells more beyond each side."""
        for axis in range(len(self.pairs)):
            u = self.along(law, u, axis, width)
        return u

    def extended(self, b: Array, axis: int, width: int) -> Array:
        """Return numbers that no law changes, (k, …), with so many cells more along an axis: the ground, say."""
        n, pair = b.shape[1 + axis], self.pairs[axis]
        if pair is None:
            return jnp.concatenate([cut(b, axis, n - width, n), b, cut(b, axis, 0, width)], 1 + axis)
        parts = [b]
        for side, held in enumerate(pair):
            mirror = isinstance(held, Mirror)
            first = (n - width if mirror else n - 1) if side else 0
            part = cut(b, axis, first, first + (width if mirror else 1))
            part = jnp.flip(part, 1 + axis) if mirror else jnp.repeat(part, width, 1 + axis)
            parts = [*parts, part] if side else [part, *parts]
        return jnp.concatenate(parts, 1 + axis)

    def lengths(self, h: Array, axis: int, width: int) -> Array:
        """Return the steps of an axis with those of the cells beyond."""
        return jnp.pad(h, width, mode="wrap" if self.pairs[axis] is None else "edge")

    def along(self, law: AbstractLaw, u: Array, axis: int, width: int) -> Array:
        """Return u with so many cells more beyond the two sides of one axis."""
        n = u.shape[1 + axis]
        if self.pairs[axis] is None:
            return jnp.concatenate([cut(u, axis, n - width, n), u, cut(u, axis, 0, width)], 1 + axis)
        low, high = (self._beyond(law, u, axis, side, width) for side in (0, 1))
        return jnp.concatenate([low, u, high], 1 + axis)

    def _beyond(self, law, u, axis, side, width):
        n, held = u.shape[1 + axis], self.pairs[axis][side]
        if isinstance(held, Mirror):
            within = cut(u, axis, n - width, n) if side else cut(u, axis, 0, width)
            return law.mirrored(jnp.flip(within, 1 + axis), axis)
        last = cut(u, axis, n - 1, n) if side else cut(u, axis, 0, 1)
        if isinstance(held, Prescribed):
            own = law.primitive(last)
            rows = [self._spread(v, own[k]) for k, v in enumerate(held.values)]
            last = law.conserved(jnp.stack(rows))
        shape = tuple(width if a == 1 + axis else size for a, size in enumerate(last.shape))
        return jnp.broadcast_to(last, shape)

    def _spread(self, value, own):
        """A given value in all cells of a side, those beyond the sides of other axes included."""
        if value is None:
            return own
        value = jnp.asarray(value, own.dtype)
        for axis in range(value.ndim):
            more = (own.shape[axis] - value.shape[axis]) // 2 if value.shape[axis] > 1 else 0
            if more:
                mode = "wrap" if self.pairs[axis] is None else "edge"
                value = jnp.pad(value, [(more, more) if a == axis else (0, 0) for a in range(value.ndim)], mode=mode)
        return jnp.broadcast_to(value, own.shape)


def _checked(grid, law, axis, name, condition):
    variables = law.names(grid.dimension)
    if isinstance(condition, Wall | Slip | Symmetry):
        still = not isinstance(condition, Wall) or (isinstance(condition.velocity, float) and condition.velocity == 0)
        if not still:
            raise ValueError(f"`{name}`: a `Wall` moves nothing without viscosity, it takes no `velocity` here.")
        if not law.mirrors:
            raise ValueError(f"`{name}`: a `{type(law).__name__}` does not say what a wall does, give {KINDS}.")
        return Mirror()
    if isinstance(condition, Outflow):
        if isinstance(condition.pressure, jax.core.Tracer) or np.any(np.asarray(condition.pressure) != 0):
            raise ValueError(
                f"`{name}`: an `Outflow` lets all pass, it takes no `pressure` here. Give `Dirichlet(…)` for the pressure "
                "and `Outflow()` for the other variables."
            )
        return Open()
    each = condition if isinstance(condition, tuple | list) else (condition,)
    if not all(isinstance(c, Dirichlet | Outflow) for c in each):
        raise ValueError(f"`{name}` must be {KINDS}, got {condition!r}.")
    if len(each) != len(variables):
        raise ValueError(f"`{name}` must have a condition for each of {', '.join(variables)}, got {len(each)}.")
    shape = tuple(n for a, n in enumerate(grid.shape) if a != axis)
    return Prescribed(tuple(_ranked(grid, c, shape, axis, name) for c in each))


def _ranked(grid, condition, shape, axis, name):
    if isinstance(condition, Outflow):
        return None
    value = jnp.asarray(condition.value, grid.dtype)
    if value.ndim and value.shape != shape:
        raise ValueError(f"A value over `{name}` must be a number or have shape {shape}, got {value.shape}.")
    return jnp.expand_dims(value, axis) if value.ndim else value
