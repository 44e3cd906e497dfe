"""The whole scene file."""

import pydantic

from ._design_section import Design
from ._fit_section import Fit
from ._flow_section import Stokes
from ._kinetics_section import Kinetics
from ._mesh_section import Mesh, Space
from ._phase_section import PhaseField
from ._physics_section import Heat, Homogeneous, Solid
from ._section import Key, Name, Section
from ._series_section import Oscillator
from ._task_section import Observable, Pictures, Solver, Steps, Units
from ._thermo_section import ThermoSolid
from ._time_section import Signal, Statistic, Time


PHYSICS = ("solid", "stokes", "heat", "thermo_solid", "phase_field", "homogeneous", "kinetics", "oscillator")
WITHOUT_MESH = ("homogeneous", "kinetics", "oscillator")
WITH_DESIGN = ("solid", "heat")
WITH_TIME = ("solid", "heat", "thermo_solid", "phase_field", "kinetics")
IN_TIME_ONLY = ("thermo_solid", "phase_field", "kinetics")


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
        given = [name for name in PHYSICS if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(f"[{name}]" for name in given) or "none of them"
            raise ValueError(f"one of {_tables(PHYSICS)} expected, got {got}.")
        if (self.mesh is None) != (given[0] in WITHOUT_MESH):
            able = [name for name in PHYSICS if name not in WITHOUT_MESH]
            raise ValueError(f"[mesh] belongs to {_tables(able)}, and to nothing else.")
        if self.time is None and given[0] in IN_TIME_ONLY:
            raise ValueError(f"[{given[0]}] needs [time].")
        if self.time is None and self.softens:
            raise ValueError("`solid.nonlocal_length` needs [time]: damage grows along a path.")
        if self.fit is not None and (given[0] in ("thermo_solid", "phase_field") or self.softens):
            raise ValueError("[fit] is not offered for phase fields, thermo-mechanics and damage with a length: use "
                             "`simphys.inverse.TimeSeries` from Python.")  # fmt: skip
        if self.design is not None and given[0] not in WITH_DESIGN:
            raise ValueError("[design] belongs to [solid] and [heat].")
        if self.design is not None and (self.time is not None or self.mixed):
            raise ValueError('[design] is for equilibria: without [time], and without formulation = "mixed".')
        if self.time is None:
            for name in ("signals", "statistics"):
                if getattr(self, name):
                    raise ValueError(f"[{name}] belongs to a scene with [time].")
        elif given[0] == "kinetics" and self.signals:
            raise ValueError("[kinetics] has nothing that could follow [signals].")
        elif given[0] not in WITH_TIME:
            raise ValueError(f"[time] belongs to {_tables(WITH_TIME)}.")
        elif self.time.initial.equilibrium and given[0] not in ("solid", "heat"):
            raise ValueError("`time.initial.equilibrium` belongs to [solid] and [heat].")
        elif self.steps != Steps():
            raise ValueError("[steps] and [time] exclude one another: let loads change in time by [signals].")
        return self

    @property
    def physics(self) -> str:
        """Which of `PHYSICS`."""
        return next(name for name in PHYSICS if getattr(self, name) is not None)

    @property
    def softens(self) -> bool:
        """Whether damage has a length, and with it a strain as a second unknown."""
        return self.solid is not None and self.solid.nonlocal_length is not None

    @property
    def mixed(self) -> bool:
        """Whether the pressure is an unknown of its own."""
        return self.stokes is not None or (self.solid is not None and self.solid.formulation == "mixed")


def _tables(names) -> str:
    return " and ".join(", ".join(f"[{name}]" for name in names).rsplit(", ", 1))


def json_schema() -> dict:
    """Return the JSON Schema of scene files, for editors."""
    schema = SceneData.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "simphys scene"}
