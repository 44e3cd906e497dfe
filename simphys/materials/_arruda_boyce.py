"""Arruda and Boyce's eight-chain rubber elasticity."""

from .. import _check
from .._ranges import between, positive
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._tensors import isochoric_first


# Power series of the inverse Langevin function, five terms.
_SERIES = (1 / 2, 1 / 20, 11 / 1050, 19 / 7000, 519 / 673750)


class ArrudaBoyce(AbstractFiniteStrain):
    """Eight-chain law with the inverse Langevin function expanded to five terms.

    `W = μ Σᵢ cᵢ λm^(2-2i) (Ī₁ⁱ - 3ⁱ) + κ/2 (J - 1)²`, i = 1…5, c = 1/2, 1/20, 11/1050, 19/7000, 519/673750,
    Ī₁ = J^(-2/3) tr FᵀF, J = det F. The initial shear modulus is
    `μ (1 + 3/(5λm²) + 99/(175λm⁴) + 513/(875λm⁶) + 42039/(67375λm⁸))`.

    **Arguments**

    - `mu`: μ, a stress, > 0.
    - `locking_stretch`: chain stretch λm at which the network locks, > 1. Rubber 3 to 7.
    - `kappa`: bulk modulus κ, a stress, > 0.

    **Raises** `ValueError` for constants outside these ranges.

    Reference: E. M. Arruda, M. C. Boyce, J. Mech. Phys. Solids 41 (1993) 389–412.
    """

    mu: PyTree = positive()
    locking_stretch: PyTree = between(1.0, float("inf"))
    kappa: PyTree = positive()

    def __init__(self, *, mu: Value, locking_stretch: Value, kappa: Value):
        self.mu = _check.parameter(mu)
        self.locking_stretch = _check.parameter(locking_stretch)
        self.kappa = _check.parameter(kappa)

    def energy(self, F):
        I1, J = isochoric_first(F)
        ratio = 1 / self.locking_stretch**2
        # I₁ⁱ - 3ⁱ = (I₁ - 3) Σ I₁ᵏ 3^(i-1-k), which does not cancel near F = I.
        series, geometric, weight, power = 0.0, 1.0, 1.0, 1.0
        for coefficient in _SERIES:
            series = series + coefficient * weight * geometric
            power = power * 3
            geometric = geometric * I1 + power
            weight = weight * ratio
        return self.mu * (I1 - 3) * series + self.kappa / 2 * (J - 1) ** 2
