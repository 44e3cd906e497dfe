"""Bodies of revolution."""

from typing import ClassVar

import equinox as eqx

from ._base import AbstractFiniteStrain, AbstractSmallStrain
from ._history import AbstractHistory


class Axisymmetric(eqx.Module):
    """A three-dimensional law for a body of revolution without torsion, on a mesh of its meridian plane.

    x = r ≥ 0, y = z;   F = [[F₂, 0], [0, 1 + u_r/r]],   or ε alike, with ε_θθ = u_r/r

    For `simphys.physics.Solid` and `MixedSolid`. Loads are per area and volume of the whole body, nodal forces and
    reactions are those of the whole circumference, and stresses are (3, 3), in the order r, z, θ. On the axis u_r = 0 is
    to be prescribed.

    **Arguments:**

    - `material`: an `AbstractFiniteStrain`, `AbstractSmallStrain` or `AbstractHistory` of dimension 3.

    **Raises:** `ValueError` for anything else.

    Reference: O. C. Zienkiewicz, R. L. Taylor, The Finite Element Method, 6th ed., Elsevier 2005, section 2.3.
    """

    material: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory
    dimension: ClassVar[int] = 2

    def __init__(self, material: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory):
        known = isinstance(material, AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory)
        if not known or material.dimension != 3:
            raise ValueError(f"Axisymmetric needs a solid law of dimension 3, got {type(material).__name__}.")
        self.material = material
