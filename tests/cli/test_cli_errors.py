"""Every way in which input can be bad: a message that says what is wrong, exit code 2, no traceback."""

import meshio
import numpy as np
import pytest
from _run_cli import ROD, SQUARE, TABLE, invoke, report, write


def refused(command, scene, *options):
    result = invoke(command, scene, "--out", scene.parent / "out", *options)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert any(line.startswith("error:") for line in result.output.splitlines())
    return result.output


SQUARES = {
    "misspelt key": ("mesh.cell=[1, 1]", ["mesh: unknown key 'cell'. Did you mean 'cells'?"]),
    "wrong type": ("mesh.cells='many'", ["mesh.cells", "a list of positive whole numbers expected", "(a string)"]),
    "unknown group": ("solid.constraints.held.where='lefft'", ["'lefft'", "'bottom', 'left', 'right', 'top'"]),
    "negative parameter": ("solid.material.mu=-1.0", ["solid.material", "`mu` must be positive, got -1.0"]),
    "NaN parameter": ("solid.material.mu=nan", ["solid.material", "finite numbers expected, got nan"]),
    "infinite load": ("solid.constraints.pushed.value=[inf, 0.0]", ["solid.constraints.pushed.value", "finite"]),
    "point outside": ("observe.tip.at=[5.0, 5.0]", ["observe.tip", "1 of 1 points lie outside the body"]),
    "missing mesh": ("mesh={kind='file', file='sheet.msh'}", ["mesh", "There is no mesh file", "sheet.msh"]),
    "inverted cells": (
        "mesh.corners=[[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]",
        ["mesh", "All 4 cells are negatively oriented"],
    ),
    "degenerate cells": (
        "mesh.corners=[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]", ["mesh", "4 cells degenerate", "0, 1, 2, 3"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("override, words", SQUARES.values(), ids=SQUARES.keys())
def test_bad_scenes(tmp_path, override, words):
    output = refused("run", write(tmp_path / "square", SQUARE), "--set", override)
    assert "scene.toml" in output
    for word in words:
        assert word in output, output


def test_a_body_that_is_not_held(tmp_path):
    text = SQUARE.replace("[solid.constraints.pushed]", "[solid.loads.pushed]").replace(
        'type = "displacement"\nwhere = "right"', 'type = "traction"\nwhere = "right"'
    )
    text = text.replace('where = "left"', 'where = "left"\ncomponents = ["x"]')
    output = refused("run", write(tmp_path / "square", text))
    assert "The body is not held against translation along y" in output


MESH = """$MeshFormat
2.2 0 8
$EndMeshFormat
$Nodes
{count}
1 0 0 0
2 1 0 0
3 1 1 0
4 0 1 0
{more}$EndNodes
$Elements
1
1 3 2 0 1 {nodes}
$EndElements
"""


@pytest.mark.parametrize(
    "mesh, words",
    [
        (
            MESH.format(count=5, more="5 7 7 0\n", nodes="1 2 3 4"),
            "1 nodes belong to no cell (orphan), first 4",
        ),
        (MESH.format(count=4, more="", nodes="1 3 2 4"), "1 cell folded (det J changes sign): 0"),
        (MESH.format(count=4, more="", nodes="1 2 3 9"), "node"),
        ("nonsense", "mesh"),
    ],
    ids=["orphan node", "folded cell", "unknown node", "no mesh"],
)
def test_bad_meshes(tmp_path, mesh, words):
    scene = write(tmp_path / "square", SQUARE)
    (scene / "bad.msh").write_text(mesh)
    output = refused("run", scene, "--set", "mesh={kind='file', file='bad.msh'}")
    assert "bad.msh" in output and words in output


RODS = {
    "no table": ("fit.data.temperature.file='rad.csv'", "There is no table"),
    "missing column": ("fit.data.temperature.value='t'", "has no column 't'; there are 'x', 'T'"),
    "not an entry": ("fit.parameters.k.key='heat.material.kk'", "there is no 'kk'. Did you mean 'k'?"),
    "not a number": ("fit.parameters.k.key='heat.material.law'", "must be a number"),
    "not a leaf": ("fit.parameters.k.key='mesh.cells'", "cannot be fitted"),
    "bad start": ("fit.parameters.k.start=-1.0", "`start` must be positive, got -1.0"),
    "wrong data": ("fit.data.temperature.type='nominal_stress'", "fit.data.temperature"),
    "negative noise": ("fit.data.temperature.noise=-0.1", "a positive number expected, got -0.1"),
    "too few columns": ("fit.data.temperature.position=['x', 'x']", "`position` needs 1 columns"),
}


@pytest.mark.parametrize("override, words", RODS.values(), ids=RODS.keys())
def test_bad_fits(tmp_path, override, words):
    output = refused("fit", write(tmp_path / "rod", ROD, TABLE), "--set", override)
    assert words in output, output


@pytest.mark.parametrize(
    "table, words",
    [
        (TABLE + "1.5,25.0\n", "1 of 5 points lie outside the body, the first are 4"),
        (TABLE + "0.7,warm\n", "rod.csv:6: column 'T': a finite number expected, got 'warm'"),
        (TABLE + "0.7,nan\n", "a finite number expected, got 'nan'"),
    ],
    ids=["outside", "word", "nan"],
)
def test_bad_tables(tmp_path, table, words):
    assert words in refused("fit", write(tmp_path / "rod", ROD, table))


def test_a_scene_without_fit(tmp_path):
    assert "this scene has no [fit]" in refused("fit", write(tmp_path / "square", SQUARE))


def test_steps_of_the_data(tmp_path):
    text = ROD.replace('value = "T"', 'value = "T"\nstep = "n"') + "[steps]\ncount = 2\n"
    rows = [f"{n},{x},27\n" for n in (1, 3) for x in (0.1, 0.2)]
    output = refused("fit", write(tmp_path / "rod", text, "n,x,T\n" + "".join(rows)))
    assert "column 'n' must hold step numbers from 1 to 2, got 3" in output


def test_no_scene(tmp_path):
    assert invoke("run", tmp_path / "none").exit_code == 2
    assert invoke("check", tmp_path / "none").exit_code == 2
    assert invoke("list", tmp_path / "none").exit_code == 2


def test_out_is_a_file(tmp_path):
    (tmp_path / "out").write_text("")
    assert "there is a file where" in refused("run", write(tmp_path / "square", SQUARE))


def test_bad_input_found_late_is_reported_too(tmp_path):
    refused("run", write(tmp_path / "square", SQUARE), "--set", "observe.tip.at=[5.0, 5.0]")
    found = report(tmp_path / "out")
    assert found["status"] == "bad_input" and "outside the body" in found["message"]
    assert np.isfinite(found["timings"]["total"])


def test_list_shows_broken_scenes(tmp_path):
    write(tmp_path / "good", SQUARE)
    write(tmp_path / "bad", SQUARE.replace("cells", "cell"))
    result = invoke("list", tmp_path)
    assert result.exit_code == 0
    good, bad = sorted(result.output.splitlines(), key=lambda line: "bad" in line)[:2]
    assert "A small square" in good and "invalid" in bad


OWN = """
title = "An equation of one's own"

[mesh]
kind = "rectangle"
cells = [2, 2]

[balance]
equation = "an_equation_of_mine:law"
parameters = { k = 2.0 }

[observe.middle]
type = "point"
of = "field_2"
at = [0.5, 0.5]

[observe.outflow]
type = "point"
of = "field_1"
at = [0.1, 0.6]
component = "x"
"""


@pytest.mark.slow
def test_code_is_run_if_that_is_allowed(tmp_path, monkeypatch):
    """Here for fields that have no nodes, which are drawn, written and observed as any other."""
    scene = write(tmp_path / "own", OWN)
    assert "is code, and nothing in a scene is executed unless --allow-code is given" in refused("run", scene)
    site = tmp_path / "site"
    site.mkdir()
    (site / "an_equation_of_mine.py").write_text(
        "from simphys import fem, physics\n"
        "import jax.numpy as jnp\n"
        "def flow(f, at, k):\n"
        "    u, p = f\n"
        "    return (u.value / k, -p.value * jnp.eye(2)), (1.0 - u.divergence, None)\n"
        "def law(mesh, k):\n"
        "    spaces = fem.FunctionSpace(mesh, ('RT', 1)), fem.FunctionSpace(mesh, ('DG', 0))\n"
        "    return physics.Balance(spaces, [fem.Weak(flow, k, linear=True)])\n"
    )
    monkeypatch.syspath_prepend(str(site))
    result = invoke("run", scene, "--allow-code", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    said = report(tmp_path / "out")
    assert said["pictures"][:2] == ["field_1.png", "field_2.png"] and (tmp_path / "out" / "field_1.png").exists()
    assert said["observables"]["outflow"]["value"] < 0 < said["observables"]["middle"]["value"]
    written = meshio.read(tmp_path / "out" / "fields" / "fields_00000.vtu").point_data
    assert written["field_1"].shape[1] == 3 and written["field_2"].ndim == 1
