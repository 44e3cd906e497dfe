"""`[phase_field]`: phases that separate or grow, downhill in their free energy."""

from typing import ClassVar, Literal

import pydantic

from ._heat_section import Flux, Source
from ._material_section import Curve, Law
from ._physics_section import Periodicity
from ._section import Entries, Float, Name, OrCurve, Physics, Positive, Section


class FreeEnergy(Law):
    """A free energy per volume by name; every other key is one of its arguments."""

    law: Literal["DoubleWell", "FloryHuggins"]
    """Name of the free energy, whose arguments are other keys. e.g. 'DoubleWell'"""


class Phase(Section):
    """Prescribed value of the phase field on a group."""

    type: Literal["phase"]
    where: Name
    value: Float
    """The value of the phase field. [1] e.g. 0.0"""


class PhaseField(Physics):
    """A field c that goes downhill in ∫ ψ(c) + κ |∇c|²/2 dV, κ = `gradient_energy`.

    "AllenCahn": an order parameter, not conserved; "CahnHilliard": a concentration, conserved. `mobility` of the latter
    may be a curve of c.
    """

    time: ClassVar[Literal["must"]] = "must"
    needs: ClassVar[str] = "[phase_field] needs [time]."
    equation: Literal["AllenCahn", "CahnHilliard"]
    """"AllenCahn": an order parameter, not conserved; "CahnHilliard": a concentration, conserved."""
    free_energy: FreeEnergy
    """ψ, the free energy per volume of a homogeneous phase."""
    gradient_energy: Positive
    """κ, the cost of gradients, which makes interfaces wide. [energy/length] e.g. 1e-4"""
    mobility: OrCurve[Positive, Curve] = 1.0
    """How fast the field goes downhill; of "CahnHilliard" a number or a curve of c. [length³/(energy time), of
    "CahnHilliard" length⁵/(energy time)]"""
    constraints: Entries[Phase | Periodicity]
    loads: Entries[Flux | Source]

    @pydantic.model_validator(mode="after")
    def _curves(self):
        if self.equation == "AllenCahn" and isinstance(self.mobility, Curve):
            raise ValueError('a `mobility` that is a curve belongs to equation = "CahnHilliard".')
        return self
