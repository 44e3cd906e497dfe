"""`[solid]` and `[homogeneous]`: the balance law, what holds and what loads the body."""

from typing import Annotated, ClassVar, Literal

import pydantic

from ._limits import Count
from ._material_section import SolidMaterial
from ._obstacle_section import CohesiveZone, Contact, Obstacle
from ._section import (
    Entries,
    Fields,
    Float,
    Key,
    Name,
    Physics,
    Positive,
    Section,
    Value,
    Vector,
)


Component = Literal["x", "y", "z"]
TESTS = Literal["uniaxial", "equibiaxial", "pure_shear"]


class Displacement(Section):
    """Prescribed displacement of a group, of all components or of those named."""

    type: Literal["displacement"]
    where: Name
    value: Value = 0.0
    """The displacement of the components it is prescribed for: one number, or one for each of them. [length]"""
    components: list[Component] | None = None
    """Which components are prescribed, by default all. e.g. ["x"]"""


class RigidMotion(Section):
    """A group turned about an axis through `centre` by `angle` degrees, then moved by `translation`."""

    type: Literal["rigid_motion"]
    where: Name
    axis: Vector | None = None
    """Axis of the rotation, in space. [1] e.g. [0.0, 0.0, 1.0]"""
    angle: Float = 0.0
    """Angle of the rotation. [degree]"""
    centre: Vector
    """A point of the axis. [length] e.g. [0.0, 0.0, 0.0]"""
    translation: Vector | None = None
    """How far it is moved after the rotation. [length] e.g. [0.0, 0.0, 1.0]"""


class Periodicity(Section):
    """Nodes of `target` follow those of `source` up to a jump."""

    type: Literal["periodic"]
    source: Name
    """Group whose nodes lead. e.g. 'left'"""
    target: Name
    """Group whose nodes follow. e.g. 'right'"""
    jump: Value = 0.0
    """What is added from source to target: one number, or one for each component. [that of the solution]"""


class RigidTie(Section):
    """A group that moves as one, with a small rotation if wanted."""

    type: Literal["rigid_tie"]
    where: Name
    rotation: bool = False
    """Whether it may turn by a small angle."""


class Slip(Section):
    """Slip along walls: the part normal to them is prescribed, the rest is free."""

    type: Literal["slip"]
    where: Name | Annotated[list[Name], pydantic.Field(min_length=1)]
    """A facet group that is a smooth wall, or several that meet in edges. e.g. ["left", "bottom"]"""
    value: Float = 0.0
    """The part along the outward normal. [that of the solution]"""


class Tie(Section):
    """A side that is glued to another one whose nodes are elsewhere."""

    type: Literal["tie"]
    secondary: Name
    """Facet group whose values follow, the finer one; all of it must touch the other. e.g. 'lid'"""
    primary: Name
    """Facet group that leads. e.g. 'pot'"""
    tolerance: Annotated[Float, pydantic.Field(gt=0, le=0.5)] = 0.05
    """How far sides may be apart or inside each other, as a share of the larger facet. [1] e.g. 0.1"""


class Traction(Section):
    """A dead force per undeformed area on a facet group."""

    type: Literal["traction"]
    where: Name
    value: Value
    """Force per undeformed area, one number for each direction. [force/area] e.g. [0.0, -1.0]"""


class Force(Section):
    """A dead total force, spread evenly over a facet group."""

    type: Literal["force"]
    where: Name
    value: Value
    """The total force, one number for each direction. [force] e.g. [0.0, -100.0]"""


class PointForce(Section):
    """A dead total force, spread evenly over the nodes of a group, of points mostly."""

    type: Literal["point_force"]
    where: Name
    value: Value
    """The total force, one number for each direction. [force] e.g. [0.0, -100.0]"""


class Pressure(Section):
    """A pressure on a facet group, pushing inwards; `follower`: normal to the deformed surface."""

    type: Literal["pressure"]
    where: Name
    value: Float
    """The pressure, positive inwards. [stress] e.g. 0.5"""
    follower: bool = False
    """Whether it stays normal to the deformed surface."""
    side: Name | None = None
    """The cell group that is pushed, where facets lie between two cells. e.g. 'matrix'"""


