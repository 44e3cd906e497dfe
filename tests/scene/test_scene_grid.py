"""Scenes on grids: what they build, what they compute, what they refuse."""

import pathlib

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _tiny import write_scene

from simphys import grids, io, scene as scenes
from simphys.scene._grid_sampling import Sampler


SCENES = pathlib.Path(__file__).parents[2] / "scenes"
FLOW = """
title = "A disc in a channel"
[grid]
cells = [6, 4]
lengths = [1.5, 1.0]
[navier_stokes]
viscosity = 0.02
density = 2.0
force = [0.4, 0.0]
[navier_stokes.sides.left]
type = "inflow"
value = 1.0
profile = "parabolic"
[navier_stokes.sides.right]
type = "outflow"
value = 3.0
[navier_stokes.sides.top]
type = "wall"
value = [0.5, 0.0]
[navier_stokes.sides.all]
type = "wall"
[navier_stokes.obstacle]
shape = {kind = "ball", centre = [0.5, 0.45], radius = 0.3}
resistance = 1e3
[observe.drag]
type = "force"
component = "x"
"""
TIME = """
[time]
end = 0.2
steps = 2
[signals.rise]
of = ["left"]
type = "ramp"
begin = 0.0
end = 0.3
"""
WALL = """
title = "A wall"
[grid]
cells = [10, 4]
lengths = [0.3, 0.4]
stretching = [1.0, 0.0]
[diffusion]
conductivity = 0.5
[diffusion.sides.left]
type = "exchange"
h = 8.0
ambient = 20.0
[diffusion.sides.right]
type = "exchange"
h = 25.0
[diffusion.sides.all]
type = "flux"
[observe.enters]
type = "resultant"
where = "left"
[observe.middle]
type = "point"
at = [0.15, 0.39]
"""
TUBE = """
title = "A tube"
[grid]
cells = [100]
[conservation_law]
law = "euler"
flux = "hllc"
[conservation_law.sides.left]
type = "state"
values = {density = 1.0, pressure = 1.0}
[conservation_law.sides.right]
type = "outflow"
[time]
end = 0.2
steps = 100
[time.initial]
values = {density = 0.125, velocity_x = 0.0, pressure = 0.1}
[time.initial.regions.driver]
shape = {kind = "half_space", point = [0.5], normal = [1.0]}
values = {density = 1.0, pressure = 1.0}
[observe.pressure]
type = "point"
of = "pressure"
at = [0.75]
[observe.content]
type = "content"
"""


def built(folder, text, overrides=()):
    return scenes.load(write_scene(folder, text), overrides).build()


