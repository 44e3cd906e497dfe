"""Bodies that touch in scenes: a block on a slope creeps as Coulomb says, its friction is found from that; misuse."""

import pathlib

import numpy as np
import pytest
from _tiny import write_scene

from simphys.scene import SceneError, build_calibration, load


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
def test_friction_is_found_from_the_creep(tmp_path):
    """It creeps by ε (1 − √(1 − tan θ/μ)) within 2 %; from that and how far it sank, μ is found again."""
    scene = load(write_scene(tmp_path, COARSE + SOUGHT))
    (tmp_path / "data.csv").write_text("step,x,y,u,v\n1,50.0,16.0,0,0\n")
    model = scene.build()
    *_, last = model.march()
    u = [float(v) for v in model.space.evaluate(last.solution.value, np.array([[50.0, 16.0]]))[0]]
    assert u[0] == pytest.approx(0.01 * (1 - np.sqrt(1 - 0.3 / 0.5)), rel=0.02)
    (tmp_path / "data.csv").write_text(f"step,x,y,u,v\n1,50.0,16.0,{u[0]!r},{u[1]!r}\n")
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
    with pytest.raises(SceneError, match="other than one or `independent` ones, do not tell what has friction"):
        many = COARSE.replace("count = 1", "count = 2") + SOUGHT
        (tmp_path / "data.csv").write_text("step,x,y,u,v\n1,50.0,16.0,0,0\n2,50.0,16.0,0,0\n")
        build_calibration(load(write_scene(tmp_path, many)).build()).run()
