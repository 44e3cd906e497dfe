"""Neo-Hookean rubber elasticity."""

import jax.numpy as jnp

from .. import _check
from .._ranges import number, positive, related
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._moduli import bulk, check_lame, check_young, elementwise, lame
from ._tensors import first_invariant, isochoric_first, volume_ratio
from ._volumetric import AbstractVolumetric, LogSquared


class NeoHooke(AbstractFiniteStrain):
    """Compressible neo-Hookean law.

    `W = μ/2 (tr FᵀF - 3 - 2 ln J) + λ U(J)`, J = det F. U is chosen by `volumetric`: `LogSquared()`, (ln
    J)²/2, or `SimoTaylor()`, (J² - 1 - 2 ln J)/4.

    **Arguments**

    - `mu`: shear modulus μ, a stress, > 0. Soft rubber 0.4 MPa.
    - `lam`: Lamé's first constant λ, a stress, > -2μ/3.
    - `volumetric`: an `AbstractVolumetric`; default `LogSquared()`.

    `NeoHooke.from_young(E=, nu=)` takes Young's modulus and Poisson's ratio instead.

    **Raises** `ValueError` for constants outside these ranges or another kind of `volumetric`.

    Reference: J. Bonet, R. D. Wood, Nonlinear Continuum Mechanics for Finite Element Analysis, 2nd ed.,
    2008, 6.4.3.
    """

    mu: PyTree = positive()
    lam: PyTree = number()
    volumetric: AbstractVolumetric

    def __init__(self, *, mu: Value, lam: Value, volumetric: AbstractVolumetric = LogSquared()):  # noqa: B008
        if not isinstance(volumetric, AbstractVolumetric):
            raise ValueError(f"`volumetric` must be an AbstractVolumetric, got {volumetric!r}.")
        self.lam, self.mu = check_lame(lam, mu)
        self.volumetric = volumetric

    def relations(self):
        return {"lam > -2 mu/3": related(lambda lam, mu: 3 * lam + 2 * mu > 0, self.lam, self.mu)}

    @classmethod
    def from_young(cls, *, E, nu, volumetric=LogSquared()):  # noqa: B008
        """The law whose small-strain limit has Young's modulus `E` and Poisson's ratio `nu`."""
        E, nu = check_young(E, nu)
        lam = elementwise(lambda E, nu: lame(E, nu)[0], E, nu)
        mu = elementwise(lambda E, nu: lame(E, nu)[1], E, nu)
        return cls(mu=mu, lam=lam, volumetric=volumetric)

    def energy(self, F):
        J = volume_ratio(F)
        return self.mu / 2 * (first_invariant(F) - 3 - 2 * jnp.log(J)) + self.lam * self.volumetric(J)


class IsochoricNeoHooke(AbstractFiniteStrain):
    """Neo-Hookean law with the volume change split off.

    `W = μ/2 (J^(-2/3) tr FᵀF - 3) + κ/2 (J - 1)²`, J = det F.

    **Arguments**

    - `mu`: shear modulus μ, a stress, > 0.
    - `kappa`: bulk modulus κ, a stress, > 0.

    `IsochoricNeoHooke.from_young(E=, nu=)` takes Young's modulus and Poisson's ratio instead.

    **Raises** `ValueError` for constants that are not positive.

    Reference: G. A. Holzapfel, Nonlinear Solid Mechanics, Wiley 2000, section 6.4.
    """

    mu: PyTree = positive()
    kappa: PyTree = positive()

    def __init__(self, *, mu: Value, kappa: Value):
        self.mu = _check.parameter(mu)
        self.kappa = _check.parameter(kappa)

    @classmethod
    def from_young(cls, *, E, nu):
        """The law whose small-strain limit has Young's modulus `E` and Poisson's ratio `nu`."""
        E, nu = check_young(E, nu)
        return cls(mu=elementwise(lambda E, nu: lame(E, nu)[1], E, nu), kappa=elementwise(bulk, E, nu))

    def energy(self, F):
        I1, J = isochoric_first(F)
        return self.mu / 2 * (I1 - 3) + self.kappa / 2 * (J - 1) ** 2
