"""`[grid]` and what is computed on it as objects."""

import dataclasses
import functools

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import fem, grids
from . import _grid_physics_section as sections, _grid_section as common
from ._blame import blame
from ._build_conditions import as_array
from ._error import SceneError, listing
from ._load import Scene


LAWS = {
    "advection": lambda section: grids.LinearAdvection(as_array(section.velocity)),
    "burgers": lambda section: grids.Burgers(),
    "shallow_water": lambda section: grids.ShallowWater(as_array(section.gravity)),
    "euler": lambda section: grids.Euler(as_array(section.gamma)),
}
SCHEMES = {"first_order": grids.FirstOrder, "muscl": grids.MUSCL, "weno5z": grids.WENO5Z}
FLUXES = {"rusanov": grids.Rusanov, "hllc": grids.HLLC}


def build_grid(section: common.Grid) -> grids.Grid:
    """Return the grid that a section describes."""
    if section.faces is not None:
        return grids.Grid.from_faces(*(np.asarray(x) for x in section.faces))
    cells = section.cells or []
    low = section.origin or [0.0] * len(cells)
    high = [a + length for a, length in zip(low, section.lengths or [1.0] * len(cells), strict=True)]
    strengths = section.stretching or [0.0] * len(cells)
    if not any(strengths):
        return grids.Grid.uniform(tuple(cells), jnp.asarray(low), jnp.asarray(high))
    line = lambda n, a, b, s: grids.stretched(n, a, b, s) if s else np.linspace(a, b, n + 1)
    return grids.Grid.from_faces(*map(line, cells, low, high, strengths))


def mean_step(grid: grids.Grid) -> float:
    """Return the side of a cube as large as a mean cell."""
    sides = [float(np.sum(np.asarray(h))) / len(h) for h in grid.spacings]
    return float(np.prod(sides)) ** (1 / grid.dimension)


def build_shape(entry: common.Shape, grid: grids.Grid):
    """Return a signed distance; `SceneError` for coordinates of another dimension."""
    names = {"ball": ("centre", "radius"), "box": ("centre", "half"), "half_space": ("point", "normal")}[entry.kind]
    for name in names:
        given = getattr(entry, name)
        least = 2 if entry.kind == "ball" else grid.dimension
        if isinstance(given, list) and not least <= len(given) <= grid.dimension:
            raise SceneError(f"`{name}` needs {grid.dimension} entries on this grid, got {len(given)}.")
    make = {"ball": grids.Ball, "box": grids.Box, "half_space": grids.HalfSpace}[entry.kind]
    return make(*(as_array(getattr(entry, name)) for name in names))


def fraction(entry, grid: grids.Grid, points):
    """Return the part of a region with a `shape` and a `width` at points: 1 within, 0 outside."""
    width = mean_step(grid) / 2 if entry.width is None else entry.width
    return grids.Body(build_shape(entry.shape, grid), 1.0, as_array(width)).fraction(*points)


@dataclasses.dataclass(frozen=True, eq=False)
class GridParts:
    """What makes the problem of a scene on a grid, and puts new numbers into it."""

    scene: Scene
    grid: grids.Grid

    def problem(self) -> grids.AbstractGridProblem:
        """Return the problem as the scene states it."""
        with blame(self.scene.file, self.scene.data.physics):
            return build_on_grid(self.scene.data.section, self)

    def remade(self, section, base, changed) -> grids.AbstractGridProblem:
        """Return the problem with those leaves new that a key that changed concerns; what solves it stays as it is."""
        fresh = build_on_grid(section, self)
        # What rises with the load are the sides.
        changed = {"sides" if name == "constraints" else name for name in changed}
        keys = {key for name in changed for key in REMADE[type(section)].get(name, ())}
        pick = lambda problem: [found for key in sorted(keys) if (found := LEAVES[key](problem)) is not None]
        return eqx.tree_at(pick, base, pick(fresh)) if keys else base

    def sides(self, section, condition) -> dict:
        """Return the conditions of all sides; `condition` makes one of an entry, the scene's own one, and its axis."""
        found, pairs, stated = {}, self.grid.sides, self.scene.data.section.sides
        names = [name for pair in pairs for name in pair]
        path = f"{self.scene.data.physics}.sides"
        for name in section.sides:
            with blame(self.scene.file, f"{path}.{name}"):
                if name not in (*names, "all"):
                    raise SceneError(f"this grid has no such side. There are: {listing(names)}.")
        for axis, pair in enumerate(pairs):
            for name in pair:
                with blame(self.scene.file, f"{path}.{name}"):
                    entry = section.sides.get(name, section.sides.get("all"))
                    if entry is None:
                        raise SceneError("nothing says what holds here: name this side, or `all`.")
                    found[name] = condition(entry, stated.get(name, stated.get("all")), axis)
        return found


LEAVES = {
    "viscosity": lambda p: p.viscosity,
    "density": lambda p: p.density,
    "force": lambda p: p.force,
    "sides": lambda p: p.sides if isinstance(p, grids.ConservationLaw) else p.space.sides,
    "body": lambda p: p.body,
    "conductivity": lambda p: p.conductivity,
    "capacity": lambda p: p.capacity,
    "source": lambda p: p.source,
    "velocity": lambda p: p.velocity,
    "law": lambda p: p.law,
}
"""Parts of problems that numbers stand in."""
REMADE = {
    sections.GridFlow: {
        "viscosity": ("viscosity",),
        "density": ("viscosity", "density", "force", "sides"),
        "force": ("force",),
        "sides": ("sides",),
        "obstacle": ("body",),
    },
    sections.Diffusion: {
        "conductivity": ("conductivity",),
        "capacity": ("capacity",),
        "source": ("source",),
        "velocity": ("velocity",),
        "regions": ("conductivity", "source"),
        "sides": ("sides",),
    },
    sections.ConservationLaw: {"gamma": ("law",), "gravity": ("law",), "velocity": ("law",), "sides": ("sides",)},
}
"""Of each section, which parts a key concerns."""


