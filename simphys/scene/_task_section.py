"""`[steps]`, `[solver]`, `[observe]`, `[pictures]`: how to get there, and what to look at."""

from typing import Annotated, Literal

import pydantic

from ._limits import Count
from ._physics_section import Component
from ._section import Float, Name, Section, Share, Vector


class Units(Section):
    """The units of the scene's numbers, for labels; simphys does not convert."""

    length: str = ""
    """Of coordinates and displacements. e.g. 'mm'"""
    force: str = ""
    """Of forces. e.g. 'N'"""
    stress: str = ""
    """Of stresses. e.g. 'MPa'"""
    velocity: str = ""
    """Of velocities. e.g. 'm/s'"""
    temperature: str = ""
    """Of temperatures. e.g. '°C'"""
    heat_flux: str = ""
    """Of heat per area and time. e.g. 'W/m²'"""
    time: str = ""
    """Of times. e.g. 's'"""


class Steps(Section):
    """Load steps: the magnitudes of loads and constraints (or of those in `scale`) times each factor in turn.

    Give `count` for equal steps up to 1, or the `factors` themselves, increasing.
    """

    count: Count | None = None
    """How many equal steps up to the whole load. [1] e.g. 4"""
    factors: list[float] | None = None
    """The factors themselves, increasing. [1] e.g. [0.5, 1.0]"""
    scale: list[Name] | None = None
    """Names of the loads and constraints that grow, by default all. e.g. ["pull"]"""

    @pydantic.model_validator(mode="after")
    def _one_way(self):
        if self.count is not None and self.factors is not None:
            raise ValueError("give `count` or `factors`, not both.")
        if self.factors is not None:
            if not self.factors or any(b <= a for a, b in zip([0.0, *self.factors], self.factors, strict=False)):
                raise ValueError(f"`factors` must be positive and increasing, got {self.factors}.")
        return self


class Solver(Section):
    """Shares and limits of Newton's method, and the meaning of gradients."""

    rtol: Share | None = None
    """Relative residual that is reached, by default what the precision allows. [1] e.g. 1e-9"""
    max_steps: Count = 200
    """Newton steps of a load step at most. [1]"""
    first_increment: Annotated[float, pydantic.Field(gt=0, le=1)] = 1.0
    """Part of a load step that is tried first. [1]"""
    smallest_increment: Annotated[float, pydantic.Field(gt=0, le=1)] = 1e-3
    """Part of a load step below which it gives up. [1]"""
    adjoint: Literal["implicit", "one_step"] = "implicit"
    """Derivatives of the equilibrium itself, or of the last Newton step alone."""
    adjoint_rtol: Share | None = None
    """Relative residual of adjoint solves. [1] e.g. 1e-8"""


class Adapt(Section):
    """Meshes that refine themselves until the mesh error of something that is observed is below a tolerance."""

    goal: Name
    """Name of what is observed, one number, whose error is to become small. e.g. 'tip'"""
    tolerance: Annotated[float, pydantic.Field(gt=0)]
    """Error that it may have. [that of what is observed] e.g. 1e-3"""
    uniform: bool = False
    """Whether all cells are refined, not those alone that the error comes from."""
    max_unknowns: Count = 300_000
    """Unknowns beyond which no finer mesh is made. [1]"""
    max_rounds: Count = 12
    """Meshes at most. [1]"""


class Observed(Section):
    """A number that is looked at."""

    reference: Float | None = None
    """A published or measured value to compare with. [that of what is observed] e.g. 23.96"""
    source: str | None = None
    """Where the reference comes from. e.g. 'Simo & Rifai 1990'"""
    unit: str | None = None
    """For labels; by default that of `[units]`. e.g. 'mm'"""


class PointObservable(Observed):
    """The solution at a position, or another quantity: `of`; stresses and fluxes are recovered there."""

    type: Literal["point"]
    at: Vector
    """The position. [length] e.g. [2.0, 1.0]"""
    component: Component | None = None
    of: Name | None = None
    """Another quantity than the solution: a stress, a strain, a flux, recovered there. e.g. 'von_mises'"""


