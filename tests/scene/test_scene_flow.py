"""Scenes of flows with inertia: what they build, in time too, and what they refuse."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _tiny import write_scene

from simphys import physics, scene as scenes
from simphys.scene._inlet import parabola


CHANNEL = """
title = "A short channel"

[mesh]
kind = "rectangle"
cells = [2, 2]
lengths = [2.0, 1.0]

[navier_stokes]
viscosity = 0.5
density = 2.0

[navier_stokes.constraints.inlet]
type = "velocity"
where = "left"
value = [1.0, 0.0]
profile = "parabolic"

[navier_stokes.constraints.walls]
type = "velocity"
where = "bottom"

[navier_stokes.constraints.top]
type = "velocity"
where = "top"

[navier_stokes.constraints.straight]
type = "velocity"
where = "right"
components = ["y"]

[navier_stokes.loads.outlet]
type = "backflow"
where = "right"

[observe.middle]
type = "point"
at = [1.0, 0.5]
component = "x"

[observe.highest]
type = "max"
of = "pressure"
"""
TIME = """
[time]
stepper = "BDF2"
end = 40.0
steps = 4

[signals.rise]
of = ["inlet"]
type = "ramp"
begin = 0.0
end = 10.0
"""


def built(folder, text):
    model = scenes.load(write_scene(folder, text)).build()
    return model, scenes.build_observers(model)


def test_what_is_built(tmp_path):
    model, _ = built(tmp_path, CHANNEL)
    flow = model.base
    assert isinstance(flow, physics.NavierStokes) and isinstance(flow.loads[0], physics.Backflow)
    y = flow.space[0].nodes()[flow.space[0].nodes_on("left"), 1]
    np.testing.assert_allclose(flow.constraints[0].value, jnp.stack([4 * y * (1 - y), 0 * y], axis=1), atol=1e-15)
    under_jit = eqx.filter_jit(
        lambda x: model.problem({"navier_stokes.constraints.inlet.value": x}).constraints[0].value
    )
    np.testing.assert_allclose(under_jit(jnp.array([1.0, 0.0])), flow.constraints[0].value, atol=1e-15)
    profile = eqx.filter_jit(lambda: parabola(flow.space[0], "left"))()
    np.testing.assert_allclose(profile, 4 * y * (1 - y), atol=1e-15)
    faster = model.problem({"navier_stokes.constraints.inlet.value": jnp.array([3.0, 0.0])})
    np.testing.assert_allclose(faster.constraints[0].value, 3 * flow.constraints[0].value, rtol=1e-15)
    assert model.problem({"navier_stokes.resistance": jnp.asarray(2.0)}).resistance == 2.0
    assert scenes.available(flow) == ("velocity", "pressure", "vorticity")
    closed = CHANNEL + '\n[navier_stokes.constraints.level]\ntype = "pressure"\nwhere = "right"\nvalue = 3.0\n'
    assert built(tmp_path, closed)[0].base.constraints[-1].field == 1


def test_walls_that_are_held_weakly(tmp_path):
    """A channel whose upper wall lets slide; the numbers are parameters as others are."""
    upper = '\n[navier_stokes.loads.lid]\ntype = "weak_velocity"\nwhere = "top"\nvalue = [0.0, 0.0]\nslip = true\n'
    model = built(tmp_path, CHANNEL + upper)[0]
    lid = model.base.loads[-1]
    assert isinstance(lid, physics.WeakVelocity) and lid.slip and lid.penalty == 10.0
    moved = model.problem({"navier_stokes.loads.lid.value": jnp.array([0.0, 0.1])})
    assert moved.loads[-1].value[1] == 0.1


def test_a_viscosity_that_depends_on_the_shear_rate(tmp_path):
    carreau = '{ curve = "Carreau", at_rest = 0.056, sheared = 0.00345, time = 3.313, power = 0.3568 }'
    flow = built(tmp_path, CHANNEL.replace("viscosity = 0.5", f"viscosity = {carreau}"))[0].base
    np.testing.assert_allclose(flow.viscosity(jnp.array([0.0, 1e6])), [0.056, 0.00345], rtol=1e-2)


def test_a_flow_with_heat(tmp_path):
    heat = "conductivity = 0.6\ncapacity = 3.0\ngravity = [0.0, -1.0]\nexpansion = 0.1\nreference = 20.0\n"
    text = CHANNEL.replace("navier_stokes", "boussinesq").replace("density = 2.0\n", "density = 2.0\n" + heat)
    text += '\n[boussinesq.constraints.hot]\ntype = "temperature"\nwhere = "bottom"\nvalue = 30.0\n'
    text += '\n[boussinesq.loads.sun]\ntype = "flux"\nwhere = "top"\nvalue = -5.0\n'
    text += '\n[observe.heat]\ntype = "resultant"\nof = "temperature"\nwhere = "bottom"\n'
    model, _ = built(tmp_path, text)
    assert isinstance(model.base, physics.Boussinesq) and model.base.constraints[-1].field == 2
    assert scenes.available(model.base) == ("velocity", "pressure", "temperature", "vorticity", "heat_flux")
    np.testing.assert_array_equal(model.base.gravity, [0.0, -1.0])
    with pytest.raises(scenes.SceneError, match="no components"):
        built(tmp_path, text + 'component = "x"\n')
    with pytest.raises(scenes.SceneError, match="no field"):
        built(tmp_path, text.replace('of = "temperature"', 'of = "vorticity"'))


@pytest.mark.slow
def test_channel(tmp_path):
    """Poiseuille's flow is the steady one: its pressure falls by 8 μ v over the length 2."""
    model, observers = built(tmp_path, CHANNEL)
    step = list(model.march())[-1]
    seen = scenes.observe(observers, step.state, step.solution.value)
    np.testing.assert_allclose([seen["middle"], seen["highest"]], [1.0, 8.0], rtol=1e-9)


