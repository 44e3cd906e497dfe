"""Gradients that say how good they are."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Callable
from ._certificate import REPORT_SIZE, adjoint_certificate
from ._probe import probing


def value_and_grad(f: Callable, *, has_aux: bool = False) -> Callable:
    """Return x ↦ (f(x), ∂f/∂x, certificate) for a scalar f of a pytree x.

    The gradient has x's structure, with an array for each floating array leaf and None for others. The certificate
    sums up the adjoint solves of every `simphys.solve` that f called directly; solves within f's own `jit`, `vmap` or
    `scan` are checked, but reported only if f passes on `probe=` to them. It is a pytree: put `equinox.filter_jit`
    around the result to compile all of it.

    **Arguments:**

    - `f`: function of one pytree and any further arguments, returning a scalar, or (scalar, aux) if `has_aux`.
    - `has_aux`: the returned function gives ((f(x), aux), gradient, certificate).

    **Returns:** the function.
    """

    def evaluate(x, *rest, **keywords):
        def probed(x_and_probe):
            x, probe = x_and_probe
            with probing(probe):
                return f(x, *rest, **keywords)

        value, (gradient, report) = eqx.filter_value_and_grad(probed, has_aux=has_aux)((x, jnp.zeros(REPORT_SIZE)))
        return value, gradient, adjoint_certificate(jax.lax.stop_gradient(report))

    return evaluate
