"""Gent's rubber elasticity."""

import jax.numpy as jnp

from .. import _check
from .._ranges import positive
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._tensors import isochoric_first


class Gent(AbstractFiniteStrain):
    """Rubber whose chains lock at a limiting stretch.

    `W = -μ Jm/2 ln(1 - (Ī₁ - 3)/Jm) + κ/2 (J - 1)²`, Ī₁ = J^(-2/3) tr FᵀF, J = det F; infinite at Ī₁ - 3 =
    Jm and NaN beyond.

    **Arguments**

    - `mu`: initial shear modulus μ, a stress, > 0.
    - `limit`: Jm, the largest Ī₁ - 3, > 0. Rubber 30 to 100, arteries 0.4 to 2.
    - `kappa`: bulk modulus κ, a stress, > 0.

    **Raises** `ValueError` for constants that are not positive.

    Reference: A. N. Gent, Rubber Chem. Technol. 69 (1996) 59–61.
    """

    mu: PyTree = positive()
    limit: PyTree = positive()
    kappa: PyTree = positive()

    def __init__(self, *, mu: Value, limit: Value, kappa: Value):
        self.mu = _check.parameter(mu)
        self.limit = _check.parameter(limit)
        self.kappa = _check.parameter(kappa)

    def energy(self, F):
        I1, J = isochoric_first(F)
        locking = jnp.log1p(-(I1 - 3) / self.limit)
        return -self.mu * self.limit / 2 * locking + self.kappa / 2 * (J - 1) ** 2
