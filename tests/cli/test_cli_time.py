"""`simphys run` and `fit` of scenes with [time]."""

import csv
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from _run_cli import invoke, report, write


HERE = pathlib.Path(__file__).parent
SCENES = HERE.parents[1] / "scenes"
BAR = """
title = "A bar that warms up"

[units]
time = "s"

[mesh]
kind = "line"
cells = 8

[heat]
capacity = 1.0

[heat.material]
law = "IsotropicConduction"
k = 0.5

[heat.constraints.hot]
type = "temperature"
where = "right"
value = 1.0

[time]
end = 1.0
steps = 20
frames = 4

[observe.cold]
type = "point"
at = [0.0]
unit = "K"

[statistics.half]
of = "cold"
type = "at"
at = 0.5
reference = 0.2
"""
# 1 − Σ 4 (−1)ⁿ/((2n + 1) π) e^{−k ((2n + 1) π/2)² t} at the insulated end of the bar, k = t = 0.5.
WARMED = 1 - sum(4 * (-1) ** n / ((2 * n + 1) * np.pi) * np.exp(-0.25 * ((n + 0.5) * np.pi) ** 2) for n in range(5))
FEW = "pictures.fields=[]", "time.frames=5"
SHORTER = {
    "turek_hron_csm3": (
        *FEW, "time.end=2.5", "time.steps=200",
        *(f"statistics.{what}_{axis}.since=1.5" for what in ("middle", "amplitude") for axis in "xy"),
    ),
    "ringing_beam": (*FEW, "mesh.cells=[24, 1]", "time.end=0.5", "time.steps=2500"),
}  # fmt: skip
"""Half the time (CSM3: a quarter, of which the last period counts), longer steps: the tolerances hold as they are."""
FIT = """
[fit.parameters.k]
key = "heat.material.k"
start = 0.2
transform = "log"

[fit.data.end]
type = "series"
file = "end.csv"
time = "t"
values = ["T"]
at = [[0.0]]
noise = 0.01
"""


@pytest.fixture(scope="module")
def warmed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("time")
    result = invoke("run", write(folder / "bar", BAR), "--out", folder / "out")
    return result, folder / "out"


@pytest.mark.slow
def test_run_reports_the_march(warmed):
    result, out = warmed
    assert result.exit_code == 0, result.output
    for words in ("20 steps to t = 1", "cold", "half", "0.2"):
        assert words in result.output
    found = report(out)
    assert found["march"]["steps"] == 20 and found["status"] == "successful"
    assert found["march"]["weakly_active"] == 0
    assert found["observables"]["half"]["value"] == pytest.approx(WARMED, abs=0.01)


@pytest.mark.slow
def test_run_writes_histories_fields_and_pictures(warmed):
    found, out = report(warmed[1]), warmed[1]
    assert found["pictures"] == ["temperature.png", "histories.png", "animation.gif"]
    assert (out / "animation.gif").read_bytes()[:6] == b"GIF89a"
    rows = list(csv.reader((out / "history.csv").open(encoding="utf-8")))
    assert rows[0] == ["time", "cold"] and len(rows) == 22
    assert float(rows[-1][1]) == pytest.approx(found["observables"]["cold"]["value"])
    assert (out / "fields.pvd").read_text().count("<DataSet") == 5