class BodyForce(Section):
    """A dead force per undeformed volume, of a cell group or of the whole body."""

    type: Literal["body_force"]
    value: Vector
    """Force per undeformed volume, one number for each direction. [force/volume] e.g. [0.0, -9.81]"""
    where: Name | None = None


class ElasticSupport(Section):
    """Springs on a facet group: `stiffness` is force per area and displacement, one number or one for each direction."""

    type: Literal["elastic_support"]
    where: Name
    stiffness: Value
    """Force per area and displacement, one number or one for each direction. [stress/length] e.g. 10.0"""


class Solid(Physics):
    """Static equilibrium of a solid; `formulation = "mixed"`: with a pressure of its own, for bodies that hardly change
    their volume."""

    equilibrium: ClassVar[bool] = True
    material: SolidMaterial
    """The law of the body. e.g. {law = "LinearElastic", E = 210e3, nu = 0.3}"""
    formulation: Literal["displacement", "mixed"] = "displacement"
    """The unknowns: displacements alone, or with a pressure of their own, for bodies that hardly change their volume."""
    thickness: Positive = 1.0
    """Of a plane body. [length]"""
    density: Positive | None = None
    """Mass per volume: with it and `[time]` the body has inertia, and a `[design]` eigenfrequencies. [mass/length³]
    e.g. 7.85e-9"""
    nonlocal_length: Positive | None = None
    """With it the damage of `IsotropicDamage` is driven by a strain that is smoothed over this length. [length] e.g.
    2.0"""
    constraints: Entries[Displacement | RigidMotion | Periodicity | RigidTie | Tie | Slip]
    loads: Entries[
        Traction | Force | PointForce | Pressure | BodyForce | ElasticSupport | Obstacle | Contact | CohesiveZone
    ]

    @property
    def fields(self) -> Fields:
        """A pressure or a smoothed strain may be an unknown of its own."""
        if self.nonlocal_length is not None:
            return "vector_and_scalar"
        return "taylor_hood" if self.formulation == "mixed" else "vector"

    @property
    def time(self) -> Literal["may", "must"]:
        """Damage with a length grows along a path."""
        return "may" if self.nonlocal_length is None else "must"

    @property
    def needs(self) -> str:
        """What to say then."""
        return "`solid.nonlocal_length` needs [time]: damage grows along a path."

    @property
    def design(self) -> bool:
        """A layout is that of a body of one field."""
        return self.fields == "vector"

    @pydantic.model_validator(mode="after")
    def _one_second_field(self):
        if self.nonlocal_length is None:
            return self
        if self.material.law != "IsotropicDamage":
            raise ValueError(f'`nonlocal_length` belongs to law = "IsotropicDamage", got {self.material.law!r}.')
        if self.formulation == "mixed" or self.density is not None:
            raise ValueError('`nonlocal_length` excludes formulation = "mixed" and `density`.')
        return self


class Test(Section):
    """A homogeneous test at equally spaced stretches."""

    test: TESTS
    """Kind of the test."""
    stretch: Annotated[list[float], pydantic.Field(min_length=2, max_length=2)]
    """First and last stretch. [1] e.g. [1.0, 3.0]"""
    count: Annotated[Count, pydantic.Field(ge=2)] = 60
    """How many stretches, equally spaced. [1]"""


class Homogeneous(Physics):
    """Homogeneous tests of an incompressible body: no mesh."""

    body: ClassVar[Literal["mesh", "grid", "none"]] = "none"
    numbers: ClassVar[str] = "material"
    material: SolidMaterial
    """The law of the body; it is taken to be incompressible. e.g. {law = "MooneyRivlin", c10 = 0.2, c01 = 0.02, kappa
    = 1000.0}"""
    tests: dict[Key, Test] = pydantic.Field(default_factory=dict)
    """Tests to compute, by names of your own."""

    @pydantic.model_validator(mode="after")
    def _unstrained(self):
        if self.material.thermal is not None or self.material.eigenstrain is not None:
            raise ValueError("`thermal` and `eigenstrain` belong to [solid]: a test's stretch is that of the law.")
        return self
