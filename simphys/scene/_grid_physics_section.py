"""What is computed on a `[grid]`: flows, diffusion, conservation laws."""

from typing import Annotated, ClassVar, Literal

import pydantic

from ._grid_section import SIDES, PeriodicSide, Shape, SlipSide, SymmetrySide
from ._section import Float, Key, NotNegative, Physics, Positive, Section, Value, Vector, one_of


class WallSide(Section):
    """A wall that the fluid sticks to."""

    type: Literal["wall"]
    value: Value = 0.0
    """Its velocity: a number for each component, or 0. [length/time] e.g. [1.0, 0.0]"""


class InflowSide(Section):
    """What enters through a side, straight."""

    type: Literal["inflow"]
    value: Float
    """Speed inwards, of a parabolic profile that in the middle. [length/time] e.g. 1.0"""
    profile: Literal["flat", "parabolic"] = "flat"
    """`parabolic`: `value` in the middle of the side, 0 at its ends. e.g. 'parabolic'"""


class OutflowSide(Section):
    """An opening with a pressure outside, without shear."""

    type: Literal["outflow"]
    value: Float = 0.0
    """Pressure outside. [stress]"""
    enters: bool = False
    """Whether fluid that enters is as fast as that inside; else energy never enters."""


class FlowBody(Section):
    """A body that the fluid goes round, as a resistance within it; it is differentiated by place and size."""

    shape: Shape
    """What and where it is. e.g. {kind = "ball", centre = [0.5, 0.5], radius = 0.1}"""
    resistance: NotNegative
    """Of the body per mass of fluid; good values: 1e3 to 1e5 times speed over size. [1/time] e.g. 1e4"""
    width: Positive | None = None
    """Half the width of its edge, by default a mean cell. [length] e.g. 0.01"""
    velocity: Vector | None = None
    """Its own velocity, by default 0. [length/time] e.g. [0.0, 0.1]"""


class GridPhysics(Physics):
    """What is computed on a grid."""

    body: ClassVar[Literal["mesh", "grid", "none"]] = "grid"
    time: ClassVar[Literal["may", "must", "cannot"]] = "may"


FlowSide = Annotated[
    PeriodicSide | WallSide | SlipSide | SymmetrySide | InflowSide | OutflowSide, pydantic.Field(discriminator="type")
]


class GridFlow(GridPhysics):
    """Laminar flow on a grid, with velocity and pressure found together: steady, or with [time] from its first state."""

    viscosity: Positive
    """Dynamic viscosity of the fluid. [stress time] e.g. 1e-3"""
    density: Positive
    """Mass per volume. [stress time²/length²] e.g. 1000.0"""
    force: Vector | None = None
    """Force per volume, by default none. [force/length³] e.g. [0.0, -9.81]"""
    inertia: bool = True
    """Whether the fluid has inertia; without, it creeps."""
    sides: Annotated[dict[SIDES, FlowSide], pydantic.Field(min_length=1)]
    """What holds at each side: "periodic", "wall", "slip", "symmetry", "inflow", "outflow"; `all` for those not named.
    e.g. {all = {type = "wall"}, top = {type = "wall", value = [1.0, 0.0]}}"""
    obstacle: FlowBody | None = None
    """A body within the flow."""


class ValueSide(Section):
    """A given value."""

    type: Literal["value"]
    value: Float = 0.0
    """The value. [that of the solution]"""


class FluxSide(Section):
    """A given flux through the side."""

    type: Literal["flux"]
    value: Float = 0.0
    """What leaves per area and time. [that of conductivity and slope]"""


class ExchangeSide(Section):
    """An exchange with what is outside, h (u − ambient) per area."""

    type: Literal["exchange"]
    h: Positive
    """Coefficient of exchange. [conductivity/length] e.g. 10.0"""
    ambient: Float = 0.0
    """Value outside. [that of the solution]"""


ScalarSide = Annotated[
    PeriodicSide | ValueSide | FluxSide | ExchangeSide | SymmetrySide, pydantic.Field(discriminator="type")
]


