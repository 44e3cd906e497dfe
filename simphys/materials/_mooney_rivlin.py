"""Mooney–Rivlin rubber elasticity."""

import jax.numpy as jnp

from .. import _check
from .._ranges import number, positive, related
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._moduli import is_concrete
from ._tensors import cofactor, first_invariant, isochoric_scale, oriented


class MooneyRivlin(AbstractFiniteStrain):
    """Two-term Mooney–Rivlin law.

    `W = c10 (J^(-2/3) I₁ - 3) + c01 (J^(-4/3) I₂ - 3) + κ/2 (J - 1)²`, with J = det F, I₁ = tr FᵀF and
    I₂ = |cof F|². The initial shear modulus is 2 (c10 + c01).

    **Arguments**

    - `c10`, `c01`: stresses with c10 + c01 > 0; `c01` is often a tenth of `c10`. Soft rubber: c10 = 0.2 MPa.
    - `kappa`: bulk modulus κ, a stress, > 0. Some 1000 c10 for rubber.

    **Raises** `ValueError` for constants outside these ranges.

    Reference: R. S. Rivlin, D. W. Saunders, Phil. Trans. R. Soc. A 243 (1951) 251–288.
    """

    c10: PyTree = number()
    c01: PyTree = number()
    kappa: PyTree = positive()

    def __init__(self, *, c10: Value, c01: Value, kappa: Value):
        self.c10 = _check.finite("c10", _check.parameter(c10))
        self.c01 = _check.finite("c01", _check.parameter(c01))
        self.kappa = _check.parameter(kappa)
        if is_concrete(self.c10, self.c01):
            _check.positive("c10 + c01", self.c10 + self.c01)

    def relations(self):
        return {"c10 + c01 > 0": related(lambda c10, c01: c10 + c01 > 0, self.c10, self.c01)}

    def energy(self, F):
        cof = cofactor(F)
        J = oriented(jnp.sum(F[0] * cof[0]))
        scale = isochoric_scale(J)
        first = scale * first_invariant(F) - 3
        second = scale**2 * jnp.sum(cof * cof) - 3
        return self.c10 * first + self.c01 * second + self.kappa / 2 * (J - 1) ** 2
