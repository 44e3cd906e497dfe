import re

import numpy as np
import pytest
from _run_cli import ROD, SQUARE, TABLE, invoke, report, write


@pytest.fixture(scope="module")
def square(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    scene = write(folder / "square", SQUARE)
    result = invoke("run", scene, "--out", folder / "out", "--report")
    return result, folder / "out"


def test_run_tells_all_of_it_in_one_page(square):
    """What `--report` writes is what `simphys report` makes of the folder, quantities with their units."""
    result, out = square
    assert f"report in {out / 'report.html'}" in " ".join(result.output.split())
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "A small square" in page and 'id="view-data"' in page and page.count("<img ") == 3
    assert report(out)["options"] == ["--no-error"]
    assert report(out)["quantities"]["displacement"] == {"label": "displacement magnitude", "unit": "", "moves": True}
    again = invoke("report", out, "--to", out / "again.html")
    assert again.exit_code == 0 and (out / "again.html").read_text(encoding="utf-8") == page
    assert invoke("report", out / "fields").exit_code == 2


@pytest.mark.slow
def test_run_says_what_it_does(square):
    result, out = square
    assert result.exit_code == 0, result.output
    for words in (
        "A small square",
        "step 1/2",
        "step 2/2  load 1",
        "residual",
        "tip",
        "0.4 m",
        "+0.00%",
        str(out),
    ):
        assert words in result.output


@pytest.mark.slow
def test_run_writes_a_report(square):
    found = report(square[1])
    assert found["status"] == "successful"
    assert found["certificate"]["forward_residual"] <= found["certificate"]["tolerance"] == 1e-9
    np.testing.assert_allclose(found["observables"]["tip"]["history"], [0.2, 0.4], atol=1e-14)
    assert [step["factor"] for step in found["steps"]] == [0.5, 1.0]
    assert {"build", "solve", "output", "total"} <= set(found["timings"])
    assert {"simphys", "jax", "equinox", "python"} <= set(found["versions"])


def test_run_writes_fields_and_pictures(square):
    found, out = report(square[1]), square[1]
    import meshio

    assert found["pictures"] == ["displacement.png", "von_mises.png", "newton.png"]
    for name in found["pictures"]:
        assert (out / name).read_bytes()[:4] == b"\x89PNG"
    assert (out / found["fields"]).read_text().count("<DataSet") == 2
    mesh = meshio.read(out / "fields" / "fields_00001.vtu")
    assert set(mesh.point_data) == {"displacement", "von_mises"}
    np.testing.assert_allclose(mesh.point_data["von_mises"].mean(), mesh.cell_data["von_mises"][0].mean(), rtol=0.05)
    assert {"von_mises", "energy_density", "volume_ratio"} <= set(mesh.cell_data)
    np.testing.assert_allclose(mesh.point_data["displacement"][:, 0].max(), 0.4)
    assert not list(out.rglob("*.tmp*"))


@pytest.mark.slow
def test_a_load_too_large_keeps_what_converged(tmp_path):
    """Pushing the sides through each other has no solution beyond some load factor below 2.0 / 2.4."""
    scene = write(tmp_path / "square", SQUARE.replace("[0.4, 0.0]", "[-2.4, 0.0]"))
    result = invoke("run", scene, "--out", tmp_path / "out", "--set", "solver.smallest_increment=0.05")
    assert result.exit_code == 3
    assert "not converged in load step 2 of 2" in result.output and "load factor" in result.output
    found = report(tmp_path / "out")
    assert found["status"] == "load_limit" and found["message"] in result.output
    assert 0.5 <= found["certificate"]["load_factor"] < 1
    assert not found["certificate"]["converged"]
    np.testing.assert_allclose(found["observables"]["tip"]["value"], -2.4 * found["certificate"]["load_factor"])
    assert (tmp_path / "out" / "displacement.png").is_file()
    assert (tmp_path / "out" / "fields.pvd").is_file()


@pytest.fixture(scope="module")
def rod(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    result = invoke("fit", write(folder / "rod", ROD, TABLE), "--out", folder / "out")
    return result, folder / "out"


@pytest.mark.slow
def test_fit_finds_the_constants(rod):
    result, out = rod
    assert result.exit_code == 0, result.output
    assert "iteration" in result.output and "95 %" in result.output
    found = report(out)
    assert found["status"] == "successful"
    slopes = np.stack([-3 * (1 - np.array([0.0, 0.25, 0.5, 1.0])) / 2**2, np.full(4, -3 / 0.5**2)], axis=1)
    std = 0.01 * np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)))
    for name, value, expected in (("k", 2.0, std[0]), ("h", 0.5, std[1])):
        entry = found["parameters"][name]
        np.testing.assert_allclose(entry["value"], value, rtol=1e-6)
        np.testing.assert_allclose(entry["std"], expected, rtol=1e-4)
        low, high = entry["interval95"]
        np.testing.assert_allclose(high - low, 2 * 1.959964 * entry["std"], rtol=1e-6)
    assert found["reduced_chi2"] < 1e-8
    assert found["certificate"]["forward_residual"] < 1e-9
    assert found["certificate"]["adjoint_residual"] < 1e-8
    assert {"build", "fit", "total"} <= set(found["timings"])