class DiffusionRegion(Section):
    """A part of the box of another material, or with a source."""

    shape: Shape
    """What and where it is. e.g. {kind = "ball", centre = [0.5, 0.5], radius = 0.1}"""
    conductivity: Positive | None = None
    """Conductivity there, by default that of the rest. [conductivity] e.g. 100.0"""
    source: Float | None = None
    """What arises there per volume and time, by default as in the rest. [capacity that of the solution/time] e.g. 1.0"""
    width: Positive | None = None
    """Half the width of its edge, by default half a mean cell. [length] e.g. 0.01"""


class Diffusion(GridPhysics):
    """Diffusion of heat or of a substance on a grid, carried by a uniform wind if there is one."""

    quantity: Literal["temperature", "concentration"] = "temperature"
    """What diffuses, for names and labels."""
    conductivity: Positive
    """Of heat, or the diffusivity of a substance. [conductivity] e.g. 0.6"""
    capacity: Positive = 1.0
    """What is stored per volume and unit of the solution. [1]"""
    source: Float = 0.0
    """What arises per volume and time. [capacity that of the solution/time]"""
    velocity: Vector | None = None
    """Of what carries it, times the capacity; by default nothing does. [capacity length/time] e.g. [1.0, 0.0]"""
    regions: dict[Key, DiffusionRegion] = pydantic.Field(default_factory=dict)
    """Parts of another material, by names of your own; the later ones hold."""
    sides: Annotated[dict[SIDES, ScalarSide], pydantic.Field(min_length=1)]
    """What holds at each side: "periodic", "value", "flux", "exchange", "symmetry"; `all` for those not named. e.g.
    {left = {type = "value", value = 1.0}, all = {type = "symmetry"}}"""


class OpenSide(Section):
    """What is within goes on beyond: transmissive."""

    type: Literal["outflow"]


class MirrorSide(Section):
    """A wall: a mirror, for nothing here has friction."""

    type: Literal["wall"]


class StateSide(Section):
    """Some primitive variables are given beyond the side, the others are as within."""

    type: Literal["state"]
    values: Annotated[dict[Key, Float], pydantic.Field(min_length=1)]
    """Given variables, by their names. [those of the variables] e.g. {density = 1.2, velocity_x = 30.0}"""


LawSide = Annotated[
    PeriodicSide | OpenSide | MirrorSide | SlipSide | SymmetrySide | StateSide, pydantic.Field(discriminator="type")
]


class ConservationLaw(GridPhysics):
    """What is carried along, waves that steepen, water, gases: the means over cells of what is conserved."""

    time: ClassVar[Literal["may", "must", "cannot"]] = "must"
    needs: ClassVar[str] = "[conservation_law] is led through [time]: give `end` and `steps`."
    law: Literal["advection", "burgers", "shallow_water", "euler"]
    """Which law: variables u; u; depth, velocity_x, velocity_y; density, velocity_x, …, pressure. e.g. 'euler'"""
    gamma: Annotated[float, pydantic.Field(gt=1), one_of("a number above 1")] = 1.4
    """Of "euler": ratio of specific heats. [1]"""
    gravity: Positive = 9.81
    """Of "shallow_water". [length/time²]"""
    velocity: Vector | None = None
    """Of "advection". [length/time] e.g. [1.0]"""
    reconstruction: Literal["first_order", "muscl", "weno5z"] = "muscl"
    """How states at faces follow from means."""
    flux: Literal["rusanov", "hllc"] = "rusanov"
    """Flux between two states; "hllc" knows contacts, of "euler" and "shallow_water"."""
    sides: Annotated[dict[SIDES, LawSide], pydantic.Field(min_length=1)]
    """What holds at each side: "periodic", "outflow", "wall", "slip", "symmetry", "state"; `all` for those not named.
    e.g. {all = {type = "outflow"}}"""

    @pydantic.model_validator(mode="after")
    def _complete(self):
        if (self.velocity is not None) != (self.law == "advection"):
            raise ValueError('`velocity` belongs to law = "advection", which needs it.')
        return self
