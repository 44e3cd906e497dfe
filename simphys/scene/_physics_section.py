"""`[solid]`, `[heat]` and `[homogeneous]`: the balance law, its material, what holds and what loads the body."""

from typing import Annotated, Any, ClassVar, Literal, get_args

import pydantic
from pydantic_core import PydanticCustomError

from ._limits import Count
from ._section import (
    Fields,
    Float,
    Key,
    Name,
    NotNegative,
    Physics,
    Positive,
    Section,
    Value,
    Vector,
    describe,
    number_or,
)
from ._strain_section import OwnStrain, Thermal


SolidLaw = Literal[
    "LinearElastic",
    "OrthotropicElastic",
    "StVenantKirchhoff",
    "NeoHooke",
    "IsochoricNeoHooke",
    "MooneyRivlin",
    "Yeoh",
    "Gent",
    "Ogden",
    "ArrudaBoyce",
    "HolzapfelGasserOgden",
    "NeuralHyperelastic",
    "J2Plasticity",
    "Viscoelastic",
    "FinitePlasticity",
    "IsotropicDamage",
]
ConductionLaw = Literal["IsotropicConduction", "AnisotropicConduction"]
SOLID_LAWS, CONDUCTION_LAWS = get_args(SolidLaw), get_args(ConductionLaw)
Component = Literal["x", "y", "z"]
TESTS = Literal["uniaxial", "equibiaxial", "pure_shear"]


class _Law(Section):
    """A law by name; every other key is an argument of the law."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    @pydantic.model_validator(mode="after")
    def _numbers(self):
        for key, value in (self.__pydantic_extra__ or {}).items():
            check_argument(key, value)
        return self


def check_argument(key: str, value: Any):
    """Raise unless an argument of a law is a finite number, nested lists of them, a name, or a table of such."""
    leaves = [value]
    while leaves:
        leaf = leaves.pop()
        if isinstance(leaf, list):
            leaves.extend(leaf)
        elif isinstance(leaf, dict):
            leaves.extend(leaf.values())
        elif isinstance(leaf, bool) or not isinstance(leaf, int | float | str) or not _finite(leaf):
            text = f"`{key}`: finite numbers expected, got {describe(leaf)}."
            raise PydanticCustomError("wrong_type", "{text}", {"text": text})


def _finite(leaf):
    return isinstance(leaf, str) or abs(leaf) < float("inf")


class SolidMaterial(_Law):
    """A law of solids; `plane` tells what a two-dimensional body stands for.

    "axisymmetric": it is the meridian plane of a body of revolution, x = r and y = z.
    """

    law: SolidLaw
    """Name of the law, which other keys are arguments of: `E` and `nu` of "LinearElastic". e.g. 'LinearElastic'"""
    plane: Literal["strain", "stress", "axisymmetric"] | None = None
    """What a two-dimensional body stands for; "axisymmetric": the meridian plane of a body of revolution, x = r, y =
    z. e.g. 'strain'"""
    thermal: Thermal | None = None
    """A temperature that is given, by which the body expands."""
    eigenstrain: OwnStrain | None = None
    """A strain that is free of stress."""


class HeatMaterial(_Law):
    """A law of heat conduction; `k` may be a table with `curve = "Polynomial"` or `"Table"` and its arguments."""

    law: ConductionLaw
    """Name of the law, whose conductivity `k` is another key. e.g. 'IsotropicConduction'"""


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
    constraints: dict[
        Key,
        Annotated[Displacement | RigidMotion | Periodicity | RigidTie, pydantic.Field(discriminator="type")],
    ] = pydantic.Field(default_factory=dict)
    loads: dict[
        Key,
        Annotated[
            Traction | Force | PointForce | Pressure | BodyForce | ElasticSupport, pydantic.Field(discriminator="type")
        ],
    ] = pydantic.Field(default_factory=dict)

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


class Curve(_Law):
    """A property that depends on temperature: `curve = "Polynomial"` or `"Table"`, and its arguments."""

    curve: Literal["Constant", "Polynomial", "Table", "NeuralCurve"]
    """Kind of the curve, whose arguments are other keys: `temperatures` and `values` of "Table". e.g. 'Constant'"""


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
    h: Annotated[
        Annotated[NotNegative, pydantic.Tag("number")] | Annotated[Curve, pydantic.Tag("curve")], number_or("curve")
    ]
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

    c: Annotated[
        Annotated[Positive, pydantic.Tag("number")] | Annotated[Curve, pydantic.Tag("curve")], number_or("curve")
    ]
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
    constraints: dict[Key, Annotated[Temperature | Periodicity, pydantic.Field(discriminator="type")]] = pydantic.Field(
        default_factory=dict
    )
    loads: dict[
        Key,
        Annotated[Flux | Source | Convection | LateralConvection | Radiation, pydantic.Field(discriminator="type")],
    ] = pydantic.Field(default_factory=dict)


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

    body: ClassVar[bool] = False
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