@pytest.mark.slow
def test_fit_writes_fields_and_pictures(rod):
    found, out = report(rod[1]), rod[1]
    assert {"convergence.png", "correlation.png", "fit_temperature.png", "temperature.png"} == set(found["pictures"])
    assert all((out / name).is_file() for name in found["pictures"])
    assert (out / "fields.pvd").is_file()


@pytest.mark.slow
def test_a_fit_against_its_data_says_so(tmp_path):
    """Exit 0, as there is a minimum, but p, a verdict and a line; what lies beside the rod is dropped and counted."""
    text = ROD.replace("noise = 0.01", 'noise = 0.01\noutside = "drop"') + "[pictures]\nfields = []\n"
    table = "x,T\n0.0,27.7\n0.25,26.925\n0.5,26.95\n1.0,25.8\n1.5,20.0\n"
    result = invoke("fit", write(tmp_path / "rod", text, table), "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = report(tmp_path / "out")
    assert (
        found["status"] == "successful" and found["fit_quality"] == "contradicts its data" and found["p_value"] < 1e-6
    )
    assert found["remarks"][0].startswith("the fit contradicts its data") and "contradicts its data" in result.output
    assert found["outside"]["temperature"] == {"treatment": "drop", "points": 1, "farthest": 0.5}
    assert found["data"] == {"temperature": 4} and found["white_residuals"]


@pytest.mark.slow
def test_fit_names_what_the_data_do_not_determine(tmp_path):
    """Far from the air, flux and conductivity only show in their ratio; h and flux only in theirs."""
    text = ROD + '[fit.parameters.flux]\nkey = "heat.loads.heater.value"\n'
    result = invoke("fit", write(tmp_path / "rod", text, TABLE), "--out", tmp_path / "out")
    assert result.exit_code == 3
    found = report(tmp_path / "out")
    assert found["status"] == "unidentifiable"
    assert all(name in found["null_directions"][0] for name in ("k", "h", "flux"))
    assert found["null_directions"][0] in result.output


@pytest.mark.slow
def test_fit_of_a_law_without_a_mesh(tmp_path):
    text = """
title = "x"
[homogeneous.material]
law = "NeoHooke"
mu = 1.0
lam = 1.0
[fit.parameters.mu]
key = "homogeneous.material.mu"
[fit.data.pull]
type = "nominal_stress"
test = "uniaxial"
file = "rod.csv"
stretch = "x"
stress = "T"
"""
    table = "x,T\n" + "".join(f"{x},{3 * (x - x**-2)}\n" for x in (1.2, 1.5, 2.0))
    result = invoke("fit", write(tmp_path / "law", text, table), "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(report(tmp_path / "out")["parameters"]["mu"]["value"], 3.0, rtol=1e-6)
    assert "tests.png" in report(tmp_path / "out")["pictures"]


@pytest.mark.slow
def test_homogeneous_tests_are_drawn_unless_no_pictures_are_wanted_and_quiet_prints_nothing(tmp_path):
    text = """
title = "x"
[homogeneous.material]
law = "NeoHooke"
mu = 1.0
lam = 1.0
[homogeneous.tests.pull]
test = "uniaxial"
stretch = [1.0, 2.0]
[pictures]
fields = []
"""
    result = invoke("run", write(tmp_path / "law", text), "--out", tmp_path / "out", "--quiet")
    assert result.exit_code == 0 and result.output == ""
    assert report(tmp_path / "out")["pictures"] == [] and not (tmp_path / "out" / "tests.png").exists()


@pytest.mark.slow
def test_check_passes_a_good_scene(tmp_path):
    scene = write(tmp_path / "rod", ROD, TABLE)
    result = invoke("check", scene, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    for words in (
        "the scene is valid",
        "tangent symmetric, as claimed",
        "gradient with respect to heat.material.k",
    ):
        assert words in result.output
    found = report(tmp_path / "out")
    orders = {key: entry["order"] for key, entry in found["derivatives"].items()}
    assert set(orders) == {"heat.material.k", "heat.loads.air.h"}
    assert all(order >= 1.9 for order in orders.values())
    assert all(entry["residual_defect"] < 1e-8 for entry in found["derivatives"].values())
    assert found["certificate"]["adjoint_residual"] < 1e-8


@pytest.mark.slow
def test_check_fails_a_wrong_gradient(tmp_path, monkeypatch):
    from simphys.scene._load_path import LoadPath

    right = LoadPath.square
    monkeypatch.setattr(LoadPath, "square", lambda *a: _with_wrong_gradient(right(*a)))
    result = invoke("check", write(tmp_path / "rod", ROD, TABLE), "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert re.search(r"✗ gradient with respect to heat\.material\.k: order (0\.9|1\.0)", result.output)
    assert report(tmp_path / "out")["status"] == "check_failed"


def _with_wrong_gradient(function):
    import equinox as eqx
    import jax

    stop = jax.lax.stop_gradient
    wrong = lambda x: 0.9 * x + 0.1 * stop(x) if eqx.is_inexact_array(x) else x
    return lambda problem: function(jax.tree.map(wrong, problem))
