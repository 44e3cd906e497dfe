"""Homogeneous tests of incompressible bodies, at the material point."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array
from ..implicit._local import local_root
from ._base import AbstractFiniteStrain
from ._tensors import cofactor, determinant


class AbstractHomogeneousTest(eqx.Module):
    """A test with principal stretches along the axes; axis 1 is pulled, and axis 3 is free."""

    @abc.abstractmethod
    def stretches(self, stretch, free) -> tuple:
        """The three principal stretches, given the imposed stretch and the free ones."""

    @abc.abstractmethod
    def guess(self, stretch) -> tuple:
        """The free stretches of an isotropic body of constant volume; there are as many as free axes."""


class Uniaxial(AbstractHomogeneousTest):
    """A bar pulled along axis 1, with free sides: stretches (λ, a, b)."""

    def stretches(self, stretch, free):
        return stretch, free[0], free[1]

    def guess(self, stretch):
        return stretch**-0.5, stretch**-0.5


class Equibiaxial(AbstractHomogeneousTest):
    """A sheet pulled equally along axes 1 and 2: stretches (λ, λ, b)."""

    def stretches(self, stretch, free):
        return stretch, stretch, free[0]

    def guess(self, stretch):
        return (stretch**-2,)


class PureShear(AbstractHomogeneousTest):
    """A wide strip pulled along axis 1 (planar tension): stretches (λ, 1, b)."""

    def stretches(self, stretch, free):
        return stretch, jnp.ones_like(stretch), free[0]

    def guess(self, stretch):
        return (1 / stretch,)


def nominal_stress(material: AbstractFiniteStrain, test: AbstractHomogeneousTest, stretch: Array) -> Array:
    """Nominal stress along axis 1 of an incompressible body in a homogeneous test.

    `P = ∂W/∂F - p F⁻ᵀ`, where the pressure p and the free stretches solve `P_ii = 0` on the free axes and
    det F = 1. The law's own response to volume change drops out. Differentiable in the parameters and the
    stretch.

    **Arguments**

    - `material`: a law of dimension 3. An anisotropic one must have the axes as symmetry axes, or its shear
      stresses, which are not looked at, do not vanish.
    - `test`: `Uniaxial()`, `Equibiaxial()` or `PureShear()`.
    - `stretch`: λ, of any shape, > 0.

    **Returns** force per undeformed area, of the shape of `stretch`; NaN where no such state was found.

    **Raises** `ValueError` for a material or test of another kind.

    Reference: G. A. Holzapfel, Nonlinear Solid Mechanics, Wiley 2000, section 6.5; L. R. G. Treloar,
    Trans. Faraday Soc. 40 (1944) 59–70, for the tests.
    """
    if not isinstance(material, AbstractFiniteStrain) or material.dimension != 3:
        raise ValueError(
            f"`material` must be an AbstractFiniteStrain of dimension 3, got {type(material).__name__}."
        )
    if not isinstance(test, AbstractHomogeneousTest):
        raise ValueError(f"`test` must be Uniaxial(), Equibiaxial() or PureShear(), got {test!r}.")
    stretch = jnp.asarray(stretch)
    return _nominal_stresses(material, test, stretch.reshape(-1)).reshape(stretch.shape)


def _deformation(test, stretch, free):
    return jnp.diag(jnp.stack(test.stretches(stretch, free)))


def _stress(material, F, pressure):
    return material.first_piola(F) - pressure * cofactor(F) / determinant(F)


def _residual(unknowns, args):
    material, test, stretch = args
    free, pressure = unknowns[:-1], unknowns[-1]
    F = _deformation(test, stretch, free)
    stress = jnp.diagonal(_stress(material, F, pressure))
    return jnp.append(stress[3 - free.size :], determinant(F) - 1)


@eqx.filter_jit
def _nominal_stresses(material, test, stretches):
    return jax.vmap(lambda stretch: _nominal_stress(material, test, stretch))(stretches)


def _nominal_stress(material, test, stretch):
    free = jnp.stack(test.guess(stretch))
    F = _deformation(test, stretch, free)
    pressure = material.first_piola(F)[2, 2] * F[2, 2]
    unknowns = local_root(_residual, jnp.append(free, pressure), (material, test, stretch))
    F = _deformation(test, stretch, unknowns[:-1])
    return _stress(material, F, unknowns[-1])[0, 0]
