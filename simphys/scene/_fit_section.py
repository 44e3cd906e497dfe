"""`[fit]`: which numbers of the scene to find, and from which measurements."""

from typing import Annotated, Literal

import pydantic

from ._limits import Count, Samples
from ._material_section import SolidMaterial
from ._physics_section import TESTS, Component
from ._section import Key, Name, Positive, Section, Share, Vector, one_of
from ._series_section import Network, Record
from ._unknown_section import FieldKind, GaussianPrior, SmoothPrior, VariationPrior


Start = Annotated[float | list[float], one_of("a finite number or a list of them")]


class Parameter(Section):
    """A number of the scene that is to be found, by the path of its key, such as `solid.material.c10`.

    `transform`: "none"; "log" keeps it positive; "bounded" keeps it strictly between the `bounds`; "ordered" keeps the
    entries of a list increasing; "simplex" keeps them positive with the sum 1. With `field` a number becomes a field.
    """

    key: Name
    """Path of the number in the scene. e.g. 'solid.material.E'"""
    start: Start | None = None
    """Where the search starts, by default the value in the scene. [that of the number] e.g. 1.0"""
    transform: Literal["none", "log", "bounded", "ordered", "simplex"] = "none"
    """"log" keeps it positive, "bounded" between the `bounds`, "ordered" increasing, "simplex" positive with the sum
    1."""
    bounds: Annotated[list[float], pydantic.Field(min_length=2, max_length=2)] | None = None
    """Lower and upper bound, which it stays strictly between. [that of the number] e.g. [0.1, 10.0]"""
    field: FieldKind | None = None
    """How the number becomes a field of unknowns."""
    prior: Annotated[GaussianPrior | SmoothPrior | VariationPrior, pydantic.Field(discriminator="type")] | None = None
    """What is known of it before any data. e.g. {type = "gaussian", mean = 1.0, deviation = 0.2}"""

    @pydantic.model_validator(mode="after")
    def _fits(self):
        if (self.transform == "bounded") != (self.bounds is not None):
            raise ValueError('`bounds` belong to transform = "bounded".')
        if self.field is not None and self.transform in ("ordered", "simplex"):
            raise ValueError(f'a field cannot have transform = "{self.transform}".')
        if self.field is None and self.prior is not None and self.prior.type != "gaussian":
            raise ValueError(f'a prior of type "{self.prior.type}" is for a `field`.')
        starts = self.start if isinstance(self.start, list) else [] if self.start is None else [self.start]
        if self.transform == "log" and any(start <= 0 for start in starts):
            raise ValueError(f'with transform = "log", `start` must be positive, got {self.start}.')
        if self.bounds is not None and not all(self.bounds[0] < start < self.bounds[1] for start in starts):
            raise ValueError(f"`start` must lie between the bounds {self.bounds}, got {self.start}.")
        return self


class _Data(Section):
    file: Name
    noise: Positive | None = None
    """Standard deviation of each value; without it, it is estimated from the scatter. [that of the values] e.g. 0.01"""
    relative_noise: Positive | None = None
    """Standard deviation as a part of each value. [1] e.g. 0.02"""


OUTSIDE = Literal["refuse", "drop", "nearest"]
"""What is done with positions outside the mesh, and counted: refused; left out with their data; the nearest point taken."""


class PointField(_Data):
    """Values of a field at positions: columns for the position, for each component, and for the step (1 is the first).

    `of`: by default the first field. Of positions outside the mesh "drop" leaves them out, "nearest" takes the nearest
    point; both are counted.
    """

    type: Literal["point"]
    position: list[Name]
    """Columns of the position, one for each direction of the mesh. e.g. ["x", "y"]"""
    values: Annotated[list[Name], pydantic.Field(min_length=1, max_length=3)]
    """Columns of the components. e.g. ["ux", "uy"]"""
    of: Name | None = None
    """Which field is measured, by default the first. e.g. 'displacement'"""
    components: list[Component] | None = None
    """Which components the columns hold, by default the first ones. e.g. ["x", "y"]"""
    step: Name | None = None
    outside: OUTSIDE = "refuse"


class PointDisplacement(PointField):
    """Displacements at positions."""

    type: Literal["point_displacement"]


class Resultant(_Data):
    """Force (heat) that enters the body at a group: columns for the value and for the step, or for the time.

    `of`: what has several fields is asked for the reactions of one, by default of the first.
    """

    type: Literal["resultant"]
    where: Name
    of: Name | None = None
    """Of several fields the one whose reaction it is, by default the first. e.g. 'displacement'"""
    component: Component | None = None
    value: Name
    """Column of the value. e.g. 'force'"""
    step: Name | None = None
    time: Name | None = None


