"""Plane strain: a three-dimensional law under two-dimensional deformation."""

from typing import ClassVar

import jax.numpy as jnp

from ._base import AbstractFiniteStrain, AbstractSmallStrain
from ._history import AbstractHistory, PlaneStrainHistory


def PlaneStrain(material: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory):
    """Restrict a law to plane deformation, `F = [[F₂, 0], [0, 1]]` or `ε = [[ε₂, 0], [0, 0]]`.

    **Arguments**

    - `material`: an `AbstractFiniteStrain`, `AbstractSmallStrain` or `AbstractHistory` of dimension 3.

    **Returns** a law of the same kind with dimension 2: F, strain and stress are (2, 2); the energy is per
    undeformed volume (multiply by the thickness for a force).

    **Raises** `ValueError` for anything else.

    Reference: J. R. Barber, Elasticity, 3rd ed., Springer 2010, section 3.1.
    """
    if isinstance(material, AbstractHistory) and material.dimension == 3:
        return PlaneStrainHistory(material)
    check_solid(material, "PlaneStrain")
    return FinitePlaneStrain(material) if isinstance(material, AbstractFiniteStrain) else SmallPlaneStrain(material)


class FinitePlaneStrain(AbstractFiniteStrain):
    """A finite-strain law under plane strain; made by `PlaneStrain`."""

    material: AbstractFiniteStrain
    dimension: ClassVar[int] = 2

    def energy(self, F):
        return self.material.energy(self.whole(F))

    def switches(self, F):
        return self.material.switches(self.whole(F))

    def whole(self, F):
        """Deformation gradient (3, 3)."""
        return jnp.pad(F, (0, 1)).at[2, 2].set(1)


class SmallPlaneStrain(AbstractSmallStrain):
    """A small-strain law under plane strain; made by `PlaneStrain`."""

    material: AbstractSmallStrain
    dimension: ClassVar[int] = 2

    def energy(self, strain):
        return self.material.energy(self.whole(strain))

    def switches(self, strain):
        return self.material.switches(self.whole(strain))

    def whole(self, strain):
        """Strain (3, 3)."""
        return jnp.pad(strain, (0, 1))


def check_solid(material, wrapper):
    """Raise `ValueError` unless `material` is a three-dimensional solid law."""
    if not isinstance(material, AbstractFiniteStrain | AbstractSmallStrain) or material.dimension != 3:
        raise ValueError(
            f"{wrapper} needs an AbstractFiniteStrain or AbstractSmallStrain of dimension 3, "
            f"got {type(material).__name__}."
        )