class ResultantObservable(Observed):
    """The force (heat) that enters the body through the constrained nodes of a group; of [diffusion] on a grid what
    enters through a side."""

    type: Literal["resultant"]
    where: Name
    component: Component | None = None
    of: Name | None = None
    """Another field than the first whose reactions are summed, such as the temperature. e.g. 'temperature'"""


class ExtremeObservable(Observed):
    """The largest or smallest value of a quantity: over the nodes; of stresses the means over cells, or `at` the nodes."""

    type: Literal["max", "min"]
    of: Name
    """The quantity. e.g. 'von_mises'"""
    component: Component | None = None
    at: Literal["cells", "nodes"] | None = None
    """Over means in cells, or over recovered values at nodes. e.g. 'nodes'"""


class MeanObservable(Observed):
    """The mean over the nodes of a group (or all) of the solution, or of its square."""

    type: Literal["mean", "mean_square"]
    where: Name | None = None
    component: Component | None = None


class EnergyObservable(Observed):
    """The potential energy, or only the part that is stored in the body; of a phase field its free energy, of a flow on a
    grid the kinetic one."""

    type: Literal["energy"]
    part: Literal["stored", "potential"] = "stored"
    """What is stored in the body, or the whole potential."""


class SeparationObservable(Observed):
    """Of a cohesive zone the area that is broken, each point by its damage, or the energy that broke it."""

    type: Literal["broken"]
    zone: Name
    """Name of the load. e.g. 'glue'"""
    part: Literal["area", "energy"] = "area"
    """Which of them."""


class LineObservable(Observed):
    """The largest or smallest value of a quantity along a line through a grid, by a cubic spline between its cells."""

    type: Literal["line_max", "line_min"]
    of: Name
    """The quantity. e.g. 'velocity'"""
    component: Component | None = None
    axis: Component
    """The axis that the line is parallel to. e.g. 'y'"""
    at: Vector
    """A position that the line passes. [length] e.g. [0.5, 0.0]"""
    within: Annotated[list[float], pydantic.Field(min_length=2, max_length=2)] | None = None
    """Between which coordinates along the axis it is looked for, by default all. [length] e.g. [0.1, 0.9]"""


class ForceObservable(Observed):
    """The force that the fluid exerts on the obstacle in a grid, by the balance of momentum."""

    type: Literal["force"]
    component: Component | None = None


class ContentObservable(Observed):
    """What there is of a phase field, the integral over the body; on a grid of all that is conserved."""

    type: Literal["content"]


Observable = Annotated[
    PointObservable
    | ContentObservable
    | ResultantObservable
    | ExtremeObservable
    | LineObservable
    | ForceObservable
    | MeanObservable
    | EnergyObservable
    | SeparationObservable,
    pydantic.Field(discriminator="type"),
]


class Pictures(Section):
    """Which fields to draw, on the deformed body magnified by `deformation`; `fields = []` for no pictures."""

    fields: list[Name] | None = None
    """Which fields to draw; none of them: no pictures. By default what tells most. e.g. ["von_mises"]"""
    deformation: Annotated[Float, pydantic.Field(ge=0)] = 1.0
    """What the drawn displacement is multiplied by. [1]"""
    view: Literal["iso", "xy", "xz", "yz"] | list[float] | None = None
    """Of bodies in space: from where; a list holds azimuth and elevation in degrees. [degree] e.g. 'iso'"""
    animation: Name | Literal[False] | None = None
    """Of a march: what the animation shows, by default the first of the fields; false for none. e.g. 'temperature'"""
    movie: Literal["gif", "mp4"] = "gif"
    """The animation's kind of file; "mp4" needs ffmpeg."""

    @pydantic.field_validator("view", mode="wrap")
    @classmethod
    def _two_angles(cls, value, handler):
        if isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) for v in value):
            return handler([float(v) for v in value])
        if isinstance(value, list) or value not in (None, "iso", "xy", "xz", "yz"):
            raise ValueError(f"'iso', 'xy', 'xz', 'yz' or [azimuth, elevation] expected, got {value!r}.")
        return value
