"""A learned (or any other) term of a balance law."""

import equinox as eqx
import jax.numpy as jnp

from .._hidden import hashable
from .._typing import Array, Callable, Scalar, Value
from ..fem import Integral, cells_of
from ._thermal_loads import AbstractThermalLoad


class Closure(AbstractThermalLoad):
    r"""A source that depends on the solution, and a flux if wanted, given by a function or a network.

    R(v) += −a ∫ s(u, ∇u, x)·v + q(u, ∇u, x):∇v dV

    In a balance of heat s is heat produced per volume and q a heat flux; in that of a solid s is a force per volume and −q
    a stress. Weights of networks are leaves of the problem: `solve` and `march` differentiate with respect to them.

    **Arguments:**

    - `function`: (local, point) → s, or the pair (s, q) of which one may be None. `local.value` (component,) and
      `local.gradient` (component, dim) are u and ∇u (scalar fields without the first axis), `point.position` is x. A
      pure function, or an `equinox.Module` with parameters of its own.
    - `where`: name of a cell group; None for the whole body.
    - `degree`: of the quadrature; by default twice that of the space.
    - `scale`: a, a number; continuation from an unloaded body lets it grow from 0 to this.
    - `field`: which field of a mixed space.

    **Raises:** `ValueError` for what cannot be called, and on a space of several fields.

    Reference: C. Rackauckas et al., Universal differential equations for scientific machine learning, arXiv:2001.04385.
    """

    across_thickness = True
    function: Callable
    scale: Array
    where: str | None = eqx.field(static=True)
    degree: int | None = eqx.field(static=True)

    def __init__(
        self,
        function: Callable,
        where: str | None = None,
        *,
        degree: int | None = None,
        scale: Value = 1.0,
        field: int = 0,
    ):
        self.field = field
        if not callable(function):
            raise ValueError(f"`function` must be callable, (local, point) → source, got {function!r}.")
        self.function, self.where, self.degree = function, where, degree
        self.scale = jnp.asarray(scale, float)

    def integral(self, space):
        """The term as an integral over its cells."""
        if isinstance(space, tuple):
            raise ValueError("A `Closure` is a term of a balance law with one field, this one has several.")
        domain = cells_of(space, self.where, 2 * space.degree if self.degree is None else self.degree)
        weights, rest = eqx.partition(self.function, eqx.is_array)
        return Integral(domain, _Closed(hashable(rest)), (weights, self.scale), symmetric=False)

    def unloaded(self):
        """The same term, times 0."""
        return eqx.tree_at(lambda load: load.scale, self, jnp.zeros_like(self.scale))


class _Closed(eqx.Module):
    """The integrand; what of the function is no array is part of the compiled program."""

    rest: Callable = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        weights, scale = parameters
        found = eqx.combine(weights, self.rest)(fields[0], point)
        source, flux = found if isinstance(found, tuple) else (found, None)
        return ((_weighted(scale, source), _weighted(scale, flux)),)


def _weighted(scale: Scalar, part):
    return None if part is None else -scale * jnp.asarray(part)
