"""`[thermo_solid]`: displacement and temperature in one system."""

from typing import ClassVar, Literal

import pydantic

from ._heat_section import Convection, Flux, LateralConvection, Radiation, Source, Temperature
from ._material_section import HeatMaterial, SolidMaterial
from ._physics_section import (
    BodyForce,
    Displacement,
    ElasticSupport,
    Force,
    Periodicity,
    Pressure,
    RigidMotion,
    RigidTie,
    Slip,
    Traction,
)
from ._section import Entries, Fields, Float, Physics, Positive


THERMAL = (Temperature, Flux, Source, Convection, LateralConvection, Radiation)
"""What acts on the temperature; all else acts on the displacement."""


class ThermoSolid(Physics):
    """A body that deforms as it warms up, and warms up as it deforms, without inertia.

    `expansion` is linear, per temperature; `capacity` ρ c per volume, in units of stress per temperature; `reference` is
    the temperature at which the unloaded body is free of stress, `zero` the absolute zero on the scale of temperatures.
    """

    fields: ClassVar[Fields] = "vector_and_scalar"
    time: ClassVar[Literal["must"]] = "must"
    needs: ClassVar[str] = "[thermo_solid] needs [time]."
    material: SolidMaterial
    """The law of the body at its reference temperature. e.g. {law = "LinearElastic", E = 210e3, nu = 0.3}"""
    conduction: HeatMaterial
    """The law of heat conduction. e.g. {law = "IsotropicConduction", k = 45.0}"""
    expansion: Float
    """Linear thermal expansion. [1/temperature] e.g. 1.2e-5"""
    capacity: Positive
    """ρ c per volume. [stress/temperature] e.g. 3.6"""
    reference: Float
    """Temperature at which the unloaded body is free of stress. [temperature] e.g. 20.0"""
    zero: Float = 0.0
    """The absolute zero on the scale of temperatures. [temperature]"""
    linearised: bool = False
    """Whether Biot's linear theory is taken, whose temperatures stay near the reference."""
    thickness: Positive = 1.0
    """Of a plane body. [length]"""
    constraints: Entries[Displacement | RigidMotion | RigidTie | Slip | Temperature | Periodicity]
    loads: Entries[
        Traction
        | Force
        | Pressure
        | BodyForce
        | ElasticSupport
        | Flux
        | Source
        | Convection
        | LateralConvection
        | Radiation
    ]

    @pydantic.model_validator(mode="after")
    def _one_temperature(self):
        if self.material.thermal is not None:
            raise ValueError("`material.thermal` belongs to [solid]: here the temperature is an unknown.")
        return self
