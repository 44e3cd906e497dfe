"""Yeoh's rubber elasticity."""

from .. import _check
from .._ranges import number, positive
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._tensors import isochoric_first


class Yeoh(AbstractFiniteStrain):
    """Cubic law in the first invariant, for filled rubber at large strain.

    `W = c10 (Ī₁ - 3) + c20 (Ī₁ - 3)² + c30 (Ī₁ - 3)³ + κ/2 (J - 1)²`, Ī₁ = J^(-2/3) tr FᵀF, J = det F. The
    initial shear modulus is 2 c10.

    **Arguments**

    - `c10`: a stress, > 0.
    - `c20`, `c30`: stresses; usually c20 ≈ -c10/100 and c30 ≈ c10/10000, so that the curve first softens.
    - `kappa`: bulk modulus κ, a stress, > 0.

    **Raises** `ValueError` for constants outside these ranges.

    Reference: O. H. Yeoh, Rubber Chem. Technol. 66 (1993) 754–771.
    """

    c10: PyTree = positive()
    c20: PyTree = number()
    c30: PyTree = number()
    kappa: PyTree = positive()

    def __init__(self, *, c10: Value, c20: Value, c30: Value, kappa: Value):
        self.c10 = _check.parameter(c10)
        self.c20 = _check.finite("c20", _check.parameter(c20))
        self.c30 = _check.finite("c30", _check.parameter(c30))
        self.kappa = _check.parameter(kappa)

    def energy(self, F):
        I1, J = isochoric_first(F)
        x = I1 - 3
        return x * (self.c10 + x * (self.c20 + x * self.c30)) + self.kappa / 2 * (J - 1) ** 2
