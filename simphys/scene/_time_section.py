"""`[time]`, `[signals]`, `[statistics]`: through which times, what changes on the way, what to read off histories."""

import itertools
from typing import Annotated, Literal

import pydantic

from ._grid_section import InitialRegion
from ._limits import Count, Seed
from ._section import Float, Key, Name, Positive, Section, Share, Value, one_of


FIRST, SECOND = (
    ("BackwardEuler", "Theta", "BDF2", "ImplicitMidpoint", "SDIRK2", "SDIRK3"),
    ("Newmark", "GeneralisedAlpha"),
)
STEPPERS = Literal[
    "BackwardEuler",
    "Theta",
    "BDF2",
    "ImplicitMidpoint",
    "SDIRK2",
    "SDIRK3",
    "Newmark",
    "GeneralisedAlpha",
    "Equilibrium",
    "ConvexSplitting",
    "AverageVectorField",
    "RK3",
    "IMEX2",
    "SSPRK3",
]
Numbers = Annotated[list[float], pydantic.Field(min_length=2), one_of("a list of two or more finite numbers")]


class Initial(Section):
    """The state at the first time: uniform values but for those of some groups, or the equilibrium under the loads then.

    `value` is that of the displacement, phases or temperature; with [thermo_solid] of the temperature, by default its
    reference. On a [grid] there are `values` and `regions` in place of all that.
    """

    value: Value = 0.0
    """Displacement, phase or temperature at the first time, but for groups that have one of their own. [that of the
    solution]"""
    velocity: Value = 0.0
    """Velocity at the first time. [that of the solution/time]"""
    groups: dict[Name, Value] = pydantic.Field(default_factory=dict)
    """Values at the nodes of groups, the later ones hold. [that of the solution] e.g. {left = 100.0}"""
    noise: Positive | None = None
    """Standard deviation of numbers that are added at the nodes, drawn from `seed`. [that of the solution] e.g. 0.01"""
    seed: Seed = 0
    equilibrium: bool = False
    """Whether the march begins in the equilibrium under the loads of the first time."""
    values: dict[Key, Value] = pydantic.Field(default_factory=dict)
    """On a [grid]: values everywhere, by the names of unknowns, 0 for those not named. [those of the unknowns] e.g.
    {velocity = [1.0, 0.0]}"""
    regions: dict[Key, InitialRegion] = pydantic.Field(default_factory=dict)
    """On a [grid]: where it is otherwise, by names of your own; the later ones hold."""

    @pydantic.model_validator(mode="after")
    def _one_way(self):
        if self.equilibrium and (self.groups or self.noise is not None):
            raise ValueError("`equilibrium` excludes `groups` and `noise`.")
        return self

    @property
    def on_grid(self) -> bool:
        """Whether it says what a grid is asked for."""
        return bool(self.values or self.regions)

    @property
    def on_mesh(self) -> bool:
        """Whether it says what a mesh is asked for."""
        return bool(self.model_fields_set - {"values", "regions"})


