"""`[design]`: what is to be made as good as possible, within which bounds, and how."""

from typing import Annotated, Literal

import pydantic

from ._limits import Count, Depth, Modes, Seed, Smoothings, Waves, Width
from ._section import Float, Key, Name, Positive, Section, Share, Vector, one_of


class _Quantity(Section):
    at_most: Float | None = None
    """Upper bound, in a constraint; neither of the bounds stands in the objective. [that of the quantity] e.g. 0.4"""
    at_least: Float | None = None
    """Lower bound, in a constraint. [that of the quantity] e.g. 0.1"""


class Volume(_Quantity):
    """Part of the body's volume that is filled."""

    type: Literal["volume"]


class Compliance(_Quantity):
    """Work of the loads (of a `[heat]` scene: of the heat sources), summed over `cases`, each a list of names of loads."""

    type: Literal["compliance"]
    cases: Annotated[list[list[Name]], pydantic.Field(min_length=1)] | None = None
    """Load cases, each a list of names of loads; by default all loads act at once. e.g. [["left_lift"],
    ["right_lift"]]"""


class Displacement(_Quantity):
    """Mean displacement of a group along a direction; an objective makes it large."""

    type: Literal["displacement"]
    where: Name
    direction: Vector
    """Direction of the displacement; only where it points counts. [1] e.g. [1.0, 0.0]"""


class Eigenfrequency(_Quantity):
    """Soft minimum of the lowest `modes` natural frequencies; an objective makes it large."""

    type: Literal["eigenfrequency"]
    modes: Modes = 1
    """How many of the lowest frequencies the soft minimum is taken of. [1]"""


class Stress(_Quantity):
    """p-norm of the von Mises stress."""

    type: Literal["stress"]
    power: Positive = 8.0
    """p of the p-norm: the larger, the nearer to the maximum. [1]"""


class Dissipation(_Quantity):
    """Power that a flow takes (`[navier_stokes]`), free where the density is 1, through what is solid where it is 0."""

    type: Literal["dissipation"]
    solid: Positive
    """Resistance of what is solid, 1e3 to 1e5 times the viscosity over the square of a channel's width.
    [stress time/length²] e.g. 2.5e4"""


Quantity = Annotated[
    Volume | Compliance | Displacement | Eigenfrequency | Stress | Dissipation, pydantic.Field(discriminator="type")
]


class Interpolation(Section):
    """How stiff intermediate densities are; `penalty` is SIMP's p (3 by default) or RAMP's q (8).

    Of a "dissipation" it says how much intermediate densities resist: by RAMP with q = 10 unless it says otherwise.
    """

    law: Literal["SIMP", "RAMP"] | None = None
    """How stiffness follows from the density: "SIMP" by default, of a "dissipation" "RAMP". e.g. 'RAMP'"""
    penalty: Annotated[Float, pydantic.Field(ge=0)] | None = None
    """SIMP's p (3 by default) or RAMP's q (8 by default, of a "dissipation" 10). [1] e.g. 3.0"""
    least: Share = 1e-9
    """Stiffness of a void, relative to that of the material; of a "dissipation" resistance where it is free. [1]"""


class Filter(Section):
    """No detail is smaller than `radius`; "sensitivity" is the classic heuristic."""

    type: Literal["cone", "helmholtz", "sensitivity"] = "cone"
    radius: Positive
    """No detail is smaller than this. [length] e.g. 1.5"""


class Projection(Section):
    """A smooth step that drives filtered densities to 0 or 1; `robust`: take the worst of thresholds that much apart."""

    sharpness: Positive = 1.0
    """β of the smooth step: the larger, the nearer to 0 and 1. [1]"""
    threshold: Share = 0.5
    """Density at which the step is. [1]"""
    robust: Annotated[Float, pydantic.Field(gt=0, lt=0.5)] | None = None
    """Take the worst of designs eroded and dilated, with thresholds that much above and below. [1] e.g. 0.2"""


class Network(Section):
    """The density as a network of the position, whose weights are trained; it fills the volume's `at_most` exactly.

    `detail`: half of the shortest wave it sees; `waves`: how many; `width`, `depth`: of the hidden layers.
    """

    detail: Positive
    """Half of the shortest wave that the network sees. [length] e.g. 2.0"""
    waves: Waves = 64
    """How many waves the network sees of the position. [1]"""
    width: Width = 32
    depth: Depth = 1
    seed: Seed = 0
    rate: Positive = 0.02
    """Of the first steps of Adam's method. [1]"""


class Symmetry(Section):
    """A plane (in 2-D a line) about which the design is symmetric."""

    point: Vector
    """A point of the plane. [length] e.g. [30.0, 0.0]"""
    normal: Vector
    """Normal of the plane. [1] e.g. [1.0, 0.0]"""