@functools.singledispatch
def build_on_grid(section, parts: GridParts) -> grids.AbstractGridProblem:
    """Return the problem that a section describes, whose numbers may be traced."""
    raise NotImplementedError(section)


@build_on_grid.register
def _(section: sections.GridFlow, parts):
    grid, density = parts.grid, as_array(section.density)

    def condition(entry, stated, axis):
        if isinstance(entry, sections.WallSide):
            return _wall(entry.value, stated.value, axis, grid)
        if isinstance(entry, sections.InflowSide):
            return grids.Inflow(as_array(entry.value) * _profile(entry, grid, axis))
        if isinstance(entry, sections.OutflowSide):
            return grids.Outflow(as_array(entry.value) / density, enters=entry.enters)
        return _plain(entry)

    force = None if section.force is None else [f / density for f in _components("force", section.force, grid)]
    body = section.obstacle
    if body is not None:
        with blame(parts.scene.file, f"{parts.scene.data.physics}.obstacle"):
            width = mean_step(grid) if body.width is None else body.width
            own = None if body.velocity is None else _components("velocity", body.velocity, grid)
            body = grids.Body(build_shape(body.shape, grid), as_array(body.resistance), as_array(width), own)
    viscosity, sides = as_array(section.viscosity) / density, parts.sides(section, condition)
    steady = parts.scene.data.time is None and grid.dimension == 2
    options = dict(inertia=section.inertia, body=body, density=density, steady=steady)
    return grids.NavierStokes(grid, viscosity, sides, force, **options)


@build_on_grid.register
def _(section: sections.Diffusion, parts):
    grid = parts.grid

    def condition(entry, stated, axis):
        if isinstance(entry, sections.ValueSide):
            return grids.Dirichlet(as_array(entry.value))
        if isinstance(entry, sections.FluxSide):
            return grids.Neumann(-as_array(entry.value))
        if isinstance(entry, sections.ExchangeSide):
            return grids.Robin(as_array(entry.h), as_array(entry.ambient))
        return _plain(entry)

    over = lambda value: value.values.reshape(grid.shape) if isinstance(value, fem.CellField) else as_array(value)
    conductivity, source, points = over(section.conductivity), over(section.source), grid.points()
    for name, region in section.regions.items():
        with blame(parts.scene.file, f"{parts.scene.data.physics}.regions.{name}"):
            part = fraction(region, grid, points)
            blend = lambda there, here, part=part: here if there is None else here + part * (over(there) - here)
            conductivity, source = blend(region.conductivity, conductivity), blend(region.source, source)
    sides, velocity = parts.sides(section, condition), None
    if section.velocity is not None:
        passed = lambda side: side if isinstance(side, grids.Periodic) else grids.Outflow()
        wind = grids.FaceSpace(grid, {name: passed(side) for name, side in sides.items()})
        velocity = wind.field(tuple(_components("velocity", section.velocity, grid)))
    capacity = over(section.capacity)
    return grids.Diffusion(
        grid, conductivity, sides, source, velocity=velocity, capacity=capacity, name=section.quantity
    )


@build_on_grid.register
def _(section: sections.ConservationLaw, parts):
    law, grid = LAWS[section.law](section), parts.grid
    names = law.names(grid.dimension)

    def condition(entry, stated, axis):
        if not isinstance(entry, sections.StateSide):
            return grids.Wall() if isinstance(entry, sections.MirrorSide) else _plain(entry)
        for name in entry.values:
            if name not in names:
                raise SceneError(f"`values`: no variable {name!r}. There are: {listing(names)}.")
        given = lambda name: grids.Dirichlet(as_array(entry.values[name])) if name in entry.values else grids.Outflow()
        return tuple(map(given, names))

    scheme, flux = SCHEMES[section.reconstruction](), FLUXES[section.flux]()
    time = parts.scene.data.time
    implicit = time is not None and time.stepper not in (None, "SSPRK3")
    return grids.ConservationLaw(grid, law, parts.sides(section, condition), scheme, flux, implicit=implicit)


def _plain(entry):
    kinds = dict(periodic=grids.Periodic, symmetry=grids.Symmetry, slip=grids.Slip, outflow=grids.Outflow)
    return kinds[entry.type]()


def _components(name, values, grid):
    if len(values) != grid.dimension:
        raise SceneError(f"`{name}` needs {grid.dimension} entries on this grid, got {len(values)}.")
    return [as_array(v) for v in values]


def _wall(value, stated, axis, grid):
    """A wall; what the scene says is 0 there across it is no parameter: nothing passes."""
    if not isinstance(value, list):
        if stated == 0:
            return grids.Wall(0.0)
        raise SceneError("a wall that moves has a `value` for each component.")
    moved = _components("value", value, grid)
    return grids.Wall(tuple(0.0 if a == axis and stated[a] == 0 else v for a, v in enumerate(moved)))


def _profile(entry, grid, axis):
    """1 over a side's cells, or a parabola of each axis along it."""
    if entry.profile == "flat":
        return 1.0
    places = []
    for other in range(grid.dimension):
        if other != axis:
            x, ends = grid.centres(other), grid.faces(other)
            s = (x - ends[0]) / (ends[-1] - ends[0])
            places.append(4 * s * (1 - s))
    return functools.reduce(lambda a, b: a[..., None] * b, places) if places else 1.0
