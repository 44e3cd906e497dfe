"""Gradients that say how good they are."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp

from .._progress import telling
from .._typing import Callable
from ._certificate import REPORT_SIZE, AdjointCertificate, adjoint_certificate
from ._probe import probing


def value_and_grad(f: Callable, *, has_aux: bool = False) -> Callable:
    """Return x ↦ (f(x), ∂f/∂x, certificate) for a scalar f of a pytree x.

    The gradient has x's structure, with an array for each floating array leaf and None for others. The certificate
    sums up the adjoint solves of every `simphys.solve` that f called directly; solves within f's own `jit`, `vmap` or
    `scan` are checked, but reported only if f passes on `probe=` to them. It is a pytree: put `equinox.filter_jit`
    around the result to compile all of it. Where the forward residual dwarfs the adjoint's tolerance, it warns.

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

        with telling("gradient"):
            found = eqx.filter_value_and_grad(probed, has_aux=has_aux)((x, jnp.zeros(REPORT_SIZE)))
        value, (gradient, report) = found
        certificate = adjoint_certificate(jax.lax.stop_gradient(report))
        if not isinstance(certificate.mismatched, jax.core.Tracer):
            warn_of_mismatch(certificate)
        return value, gradient, certificate

    return evaluate


class MismatchedTolerances(UserWarning):
    """The forward residual leaves a far larger error in the gradient than the adjoint solve is held to."""


def warn_of_mismatch(certificate: AdjointCertificate) -> None:
    """Warn, with the estimated error of the gradient, where forward and adjoint tolerances do not fit each other.

    `value_and_grad` does so by itself unless it is compiled as a whole. Only solves whose `Implicit` has a `trust` count.

    **Arguments:**

    - `certificate`: what `value_and_grad` returned, concrete.
    """
    if certificate.mismatched > 0:
        warnings.warn(
            f"The gradient has an estimated relative error of {float(certificate.error):.1e}, nearly all of it from the "
            f"residual of the forward solve, though the adjoint was solved to {float(certificate.residual):.1e}: tighten "
            "the forward tolerance, or loosen the adjoint's, which is spent in vain.",
            MismatchedTolerances,
            stacklevel=3,
        )
