"""Bodies that touch in scenes: a block on a slope creeps as Coulomb says, its friction is found from that; misuse."""

import pathlib

import jax.numpy as jnp
import numpy as np
import pytest
from _tiny import write_scene

from simphys.scene import SceneError, build_calibration, check_derivatives, load


SLOPE = (pathlib.Path(__file__).parents[2] / "scenes" / "block_on_a_slope" / "scene.toml").read_text(encoding="utf-8")
COARSE = SLOPE.replace("cells = [20, 4]", "cells = [5, 1]").replace("cells = [9, 5]", "cells = [3, 2]")
SOUGHT = """
[fit.parameters.friction]
key = "solid.loads.touch.friction"
start = 0.42

[fit.data.creep]
type = "point"
file = "data.csv"
position = ["x", "y"]
values = ["u", "v"]
step = "step"
noise = 1e-6
"""


@pytest.mark.slow
def test_a_block_creeps_down_a_slope(tmp_path):
    """By ε (1 − √(1 − tan θ/μ)) within 2 %."""
    model = load(write_scene(tmp_path, COARSE)).build()
    *_, last = model.march()
    u = model.space.evaluate(last.solution.value, np.array([[50.0, 16.0]]))[0]
    assert float(u[0]) == pytest.approx(0.01 * (1 - np.sqrt(1 - 0.3 / 0.5)), rel=0.02)


RIGID = """
title = "A block on a rigid slope"

[mesh]
kind = "rectangle"
cells = [3, 2]
lengths = [1.0, 0.5]

[solid.material]
law = "LinearElastic"
E = 1e5
nu = 0.3
plane = "strain"

[solid.loads.weight]
type = "body_force"
value = [0.6, -2.0]

[solid.loads.ground]
type = "obstacle"
where = "bottom"
shape = { kind = "half_space", point = [0.0, -0.005], normal = [0.0, 1.0] }
stiffness = 10.0
reach = 0.01
friction = 0.5
slip = 1e-3

[steps]
factors = [1.0, 1.001, 1.002]
"""


@pytest.mark.slow
def test_friction_is_found_from_several_load_steps(tmp_path):
    """Each creeps by ε (1 − √(1 − tan θ/μ)) from where the one before ended; derivatives pass through all; μ is found."""
    rows = lambda u: "step,x,y,u,v\n" + "".join(f"{k + 1},0.5,0.0,{x!r},{y!r}\n" for k, (x, y) in enumerate(u))
    (tmp_path / "data.csv").write_text(rows([(0, 0)] * 3))
    scene = load(write_scene(tmp_path, RIGID + SOUGHT.replace("touch", "ground").replace("1e-6", "1e-8")))
    model = scene.build()
    at = lambda value: model.space.evaluate(value, np.array([[0.5, 0.0]]))[0]
    u = np.array([at(step.solution.value) for step in model.march()])
    np.testing.assert_allclose(np.diff(u[:, 0], prepend=0.0), 1e-3 * (1 - np.sqrt(1 - 0.3 / 0.5)), rtol=0.005)
    (derivative,) = check_derivatives(model, model.way.checkable())
    assert derivative.passed and derivative.order > 1.9
    # Of Σ |u|² by ln μ, at the fit's start, where all move along by three creeps.
    *_, last = model.march({derivative.key: jnp.array(0.42)})
    value, held = np.asarray(last.solution.value), 0.3 / 0.42
    slope = -3e-3 * held / np.sqrt(1 - held) * np.sum(value[:, 0]) / np.sum(value**2)
    assert derivative.slope == pytest.approx(slope, rel=0.01)
    (tmp_path / "data.csv").write_text(rows(u.tolist()))
    found = build_calibration(scene.build()).run()
    assert found.successful and found.gradient_agreement < 1e-6
    np.testing.assert_allclose(found.values, [0.5], rtol=1e-5)


def test_misuse_is_named(tmp_path):
    build = lambda text: load(write_scene(tmp_path, text)).build()
    with pytest.raises(SceneError, match="`at` names 'upper', which is none of the parts base, block"):
        build(COARSE.replace("[mesh.at]\nblock", "[mesh.at]\nupper"))
    with pytest.raises(SceneError, match="`friction` needs `slip`"):
        build(COARSE.replace("slip = 0.01 ", "# "))
    with pytest.raises(SceneError, match="4 nodes of their surfaces lie inside of another body, up to 0.1 deep, near"):
        build(COARSE.replace("15.0095]", "14.9]"))
    with pytest.raises(SceneError, match="Body 2 of 2 .* is not held against translation along x"):
        build(COARSE.replace("friction = 0.5\nslip = 0.01 ", "# "))
