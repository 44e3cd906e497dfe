"""`simphys design` as users call it: lines of progress, files, and words for what is wrong."""

import zipfile

import meshio
import numpy as np
import pytest
from _run_cli import SQUARE, invoke, report, write

import simphys as sp
from simphys.scene import SceneError, build, build_design, load


BEAM = """
title = "A short beam"

[mesh]
kind = "rectangle"
cells = [12, 4]
lengths = [12.0, 4.0]

[mesh.groups.end]
type = "box"
of = "cells"
low = [10.9, -0.1]

[mesh.groups.tip]
type = "box"
of = "points"
low = [11.9, -0.1]
high = [12.1, 0.1]

[solid]
thickness = 2.0

[solid.material]
law = "LinearElastic"
plane = "stress"
E = 1.0
nu = 0.3

[solid.constraints.wall]
type = "displacement"
where = "left"

[solid.loads.down]
type = "point_force"
where = "tip"
value = [0.0, -1.0]

[design]
max_iterations = 12
every = 5
part_also = ["3mf", "obj"]

[design.objective]
type = "compliance"

[design.constraints.volume]
type = "volume"
at_most = 0.5

[design.filter]
radius = 1.5
"""


@pytest.fixture(scope="module")
def beam(tmp_path_factory):
    folder = tmp_path_factory.mktemp("design")
    scene = write(folder / "beam", BEAM)
    return invoke("design", scene, "--out", folder / "out"), scene, folder / "out"


@pytest.mark.slow
def test_design_says_what_it_does(beam):
    result, _, out = beam
    assert result.exit_code == 3, result.output
    for words in (
        "48 variables",
        "objective: compliance",
        "volume fraction ≤ 0.5",
        "change",
        "still moved by",
        str(out),
    ):
        assert words in result.output, words
    found = report(out)
    assert found["command"] == "design" and found["status"] == "design_unfinished"
    assert len(found["iterations"]) == 12
    last = found["iterations"][-1]["objective"]
    assert found["objective"] == {"value": last} and last < 0.7 * found["iterations"][0]["objective"]
    np.testing.assert_allclose(found["constraints"]["volume fraction ≤ 0.5"]["value"], 0.5, rtol=1e-3)
    assert 0 < found["certificate"]["forward_residual"] < 1e-9 and found["iterations"][0]["adjoint_solves"] == 0


@pytest.mark.slow
def test_design_writes_densities_pictures_and_the_part(beam):
    _, _, out = beam
    found = report(out)
    assert found["pictures"] == ["design_0005.png", "design_0010.png", "design.png", "convergence.png"]
    for name in found["pictures"]:
        assert (out / name).read_bytes()[:4] == b"\x89PNG"
    density = meshio.read(out / found["fields"]).cell_data["density"][0]
    np.testing.assert_allclose(np.mean(density), 0.5, rtol=1e-3)
    part = meshio.read(out / found["part"])
    assert part.points[:, 2].min() == 0 and part.points[:, 2].max() == 2.0
    facts = found["part_facts"]
    # After twelve iterations what is more than half full does not hang together yet.
    assert 30.0 < facts["volume"] + sum(facts["strays"]) < 60.0 and len(facts["pieces"]) == 1 and facts["strays"]
    assert 0 < facts["wall"] <= 2.0 and 0 <= facts["overhang"] < 0.5
    assert zipfile.is_zipfile(out / "part.3mf") and (out / "part.obj").read_text().startswith("# simphys\nv ")


@pytest.mark.slow
def test_design_goes_on_where_it_was(beam):
    _, scene, out = beam
    before = report(out)
    result = invoke("design", scene, "--out", out, "--resume", "--quiet")
    assert result.exit_code == 3 and result.output.startswith("error: The iterations that were allowed ran out")
    after = report(out)
    assert after["objective"] == before["objective"]
    keys = ("objective", "change", "constraints")
    assert [[i[k] for k in keys] for i in after["iterations"]] == [[i[k] for k in keys] for i in before["iterations"]]
    changed = invoke("design", scene, "--out", out, "--resume", "--set", "solid.material.nu=0.2")
    assert changed.exit_code == 2 and "of another design problem" in changed.output


@pytest.mark.slow
def test_an_optimum_is_judged_on_a_richer_space(tmp_path):
    load = BEAM.replace('type = "point_force"\nwhere = "tip"', 'type = "traction"\nwhere = "right"')
    scene, some = (
        write(tmp_path / "beam", load),
        ("--set", "design.max_iterations=2", "--set", "design.constraints.volume.at_most=0.8"),
    )
    result = invoke("design", scene, "--out", tmp_path / "out", *some, errors=True)
    assert result.exit_code == 3 and "of stiffness from the mesh" in result.output and "(mesh)" in result.output
    found = report(tmp_path / "out")
    objective, volume = found["objective"], found["constraints"]["volume fraction ≤ 0.8"]
    assert objective["corrected"] == pytest.approx(objective["value"] + objective["error"])
    assert 0.01 < objective["error"] / objective["value"] < 1 and abs(volume["error"]) < 1e-12
    assert "of stiffness from the mesh" in found["remarks"][0]
    # After two iterations all is grey: what is cut out of it is much stiffer.
    assert 0 < objective["of_body"] < 0.9 * objective["corrected"] and 0.8 < volume["of_body"] < 1 + 1e-9
    assert "as a body on a mesh of its own" in result.output and "as a body" in found["remarks"][1]


