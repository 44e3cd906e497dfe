"""Values at stationary points, whose gradients need no adjoint."""

import equinox as eqx

from .._typing import Callable, PyTree, Scalar


@eqx.filter_custom_jvp
def stationary(function: Callable, parameters: PyTree, point: PyTree) -> Scalar:
    """Return f(θ, y) where y = y(θ) is a stationary point of f(θ, ·); its derivative is taken at fixed y.

    d/dθ f(θ, y(θ)) = ∂f/∂θ + ∂f/∂y dy/dθ,   ∂f/∂y = 0   (envelope theorem)

    Second derivatives are right as well: they see ∂f/∂θ move with y(θ). Whoever calls this answers for ∂f/∂y = 0; what
    is left of it changes the gradient to first order and the value to second.

    **Arguments:**

    - `function`: f, a global function.
    - `parameters`: θ.
    - `point`: y(θ).
    """
    return function(parameters, point)


@stationary.def_jvp
def _(primals, tangents):
    function, parameters, point = primals
    _, moved, _ = tangents
    return eqx.filter_jvp(lambda p: function(p, point), (parameters,), (moved,))
