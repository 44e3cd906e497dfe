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
    plane: Literal["strain", "stress", "axisymmetric"] | None = None
    thermal: Thermal | None = None
    eigenstrain: OwnStrain | None = None


class HeatMaterial(_Law):
    """A law of heat conduction; `k` may be a table with `curve = "Polynomial"` or `"Table"` and its arguments."""

    law: ConductionLaw


class Displacement(Section):
    """Prescribed displacement of a group, of all components or of those named."""

    type: Literal["displacement"]
    where: Name
    value: Value = 0.0
    components: list[Component] | None = None


class RigidMotion(Section):
    """A group turned about an axis through `centre` by `angle` degrees, then moved by `translation`."""

    type: Literal["rigid_motion"]
    where: Name
    axis: Vector | None = None
    angle: Float = 0.0
    centre: Vector
    translation: Vector | None = None


class Periodicity(Section):
    """Nodes of `target` follow those of `source` up to a jump."""

    type: Literal["periodic"]
    source: Name
    target: Name
    jump: Value = 0.0


class RigidTie(Section):
    """A group that moves as one, with a small rotation if wanted."""

    type: Literal["rigid_tie"]
    where: Name
    rotation: bool = False


class Traction(Section):
    """A dead force per undeformed area on a facet group."""

    type: Literal["traction"]
    where: Name
    value: Value


class Force(Section):
    """A dead total force, spread evenly over a facet group."""

    type: Literal["force"]
    where: Name
    value: Value


class PointForce(Section):
    """A dead total force, spread evenly over the nodes of a group, of points mostly."""

    type: Literal["point_force"]
    where: Name
    value: Value


class Pressure(Section):
    """A pressure on a facet group, pushing inwards; `follower`: normal to the deformed surface."""

    type: Literal["pressure"]
    where: Name
    value: Float
    follower: bool = False
    side: Name | None = None
    """The cell group that is pushed, where facets lie between two cells."""


class BodyForce(Section):
    """A dead force per undeformed volume, of a cell group or of the whole body."""

    type: Literal["body_force"]
    value: Vector
    where: Name | None = None


class ElasticSupport(Section):
    """Springs on a facet group: `stiffness` is force per area and displacement, one number or one for each direction."""

    type: Literal["elastic_support"]
    where: Name
    stiffness: Value


class Solid(Physics):
    """Static equilibrium of a solid; `formulation = "mixed"`: with a pressure of its own, for bodies that hardly change
    their volume."""

    equilibrium: ClassVar[bool] = True
    material: SolidMaterial
    formulation: Literal["displacement", "mixed"] = "displacement"
    thickness: Positive = 1.0
    density: Positive | None = None
    """Mass per volume: with it and `[time]` the body has inertia, and a `[design]` eigenfrequencies."""
    nonlocal_length: Positive | None = None
    """With it the damage of `IsotropicDamage` is driven by a strain that is smoothed over this length."""
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


class Temperature(Section):
    """Prescribed temperature of a group."""

    type: Literal["temperature"]
    where: Name
    value: Float


class Flux(Section):
    """Heat per area and time through a facet group; positive where it leaves the body."""

    type: Literal["flux"]
    where: Name
    value: Float
    side: Name | None = None
    """The cell group that the heat leaves, where facets lie between two cells."""


class Source(Section):
    """Heat per volume and time set free in a cell group or the whole body."""

    type: Literal["source"]
    value: Float
    where: Name | None = None


class Convection(Section):
    """Heat that leaves a facet group, h (T - ambient) per area; `h` a number, or a curve of the surface's temperature."""

    type: Literal["convection"]
    where: Name
    h: Annotated[
        Annotated[NotNegative, pydantic.Tag("number")] | Annotated[Curve, pydantic.Tag("curve")], number_or("curve")
    ]
    ambient: Float = 0.0


class LateralConvection(Section):
    """Heat that leaves a rod through its sides, h (T - ambient) perimeter per length; a plate: per area, its faces."""

    type: Literal["lateral_convection"]
    h: NotNegative
    perimeter: Positive
    ambient: Float = 0.0
    where: Name | None = None


class Radiation(Section):
    """Heat that a facet group radiates, emissivity σ ((T - zero)⁴ - (ambient - zero)⁴), `zero` the absolute zero."""

    type: Literal["radiation"]
    where: Name
    emissivity: Positive
    ambient: Float
    zero: Float = 0.0
    sigma: Positive = 5.670374419e-8


class PhaseChange(Section):
    """Heat capacity per volume and a latent heat per volume, taken up over a range of temperatures about the melting
    point."""

    c: Annotated[
        Annotated[Positive, pydantic.Tag("number")] | Annotated[Curve, pydantic.Tag("curve")], number_or("curve")
    ]
    latent: Positive
    melting: Float
    width: Positive


class Heat(Physics):
    """Heat conduction; `thickness` of a plane body, or the cross-section of a rod.

    `capacity`, ρ c per volume, is for scenes with `[time]`: a number, a curve of the temperature, or a phase change.
    """

    time: ClassVar[Literal["may"]] = "may"
    equilibrium: ClassVar[bool] = True
    design: ClassVar[bool] = True
    material: HeatMaterial
    thickness: Positive = 1.0
    capacity: (
        Annotated[
            Annotated[Positive, pydantic.Tag("number")]
            | Annotated[Curve, pydantic.Tag("curve")]
            | Annotated[PhaseChange, pydantic.Tag("phase_change")],
            number_or("curve", "phase_change"),
        ]
        | None
    ) = None
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
    stretch: Annotated[list[float], pydantic.Field(min_length=2, max_length=2)]
    count: Annotated[Count, pydantic.Field(ge=2)] = 60


class Homogeneous(Physics):
    """Homogeneous tests of an incompressible body: no mesh."""

    body: ClassVar[bool] = False
    numbers: ClassVar[str] = "material"
    material: SolidMaterial
    tests: dict[Key, Test] = pydantic.Field(default_factory=dict)

    @pydantic.model_validator(mode="after")
    def _unstrained(self):
        if self.material.thermal is not None or self.material.eigenstrain is not None:
            raise ValueError("`thermal` and `eigenstrain` belong to [solid]: a test's stretch is that of the law.")
        return self