@pytest.mark.slow
def test_infeasible_bounds_exit_with_3_and_say_which(tmp_path):
    stiff = BEAM + '[design.constraints.stiff]\ntype = "compliance"\nat_most = 10.0\n'
    result = invoke(
        "design", write(tmp_path / "beam", stiff), "--out", tmp_path / "out", "--set", "design.max_iterations=4"
    )
    assert result.exit_code == 3 and "compliance ≤ 10" in result.output and "was reached" in result.output
    assert report(tmp_path / "out")["status"] == "design_infeasible"


@pytest.mark.slow
def test_a_network_draws_the_beam(tmp_path):
    net = BEAM.replace("[design.filter]\nradius = 1.5", "[design.network]\ndetail = 2.0\nwaves = 8\nwidth = 6")
    result = invoke("design", write(tmp_path / "beam", net), "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = report(tmp_path / "out")
    assert found["sizes"]["variables"] == (16 + 1) * 6 + 6 + 1
    assert found["objective"]["value"] < 0.9 * found["iterations"][0]["objective"]
    np.testing.assert_allclose(found["constraints"]["volume fraction ≤ 0.5"]["value"], 0.5, rtol=1e-10)


WRONG = {
    "design.stages=[{sharpness=2.0}]": ["needs a layout with a `projection`"],
    "design.constraints.volume.at_most=1.5": ["design: constraint 'volume'", "lies in (0, 1], got 1.5"],
    "design.constraints.volume.at_least=0.2": ["needs one of `at_most` and `at_least`"],
    "design.objective.at_most=1.0": ["belong to constraints"],
    "design.volume_fraction=0.5": ["design: unknown key 'volume_fraction'", "Allowed"],
    "design.objective.type='complience'": ["'complience' is not known", "Did you mean 'compliance'"],
    "design.filter.radius=0.0": ["design.filter.radius", "a positive number expected"],
    "design.void=['end']": ["acts on 1 nodes inside a `void` region", "design.objective"],
    "design.solid=['and']": ["design", "No cell group 'and'", "Did you mean 'end'?"],
    "design.objective.cases=[['up']]": ["design.objective", "no load 'up'", "'down'"],
    "solid.loads.down.value=[0.0, 0.0]": ["Nothing loads the body"],
    "solid.material.law='J2Plasticity'": ["solid"],
    "design.optimiser='adam'": ['a `network` is trained by optimiser = "adam", and nothing else is'],
    "design.network={detail=2.0, wdith=3}": ["design.network: unknown key 'wdith'", "width"],
    "design.symmetry=[{point=[5.0, 0.0], normal=[1.0, 0.0]}]": ["The mesh is not symmetric about"],
}


def test_what_does_not_fit_is_refused(tmp_path):
    """Even if only the search finds out."""
    override, words = next(iter(WRONG.items()))
    result = invoke("design", write(tmp_path / "beam", BEAM), "--out", tmp_path / "out", "--set", override)
    assert result.exit_code == 2, result.output
    assert all(each in " ".join(result.output.split()) for each in words), result.output


@pytest.mark.slow
def test_all_that_does_not_fit_is_refused(tmp_path):
    path = write(tmp_path / "beam", BEAM)
    for override, words in list(WRONG.items())[1:]:
        with pytest.raises(SceneError) as refused:
            build_design(build(load(path, [override])))
        assert all(each in " ".join(str(refused.value).split()) for each in words), refused.value


@pytest.mark.parametrize("adjoint", ["one_step", "implicit"])
def test_the_solver_section_reaches_the_goals(adjoint, tmp_path):
    path = write(tmp_path / "beam", BEAM + f'\n[solver]\nrtol = 1e-7\nadjoint = "{adjoint}"\nadjoint_rtol = 1e-6\n')
    goal = build_design(build(load(path))).objective
    assert goal.method.rtol == 1e-7
    assert goal.adjoint == (sp.OneStep() if adjoint == "one_step" else sp.Implicit(rtol=1e-6))


def test_scenes_without_a_design(tmp_path):
    result = invoke("design", write(tmp_path / "square", SQUARE), "--out", tmp_path / "out")
    assert result.exit_code == 2 and "no [design]" in result.output
    listed = invoke("list", write(tmp_path / "beam", BEAM).parent)
    assert "run, design" in listed.output
