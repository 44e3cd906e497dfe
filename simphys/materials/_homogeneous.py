"""Homogeneous tests of incompressible bodies, at the material point."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp

from .._hidden import compiled
from .._ranges import admissible
from .._typing import Array, ArrayLike, Sequence
from ..implicit import local_root
from ._base import AbstractFiniteStrain
from ._tensors import cofactor, determinant


class AbstractHomogeneousTest(eqx.Module):
    """A test with principal stretches along the axes; axis 1 is pulled, axis 3 is free."""

    @abc.abstractmethod
    def second(self, stretch: Array) -> tuple[Array, Array]:
        """What holds on axis 2: 1 and a guess of its stretch where it is free, 0 and its stretch where that is imposed."""


class Uniaxial(AbstractHomogeneousTest):
    """A bar pulled along axis 1, with free sides: stretches (λ, a, b)."""

    def second(self, stretch):
        return jnp.ones_like(stretch), stretch**-0.5


class Equibiaxial(AbstractHomogeneousTest):
    """A sheet pulled equally along axes 1 and 2: stretches (λ, λ, b)."""

    def second(self, stretch):
        return jnp.zeros_like(stretch), stretch


class PureShear(AbstractHomogeneousTest):
    """A wide strip pulled along axis 1 (planar tension): stretches (λ, 1, b)."""

    def second(self, stretch):
        return jnp.zeros_like(stretch), jnp.ones_like(stretch)


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

    **Returns** force per undeformed area, of the shape of `stretch`; NaN where no such state was found, or a
    parameter lies outside its range.

    **Raises** `ValueError` for a material or test of another kind.

    Reference: G. A. Holzapfel, Nonlinear Solid Mechanics, Wiley 2000, section 6.5; L. R. G. Treloar,
    Trans. Faraday Soc. 40 (1944) 59–70, for the tests.
    """
    stretch = jnp.asarray(stretch)
    return nominal_stresses(material, [(test, stretch.reshape(-1))]).reshape(stretch.shape)


def nominal_stresses(
    material: AbstractFiniteStrain, tests: Sequence[tuple[AbstractHomogeneousTest, ArrayLike]]
) -> Array:
    """Nominal stresses of several tests in one solve, one after the other; see `nominal_stress`.

    **Arguments**

    - `material`: a law of dimension 3.
    - `tests`: sequence of (test, stretches), with stretches of shape (n,).

    **Returns** one array, of the length of all stretches together.
    """
    if not isinstance(material, AbstractFiniteStrain) or material.dimension != 3:
        raise ValueError(f"`material` must be an AbstractFiniteStrain of dimension 3, got {type(material).__name__}.")
    for test, _ in tests:
        if not isinstance(test, AbstractHomogeneousTest):
            raise ValueError(f"`test` must be Uniaxial(), Equibiaxial() or PureShear(), got {test!r}.")
    seconds = [test.second(jnp.asarray(stretch)) for test, stretch in tests]
    free, second = (jnp.concatenate(parts) for parts in zip(*seconds, strict=True))
    stretch = jnp.concatenate([jnp.asarray(stretch) for _, stretch in tests])
    return _nominal_stresses(material, stretch, free, second)


def _stress(material, stretch, unknowns):
    F = jnp.diag(jnp.stack([stretch, unknowns[0], unknowns[1]]))
    stress = material.first_piola(F) - unknowns[2] * cofactor(F) / determinant(F)
    return jnp.diagonal(stress), determinant(F)


def _residual(unknowns, args):
    """The second axis is free of stress or has its stretch, the third is free of stress, and the volume is kept."""
    material, stretch, free, second = args
    stress, volume = _stress(material, stretch, unknowns)
    return jnp.stack([jnp.where(free == 1, stress[1], unknowns[0] - second), stress[2], volume - 1])


@compiled
def _nominal_stresses(material, stretches, free, second):
    return jax.vmap(lambda *point: _nominal_stress(material, *point))(stretches, free, second)


def _nominal_stress(material, stretch, free, second):
    F = jnp.diag(jnp.stack([stretch, second, 1 / (stretch * second)]))
    pressure = material.first_piola(F)[2, 2] * F[2, 2]
    guess = jnp.stack([F[1, 1], F[2, 2], pressure])
    unknowns = local_root(_residual, guess, (material, stretch, free, second))
    stress, allowed = _stress(material, stretch, unknowns)[0][0], admissible(material)
    return stress if allowed is None else stress * jnp.where(allowed, 1.0, jnp.nan).astype(stress.dtype)
