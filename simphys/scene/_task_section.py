"""`[steps]`, `[solver]`, `[observe]`, `[pictures]`: how to get there, and what to look at."""

from typing import Annotated, Literal

import pydantic

from ._limits import Count
from ._physics_section import Component
from ._section import Float, Name, Section, Share, Vector


class Units(Section):
    """The units of the scene's numbers, for labels; simphys does not convert."""

    length: str = ""
    force: str = ""
    stress: str = ""
    velocity: str = ""
    temperature: str = ""
    heat_flux: str = ""
    time: str = ""


class Steps(Section):
    """Load steps: the magnitudes of loads and constraints (or of those in `scale`) times each factor in turn.

    Give `count` for equal steps up to 1, or the `factors` themselves, increasing.
    """

    count: Count | None = None
    factors: list[float] | None = None
    scale: list[Name] | None = None

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
    max_steps: Count = 200
    first_increment: Annotated[float, pydantic.Field(gt=0, le=1)] = 1.0
    smallest_increment: Annotated[float, pydantic.Field(gt=0, le=1)] = 1e-3
    adjoint: Literal["implicit", "one_step"] = "implicit"
    adjoint_rtol: Share | None = None


class Observed(Section):
    """A number that is looked at."""

    reference: Float | None = None
    """A published or measured value to compare with."""
    source: str | None = None
    unit: str | None = None


class PointObservable(Observed):
    """The solution at a position, or another quantity: `of`; stresses and fluxes are recovered there."""

    type: Literal["point"]
    at: Vector
    component: Component | None = None
    of: Name | None = None


class ResultantObservable(Observed):
    """The force (heat) that enters the body through the constrained nodes of a group."""

    type: Literal["resultant"]
    where: Name
    component: Component | None = None


class ExtremeObservable(Observed):
    """The largest or smallest value of a quantity: over the nodes; of stresses the means over cells, or `at` the nodes."""

    type: Literal["max", "min"]
    of: Name
    component: Component | None = None
    at: Literal["cells", "nodes"] | None = None


class MeanObservable(Observed):
    """The mean over the nodes of a group (or all) of the solution, or of its square."""

    type: Literal["mean", "mean_square"]
    where: Name | None = None
    component: Component | None = None


class EnergyObservable(Observed):
    """The potential energy, or only the part that is stored in the body; of a phase field its free energy."""

    type: Literal["energy"]
    part: Literal["stored", "potential"] = "stored"


class ContentObservable(Observed):
    """What there is of a phase field, the integral over the body."""

    type: Literal["content"]


Observable = Annotated[
    PointObservable | ContentObservable | ResultantObservable | ExtremeObservable | MeanObservable | EnergyObservable,
    pydantic.Field(discriminator="type"),
]


class Pictures(Section):
    """Which fields to draw, on the deformed body magnified by `deformation`; `fields = []` for no pictures."""

    fields: list[Name] | None = None
    deformation: Annotated[Float, pydantic.Field(ge=0)] = 1.0
    view: Literal["iso", "xy", "xz", "yz"] | list[float] | None = None
    """Of bodies in space: from where; a list holds azimuth and elevation in degrees."""
    animation: Name | Literal[False] | None = None
    """Of a march: what the animation shows, by default the first of the fields; false for none."""
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
