"""The whole scene file."""

import pydantic

from ._fit_section import Fit
from ._flow_section import Stokes
from ._mesh_section import Mesh, Space
from ._physics_section import Heat, Homogeneous, Solid
from ._section import Name, Section
from ._series_section import Oscillator
from ._task_section import Observable, Pictures, Solver, Steps, Units


PHYSICS = ("solid", "stokes", "heat", "homogeneous", "oscillator")
WITHOUT_MESH = ("homogeneous", "oscillator")


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
    oscillator: Oscillator | None = None
    steps: Steps = Steps()
    solver: Solver = Solver()
    observe: dict[Name, Observable] = pydantic.Field(default_factory=dict)
    pictures: Pictures = Pictures()
    fit: Fit | None = None

    @pydantic.model_validator(mode="after")
    def _complete(self):
        given = [name for name in PHYSICS if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(f"[{name}]" for name in given) or "none of them"
            raise ValueError(f"one of [solid], [stokes], [heat], [homogeneous] and [oscillator] expected, got {got}.")
        if (self.mesh is None) != (given[0] in WITHOUT_MESH):
            raise ValueError(
                "[mesh] belongs to [solid], [stokes] and [heat], and not to [homogeneous] or [oscillator]."
            )
        return self

    @property
    def physics(self) -> str:
        """Which balance law: `solid`, `stokes`, `heat`, `homogeneous` or `oscillator`."""
        return next(name for name in PHYSICS if getattr(self, name) is not None)

    @property
    def mixed(self) -> bool:
        """Whether the pressure is an unknown of its own."""
        return self.stokes is not None or (self.solid is not None and self.solid.formulation == "mixed")


def json_schema() -> dict:
    """Return the JSON Schema of scene files, for editors."""
    schema = SceneData.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "simphys scene"}
