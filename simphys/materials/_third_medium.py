"""A third medium: very soft stuff between bodies, by which they touch without a search."""

from .. import _check
from .._ranges import positive
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain


class ThirdMedium(AbstractFiniteStrain):
    """A hyperelastic law that is a millionth as stiff where a body ends: so bodies meet without a search for contact.

    `W = γ W₀(F)`

    The space between bodies that may touch is meshed, too, with γ = 1e-6, say, for γ = 1 in the bodies. Pressed flat,
    J = det F → 0, the medium becomes as stiff as what it is between, as long as W₀ is unbounded there: it bears what bodies
    do to each other, without friction, on one mesh, and derivatives pass through the beginning of contact. A
    `physics.CurvatureEnergy` keeps its cells from folding over. γ of a design's density closes gaps of a topology.

    **Arguments**

    - `material`: W₀, whose energy is unbounded as J → 0: `NeoHooke`, `IsochoricNeoHooke`.
    - `contrast`: γ, a pure number or a field, > 0: a `CellField` of 1 and 1e-6.

    **Raises** `ValueError` for a law of small strain, and for contrasts that are not positive.

    Reference: P. Wriggers, J. Schröder, A. Schwarz, Comput. Mech. 52 (2013) 837; G. L. Bluhm, O. Sigmund, K. Poulios,
    Comput. Mech. 67 (2021) 1099.
    """

    material: AbstractFiniteStrain
    contrast: PyTree = positive()

    def __init__(self, material: AbstractFiniteStrain, contrast: Value = 1e-6):
        if not isinstance(material, AbstractFiniteStrain):
            raise ValueError(f"`material` must be a finite-strain law, got {type(material).__name__}.")
        self.material, self.contrast = material, _check.parameter(contrast)

    @property
    def dimension(self) -> int:
        """That of the law."""
        return self.material.dimension

    def energy(self, F):
        return self.contrast * self.material.energy(F)

    def switches(self, F):
        return self.material.switches(F)
