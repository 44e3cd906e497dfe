"""Isotropic linear elasticity."""

import jax.numpy as jnp

from .. import _check
from .._ranges import between, positive
from .._typing import PyTree, Value
from ._base import AbstractSmallStrain
from ._moduli import lame


class LinearElastic(AbstractSmallStrain):
    """Isotropic linear elasticity (Hooke's law).

    `ψ = λ/2 (tr ε)² + μ ε:ε`, hence `σ = λ tr(ε) I + 2μ ε`, with λ = Eν/((1+ν)(1-2ν)) and μ = E/(2(1+ν)).

    **Arguments**

    - `E`: Young's modulus, a stress, > 0. Steel 210e3 MPa, aluminium 70e3 MPa.
    - `nu`: Poisson's ratio, in (-1, 1/2); 1/2 itself under plane stress only. Metals 0.3.

    **Raises** `ValueError` for constants outside these ranges.

    Reference: J. R. Barber, Elasticity, 3rd ed., Springer 2010, section 1.3.
    """

    E: PyTree = positive()
    nu: PyTree = between(-1.0, 0.5, or_high=True)

    def __init__(self, *, E: Value, nu: Value):
        self.E, self.nu = _check.parameter(E), _check.parameter(nu)

    def energy(self, strain):
        lam, mu = lame(self.E, self.nu)
        return lam / 2 * jnp.trace(strain) ** 2 + mu * jnp.sum(strain * strain)