@pytest.mark.slow
def test_fit_of_a_series(tmp_path, warmed):
    rows = list(csv.reader((warmed[1] / "history.csv").open(encoding="utf-8")))[1:]
    noisy = [(float(t), float(T) + 0.01 * z) for (t, T), z in zip(rows, np.random.default_rng(0).standard_normal(21))]
    scene = write(tmp_path / "bar", BAR + FIT)
    (scene / "end.csv").write_text("t,T\n" + "".join(f"{t},{T}\n" for t, T in noisy))
    result = invoke("fit", scene, "--out", tmp_path / "out", errors=True)
    assert result.exit_code == 0 and "noise and mesh and step" in " ".join(result.output.split()), result.output
    found = report(tmp_path / "out")
    k = found["parameters"]["k"]
    assert k["corrected"] == pytest.approx(k["value"] + (k["mesh_shift"] + k["step_shift"]) * k["std"], rel=1e-3)
    assert abs(k["step_shift"]) > abs(k["mesh_shift"]) and k["total_interval95"][0] < k["corrected"]
    low, high = k["interval95"]
    assert low < 0.5 < high and high - low < 0.1
    assert found["certificate"]["gradient_agreement"] < 1e-6
    assert {"fit_end.png", "convergence.png", "histories.png", "animation.gif"} <= set(found["pictures"])


@pytest.mark.slow
def test_a_failed_step_exits_with_3_and_keeps_the_rest(tmp_path):
    text = BAR.replace("k = 0.5", 'k = { curve = "Polynomial", coefficients = [0.1, 50.0] }')
    text = text + "\n[solver]\nmax_steps = 1\n"
    result = invoke("run", write(tmp_path / "bar", text), "--out", tmp_path / "out")
    assert result.exit_code == 3 and "Traceback" not in result.output
    found = report(tmp_path / "out")
    assert "from t =" in found["message"] and found["status"] != "successful"
    assert (tmp_path / "out" / "history.csv").is_file()


