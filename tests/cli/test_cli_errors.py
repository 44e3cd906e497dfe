"""`run`, `fit` and `check` state what the mesh does to a number."""

import numpy as np
import pytest
from _run_cli import invoke, report, write


BEAM = """
title = "A beam"

[mesh]
kind = "rectangle"
cells = [8, 2]
lengths = [4.0, 1.0]

[space]
degree = 1

[solid.material]
law = "LinearElastic"
plane = "strain"
E = 1.0
nu = 0.3

[solid.constraints.held]
type = "displacement"
where = "left"
value = 0.0

[solid.loads.pull]
type = "traction"
where = "right"
value = [0.0, -1e-3]

[observe.tip]
type = "point"
at = [4.0, 0.5]
component = "y"

[observe.mean]
type = "mean"

[observe.reaction]
type = "resultant"
where = "left"

[fit.parameters.E]
key = "solid.material.E"
start = 2.0
transform = "log"

[fit.data.field]
type = "point_displacement"
file = "rod.csv"
position = ["x", "y"]
values = ["u", "v"]
noise = 0.002
"""


def table():
    """Displacements of the beam by quadratic cells, at some points."""
    import simphys as sp
    from simphys import fem, materials, physics

    space = fem.FunctionSpace(fem.rectangle((32, 8), (4.0, 1.0)), 2, 2)
    law = materials.PlaneStrain(materials.LinearElastic(E=1.0, nu=0.3))
    body = physics.Solid(space, law, [fem.Dirichlet("left", 0.0)], [physics.Traction("right", (0.0, -1e-3))])
    points = np.stack(np.meshgrid([1.0, 2.0, 3.0, 3.9], [0.2, 0.8]), axis=-1).reshape(-1, 2)
    read = np.asarray(space.evaluate(sp.solve(body).value, points))
    rows = [",".join(map(repr, map(float, (*x, *u)))) for x, u in zip(points, read, strict=True)]
    return "x,y,u,v\n" + "\n".join(rows) + "\n"


@pytest.mark.slow
def test_what_is_observed_has_an_error(tmp_path):
    scene = write(tmp_path / "beam", BEAM, "x,y,u,v\n1.0,0.5,0.0,0.0\n")
    result = invoke("run", scene, "--out", tmp_path / "out", errors=True)
    assert result.exit_code == 0 and "(mesh)" in result.output
    found = report(tmp_path / "out")["observables"]
    assert "mesh_error.png" in report(tmp_path / "out")["pictures"]
    assert (tmp_path / "out" / "mesh_error.png").stat().st_size > 5000
    rich = invoke("run", scene, "--out", tmp_path / "rich", "--set", "space.degree=2")
    assert rich.exit_code == 0 and "(mesh)" not in rich.output
    richer = report(tmp_path / "rich")["observables"]
    for name in ("tip", "reaction"):
        np.testing.assert_allclose(found[name]["corrected"], richer[name]["value"], rtol=2e-3, atol=1e-12)
        np.testing.assert_allclose(np.add(found[name]["value"], found[name]["error"]), found[name]["corrected"])
    assert abs(found["tip"]["error"]) > 0.1 * abs(found["tip"]["value"])
    # A mean over nodes is one over the nodes of this mesh.
    assert 0.05 < found["mean"]["error"][1] / found["mean"]["value"][1] < 1
    checked = invoke("check", scene, "--out", tmp_path / "checked")
    assert checked.exit_code == 0 and "mesh error of tip" in checked.output
    assert report(tmp_path / "checked")["observables"]["tip"]["error"] == pytest.approx(found["tip"]["error"])
    assert "mesh error" not in invoke("check", scene, "--out", tmp_path / "checked", "--no-error").output
    locked = invoke("run", scene, "--out", tmp_path / "locked", "--set", "solid.material.nu=0.4999", errors=True)
    assert locked.exit_code == 0 and "Take mixed elements" in " ".join(locked.output.split())


@pytest.mark.slow
def test_what_is_sought_has_a_shift(tmp_path):
    scene = write(tmp_path / "beam", BEAM, table())
    result = invoke("fit", scene, "--out", tmp_path / "out", errors=True)
    assert result.exit_code == 0 and "standard deviations" in result.output
    content = report(tmp_path / "out")
    found = content["parameters"]["E"]
    low, high = found["total_interval95"]
    assert abs(found["mesh_shift"]) > 1 and low <= 1 <= high and abs(found["corrected"] - 1) < abs(found["value"] - 1)
    assert content["mesh"]["degree"] == 2 and content["mesh"]["corrections"] == 0
    again = invoke("fit", scene, "--out", tmp_path / "again", "--set", 'fit.discretisation="correct"', errors=True)
    assert again.exit_code == 0 and report(tmp_path / "again")["mesh"]["corrections"] >= 1
