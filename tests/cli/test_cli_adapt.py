"""`[adapt]`: `simphys run` refines the mesh until what is observed is known, and says what kept it from that."""

import pytest
from _run_cli import invoke, report, write


PANEL = """
title = "A panel held on half of its foot"

[mesh]
kind = "rectangle"
cells = [4, 4]

[mesh.groups.foot]
type = "box"
of = "facets"
low = [-0.1, -0.1]
high = [0.51, 0.01]

[heat.material]
law = "IsotropicConduction"
k = 1.0

[heat.constraints.cold]
type = "temperature"
where = "foot"
value = 0.0

[heat.loads.sun]
type = "source"
value = 1.0

[observe.mean]
type = "mean"
where = "top"

[observe.corner]
type = "point"
at = [1.0, 0.0]

[adapt]
goal = "corner"
tolerance = 8e-3
"""


@pytest.mark.slow
def test_a_mesh_is_refined_until_the_goal_is_known(tmp_path):
    """A singular corner amid a side: few cells do what many of one size would, and their groups are still there."""
    scene = write(tmp_path / "panel", PANEL)
    result = invoke("run", scene, "--out", tmp_path / "out", "--set", "pictures.fields=[]", errors=True)
    assert result.exit_code == 0, result.output
    found = report(tmp_path / "out")
    rounds = found["adaptation"]
    assert len(rounds) >= 2 and rounds[0]["cells"] == 16 and rounds[-1]["cells"] == found["sizes"]["cells"]
    assert abs(rounds[-1]["error"]) <= 8e-3 < abs(rounds[0]["error"])
    corner = found["observables"]["corner"]
    assert corner["value"] == pytest.approx(rounds[-1]["value"]) and abs(corner["error"]) <= 8e-3
    # The limit of meshes of 4,225, 16,641 and 66,049 equal triangles.
    assert corner["corrected"] == pytest.approx(0.5628, abs=4e-3) and found["sizes"]["unknowns"] < 400
    assert f"mesh {len(rounds)}: {rounds[-1]['cells']} cells" in result.output
    # Of all cells alike, with a limit.
    options = ("--set", "adapt.uniform=true", "--set", "adapt.max_unknowns=100", "--set", "pictures.fields=[]")
    result = invoke("run", scene, "--out", tmp_path / "all", *options, errors=True)
    found = report(tmp_path / "all")
    assert result.exit_code == 0 and [one["cells"] for one in found["adaptation"]] == [16, 64]
    assert "was not reached within 100 unknowns: the error is" in found["remarks"][0]
    assert "was not reached within 100 unknowns" in result.output


@pytest.mark.slow
def test_without_errors_nothing_is_refined(tmp_path):
    scene = write(tmp_path / "panel", PANEL)
    result = invoke("run", scene, "--out", tmp_path / "out", "--set", "pictures.fields=[]")
    assert result.exit_code == 0 and "the mesh is not adapted" in result.output
    assert "adaptation" not in report(tmp_path / "out") and report(tmp_path / "out")["sizes"]["cells"] == 16


@pytest.mark.parametrize(
    "change, words",
    [
        (('goal = "corner"', 'goal = "tip"'), "'tip' is not in [observe]"),
        (("[adapt]", "[time]\nend = 1.0\nsteps = 2\n\n[adapt]"), "[adapt] is for equilibria on a mesh"),
        (("tolerance = 8e-3", "tolerance = 0.0"), "adapt.tolerance"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, change, words):
    result = invoke("run", write(tmp_path / "panel", PANEL.replace(*change)), "--out", tmp_path / "out")
    assert result.exit_code == 2 and words in result.output, result.output