class Series(_Data):
    """What sensors at fixed positions read over time: columns for the time and for each sensor."""

    type: Literal["series"]
    time: Name
    values: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Columns, one for each sensor. e.g. ["sensor_1", "sensor_2"]"""
    at: Annotated[list[Vector], pydantic.Field(min_length=1)]
    """Positions of the sensors. [length] e.g. [[0.0, 1.0], [0.5, 1.0]]"""
    component: Component | None = None
    of: Name | None = None
    """Which field the sensors read, by default the first: "temperature", "phase", "pressure", ... e.g. 'temperature'"""
    outside: OUTSIDE = "refuse"

    @pydantic.model_validator(mode="after")
    def _paired(self):
        if len(self.at) != len(self.values):
            raise ValueError(f"`at` needs a position for each of {len(self.values)} columns, got {len(self.at)}.")
        return self


class PointTemperature(_Data):
    """Temperatures at positions: columns for the position and the temperature."""

    type: Literal["temperature"]
    position: list[Name]
    """Columns of the position, one for each direction of the mesh. e.g. ["x", "y"]"""
    value: Name
    """Column of the temperature. e.g. 'T'"""
    step: Name | None = None
    outside: OUTSIDE = "refuse"


class Concentration(_Data):
    """Species in a vessel over time: columns for the time and for each of the `species`, by default of their names."""

    type: Literal["concentration"]
    time: Name
    values: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Columns, one for each species. e.g. ["A", "B"]"""
    species: list[Name] | None = None
    """The species that they hold, by default of their names. e.g. ["A", "B"]"""


class NominalStress(_Data):
    """A homogeneous test: columns for the stretch and the nominal stress."""

    type: Literal["nominal_stress"]
    test: TESTS
    """Kind of the test."""
    stretch: Name
    """Column of the stretch. e.g. 'stretch'"""
    stress: Name
    """Column of the nominal stress. e.g. 'stress'"""


class Rival(Section):
    """Another law for the same homogeneous tests: its arguments are where its fit starts; `sought` names those to find."""

    material: SolidMaterial
    """The other law; its arguments are where its fit starts. e.g. {law = "Yeoh", c10 = 0.2, c20 = 0.01, c30 = 0.001,
    kappa = 1000.0}"""
    sought: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Names of the arguments to find. e.g. ["c10", "c20"]"""


class Fit(Section):
    """Calibration by least squares, weighted by the noise.

    In `[homogeneous]`, `rivals` are other laws fitted to the same data, and every law is fitted once more without the data
    named in `hold_out`, to predict them.
    """

    parameters: Annotated[dict[Key, Parameter], pydantic.Field(min_length=1)]
    """What is sought, by names of your own."""
    data: Annotated[
        dict[
            Key,
            Annotated[
                PointDisplacement
                | Resultant
                | PointTemperature
                | PointField
                | Concentration
                | Series
                | NominalStress
                | Record,
                pydantic.Field(discriminator="type"),
            ],
        ],
        pydantic.Field(min_length=1),
    ]
    """The measurements, by names of your own."""
    rivals: dict[Key, Rival] = {}  # noqa: RUF012 (pydantic copies defaults)
    """In `[homogeneous]`: other laws fitted to the same data."""
    hold_out: list[Name] = []  # noqa: RUF012
    """In `[homogeneous]`: data that every law is fitted once more without, to predict them. e.g. ["shear"]"""
    networks: dict[Key, Network] = {}  # noqa: RUF012
    """In `[oscillator]`: rivals of the physical model."""
    experiments: dict[Key, Annotated[dict[Name, Start], pydantic.Field(min_length=1)]] = {}  # noqa: RUF012
    """Of the same body, each by the entries of the scene that differ in it. e.g. {north = {"heat.loads.top.value" =
    -1.0}}"""
    loss: Literal["squares", "huber", "cauchy"] = "squares"
    """What residuals cost: their squares, or less for large ones."""
    method: Literal["auto", "levenberg_marquardt", "newton_cg", "lbfgs", "adam"] = "auto"
    """How the minimum is sought; "auto" decides by the number of unknowns and says why."""
    discretisation: Literal["estimate", "correct", "ignore"] | None = None
    """What mesh and steps in time do to the parameters: estimated (the default of load steps), corrected for on a
    space of one degree more and with steps of half the length, or left alone (the default of marches). On a grid that of
    every second plane tells. e.g. 'estimate'"""
    samples: Samples = 2
    """Samples of the posterior of a field that are drawn and written. [1]"""
    max_steps: Count = 50
    """Iterations at most. [1]"""
    rtol: Share = 1e-8
    """Relative change of objective and parameters at which the search ends. [1]"""
