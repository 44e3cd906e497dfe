"""Differences and means along one axis, of what stands at cells or at faces."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array, Float
from ._conditions import AbstractScalar


class Line(eqx.Module):
    """Points along one axis of a grid.

    **Attributes:**

    - `widths`: of the control volumes around the points; the first and last of faces are half ones.
    - `gaps`: from each point to the next; on a periodic axis from the last to the first as well.
    - `ends`: distances of the first and the last point to the side; 0 for faces.
    - `on_sides`: whether these two are on the sides, as faces are.
    """

    widths: Float[Array, " n"]
    gaps: Float[Array, " m"]
    ends: tuple[Float[Array, ""], Float[Array, ""]]
    periodic: bool = eqx.field(static=True)
    on_sides: bool = eqx.field(static=True)


def cells_along(h: Float[Array, " n"], periodic: bool) -> Line:
    """Return the cell centres of an axis with these steps."""
    lower, upper = pairs(h, 0, periodic)
    return Line(h, (lower + upper) / 2, (h[0] / 2, h[-1] / 2), periodic, False)


def faces_along(h: Float[Array, " n"], periodic: bool) -> Line:
    """Return the faces of an axis with these steps."""
    none = jnp.zeros((), h.dtype)
    return Line(half_sums(h, 0, periodic), h, (none, none), periodic, True)


def pairs(v, axis: int, periodic: bool):
    """Return the lower and the upper of each two neighbours."""
    if periodic:
        return v, jnp.roll(v, -1, axis)
    n = v.shape[axis]
    return jax.lax.slice_in_dim(v, 0, n - 1, axis=axis), jax.lax.slice_in_dim(v, 1, n, axis=axis)


def half_sums(v, axis: int, periodic: bool):
    """Return half of what stands in the cells on both sides of each face."""
    if periodic:
        return (jnp.roll(v, 1, axis) + v) / 2
    return (_padded(v, axis, 1, 0) + _padded(v, axis, 0, 1)) / 2


def means(v, axis: int, periodic: bool):
    """Return the means of each two neighbours: of faces in the cells between them."""
    lower, upper = pairs(v, axis, periodic)
    return (lower + upper) / 2


def gathered(flux, axis: int, periodic: bool):
    """Return what each point receives: `flux` goes from each upper neighbour to the lower one."""
    if periodic:
        return flux - jnp.roll(flux, 1, axis)
    return _padded(flux, axis, 0, 1) - _padded(flux, axis, 1, 0)


def coupled(weight, v, axis: int, periodic: bool):
    """Return C v with C antisymmetric: `weight` times the upper neighbour for the lower one, less the reverse."""
    lower, upper = pairs(v, axis, periodic)
    if periodic:
        return weight * upper - jnp.roll(weight * lower, 1, axis)
    return _padded(weight * upper, axis, 0, 1) - _padded(weight * lower, axis, 1, 0)


def end(v, axis: int, side: int):
    """Return the first (0) or last (1) layer along an axis."""
    n = v.shape[axis]
    return jax.lax.slice_in_dim(v, n - 1, n, axis=axis) if side else jax.lax.slice_in_dim(v, 0, 1, axis=axis)


def inner(v, axis: int):
    """Return all but the first and the last layer."""
    return jax.lax.slice_in_dim(v, 1, v.shape[axis] - 1, axis=axis)


def put(v, layer, axis: int, side: int):
    """Return v with something added to its first or last layer."""
    n = v.shape[axis] - 1
    return v + _padded(layer, axis, *((0, n) if side == 0 else (n, 0)))


def _padded(v, axis, before, after):
    widths = [(before, after) if a == axis else (0, 0) for a in range(v.ndim)]
    return jnp.pad(v, widths)


def diffused(v, line: Line, sides: tuple[AbstractScalar, AbstractScalar], axis: int, kappa=None):
    """Return what diffusion along an axis brings to each point per area, and the fluxes that this is the sum of.

    **Arguments:**

    - `kappa`: coefficient between neighbours and at both ends, a triple; None for 1.
    """
    along = lambda x: x.reshape(tuple(-1 if a == axis else 1 for a in range(v.ndim)))
    between, *at_ends = (1.0, 1.0, 1.0) if kappa is None else kappa
    lower, upper = pairs(v, axis, line.periodic)
    flux = between * (upper - lower) / along(line.gaps)
    total, fluxes = gathered(flux, axis, line.periodic), [flux]
    if not line.periodic:
        for side in (0, 1):
            condition, coefficient = sides[side], at_ends[side]
            if condition.prescribes and line.on_sides:
                continue
            s, t = condition.exchange(coefficient, along(line.ends[side]))
            flux = t - s * end(v, axis, side)
            fluxes.append(flux)
            total = put(total, jnp.broadcast_to(flux, end(v, axis, side).shape), axis, side)
    return total, fluxes


def slope(v, line: Line, sides: tuple[AbstractScalar, AbstractScalar], axis: int):
    """Return ∂v/∂x at the faces between points in cells; at the ends what the conditions say (κ = 1 in them)."""
    along = lambda x: x.reshape(tuple(-1 if a == axis else 1 for a in range(v.ndim)))
    lower, upper = pairs(v, axis, line.periodic)
    between = (upper - lower) / along(line.gaps)
    if line.periodic:
        return jnp.roll(between, 1, axis)
    first, last = (_inflow(v, line, sides, axis, side) for side in (0, 1))
    return jnp.concatenate([-first, between, last], axis)


def interpolated(v, line: Line, sides: tuple[AbstractScalar, AbstractScalar], axis: int):
    """Return linear interpolants at the faces between points in cells, and the values that the conditions make at ends."""
    along = lambda x: x.reshape(tuple(-1 if a == axis else 1 for a in range(v.ndim)))
    lower, upper = pairs(v, axis, line.periodic)
    below, above = (along(w) for w in pairs(line.widths, 0, line.periodic))
    between = (above * lower + below * upper) / (below + above)
    if line.periodic:
        return jnp.roll(between, 1, axis)
    at = lambda side: end(v, axis, side) + along(line.ends[side]) * _inflow(v, line, sides, axis, side)
    return jnp.concatenate([at(0), between, at(1)], axis)


def _inflow(v, line, sides, axis, side):
    """∂v/∂n at one end."""
    s, t = sides[side].exchange(1.0, line.ends[side].reshape((1,) * v.ndim))
    own = end(v, axis, side)
    return jnp.broadcast_to(t - s * own, own.shape)
