"""Contact: with rigid bodies, of bodies with each other, and with themselves."""

from typing import Annotated, ClassVar, Literal

import pydantic

from ._limits import Count
from ._section import Float, Name, NotNegative, Positive, Section, Value, Vector


class HalfSpace(Section):
    """All that lies behind a plane, in 2-D behind a line."""

    kind: Literal["half_space"]
    point: Vector
    """A point of the plane. [length] e.g. [0.0, 0.0]"""
    normal: Vector
    """Direction that points out of the obstacle. [1] e.g. [0.0, 1.0]"""


class Sphere(Section):
    """A sphere, in 2-D a disc."""

    kind: Literal["sphere"]
    centre: Vector
    """Its centre. [length] e.g. [0.0, -5.0]"""
    radius: Positive
    """Its radius. [length] e.g. 5.0"""


class Cylinder(Section):
    """A cylinder without ends."""

    kind: Literal["cylinder"]
    point: Vector
    """A point of the axis. [length] e.g. [0.0, 0.0, -5.0]"""
    axis: Vector
    """Direction of the axis. [1] e.g. [1.0, 0.0, 0.0]"""
    radius: Positive
    """Its radius. [length] e.g. 5.0"""


class Box(Section):
    """A box along the axes, in 2-D a rectangle."""

    kind: Literal["box"]
    centre: Vector
    """Its centre. [length] e.g. [0.0, -5.0]"""
    half: Vector
    """Half its lengths. [length] e.g. [5.0, 2.0]"""
    rounding: NotNegative = 0.0
    """Radius of its edges. [length]"""


class Obstacle(Section):
    """A rigid body that a facet group does not enter, with or without friction; see `physics.Obstacle`."""

    type: Literal["obstacle"]
    where: Name
    shape: Annotated[HalfSpace | Sphere | Cylinder | Box, pydantic.Field(discriminator="kind")]
    """What and where it is. e.g. {kind = "sphere", centre = [0.0, -5.0], radius = 5.0}"""
    stiffness: Value
    """Pressure at which it yields by its reach (barrier: a tenth of the body's modulus). [stress] e.g. 1.0"""
    reach: Positive
    """Distance over which it acts. [length] e.g. 0.01"""
    law: Literal["barrier", "penalty"] = "barrier"
    """Whether the gap is never closed, or the surface enters a little."""
    inside: bool = False
    """Whether the body lies inside of the shape."""
    friction: NotNegative | None = None
    """Coulomb's coefficient; left out: none. Each load step is a step of friction. [1] e.g. 0.3"""
    static_friction: NotNegative | None = None
    """What the coefficient is before a surface slides, that or more; left out: the same. [1] e.g. 0.4"""
    slip: Positive | None = None
    """Slip in a load step at which friction has grown to its full size. [length] e.g. 0.001"""
    slip_speed: Positive | None = None
    """In time the speed at which it has; left out: for load steps alone. [length/time] e.g. 0.01"""


class Contact(Section):
    """Two facet groups that do not enter each other, or one that does not enter itself; see `physics.Contact`."""

    fixed: ClassVar[tuple[str, ...]] = ("samples", "travel")
    type: Literal["contact"]
    surfaces: Annotated[list[Name], pydantic.Field(min_length=1, max_length=2)]
    """One facet group that may touch itself, or two that touch each other. e.g. ["lower_top", "upper_bottom"]"""
    stiffness: Value
    """Pressure of the barrier: a tenth of the body's modulus, say. [stress] e.g. 1.0"""
    reach: Positive
    """Distance over which it acts, below that of facets that are no neighbours. [length] e.g. 0.01"""
    friction: NotNegative | None = None
    """Coulomb's coefficient; left out: none. Each load step is a step of friction. [1] e.g. 0.3"""
    static_friction: NotNegative | None = None
    """What the coefficient is before a surface slides, that or more; left out: the same. [1] e.g. 0.4"""
    slip: Positive | None = None
    """Slip in a load step at which friction has grown to its full size. [length] e.g. 0.001"""
    slip_speed: Positive | None = None
    """In time the speed at which it has; left out: for load steps alone. [length/time] e.g. 0.01"""
    samples: Count = 2
    """Into how many parts the edge of a facet is cut by points at which it is looked at. [1] e.g. 2"""
    travel: Positive | None = None
    """How far apart in the undeformed mesh nodes may be that will touch; left out: any. [length] e.g. 0.5"""


class CohesiveZone(Section):
    """Two facet groups that hold together until they break; see `physics.CohesiveZone`. Damage is carried from load step to
    load step."""

    fixed: ClassVar[tuple[str, ...]] = ("damage",)
    type: Literal["cohesive_zone"]
    between: Annotated[list[Name], pydantic.Field(min_length=2, max_length=2)]
    """Two facet groups whose facets lie upon each other, vertex on vertex. e.g. ["lower_top", "upper_bottom"]"""
    strength: Positive
    """Traction at which they begin to part. [stress] e.g. 1.0"""
    energy: Positive
    """What it takes to tear them apart, per area. [stress·length] e.g. 0.01"""
    stiffness: Positive
    """Traction per opening before that: a few times the modulus over the thickness beside. [stress/length] e.g. 1e3"""
    shear_strength: Positive | None = None
    """Traction at which they begin to slide; left out: the same. [stress] e.g. 1.5"""
    shear_energy: Positive | None = None
    """What it takes to slide them apart; left out: the same. [stress·length] e.g. 0.03"""
    mixing: Positive = 1.0
    """Exponent of the mixture of both (Benzeggagh and Kenane). [1]"""
    damage: Annotated[Float, pydantic.Field(ge=0, le=1)] = 0.0
    """How much is broken at first: 1 of a crack that is there. [1]"""
