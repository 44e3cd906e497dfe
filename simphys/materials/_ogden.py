"""Ogden's rubber elasticity."""

import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import positive, related
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._moduli import is_concrete
from ._spectral import power_traces
from ._tensors import isochoric_scale, volume_ratio


class Ogden(AbstractFiniteStrain):
    """Law in powers of the principal stretches, with any number of terms.

    `W = Σ_p μ_p/α_p (λ̄₁^α_p + λ̄₂^α_p + λ̄₃^α_p - 3) + κ/2 (J - 1)²`, λ̄ᵢ = J^(-1/3) λᵢ, J = det F. The
    initial shear modulus is `Σ μ_p α_p / 2`. (Codes that write 2 μ_p/α_p² mean μ_p α_p / 2 by their μ_p.)

    Derivatives in F are exact up to the third, at equal stretches too; the fourth is NaN.

    **Arguments**

    - `mu`: (term,) μ_p, stresses, with Σ μ_p α_p > 0.
    - `alpha`: (term,) exponents α_p, not 0. Treloar's rubber: mu = (0.63, 0.0012, -0.01) MPa, alpha =
      (1.3, 5, -2).
    - `kappa`: bulk modulus κ, a stress, > 0.

    **Raises** `ValueError` for constants outside these ranges or of different lengths.

    Reference: R. W. Ogden, Proc. R. Soc. Lond. A 326 (1972) 565–584.
    """

    mu: PyTree
    alpha: PyTree
    kappa: PyTree = positive()

    def __init__(self, *, mu: Value, alpha: Value, kappa: Value):
        self.mu = _check.finite("mu", _check.parameter(mu))
        self.alpha = _check.finite("alpha", _check.parameter(alpha))
        self.kappa = _check.parameter(kappa)
        if is_concrete(self.mu, self.alpha):
            _check_terms(np.asarray(self.mu), np.asarray(self.alpha))

    def relations(self):
        mean = lambda mu, alpha: jnp.sum(jnp.atleast_1d(mu * alpha), -1) > 0
        return {"sum(mu alpha) > 0": related(mean, self.mu, self.alpha)}

    def energy(self, F):
        J = volume_ratio(F)
        mu, alpha = jnp.atleast_1d(self.mu), jnp.atleast_1d(self.alpha)
        traces = power_traces(F, isochoric_scale(J), alpha / 2, mu / alpha)
        return traces + self.kappa / 2 * (J - 1) ** 2


def _check_terms(mu, alpha):
    if mu.shape != alpha.shape:
        raise ValueError(f"`mu` and `alpha` must have one shape, got {mu.shape} and {alpha.shape}.")
    if np.any(alpha == 0):
        raise ValueError(f"`alpha` must not be 0, got {alpha}.")
    if np.any(np.sum(np.atleast_1d(mu * alpha), -1) <= 0):
        raise ValueError(f"The initial shear modulus, sum(mu alpha)/2, must be positive, got mu={mu}, alpha={alpha}.")
