"""Rigid bodies that a surface may touch."""

from typing import Annotated, Literal

import pydantic

from ._section import Name, NotNegative, Positive, Section, Value, Vector


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
    """A rigid body that a facet group does not enter, without friction; see `physics.Obstacle`."""

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