class Stage(Section):
    """A part of the optimisation with its own penalty and sharpness; the last one lasts until the end."""

    iterations: Count = 50
    """How many iterations it lasts; the last one lasts until the end. [1]"""
    penalty: Annotated[Float, pydantic.Field(ge=0)] | None = None
    """Its penalty, in place of that of `interpolation`. [1] e.g. 3.0"""
    sharpness: Positive | None = None
    """Its sharpness, in place of that of `projection`. [1] e.g. 8.0"""


class Design(Section):
    """Topology optimisation: a density for every cell of the mesh.

    The `objective` is made as small as possible, but for displacements and frequencies, which are made large.
    """

    objective: Quantity
    """What is made as small as possible; displacements and frequencies are made large. e.g. {type = "compliance"}"""
    constraints: Annotated[dict[Key, Quantity], pydantic.Field(min_length=1)]
    """What is to be kept, by names of your own. e.g. {volume = {type = "volume", at_most = 0.4}}"""
    interpolation: Interpolation = Interpolation()
    """How stiff intermediate densities are."""
    filter: Filter | None = None
    """Least size of details; needed, unless there is a `network` or the objective is a "dissipation"."""
    network: Network | None = None
    """The density as a network of the position."""
    projection: Projection | None = None
    """A smooth step that drives densities to 0 or 1."""
    solid: list[Name] = []  # noqa: RUF012 (pydantic copies defaults)
    """Cell groups that stay full. e.g. ["flange"]"""
    void: list[Name] = []  # noqa: RUF012
    """Cell groups that stay empty. e.g. ["bore"]"""
    symmetry: list[Symmetry] = []  # noqa: RUF012
    """Planes about which the design is symmetric. e.g. [{point = [30.0, 0.0], normal = [1.0, 0.0]}]"""
    stages: list[Stage] = []  # noqa: RUF012
    """Parts of the optimisation with penalties and sharpnesses of their own. e.g. [{iterations = 40, penalty = 2.0},
    {penalty = 3.0}]"""
    optimiser: Literal["mma", "oc", "adam"] | None = None
    """"mma": moving asymptotes; "oc": optimality criteria; "adam". By default "mma", with a `network` "adam". e.g.
    'mma'"""
    move: Annotated[float, pydantic.Field(gt=0, le=1), one_of("a number in (0, 1]")] = 0.2
    """Largest change of a density in an iteration. [1]"""
    max_iterations: Count = 200
    """Iterations at most. [1]"""
    tolerance: Share = 0.01
    """It is settled once no density changes by more than this. [1]"""
    patience: Count = 50
    """Iterations without progress after which it gives up. [1]"""
    every: Count = 10
    """Iterations between checkpoints, each with a picture. [1]"""
    part_threshold: Share = 0.5
    """Density at which the surface of the part is drawn. [1]"""
    part_smooth: Smoothings = 10
    """How often the surface of the part is smoothed; its volume stays. [1]"""
    part_strays: bool = False
    """Whether pieces that do not hang together with the largest one stay in the part."""
    part_also: list[Literal["obj", "3mf"]] = pydantic.Field(default_factory=list)
    """Formats that the part is written in beside STL. e.g. ["3mf"]"""
    part_up: Annotated[list[Float], pydantic.Field(min_length=3, max_length=3), one_of("three numbers")] = (
        pydantic.Field(default_factory=lambda: [0.0, 0.0, 1.0])
    )
    """Direction of the build, of which it depends what overhangs. [1]"""

    @pydantic.model_validator(mode="after")
    def _bounded(self):
        if self.objective.at_most is not None or self.objective.at_least is not None:
            raise ValueError("`at_most` and `at_least` belong to constraints, not to the objective.")
        if self.filter is None and self.network is None and not isinstance(self.objective, Dissipation):
            raise ValueError("a `filter` is needed, or a `network`.")
        if self.optimiser is not None and (self.optimiser == "adam") != (self.network is not None):
            raise ValueError('a `network` is trained by optimiser = "adam", and nothing else is.')
        if self.network is not None and self.filled is None:
            raise ValueError('a `network` needs a constraint of type "volume" with `at_most`: that much it fills.')
        for name, entry in self.constraints.items():
            if (entry.at_most is None) == (entry.at_least is None):
                raise ValueError(f"constraint {name!r} needs one of `at_most` and `at_least`.")
            bound = entry.at_least if entry.at_most is None else entry.at_most
            if isinstance(entry, Volume) and bound is not None and not 0 < bound <= 1:
                raise ValueError(f"constraint {name!r}: a volume fraction lies in (0, 1], got {bound:g}.")
        return self

    @property
    def filled(self) -> float | None:
        """Least bound on the volume from above."""
        bounds = [c.at_most for c in self.constraints.values() if isinstance(c, Volume) and c.at_most is not None]
        return min(bounds, default=None)
