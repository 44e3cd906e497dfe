"""What a pointwise law is."""

import abc
from typing import ClassVar

import jax

from .._ranges import Ranged
from .._typing import Array, DeformationGradient, Float, Scalar, Strain, Stress


class AbstractFiniteStrain(Ranged):
    """A hyperelastic law: stored energy W(F) per undeformed volume, of the deformation gradient F = I +
    ∂u/∂X.

    A law is written by giving `energy`; stress and tangent follow by differentiation. `energy` must be
    smooth at F = I, frame indifferent, and NaN or infinite for det F ≤ 0. Parameters are array leaves.
    """

    dimension: ClassVar[int] = 3

    @abc.abstractmethod
    def energy(self, F: DeformationGradient) -> Scalar:
        """Stored energy W, in energy per undeformed volume, for F of shape (dimension, dimension)."""

    def first_piola(self, F: DeformationGradient) -> Stress:
        """First Piola–Kirchhoff stress P = ∂W/∂F, in force per undeformed area; P[direction, normal]."""
        return jax.grad(self.energy)(F)

    def switches(self, F: DeformationGradient) -> Array | None:
        """Return numbers that are 0 where the law's tangent jumps, of order 1 elsewhere; None for a smooth law."""
        return None

    def tangent(self, F: DeformationGradient) -> Float[Array, "3 3 3 3"]:
        """First elasticity tensor ∂P/∂F, with A[i, J, k, L] = ∂P[i, J]/∂F[k, L]."""
        return jax.jacfwd(self.first_piola)(F)


class AbstractSmallStrain(Ranged):
    """A law for small strains: stored energy ψ(ε) of ε = (∂u/∂x + (∂u/∂x)ᵀ)/2, from which σ = ∂ψ/∂ε."""

    dimension: ClassVar[int] = 3

    @abc.abstractmethod
    def energy(self, strain: Strain) -> Scalar:
        """Stored energy ψ, in energy per volume, for a symmetric strain of shape (dimension, dimension)."""

    def stress(self, strain: Strain) -> Stress:
        """Stress σ = ∂ψ/∂ε."""
        return jax.grad(self.energy)(strain)

    def switches(self, strain: Strain) -> Array | None:
        """Return numbers that are 0 where the law's tangent jumps, of order 1 elsewhere; None for a smooth law."""
        return None

    def tangent(self, strain: Strain) -> Float[Array, "3 3 3 3"]:
        """Elasticity tensor ∂σ/∂ε."""
        return jax.jacfwd(self.stress)(strain)
