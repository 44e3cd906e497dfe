"""`[phase_field]`: phases that separate or grow, downhill in their free energy."""

from typing import Annotated, ClassVar, Literal

import pydantic

from ._physics_section import Curve, Flux, Periodicity, Source, _Law
from ._section import Float, Key, Name, Physics, Positive, Section, number_or


class FreeEnergy(_Law):
    """A free energy per volume by name; every other key is one of its arguments."""

    law: Literal["DoubleWell", "FloryHuggins"]


class Phase(Section):
    """Prescribed value of the phase field on a group."""

    type: Literal["phase"]
    where: Name
    value: Float


class PhaseField(Physics):
    """A field c that goes downhill in ∫ ψ(c) + κ |∇c|²/2 dV, κ = `gradient_energy`.

    "AllenCahn": an order parameter, not conserved; "CahnHilliard": a concentration, conserved. `mobility` of the latter
    may be a curve of c.
    """

    time: ClassVar[Literal["must"]] = "must"
    needs: ClassVar[str] = "[phase_field] needs [time]."
    equation: Literal["AllenCahn", "CahnHilliard"]
    free_energy: FreeEnergy
    gradient_energy: Positive
    mobility: Annotated[
        Annotated[Positive, pydantic.Tag("number")] | Annotated[Curve, pydantic.Tag("curve")], number_or("curve")
    ] = 1.0
    constraints: dict[Key, Annotated[Phase | Periodicity, pydantic.Field(discriminator="type")]] = pydantic.Field(
        default_factory=dict
    )
    loads: dict[Key, Annotated[Flux | Source, pydantic.Field(discriminator="type")]] = pydantic.Field(
        default_factory=dict
    )

    @pydantic.model_validator(mode="after")
    def _curves(self):
        if self.equation == "AllenCahn" and isinstance(self.mobility, Curve):
            raise ValueError('a `mobility` that is a curve belongs to equation = "CahnHilliard".')
        return self
