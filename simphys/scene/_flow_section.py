"""`[stokes]`: creeping flow, what drives it and what holds it."""

from typing import Annotated, ClassVar, Literal

import pydantic

from ._physics_section import BodyForce, Component, Periodicity, Pressure, Traction
from ._section import Fields, Key, Name, Physics, Positive, Section, Value


class Velocity(Section):
    """Prescribed velocity of a group, of all components or of those named; a list may hold one number per component."""

    type: Literal["velocity"]
    where: Name
    value: Value = 0.0
    """The velocity of the components it is prescribed for: one number, or one for each of them. [length/time]"""
    components: list[Component] | None = None
    """Which components are prescribed, by default all. e.g. ["x"]"""


class Stokes(Physics):
    """Steady creeping flow of a fluid of a given dynamic viscosity."""

    fields: ClassVar[Fields] = "taylor_hood"
    viscosity: Positive
    """Dynamic viscosity of the fluid. [stress time] e.g. 1e-3"""
    constraints: dict[Key, Annotated[Velocity | Periodicity, pydantic.Field(discriminator="type")]] = pydantic.Field(
        default_factory=dict
    )
    loads: dict[Key, Annotated[Traction | Pressure | BodyForce, pydantic.Field(discriminator="type")]] = pydantic.Field(
        default_factory=dict
    )
