"""What a scene with a grid describes, ready to be solved for any values of its numbers."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from .. import fem, grids, io
from ._blame import blame
from ._body_model import AbstractBody
from ._build_grid import GridParts, build_grid
from ._error import SceneError, listing, nearest
from ._grid_begin import begin_on_grid
from ._grid_measurements import observations_on_grid, samples_on_grid
from ._grid_observe import read_on_grid
from ._interface import MeshErrors
from ._load import Scene
from ._observe import Observer, observers_of
from ._quantities import quantities_of
from ._replace import check_scale


@dataclasses.dataclass(frozen=True, eq=False)
class GridModel(AbstractBody):
    """A box of cells: the scenes with a `[grid]`.

    **Attributes:**

    - `grid`: the grid; `space`: one value for each corner of its cells, for pictures of residuals and fields of a fit.
    - `base`: the problem as the scene states it; `maker`: what made it, and makes it of other numbers.
    - `order`: of the polynomials that measurements are read by, 1 or 3.
    """

    scene: Scene
    grid: grids.Grid
    space: fem.FunctionSpace
    base: grids.AbstractGridProblem
    maker: GridParts
    order: int = 1

    @classmethod
    def build(cls, scene: Scene) -> "GridModel":
        """Make grid and problem; every error names its entry in the file."""
        if scene.data.steps.scale is not None:
            with blame(scene.file, "steps.scale"):
                check_scale(scene.data.section, scene.data.steps.scale)
        with blame(scene.file, "grid"):
            grid = build_grid(scene.data.grid)
        parts = GridParts(scene, grid)
        faces = [np.asarray(grid.faces(axis)) for axis in range(grid.dimension)]
        return cls(scene, grid, fem.FunctionSpace(io.mesh_of_cells(*faces)), parts.problem(), parts)

    @property
    def shown(self) -> grids.Grid:
        """The grid."""
        return self.grid

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of cells and unknowns."""
        cells = self.space.mesh.n_cells
        if isinstance(self.base, grids.ConservationLaw):
            return {"cells": cells, "unknowns": cells * len(self.base.names)}
        return {"cells": cells, "unknowns": sum(a.size for a in jax.tree.leaves(self.base.unknowns(None)))}

    @property
    def observers(self) -> tuple[Observer, ...]:
        """What the scene looks at."""
        return observers_of(self, read_on_grid)

    @property
    def stepper(self) -> str:
        """Name of the stepper by default."""
        return "SSPRK3" if isinstance(self.base, grids.ConservationLaw) else "SDIRK2"

    def begin(self, problem, drive, t):
        """Return the state at the first time."""
        return begin_on_grid(self, problem)

    def observations(self):
        """Return what was measured of load steps."""
        return observations_on_grid(self)

    def samples(self):
        """Return what was measured over time."""
        return samples_on_grid(self)

    def coarser(self):
        """Return what a fit's grid error is told by."""
        from ._grid_error import coarser_experiment

        return coarser_experiment(self) if isinstance(self.base, grids.Diffusion) else None

    def magnitude(self, name: str, entry: str) -> Callable:
        """Return what picks the values that a side prescribes."""
        section, sides = self.scene.data.section, [side for pair in self.grid.sides for side in pair]
        if name not in section.sides:
            given = list(section.sides)
            raise SceneError(f"no side {name!r} is described.{nearest(name, given)} There are: {listing(given)}.")
        if name == "all" or entry not in ("value", "ambient"):
            raise SceneError("a signal leads the `value` or the `ambient` of one side, by its name.")
        pick = _SideValues(isinstance(self.base, grids.ConservationLaw), *divmod(sides.index(name), 2), entry)
        if not any(bool(jnp.any(leaf != 0)) for leaf in pick(self.base)):
            raise SceneError(f"`{entry}` of {name!r} is 0 or not there, and stays so whatever the signal.")
        return pick

    def written(self, fields):
        """Return all quantities of the problem, and what else is to be written."""
        found = {q.name: q.values(fields.problem, fields.value) for q in quantities_of(fields.problem)}
        cells = {name: values for name, (where, values) in fields.more.items() if where == "cell"}
        found |= {name: grids.CellField(np.asarray(values).reshape(self.grid.shape)) for name, values in cells.items()}
        return {"node": {}, "cell": found}

    def errors(self, problem, value, goal=""):
        """Return those that a grid of cells twice as large lets see."""
        from ._grid_error import grid_errors

        return grid_errors(self, problem, value) if self.observers else MeshErrors({})


@dataclasses.dataclass(frozen=True)
class _SideValues:
    """Picks the numbers that a side prescribes; equal ones share their compiled programs."""

    law: bool
    axis: int
    side: int
    entry: str

    def __call__(self, problem):
        if self.law:
            held = problem.sides.pairs[self.axis]
            values = getattr(held[self.side], "values", ()) if held is not None else ()
            return [v for v in values if v is not None]
        every = problem.space.sides
        found = []
        for sides in every if isinstance(every, tuple) else (every,):
            condition = sides.pairs[self.axis][self.side]
            names = {"value": ("value", "flux"), "ambient": ("ambient",)}[self.entry]
            # Of walls that nothing passes the value is no leaf.
            kinds = (grids.Dirichlet, grids.Neumann, grids.Robin)
            found += [getattr(condition, n) for n in names if isinstance(condition, kinds) and n in vars(condition)]
        return found
