"""The whole scene file."""

import pydantic

from ._design_section import Design
from ._fit_section import Fit
from ._flow_section import Stokes
from ._kinetics_section import Kinetics
from ._mesh_section import Mesh, Space
from ._physics_section import Heat, Homogeneous, Solid
from ._section import Name, Section
from ._series_section import Oscillator
from ._task_section import Observable, Pictures, Solver, Steps, Units
from ._time_section import Signal, Statistic, Time


PHYSICS = ("solid", "stokes", "heat", "homogeneous", "kinetics", "oscillator")
WITHOUT_MESH = ("homogeneous", "kinetics", "oscillator")
WITH_DESIGN = ("solid", "heat")
WITH_TIME = ("solid", "heat", "kinetics")


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
    homogeneous: Homogeneous | None = None
    kinetics: Kinetics | None = None
    oscillator: Oscillator | None = None
    steps: Steps = Steps()
    time: Time | None = None
    signals: dict[Name, Signal] = pydantic.Field(default_factory=dict)
    solver: Solver = Solver()
    observe: dict[Name, Observable] = pydantic.Field(default_factory=dict)
    statistics: dict[Name, Statistic] = pydantic.Field(default_factory=dict)
    pictures: Pictures = Pictures()
    fit: Fit | None = None
    design: Design | None = None

    @pydantic.model_validator(mode="after")
    def _complete(self):
        given = [name for name in PHYSICS if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(f"[{name}]" for name in given) or "none of them"
            able = " and ".join(", ".join(f"[{name}]" for name in PHYSICS).rsplit(", ", 1))
            raise ValueError(f"one of {able} expected, got {got}.")
        if (self.mesh is None) != (given[0] in WITHOUT_MESH):
            raise ValueError("[mesh] belongs to [solid], [stokes] and [heat], and to nothing else.")
        if self.kinetics is not None and self.time is None:
            raise ValueError("[kinetics] needs [time].")
        if self.design is not None and given[0] not in WITH_DESIGN:
            raise ValueError("[design] belongs to [solid] and [heat].")
        if self.design is not None and (self.time is not None or self.mixed):
            raise ValueError('[design] is for equilibria: without [time], and without formulation = "mixed".')
        if self.time is None:
            for name in ("signals", "statistics"):
                if getattr(self, name):
                    raise ValueError(f"[{name}] belongs to a scene with [time].")
        elif given[0] not in WITH_TIME:
            raise ValueError("[time] belongs to [solid], [heat] and [kinetics].")
        elif self.steps != Steps():
            raise ValueError("[steps] and [time] exclude one another: let loads change in time by [signals].")
        return self

    @property
    def physics(self) -> str:
        """Which of `PHYSICS`."""
        return next(name for name in PHYSICS if getattr(self, name) is not None)

    @property
    def mixed(self) -> bool:
        """Whether the pressure is an unknown of its own."""
        return self.stokes is not None or (self.solid is not None and self.solid.formulation == "mixed")


def json_schema() -> dict:
    """Return the JSON Schema of scene files, for editors."""
    schema = SceneData.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "simphys scene"}
