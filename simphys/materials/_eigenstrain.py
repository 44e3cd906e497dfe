"""Laws with a strain of their own that is free of stress."""

import abc

import equinox as eqx
import jax.numpy as jnp

from .._small import inverse
from .._typing import PyTree, Strain
from ._base import AbstractFiniteStrain, AbstractSmallStrain
from ._free_strain import FreeStrain
from ._history import AbstractHistory
from ._tensors import determinant, oriented


class AbstractEigenstrain(eqx.Module):
    """A law with a strain ε* that is free of stress."""

    material: eqx.AbstractVar[AbstractSmallStrain | AbstractFiniteStrain | AbstractHistory]
    free: eqx.AbstractVar[FreeStrain]

    @property
    def expansion(self) -> PyTree:
        """α, or ε* itself."""
        return self.free.expansion

    @property
    def temperature(self) -> PyTree:
        """T, or None."""
        return self.free.temperature

    @property
    def reference(self) -> PyTree:
        """T_r, or None."""
        return self.free.reference

    @abc.abstractmethod
    def elastic(self, measure: Strain) -> Strain:
        """Return what the law itself sees of F or ε: F_e, or ε − ε*."""


class SmallEigenstrain(AbstractEigenstrain, AbstractSmallStrain):
    """A small-strain law with a free strain; made by `ThermalStrain` and `Eigenstrain`."""

    material: AbstractSmallStrain
    free: FreeStrain

    def elastic(self, measure):
        """ε − ε*."""
        return measure - _symmetric(self.free())

    def energy(self, strain):
        return self.material.energy(self.elastic(strain))

    def stress(self, strain):
        return self.material.stress(self.elastic(strain))

    def switches(self, strain):
        return self.material.switches(self.elastic(strain))


class FiniteEigenstrain(AbstractEigenstrain, AbstractFiniteStrain):
    """A finite-strain law with a free strain; made by `ThermalStrain` and `Eigenstrain`."""

    material: AbstractFiniteStrain
    free: FreeStrain

    def elastic(self, measure):
        """F F*⁻¹."""
        return measure @ stretch(self.free)[1]

    def energy(self, F):
        return stretch(self.free)[0] * self.material.energy(self.elastic(F))

    def first_piola(self, F):
        volume, inverted = stretch(self.free)
        return volume * self.material.first_piola(F @ inverted) @ inverted.T

    def switches(self, F):
        return self.material.switches(self.elastic(F))


class HistoryEigenstrain(AbstractEigenstrain, AbstractHistory):
    """A law with a memory and a free strain; made by `ThermalStrain` and `Eigenstrain`."""

    material: AbstractHistory
    free: FreeStrain

    @property
    def finite(self):
        """As the law itself."""
        return self.material.finite

    @property
    def symmetric(self):
        """As the law itself."""
        return self.material.symmetric

    def elastic(self, measure):
        """ε − ε*, or F F*⁻¹."""
        if self.finite:
            return measure @ stretch(self.free)[1]
        return measure - _symmetric(self.free())

    def initial(self):
        """Return the law's own."""
        return self.material.initial()

    def update(self, strain, state, interval):
        """Return the stress, and the law's internal variables."""
        stress, state = self.material.update(self.elastic(strain), state, interval)
        if not self.finite:
            return stress, state
        volume, inverted = stretch(self.free)
        return volume * stress @ inverted.T, state

    def switches(self, strain, state, interval):
        """As the law itself."""
        return self.material.switches(self.elastic(strain), state, interval)


def stretch(free: FreeStrain):
    """Return J* and F*⁻¹; J* is NaN where F* is none."""
    strain = free()
    grown = jnp.eye(3, dtype=strain.dtype) + strain
    return oriented(determinant(grown)), inverse(grown)


def _symmetric(strain):
    return (strain + strain.T) / 2
