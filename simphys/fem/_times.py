"""Integrands times a factor."""

import equinox as eqx
import jax

from .._typing import Callable


class Times(eqx.Module):
    """An integrand times a factor, which is the first of its parameters."""

    function: Callable = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        factor, rest = parameters
        return jax.tree.map(lambda part: factor * part, self.function(fields, point, rest))


class Within(eqx.Module):
    """A function of an integrand's own parameters, which stand second."""

    function: Callable = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        return self.function(fields, point, parameters[1])
