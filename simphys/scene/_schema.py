"""The whole scene file."""

from collections.abc import Iterator
from typing import Annotated, get_args

import pydantic

from .. import __version__
from ._design_section import Design
from ._equation_section import Balance
from ._fit_section import Fit
from ._flow_section import Boussinesq, NavierStokes, Stokes
from ._grid_physics_section import ConservationLaw, Diffusion, GridFlow
from ._grid_section import Grid
from ._heat_section import Heat
from ._kinetics_section import Kinetics
from ._mesh_section import Mesh, Space
from ._phase_section import PhaseField
from ._physics_section import Homogeneous, Solid
from ._section import Key, Name, Physics, Section
from ._series_section import Oscillator
from ._task_section import Adapt, Observable, Pictures, Solver, Steps, Units
from ._thermo_section import ThermoSolid
from ._time_section import Signal, Statistic, Time


def _place(value) -> str:
    """Where a flow is computed: on a grid it has sides."""
    on_grid = "sides" in value if isinstance(value, dict) else isinstance(value, GridFlow)
    return "grid" if on_grid else "mesh"


class SceneData(Section):
    """A scene: one body, one balance law, what to do with it and what to look at."""

    title: Name
    """One line, for lists and pictures. e.g. 'A tapered panel'"""
    description: str = ""
    """What the scene is about, at any length. e.g. 'A tapered panel in shear.'"""
    units: Units = Units()
    """The units of the scene's numbers, for labels."""
    mesh: Mesh | None = None
    """The body."""
    space: Space = Space()
    """The functions on it."""
    grid: Grid | None = None
    """A box of cells, in place of a mesh."""
    solid: Solid | None = None
    """Equilibrium or motion of a solid; one of the tables that say what is computed."""
    stokes: Stokes | None = None
    """Creeping flow."""
    navier_stokes: (
        Annotated[
            Annotated[NavierStokes, pydantic.Tag("mesh")] | Annotated[GridFlow, pydantic.Tag("grid")],
            pydantic.Discriminator(_place),
        ]
        | None
    ) = None
    """Laminar flow with inertia, steady or in time; with `sides` that on a [grid]."""
    boussinesq: Boussinesq | None = None
    """Laminar flow that carries heat and is lifted by it."""
    heat: Heat | None = None
    """Heat conduction."""
    thermo_solid: ThermoSolid | None = None
    """Displacement and temperature in one system."""
    phase_field: PhaseField | None = None
    """Phases that separate or grow."""
    diffusion: Diffusion | None = None
    """Diffusion on a [grid]."""
    conservation_law: ConservationLaw | None = None
    """What is conserved and carried along on a [grid]: waves, water, gases."""
    balance: Balance | None = None
    """An equation of your own, from an installed module."""
    homogeneous: Homogeneous | None = None
    """Homogeneous tests of incompressible bodies."""
    kinetics: Kinetics | None = None
    """Reactions in a well-stirred vessel. e.g. {species = {A = 1.0, B = 0.0}, reactions = {forward = {equation = "A ->
    B", rate = 0.04}}}"""
    oscillator: Oscillator | None = None
    """An oscillator and series measured of it."""
    adapt: Adapt | None = None
    """Until when the mesh is refined. e.g. {goal = "tip", tolerance = 1e-3}"""
    steps: Steps = Steps()
    """In which steps the load grows."""
    time: Time | None = None
    """Through which times the scene is led. e.g. {end = 10.0, steps = 100}"""
    signals: dict[Key, Signal] = pydantic.Field(default_factory=dict)
    """What changes in time, by names of your own."""
    solver: Solver = Solver()
    """Tolerances and limits of Newton's method, and the meaning of gradients."""
    observe: dict[Key, Observable] = pydantic.Field(default_factory=dict)
    """Numbers that are looked at, by names of your own."""
    statistics: dict[Key, Statistic] = pydantic.Field(default_factory=dict)
    """Numbers read off the histories of what is observed, by names of your own."""
    pictures: Pictures = Pictures()
    """What to draw."""
    fit: Fit | None = None
    """Which numbers to find, and from which measurements."""
    design: Design | None = None
    """What is to be made as good as possible, and within which bounds. e.g. {objective = {type = "compliance"},
    constraints = {volume = {type = "volume", at_most = 0.4}}, filter = {radius = 1.5}}"""

    @pydantic.model_validator(mode="after")
    def _complete(self):
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(f"[{name}]" for name in given) or "none of them"
            raise ValueError(f"one of {_tables(KINDS)} expected, got {got}.")
        able = lambda what: _tables(name for name, kinds in KINDS.items() if any(map(what, kinds)))
        section, name = self.section, given[0]
        if (self.grid is not None) != (section.body == "grid"):
            raise ValueError(
                f"[grid] belongs to {able(lambda kind: kind.body == 'grid')} with `sides`, and to nothing else."
            )
        if (self.mesh is not None) != (section.body == "mesh"):
            raise ValueError(f"[mesh] belongs to {able(lambda kind: kind.body == 'mesh')}, and to nothing else.")
        if self.grid is not None and self.space != Space():
            raise ValueError("[space] has no place beside [grid].")
        if section.own_spaces and self.space != Space():
            raise ValueError(f"[space] has no place beside [{name}]: the spaces are those of its function.")
        if self.design is not None and not any(kind.design for kind in KINDS[name]):
            raise ValueError(f"[design] belongs to {able(lambda kind: kind.design)}.")
        if self.design is not None and (self.time is not None or not section.design):
            raise ValueError('[design] is for equilibria: without [time], and without formulation = "mixed".')
        if self.adapt is not None and (
            section.body != "mesh" or section.own_spaces or self.time or self.fit or self.design
        ):
            raise ValueError("[adapt] is for equilibria on a mesh: without [time], [fit] and [design].")
        if self.adapt is not None and self.adapt.goal not in self.observe:
            raise ValueError(f"`adapt.goal`: {self.adapt.goal!r} is not in [observe].")
        if self.time is None:
            if section.time == "must":
                raise ValueError(section.needs)
            for table in ("signals", "statistics"):
                if getattr(self, table):
                    raise ValueError(f"[{table}] belongs to a scene with [time].")
            return self
        if section.time == "cannot":
            raise ValueError(f"[time] belongs to {able(lambda kind: kind.time != 'cannot')}.")
        if self.signals and not section.signals:
            raise ValueError(f"[{name}] has nothing that could follow [signals].")
        if self.time.initial.equilibrium and not section.equilibrium:
            raise ValueError(f"`time.initial.equilibrium` belongs to {able(lambda kind: kind.equilibrium)}.")
        if self.time.initial.on_mesh if self.grid is not None else self.time.initial.on_grid:
            raise ValueError("`time.initial`: `values` and `regions` belong to a [grid], all else to a [mesh].")
        if self.steps != Steps():
            raise ValueError("[steps] and [time] exclude one another: let loads change in time by [signals].")
        return self

    @property
    def physics(self) -> str:
        """Name of the table that says what is computed."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    @property
    def section(self) -> Physics:
        """That table."""
        return getattr(self, self.physics)

    @property
    def head(self) -> str:
        """The table whose numbers are parameters."""
        return ".".join(part for part in (self.physics, self.section.numbers) if part)

    @property
    def static(self) -> bool:
        """Whether nothing is stored and has inertia: a scene of equilibria alone."""
        return self.time is None and self.design is None


def _within(annotation) -> Iterator[type[Physics]]:
    """The classes of physics in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, Physics):
        yield annotation
    for part in get_args(annotation):
        yield from _within(part)


KINDS = {name: kinds for name, field in SceneData.model_fields.items() if (kinds := tuple(_within(field.annotation)))}
"""What scenes compute: each table with its classes."""


def _tables(names) -> str:
    return " and ".join(", ".join(f"[{name}]" for name in names).rsplit(", ", 1))


def json_schema() -> dict:
    """Return the JSON Schema of scene files, for editors: of every key what it means, its unit, and an example."""
    schema = SceneData.model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:simphys:scene:{__version__}"}
    return {**head, **schema, "title": "simphys scene"}
