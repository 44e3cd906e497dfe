"""The whole scene file."""

from typing import get_args

import pydantic

from ._design_section import Design
from ._equation_section import Balance
from ._fit_section import Fit
from ._flow_section import Stokes
from ._kinetics_section import Kinetics
from ._mesh_section import Mesh, Space
from ._phase_section import PhaseField
from ._physics_section import Heat, Homogeneous, Solid
from ._section import Key, Name, Physics, Section
from ._series_section import Oscillator
from ._task_section import Observable, Pictures, Solver, Steps, Units
from ._thermo_section import ThermoSolid
from ._time_section import Signal, Statistic, Time


class SceneData(Section):
    """A scene: one body, one balance law, what to do with it and what to look at."""

    title: Name
    description: str = ""
    units: Units = Units()
    mesh: Mesh | None = None
    space: Space = Space()
    solid: Solid | None = None
    stokes: Stokes | None = None
    heat: Heat | None = None
    thermo_solid: ThermoSolid | None = None
    phase_field: PhaseField | None = None
    balance: Balance | None = None
    homogeneous: Homogeneous | None = None
    kinetics: Kinetics | None = None
    oscillator: Oscillator | None = None
    steps: Steps = Steps()
    time: Time | None = None
    signals: dict[Key, Signal] = pydantic.Field(default_factory=dict)
    solver: Solver = Solver()
    observe: dict[Key, Observable] = pydantic.Field(default_factory=dict)
    statistics: dict[Key, Statistic] = pydantic.Field(default_factory=dict)
    pictures: Pictures = Pictures()
    fit: Fit | None = None
    design: Design | None = None

    @pydantic.model_validator(mode="after")
    def _complete(self):
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(f"[{name}]" for name in given) or "none of them"
            raise ValueError(f"one of {_tables(KINDS)} expected, got {got}.")
        able = lambda what: _tables(name for name, kind in KINDS.items() if what(kind))
        section, name = self.section, given[0]
        if (self.mesh is not None) != section.body:
            raise ValueError(f"[mesh] belongs to {able(lambda kind: kind.body)}, and to nothing else.")
        if section.own_spaces and self.space != Space():
            raise ValueError(f"[space] has no place beside [{name}]: the spaces are those of its function.")
        if self.design is not None and not KINDS[name].design:
            raise ValueError(f"[design] belongs to {able(lambda kind: kind.design)}.")
        if self.design is not None and (self.time is not None or not section.design):
            raise ValueError('[design] is for equilibria: without [time], and without formulation = "mixed".')
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


def _kinds() -> dict[str, type[Physics]]:
    kinds = {name: get_args(field.annotation) for name, field in SceneData.model_fields.items()}
    return {n: t[0] for n, t in kinds.items() if t and isinstance(t[0], type) and issubclass(t[0], Physics)}


KINDS = _kinds()
"""What scenes compute: each table with its class."""


def _tables(names) -> str:
    return " and ".join(", ".join(f"[{name}]" for name in names).rsplit(", ", 1))


def json_schema() -> dict:
    """Return the JSON Schema of scene files, for editors."""
    schema = SceneData.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "simphys scene"}
