"""`[stokes]`, `[navier_stokes]`, `[boussinesq]`: flow that creeps, has inertia, carries heat; what drives and holds it."""

from typing import ClassVar, Literal

from ._heat_section import Convection, Flux, Radiation, Source, Temperature
from ._material_section import Law
from ._physics_section import BodyForce, Component, Periodicity, Pressure, Slip, Traction
from ._section import Entries, Fields, Float, Name, NotNegative, OrCurve, Physics, Positive, Section, Value, Vector


class Velocity(Section):
    """Prescribed velocity of a group, of all components or of those named; a list may hold one number per component."""

    type: Literal["velocity"]
    where: Name
    value: Value = 0.0
    """The velocity of the components it is prescribed for: one number, or one for each of them. [length/time]"""
    components: list[Component] | None = None
    """Which components are prescribed, by default all. e.g. ["x"]"""
    profile: Literal["flat", "parabolic"] = "flat"
    """`parabolic`: `value` in the middle of a straight inlet, 0 at its ends. e.g. 'parabolic'"""


class WeakVelocity(Section):
    """A velocity that a part of the boundary is given weakly (Nitsche's method), or its normal part alone."""

    type: Literal["weak_velocity"]
    where: Name
    value: Vector
    """The velocity. [length/time] e.g. [0.0, 0.0]"""
    slip: bool = False
    """Whether its normal part alone is given: a wall without friction. e.g. true"""
    penalty: Positive = 10.0
    """How stiffly it is held, in units of the viscosity over the cells' height. [1] e.g. 10.0"""


class Stokes(Physics):
    """Steady creeping flow of a fluid of a given dynamic viscosity."""

    fields: ClassVar[Fields] = "taylor_hood"
    viscosity: Positive
    """Dynamic viscosity of the fluid. [stress time] e.g. 1e-3"""
    constraints: Entries[Velocity | Slip | Periodicity]
    loads: Entries[Traction | Pressure | BodyForce | WeakVelocity]


class PrescribedPressure(Section):
    """Prescribed pressure at the nodes of a group, of points mostly; the tractions of an inlet or outlet are a load."""

    type: Literal["pressure"]
    where: Name
    value: Float = 0.0
    """The pressure. [stress]"""


class Backflow(Section):
    """An outlet that takes from a fluid that comes back the energy that it would bring in."""

    type: Literal["backflow"]
    where: Name
    share: NotNegative = 1.0
    """How much of it: from about 0.5 on flows are stable. [1] e.g. 1.0"""


class Viscosity(Law):
    """A viscosity that depends on the shear rate: `curve = "Carreau"`, "Table" or "Polynomial", and its arguments."""

    curve: Literal["Carreau", "Table", "Polynomial", "NeuralCurve"]
    """Kind of the curve, whose arguments are other keys: `at_rest`, `sheared`, `time`, `power` of "Carreau", the shear
    rates of "Table" as `temperatures`. e.g. 'Carreau'"""


class _Fluid(Physics):
    """What flows with inertia have in common."""

    time: ClassVar[Literal["may", "must", "cannot"]] = "may"
    equilibrium: ClassVar[bool] = True
    viscosity: OrCurve[Positive, Viscosity]
    """Dynamic viscosity of the fluid, or a curve of the shear rate. [stress time] e.g. 1e-3"""
    density: Positive
    """Mass per volume. [stress time²/length²] e.g. 1000.0"""
    resistance: NotNegative = 0.0
    """Of a porous body that the fluid flows through: force per volume and velocity (Brinkman). [stress time/length²]"""
    grad_div: NotNegative = 0.0
    """Weight of a term that holds the divergence down, of the size of the viscosity or ρ v h. [stress time] e.g. 1e-2"""


class NavierStokes(_Fluid):
    """Laminar flow of a fluid with inertia: the steady one, or with [time] the one that follows from its first state."""

    fields: ClassVar[Fields] = "taylor_hood"
    design: ClassVar[bool] = True
    numbers_of_law: ClassVar[tuple[str, ...]] = ("density", "resistance", "grad_div")
    constraints: Entries[Velocity | Slip | PrescribedPressure | Periodicity]
    loads: Entries[Traction | Pressure | BodyForce | Backflow | WeakVelocity]


class Boussinesq(_Fluid):
    """Laminar flow of a fluid that carries heat, and is lifted where it is warm; without `expansion` a passive one."""

    fields: ClassVar[Fields] = "flow_and_scalar"
    numbers_of_law: ClassVar[tuple[str, ...]] = (
        *NavierStokes.numbers_of_law,
        "conductivity",
        "capacity",
        "expansion",
        "gravity",
        "reference",
    )
    conductivity: Positive
    """Conductivity of heat, or the diffusivity of a concentration. [power/(length temperature)] e.g. 0.6"""
    capacity: Positive
    """ρ c per volume; 1 for a concentration. [energy/(volume temperature)] e.g. 4.2e6"""
    expansion: Float = 0.0
    """Volume that is gained per volume and temperature. [1/temperature] e.g. 2.1e-4"""
    gravity: Vector | None = None
    """Where it pulls, and how strongly; by default not at all. [length/time²] e.g. [0.0, -9.81]"""
    reference: Float = 0.0
    """Temperature at which the fluid has its density and weight. [temperature] e.g. 20.0"""
    constraints: Entries[Velocity | Slip | PrescribedPressure | Temperature | Periodicity]
    loads: Entries[Traction | Pressure | BodyForce | Backflow | WeakVelocity | Flux | Source | Convection | Radiation]
