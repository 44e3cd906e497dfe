"""Which laws are linear."""

from ._anisotropic_elastic import AnisotropicElastic
from ._base import AbstractFiniteStrain, AbstractSmallStrain
from ._eigenstrain import SmallEigenstrain
from ._linear_elastic import LinearElastic
from ._orthotropic import OrthotropicElastic
from ._plane_strain import SmallPlaneStrain
from ._plane_stress import SmallPlaneStress


def is_linear(material: AbstractFiniteStrain | AbstractSmallStrain) -> bool:
    """Tell whether σ is known to be linear (with a free strain: affine) in ε, so that one tangent serves every state."""
    if isinstance(material, SmallPlaneStrain | SmallPlaneStress | SmallEigenstrain):
        return is_linear(material.material)
    return isinstance(material, AnisotropicElastic | LinearElastic | OrthotropicElastic)
