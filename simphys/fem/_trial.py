"""Integrals of fields that are given as functions of position instead of nodal values."""

import jax
import jax.numpy as jnp

from .._typing import Array, Callable
from ._integral import Integral
from ._point import Local, Point
from ._setting import prepare


def trial_energy(integral: Integral, spaces, functions) -> Array:
    r"""Return ∫ W(u, ∇u, x) of fields u given as functions of x, by the quadrature of the integral.

    **Arguments:**

    - `integral`: one with an energy.
    - `spaces`: for mesh and quadrature; their basis functions take no part, except for nodal parameters.
    - `functions`: for each field x (dim,) → u, a scalar or (component,).

    **Raises:** `ValueError` for an integral without an energy.
    """
    if integral.energy is None:
        raise ValueError("This integral has no energy: the balance law does not derive from a potential.")
    parts = [_energy(piece, own, functions) for piece, own in integral.pieces(spaces)]
    return sum(parts[1:], parts[0])


def _energy(integral, spaces, functions):
    energy = integral.energy
    zeros = tuple(jnp.zeros(space.shape, space.mesh.points.dtype) for space in spaces)
    setting = prepare(integral, spaces, zeros)

    def density(mapped):
        point, parameters = mapped
        fields = tuple(
            _local(functions[f], point, slots) for f, slots in zip(integral.fields, integral.slots, strict=True)
        )
        return energy(fields, point, parameters)

    items, points = (axes.tree for axes in setting.axes)
    found = jax.vmap(jax.vmap(density, in_axes=(points,)), in_axes=(items,))(setting.mapped)
    return jnp.sum(found * setting.measure)


def _local(function: Callable, point: Point, slots: str) -> Local:
    value = None if slots == "gradient" else function(point.position)
    gradient = None if slots == "value" else jax.jacfwd(function)(point.position)
    return Local(value, gradient)