@pytest.mark.slow
def test_channel_in_time(tmp_path):
    """What flows in rises from 0, and long after the steady flow is there."""
    model, observers = built(tmp_path, CHANNEL + TIME)
    *_, frame = scenes.March.build(model).frames(model.problem(), None)
    np.testing.assert_allclose(scenes.observe(observers, frame.problem, frame.u)["middle"], 1.0, rtol=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CHANNEL.replace("0.5\n", "-0.5\n", 1), "viscosity"),
        (CHANNEL.replace("0.5\n", "{ curve = 'Carro' }\n", 1), "viscosity.curve"),
        (CHANNEL.replace("density = 2.0\n", ""), "navier_stokes.density: this key is required"),
        (CHANNEL.replace('"parabolic"', '"cubic"'), "profile"),
        (CHANNEL.replace('components = ["y"]\n', ""), "net volume"),
        (CHANNEL.replace('"backflow"', '"backfolw"'), "Did you mean 'backflow'"),
        (CHANNEL.replace("cells = [2, 2]", 'cells = [2, 2]\ngroups.rim.type = "union"\ngroups.rim.groups = ["left", "top"]')
         .replace('where = "left"', 'where = "rim"'), "plane inlet"),
    ],
)  # fmt: skip
def test_misuse(tmp_path, text, message):
    with pytest.raises(scenes.SceneError, match=message):
        built(tmp_path, text)


DESIGN = """
[design]
optimiser = "oc"
max_iterations = 2

[design.objective]
type = "dissipation"
solid = 300.0

[design.constraints.fluid]
type = "volume"
at_most = 0.5
"""
CREEPING = (
    CHANNEL[: CHANNEL.index("[navier_stokes.loads")].replace("navier_stokes", "stokes").replace("density = 2.0", "")
)


def test_channels_are_laid_out(tmp_path):
    """Without a filter, by RAMP of 10 unless it says otherwise."""
    from simphys import design

    task = scenes.build_design(scenes.load(write_scene(tmp_path, CHANNEL + DESIGN)).build())
    goal = task.objective
    assert (
        isinstance(goal, design.Dissipation)
        and float(goal.solid) == 300.0
        and isinstance(task.layout.filter, design.NoFilter)
    )
    assert isinstance(goal.interpolation, design.RAMP) and float(goal.interpolation.penalty) == 10.0
    other = "\n[design.interpolation]\nlaw = 'SIMP'\nleast = 1e-4\n"
    law = scenes.build_design(
        scenes.load(write_scene(tmp_path, CHANNEL + DESIGN + other)).build()
    ).objective.interpolation
    assert isinstance(law, design.SIMP) and float(law.least) == 1e-4


@pytest.mark.parametrize(
    "text, words",
    [
        (CHANNEL + DESIGN.replace('"dissipation"\nsolid = 300.0', '"compliance"'), "a `filter` is needed"),
        (
            CHANNEL
            + DESIGN.replace('"dissipation"\nsolid = 300.0', '"compliance"')
            + "[design.filter]\nradius = 1.0\n",
            "design.objective: .*NavierStokes",
        ),
        (CHANNEL + DESIGN.replace("solid = 300.0", "solid = -1.0"), "design.objective.solid"),
        (CREEPING + DESIGN, r"\[design\] belongs to .*\[navier_stokes\]"),
    ],
)
def test_layouts_of_flows_that_are_refused(tmp_path, text, words):
    with pytest.raises(scenes.SceneError, match=words):
        scenes.build_design(scenes.load(write_scene(tmp_path, text)).build())