def test_series_need_time(tmp_path):
    without = BAR.split("[time]")[0] + FIT
    scene = write(tmp_path / "bar", without)
    (scene / "end.csv").write_text("t,T\n0.0,1.0\n1.0,1.0\n")
    result = invoke("fit", scene, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "[time]" in result.output


@pytest.mark.slow
def test_run_of_reactions(tmp_path):
    """Published digits at the end of the scene's seventeen decades are tests/stepping/test_adaptive.py's."""
    scene = SCENES / "robertson"
    options = (
        "--set",
        "time.end=1e3",
        "--set",
        "time.rtol=1e-5",
        "--set",
        "solver.rtol=1e-9",
        "--set",
        "statistics={}",
    )
    result = invoke("run", scene, "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    found = report(tmp_path / "out")
    assert sum(found["observables"][s]["value"] for s in "ABC") == pytest.approx(1.0)
    assert (tmp_path / "out" / "histories.png").is_file() and found["pictures"] == ["histories.png"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, tolerance",
    [("turek_hron_csm1", 0.005), ("turek_hron_csm3", 0.02), ("ringing_beam", 0.005)],
)
def test_published_results(tmp_path, name, tolerance):
    """Those of `nafems_t3`, `nafems_t4` and `necking_bar` are held by tests in Python."""
    run_as_users_do(tmp_path, name)
    compared = {k: e for k, e in report(tmp_path / "out")["observables"].items() if "reference" in e}
    assert compared
    for key, entry in compared.items():
        print(f"{name}.{key}: {entry['value']:.10g} (reference {entry['reference']:.10g})")
        assert abs(entry["value"] / entry["reference"] - 1) < tolerance, key


def run_as_users_do(tmp_path, name):
    """The flags that make tests compile faster cost digits in slender bodies (docs/design_notes.md)."""
    options = [word for entry in SHORTER.get(name, ()) for word in ("--set", entry)]
    command = [sys.executable, "-c", "from simphys.cli import main; main()", "run", str(SCENES / name), "--no-error"]
    environment = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out"), *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_quench(tmp_path):
    """The heat transfer coefficient is found within its own uncertainty, on a coarser mesh as well."""
    coarse = ("--set", "mesh.cells=[4, 4]", "--set", "time.steps=80", "--set", "pictures.fields=[]")
    result = invoke("fit", SCENES / "quench", "--out", tmp_path / "out", *coarse)
    assert result.exit_code == 0, result.output
    found = report(tmp_path / "out")
    truth = [250.0, 700.0, 2100.0, 2600.0, 1100.0, 600.0]
    values, stds = (np.array([p[key] for p in found["parameters"].values()]) for key in ("value", "std"))
    print("quench:", values, stds)
    assert np.all(np.abs(values - truth) < 3 * stds)
    assert 0.8 < found["reduced_chi2"] < 1.2
    assert found["certificate"]["gradient_agreement"] < 1e-6


@pytest.mark.breadth
@pytest.mark.parametrize(
    "override, key",
    [
        ("statistics.half.at=1.5", "statistics.half: `at` = 1.5 lies outside the times from 0 to 1"),
        ("statistics.half={of='cold', type='max', since=0.96}", "statistics.half: two times or more expected"),
        ("statistics.half={of='cold', type='mean', until=2.0}", "statistics.half: `until` = 2 lies outside"),
        ("statistics.half.of='warm'", "statistics.half: nothing called 'warm' is observed"),
        (
            "signals.rise={of=['hot'], type='table', times=[0.0, 0.5], values=[1.0, 2.0]}",
            "signals.rise: `times` reach from 0 to 0.5, the march from 0 to 1",
        ),
    ],
)
def test_what_cannot_be_computed_is_said_before(tmp_path, override, key):
    result = invoke("run", write(tmp_path / "bar", BAR), "--out", tmp_path / "out", "--set", override)
    assert result.exit_code == 2 and key in " ".join(result.output.split()), result.output
    assert report(tmp_path / "out")["status"] == "bad_input" and "march" not in report(tmp_path / "out")


@pytest.mark.slow
def test_a_statistic_that_turns_out_to_be_none(tmp_path):
    few = ("--set", "time.steps=4", "--set", "pictures.fields=[]")
    other = ("--set", "statistics.half={of='cold', type='frequency'}")
    result = invoke("run", write(tmp_path / "bar", BAR), "--out", tmp_path / "out", *few, *other)
    assert result.exit_code == 2 and "statistics.half: the spectrum has 0 peaks" in " ".join(result.output.split())
    found = report(tmp_path / "out")
    assert found["status"] == "bad_input" and found["march"]["steps"] == 4
    assert (tmp_path / "out" / "history.csv").is_file()


@pytest.mark.slow
def test_a_table_may_hold_its_end_values(tmp_path):
    held = "signals.rise={of=['hot'], type='table', times=[0.2, 0.5], values=[1.0, 2.0], hold=true}"
    options = ("--set", held, "--set", "time.steps=4", "--set", "pictures.fields=[]")
    result = invoke("run", write(tmp_path / "bar", BAR), "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output


def test_statistics_are_of_one_number():
    from simphys.scene import SceneError, statistic
    from simphys.scene._time_section import Statistic

    t = np.linspace(0, 1, 5)
    with pytest.raises(SceneError, match="2 components at each time"):
        statistic(Statistic(of="x", type="max"), t, np.ones((5, 2)))
    with pytest.raises(SceneError, match="not finite"):
        statistic(Statistic(of="x", type="max"), t, np.array([0, 1, np.nan, 1, 0]))


@pytest.mark.slow
def test_what_a_march_observes_has_an_error(tmp_path, warmed):
    scene = write(tmp_path / "bar", BAR)
    result = invoke("run", scene, "--out", tmp_path / "out", errors=True)
    assert result.exit_code == 0 and result.output.count("(mesh, step)") == 2, result.output
    found, without = report(tmp_path / "out")["observables"], report(warmed[1])["observables"]
    assert "error" not in without["half"]
    half = found["half"]
    assert half["error"] == pytest.approx(half["mesh"] + half["step"])
    assert half["corrected"] == pytest.approx(half["value"] + half["error"])
    assert 0.7 < half["error"] / (WARMED - half["value"]) < 1.4
    checked = invoke("check", scene, "--out", tmp_path / "checked")
    assert checked.exit_code == 0 and "step error of cold" in checked.output, checked.output
    assert report(tmp_path / "checked")["observables"]["cold"]["step"] == pytest.approx(found["cold"]["step"])
