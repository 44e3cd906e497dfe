"""`[heat]`: conduction, what holds the temperature, and what heats and cools."""

from typing import Annotated, ClassVar, Literal

import pydantic

from ._material_section import Curve, HeatMaterial
from ._physics_section import Periodicity, Tie
from ._section import (
    Entries,
    Float,
    Name,
    NotNegative,
    OrCurve,
    Physics,
    Positive,
    Section,
    number_or,
)


class Temperature(Section):
    """Prescribed temperature of a group."""

    type: Literal["temperature"]
    where: Name
    value: Float
    """The temperature. [temperature] e.g. 100.0"""


class Flux(Section):
    """Heat per area and time through a facet group; positive where it leaves the body."""

    type: Literal["flux"]
    where: Name
    value: Float
    """Heat per area and time, positive where it leaves the body; of a phase field what leaves it. [heat/(area time)]
    e.g. -3.0"""
    side: Name | None = None
    """The cell group that the heat leaves, where facets lie between two cells. e.g. 'core'"""


class Source(Section):
    """Heat per volume and time set free in a cell group or the whole body."""

    type: Literal["source"]
    value: Float
    """Heat per volume and time; of a phase field what is added to it. [heat/(volume time)] e.g. 5.0"""
    where: Name | None = None


class Convection(Section):
    """Heat that leaves a facet group, h (T - ambient) per area; `h` a number, or a curve of the surface's temperature."""

    type: Literal["convection"]
    where: Name
    h: OrCurve[NotNegative, Curve]
    """Coefficient of heat transfer: a number, or a curve of the surface's temperature. [heat/(area time temperature)]
    e.g. 25.0"""
    ambient: Float = 0.0
    """Temperature of the surroundings. [temperature]"""


class LateralConvection(Section):
    """Heat that leaves a rod through its sides, h (T - ambient) perimeter per length; a plate: per area, its faces."""

    type: Literal["lateral_convection"]
    h: NotNegative
    """Coefficient of heat transfer. [heat/(area time temperature)] e.g. 25.0"""
    perimeter: Positive
    """Of the rod's section; of a plate the number of its faces that are in the open. [length] e.g. 0.1"""
    ambient: Float = 0.0
    """Temperature of the surroundings. [temperature]"""
    where: Name | None = None


class Radiation(Section):
    """Heat that a facet group radiates, emissivity σ ((T - zero)⁴ - (ambient - zero)⁴), `zero` the absolute zero."""

    type: Literal["radiation"]
    where: Name
    emissivity: Positive
    """Of the surface, at most 1 for real bodies. [1] e.g. 0.8"""
    ambient: Float
    """Temperature of the surroundings. [temperature] e.g. 20.0"""
    zero: Float = 0.0
    """The absolute zero on the scale of temperatures. [temperature]"""
    sigma: Positive = 5.670374419e-8
    """Constant of Stefan and Boltzmann in the units of the scene. [heat/(area time temperature⁴)]"""


class PhaseChange(Section):
    """Heat capacity per volume and a latent heat per volume, taken up over a range of temperatures about the melting
    point."""

    c: OrCurve[Positive, Curve]
    """Heat capacity per volume: a number, or a curve of the temperature. [heat/(volume temperature)] e.g. 3.0e6"""
    latent: Positive
    """Heat that melting takes up. [heat/volume] e.g. 3.0e8"""
    melting: Float
    """Temperature that the melting range is centred at. [temperature] e.g. 0.0"""
    width: Positive
    """Width of the melting range. [temperature] e.g. 2.0"""


class Heat(Physics):
    """Heat conduction; `thickness` of a plane body, or the cross-section of a rod.

    `capacity`, ρ c per volume, is for scenes with `[time]`: a number, a curve of the temperature, or a phase change.
    """

    time: ClassVar[Literal["may"]] = "may"
    equilibrium: ClassVar[bool] = True
    design: ClassVar[bool] = True
    material: HeatMaterial
    """The law of conduction. e.g. {law = "IsotropicConduction", k = 45.0}"""
    thickness: Positive = 1.0
    """Of a plane body, or the cross-section of a rod. [length, or area of a rod]"""
    capacity: (
        Annotated[
            Annotated[Positive, pydantic.Tag("number")]
            | Annotated[Curve, pydantic.Tag("curve")]
            | Annotated[PhaseChange, pydantic.Tag("phase_change")],
            number_or("curve", "phase_change"),
        ]
        | None
    ) = None
    """Heat capacity per volume, ρ c, for scenes with `[time]`: a number, a curve of the temperature, or a phase
    change. [energy/(length³ temperature)] e.g. 3.6e6"""
    constraints: Entries[Temperature | Periodicity | Tie]
    loads: Entries[Flux | Source | Convection | LateralConvection | Radiation]