class Time(Section):
    """The times of a march: `steps` equal ones from `start` to `end`, or the `times` themselves, or with `rtol` such that
    the error of each step stays below rtol times the solution."""

    stepper: STEPPERS | None = None
    """How a step is taken. By default BackwardEuler; with inertia GeneralisedAlpha; where nothing is stored
    Equilibrium; of phase fields ConvexSplitting. e.g. 'BDF2'"""
    start: Float = 0.0
    """The first time. [time]"""
    end: Float | None = None
    """The last time. [time] e.g. 10.0"""
    steps: Count | None = None
    """How many equal steps. [1] e.g. 100"""
    times: Numbers | None = None
    """The times themselves, increasing. [time] e.g. [0.0, 0.1, 0.3, 1.0]"""
    rtol: Share | None = None
    """Error of a step relative to the solution, by which its length is chosen. [1] e.g. 1e-4"""
    atol: Positive = 1e-8
    """Error of a step that is let pass in any case. [that of the solution]"""
    first_step: Positive | None = None
    """Length of the first step. [time] e.g. 1e-3"""
    max_steps: Count = 1_000
    """Steps at most, where their length is chosen. [1]"""
    frames: Count = 40
    """How many states are written and drawn, at most. [1]"""
    theta: Annotated[float, pydantic.Field(ge=0.5, le=1)] | None = None
    """Of "Theta": share of the new time, 1/2 for the trapezoidal rule. [1] e.g. 0.5"""
    spectral_radius: Annotated[float, pydantic.Field(ge=0, le=1)] | None = None
    """Of "GeneralisedAlpha": what is left in a step of vibrations far too fast for it. [1] e.g. 0.8"""
    beta: Positive | None = None
    """Of "Newmark". [1] e.g. 0.25"""
    gamma: Positive | None = None
    """Of "Newmark". [1] e.g. 0.5"""
    initial: Initial = Initial()
    """The state at the first time."""

    @pydantic.model_validator(mode="after")
    def _one_way(self):
        given = [name for name in ("steps", "times", "rtol") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"one of `steps`, `times` and `rtol` expected, got {' and '.join(given) or 'none'}.")
        if self.times is not None:
            if self.end is not None:
                raise ValueError("`times` say where to end: leave out `end`.")
            if any(b <= a for a, b in zip(self.times, self.times[1:], strict=False)):
                raise ValueError(f"`times` must increase, got {self.times}.")
        elif self.end is None or self.end <= self.start:
            raise ValueError(f"`end` must be after `start` = {self.start:g}, got {self.end}.")
        belongs = {"theta": "Theta", "spectral_radius": "GeneralisedAlpha", "beta": "Newmark", "gamma": "Newmark"}
        for name, stepper in belongs.items():
            if getattr(self, name) is not None and self.stepper != stepper:
                raise ValueError(f"`{name}` belongs to stepper = {stepper!r}, got {self.stepper!r}.")
        return self

    @property
    def given(self) -> list[float] | None:
        """The times, or None if the error of each step decides on them."""
        if self.times is not None or self.steps is None or self.end is None:
            return self.times
        return [*(self.start + (self.end - self.start) * i / self.steps for i in range(self.steps)), self.end]

    @property
    def span(self) -> tuple[float, float]:
        """First and last time."""
        return (self.start, self.end) if self.times is None else (self.times[0], self.times[-1])

    @property
    def options(self) -> dict[str, float]:
        """Arguments of the stepper."""
        names = ("theta", "spectral_radius", "beta", "gamma")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class _Signal(Section):
    of: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Names of constraints and loads whose magnitudes follow; "thermal" and "eigenstrain": the strain of the material.
    e.g. ["pull"]"""
    entry: Literal["value", "jump", "ambient", "h"] = "value"
    """Which of their magnitudes."""


class SineSignal(_Signal):
    """offset + amplitude sin(2π t / period + phase), phase in degrees."""

    type: Literal["sine"]
    period: Positive
    """Of the oscillation. [time] e.g. 2.0"""
    amplitude: Float = 1.0
    """What the sine is multiplied by. [that of the magnitude, as a factor]"""
    phase: Float = 0.0
    """Of the sine at time 0. [degree]"""
    offset: Float = 0.0
    """What is added. [that of the magnitude, as a factor]"""


Column = Annotated[Numbers | Name, one_of("a list of two or more finite numbers, or the name of a column")]


class TableSignal(_Signal):
    """Straight lines between `values` at `times`, or between the columns of a `file`; two equal times make a jump.

    The times cover those of the march, unless `hold` lets the end values hold before and after.
    """

    type: Literal["table"]
    times: Column
    """Times, or the column of the file that holds them. [time] e.g. [0.0, 1.0]"""
    values: Column
    """Factors at these times, or the column of the file that holds them. [1] e.g. [0.0, 1.0]"""
    file: Name | None = None
    """Table (CSV) beside the scene. e.g. 'pull.csv'"""
    hold: bool = False
    """Whether the end values hold before and after the times."""

    @pydantic.model_validator(mode="after")
    def _kinds(self):
        wanted = str if self.file is not None else list
        if not isinstance(self.times, wanted) or not isinstance(self.values, wanted):
            what = "names of columns of the file" if self.file is not None else "lists of numbers"
            raise ValueError(f"`times` and `values` must be {what}.")
        if self.file is None:
            if len(self.times) != len(self.values):
                raise ValueError(f"{len(self.times)} times, but {len(self.values)} values.")
            times = [t for t in self.times if not isinstance(t, str)]
            if any(b < a for a, b in itertools.pairwise(times)):
                raise ValueError(f"`times` must not decrease, got {self.times}.")
        return self


class RampSignal(_Signal):
    """Smoothly from one value to another."""

    type: Literal["ramp"]
    begin: Float
    """Time at which it begins to change. [time] e.g. 0.0"""
    end: Float
    """Time at which it has changed. [time] e.g. 1.0"""
    before: Float = 0.0
    """Factor before. [1]"""
    after: Float = 1.0
    """Factor after. [1]"""

    @pydantic.model_validator(mode="after")
    def _increases(self):
        if self.end <= self.begin:
            raise ValueError(f"`end` must be after `begin` = {self.begin:g}, got {self.end:g}.")
        return self


Signal = Annotated[SineSignal | TableSignal | RampSignal, pydantic.Field(discriminator="type")]


class Statistic(Section):
    """A number read off the history of something observed, between two times (by default all).

    "mean", "min", "max"; "middle" and "amplitude" are half the sum and half the difference of the largest and smallest
    value; "frequency" is that of the `mode`-th peak of the spectrum; "at" the value at the time `at`.
    """

    of: Name
    """Name of something observed. e.g. 'tip'"""
    type: Literal["mean", "min", "max", "middle", "amplitude", "frequency", "at"]
    since: Float | None = None
    """Time from which on it counts, by default the first. [time] e.g. 2.0"""
    until: Float | None = None
    """Time until which it counts, by default the last. [time] e.g. 10.0"""
    at: Float | None = None
    """Time that type = "at" reads. [time] e.g. 5.0"""
    mode: Count = 1
    """Which peak of the spectrum type = "frequency" takes, from below. [1]"""
    reference: Float | None = None
    """A published or measured value to compare with. [that of what is observed] e.g. 5.5"""
    source: str | None = None
    """Where the reference comes from. e.g. 'Turek & Hron 2006'"""
    unit: str | None = None
    """For labels. e.g. '1/s'"""

    @pydantic.model_validator(mode="after")
    def _fits(self):
        if (self.type == "at") != (self.at is not None):
            raise ValueError('`at` belongs to type = "at".')
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError(f"`until` must be after `since` = {self.since:g}, got {self.until:g}.")
        return self
