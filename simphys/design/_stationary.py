"""Values at stationary points, whose gradients need no adjoint."""

import equinox as eqx

from .._hidden import hides_values, opened
from .._typing import Callable, PyTree, Scalar


def stationary(function: Callable, parameters: PyTree, point: PyTree) -> Scalar:
    """Return f(θ, y) where y = y(θ) is a stationary point of f(θ, ·); its derivative is taken at fixed y.

    d/dθ f(θ, y(θ)) = ∂f/∂θ + ∂f/∂y dy/dθ,   ∂f/∂y = 0   (envelope theorem)

    Second derivatives are right as well: they see ∂f/∂θ move with y(θ). Whoever calls this answers for ∂f/∂y = 0; what
    is left of it changes the gradient to first order and the value to second.

    **Arguments:**

    - `function`: f; what it holds, as a module or a closure, belongs to θ.
    - `parameters`: θ.
    - `point`: y(θ).
    """
    if hides_values(function, parameters, point):
        function, parameters, point = (
            opened(function, parameters, point),
            *eqx.filter((parameters, point), eqx.is_array),
        )
    return _value((function, parameters), point)


def _applied(theta, point):
    function, parameters = theta
    return function(parameters, point)


_value = eqx.filter_custom_jvp(_applied)


@_value.def_jvp
def _(primals, tangents):
    theta, point = primals
    moved, _ = tangents
    return eqx.filter_jvp(lambda theta: _applied(theta, point), (theta,), (moved,))