def test_what_a_flow_is_built_of(tmp_path):
    model = built(tmp_path, FLOW + TIME)
    flow = model.base
    assert isinstance(flow, grids.NavierStokes) and model.stepper == "SDIRK2"
    np.testing.assert_allclose([flow.viscosity, flow.density, flow.force[0]], [0.01, 2.0, 0.2], rtol=1e-15)
    y = np.array([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(flow.space.sides[0].pairs[0][0].value[0], 4 * y * (1 - y), rtol=1e-14)
    assert float(flow.space.sides[0].pairs[1][1].value) == 0.5
    # The opening is pushed by the pressure over density.
    assert float(flow.space.sides[0].pairs[0][1].flux) == -1.5
    np.testing.assert_allclose(flow.body.width, 0.25, rtol=1e-15)
    lighter = model.problem({"navier_stokes.density": jnp.asarray(1.0)})
    np.testing.assert_allclose([lighter.viscosity, lighter.force[0], lighter.density], [0.02, 0.4, 1.0], rtol=1e-15)
    assert lighter.poisson.values[0] is flow.poisson.values[0] and lighter.body.width is flow.body.width
    key = "navier_stokes.obstacle.shape.radius"
    radius = eqx.filter_jit(lambda r: model.problem({key: r}).body.distance.radius)(jnp.asarray(0.2))
    assert float(radius) == 0.2
    driven = scenes.March.build(model).drive(flow, jnp.asarray(0.0))
    assert not np.any(driven.space.sides[0].pairs[0][0].value)
    assert scenes.available(flow) == ("velocity", "pressure", "vorticity")


def test_where_a_march_begins(tmp_path):
    text = TUBE.replace("cells = [100]", "cells = [8]")
    model = built(tmp_path, text)
    start = model.begin(model.base, None, 0.0)
    pressure = model.base.primitives(start)["pressure"].values
    np.testing.assert_allclose(pressure, [1.0] * 4 + [0.1] * 4, rtol=1e-14)
    wind = FLOW + TIME + "[time.initial]\nvalues = {velocity = [1.0, 0.5]}\n"
    wind += "[time.initial.regions.part]\nvalues = {velocity = 0.25}\nwidth = 0.01\n"
    wind += 'shape = {kind = "box", centre = [1.0, 0.5], half = [0.3, 1.0]}\n'
    model = built(tmp_path, wind)
    u, v = model.begin(model.base, None, 0.0).components
    np.testing.assert_allclose([u[1, 1], v[0, 1], v[4, 1]], [1.0, 0.5, 0.25], rtol=1e-14)


def test_values_between_cells():
    """Linear functions are read exactly, everywhere; on a periodic axis the first face is the last."""
    grid = grids.Grid.from_faces(grids.stretched(5), np.array([0.0, 0.2, 0.7, 1.5]))
    places = np.array([[0.0, 0.0], [0.3, 1.5], [1.0, 0.6], [0.5, 0.1]])
    cells = grids.CellField(2 * grid.points()[0] - 3 * grid.points()[1])
    np.testing.assert_allclose(Sampler(grid, places)(cells), 2 * places[:, 0] - 3 * places[:, 1], atol=1e-14)
    space = grids.FaceSpace(grid, grids.Outflow())
    faces = space.field((lambda x, y: x + y, lambda x, y: x - 4 * y))
    wanted = np.stack([places.sum(1), places[:, 0] - 4 * places[:, 1]], axis=1)
    np.testing.assert_allclose(Sampler(grid, places)(faces), wanted, atol=1e-14)
    ring = grids.Grid.uniform((4, 4))
    periodic = grids.FaceSpace(ring, grids.Periodic()).field((lambda x, y: jnp.cos(2 * jnp.pi * x), 0.0))
    np.testing.assert_allclose(Sampler(ring, [[1.0, 0.5], [0.875, 0.5]])(periodic)[:, 0], [1.0, 0.5], atol=1e-14)
    with pytest.raises(scenes.SceneError, match="outside of the grid"):
        Sampler(grid, [[0.5, 1.6]])


@pytest.mark.slow
def test_a_wall_lets_through_what_it_should(tmp_path):
    model = built(tmp_path, WALL)
    (step,) = model.march()
    seen = scenes.observe(model.observers, step.state, step.solution.value)
    through = 20 / (1 / 8 + 0.3 / 0.5 + 1 / 25)
    np.testing.assert_allclose(seen["enters"], 0.4 * through, rtol=1e-9)
    np.testing.assert_allclose(seen["middle"], 20 - through * (1 / 8 + 0.15 / 0.5), rtol=1e-9)
    found = model.errors(step.state, step.solution.value)
    assert "even" in found.remark or np.allclose(found.observables["enters"]["error"], 0, atol=1e-9)


@pytest.mark.slow
def test_a_conductivity_is_found(tmp_path):
    places = np.stack(np.meshgrid([0.05, 0.15, 0.25], [0.1, 0.3], indexing="ij"), -1).reshape(-1, 2)
    through = 20 / (1 / 8 + 0.3 / 0.8 + 1 / 25)
    rows = [f"{x},{y},{20 - through * (1 / 8 + x / 0.8)!r}" for x, y in places.tolist()]
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "t.csv").write_text("\n".join(["x,y,T", *rows]))
    text = WALL + '[fit.parameters.k]\nkey = "diffusion.conductivity"\ntransform = "log"\n'
    text += '[fit.data.T]\ntype = "temperature"\nfile = "t.csv"\nposition = ["x", "y"]\nvalue = "T"\nnoise = 0.1\n'
    found = scenes.build_calibration(built(tmp_path, text)).run()
    np.testing.assert_allclose(found.values, [0.8], rtol=1e-7)


@pytest.mark.slow
def test_a_shock_tube(tmp_path):
    """Between fan and shock there is what Riemann's problem has there; at the end the tube is open."""
    model = built(tmp_path, TUBE)
    march = scenes.March.build(model)
    *_, frame = march.frames(model.base, lambda t, u, p: {o.name: o.read(p, u) for o in march.observers})
    np.testing.assert_allclose(frame.observed["pressure"][-1], 0.3031301780506468, rtol=2e-3)
    np.testing.assert_allclose(frame.observed["content"][-1][1], 0.2 * 0.9, rtol=1e-6)


@pytest.mark.slow
def test_the_cavity_is_that_of_python(tmp_path):
    model = scenes.load(SCENES / "cavity_on_grid", {"grid.cells": [16, 16]}).build()
    (step,) = model.march()
    assert step.converged
    seen = scenes.observe(model.observers, step.state, step.solution.value)
    np.testing.assert_allclose([seen["u_min"], seen["v_max"], seen["v_min"]], [-0.2140, 0.1796, -0.2538], rtol=0.08)
    u = step.solution.value.velocity.components[0][8]
    assert seen["u_min"] <= float(jnp.min(u)) + 1e-12


def test_files_are_read_again(tmp_path):
    grid = grids.Grid.from_faces(grids.stretched(3), np.array([0.0, 0.5, 2.0]))
    values = jnp.arange(6.0).reshape(3, 2)
    for at, (one, ending) in enumerate([(grid, ".vtr"), (grids.Grid.uniform((3, 2)), ".vti")]):
        series = io.FieldSeries(tmp_path / f"f{at}.pvd", one)
        series.write(0.0, {}, {"T": grids.CellField(values)})
        ((_, file),) = io.read_series(tmp_path / f"f{at}.pvd")
        assert file.suffix == ending
        read = io.read_fields(file)
        np.testing.assert_array_equal(read.cells["T"], np.arange(6.0))
        corners = np.asarray(read.mesh.points)[np.asarray(read.mesh.cells)]
        centres = np.stack([x.ravel() for x in one.points()], axis=1)
        np.testing.assert_allclose(corners.mean(axis=1), centres, atol=1e-14)
    box = io.mesh_of_cells(*(np.linspace(0, n, n + 1) for n in (2, 3, 4)))
    centres = np.asarray(box.points)[np.asarray(box.cells)].mean(axis=1)
    np.testing.assert_allclose(centres.reshape(2, 3, 4, 3)[1, 2, 3], [1.5, 2.5, 3.5])
    file.write_text(file.read_text()[:300])
    with pytest.raises(ValueError, match="unreadable"):
        io.read_fields(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FLOW.replace("[grid]\ncells = [6, 4]\nlengths = [1.5, 1.0]\n", ""), r"\[grid\] belongs to"),
        (FLOW.replace("[navier_stokes.sides.all]", "[navier_stokes.sides.front]"), "no such side"),
        (FLOW.replace('[navier_stokes.sides.all]\ntype = "wall"\n', ""), "nothing says what holds here"),
        (FLOW.replace("[0.5, 0.0]", "0.5"), "a `value` for each component"),
        (FLOW.replace("[0.5, 0.45]", "[0.5]"), "needs 2 entries"),
        (FLOW.replace("cells = [6, 4]", "cells = [6, 4]\nstretching = [1.0]"), "needs 2 entries"),
        (FLOW.replace("cells = [6, 4]", "cells = [6, 1]"), "2 or more"),
        (FLOW.replace("cells = [6, 4]\nlengths = [1.5, 1.0]", "faces = [[0.0, 0.5, 0.4], [0.0, 1.0, 2.0]]"), "increase"),
        (FLOW + '[observe.more]\ntype = "point"\nat = [2.0, 0.5]\n', "outside of the grid"),
        (FLOW + '[observe.more]\ntype = "line_max"\nof = "velocity"\naxis = "z"\nat = [1.0, 0.5]\n', "2-D"),
        (FLOW + '[observe.more]\ntype = "max"\nof = "presure"\n', "Did you mean 'pressure'"),
        (WALL + '[observe.more]\ntype = "force"\n', "only an `obstacle`"),
        (WALL + '[observe.more]\ntype = "resultant"\nwhere = "lft"\n', "no side 'lft'"),
        (FLOW + TIME.replace('"left"', '"all"'), "by its name"),
        (FLOW + TIME.replace('"left"', '"bottom"'), "no side 'bottom'"),
        (TUBE.replace(", pressure = 0.1}", "}"), "what 'pressure' is"),
        (TUBE.replace("values = {density = 1.0, pressure = 1.0}", "values = {mass = 1.0}"), "no variable 'mass'"),
        (TUBE[: TUBE.index("[time]")], "is led through"),
        (FLOW + TIME + "[time.initial]\nvalue = 1.0\n", "belong to a"),
    ],
)  # fmt: skip
def test_misuse(tmp_path, text, message):
    with pytest.raises(scenes.SceneError, match=message):
        model = built(tmp_path, text)
        _ = model.way
        model.begin(model.base, None, 0.0)


def test_what_belongs_to_meshes_alone(tmp_path):
    from _tiny import TINY

    line = '[observe.more]\ntype = "force"\n'
    with pytest.raises(scenes.SceneError, match=r"belongs to a scene on a \[grid\]"):
        built(tmp_path, TINY.replace("[pictures]", line + "[pictures]"))
