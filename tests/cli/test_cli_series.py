"""Oscillators and their records on the command line."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from _run_cli import invoke, report, write

from simphys.stepping import Oscillator, sampled, simulate


SCENE = """
title = "A made-up oscillator"

[oscillator]
mass = 0.8
damping = 0.6
stiffness = 1.3
cubic = 0.5

[fit.parameters.mass]
key = "oscillator.mass"
start = 0.8
transform = "log"

[fit.parameters.cubic]
key = "oscillator.cubic"
start = 0.5

[fit.data.record]
type = "record"
file = "record.csv"
input = "u"
output = "y"
unit = "V"
rate = 2.0
train = [[60, 180], [180, 300]]
validation = [[300, 400]]
warm_up = 60
window = 60

[fit.networks.correction]
kind = "correction"
width = 3
iterations = 4
windows = 4

[fit.networks.free]
kind = "replacement"
width = 3
iterations = 3
windows = 4
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("series") / "made_up", SCENE)
    t = np.arange(420.0)
    u = 0.8 * np.sin(0.61 * t) + 0.5 * np.sin(0.33 * t + 1) * np.sin(0.05 * t)
    (states,) = simulate(Oscillator(1.0, 0.6, 1.3, 0.9), sampled(u, "cubic"), [0], 420, 2.0, substeps=4)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(420)
    table = np.stack([u, np.asarray(states[:, 0]) + noise], axis=1)
    np.savetxt(folder / "record.csv", table, "%.9g", ",", header="u,y", comments="")
    return folder


@pytest.mark.slow
def test_fit_finds_the_constants_and_judges_the_rivals(folder, tmp_path):
    done = invoke("fit", folder, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    found = report(tmp_path)
    for name, true in (("mass", 1.0), ("cubic", 0.9)):
        entry = found["parameters"][name]
        low, high = entry["interval95"]
        assert abs(entry["value"] - true) < 0.02
        assert low < entry["value"] < high
    errors = found["errors"]
    assert errors["unit"] == "mV"
    # The noise is 1 mV, and nobody can do better than that.
    assert 0.85 < errors["physics"]["validation"] < 1.6
    assert errors["correction"]["train"] < 1.02 * errors["physics"]["train"]
    assert set(errors) == {"unit", "of", "physics", "correction", "free"}
    assert "validation (mV)" in done.output
    assert {p.name for p in tmp_path.iterdir()} >= {"validation.png", "validation.csv", "correction.npz", "free.npz"}
    assert found["networks"]["free"]["seconds"]["cpu"] > 0
    with np.load(tmp_path / "correction.npz", allow_pickle=False) as weights:
        assert all(weights[name].dtype == float for name in weights.files)
    table = np.genfromtxt(tmp_path / "validation.csv", delimiter=",", names=True)
    size = 1e3 * np.sqrt(np.mean((table["physics"] - table["measured"]) ** 2))
    assert abs(size - errors["physics"]["validation"]) < 1e-3


@pytest.mark.slow
def test_run_and_check_and_list(folder, tmp_path):
    done = invoke("run", folder, "--out", tmp_path, "--set", "oscillator.mass=1.0", "--set", "oscillator.cubic=0.9")
    assert done.exit_code == 0, done.output
    assert 0.85 < report(tmp_path)["errors"]["physics"]["validation"] < 1.6
    assert (tmp_path / "validation.png").is_file()
    checked = invoke("check", folder, "--out", tmp_path / "check")
    assert checked.exit_code == 0, checked.output
    assert set(report(tmp_path / "check")["derivatives"]) == {"oscillator.mass", "oscillator.cubic"}
    listed = invoke("list", folder.parent)
    assert "run, fit" in listed.output
    assert "oscillator" in json.loads(invoke("schema").output)["properties"]


@pytest.mark.slow
def test_an_unstable_oscillator_says_so(folder, tmp_path):
    done = invoke(
        "run", folder, "--out", tmp_path, "--set", "oscillator.stiffness=-50.0", "--set", "oscillator.cubic=0.0"
    )
    assert done.exit_code == 3
    assert "grows without bound" in done.output
    assert report(tmp_path)["status"] == "nonfinite"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["fit.data.record.output=z"], ["fit.data.record", "no column 'z'", "'u', 'y'"]),
        (["fit.data.record.train=[[10, 100]]"], ["`train`", "begin at 60", "[10, 100]"]),
        (["fit.data.record.validation=[[300, 4000]]"], ["sample 4000", "has 420"]),
        (["fit.data.record.window=500"], ["`window` must fit", "got 500"]),
        (["fit.data.record.interpolation=spline"], ["fit.data.record.interpolation", "'hold'", "spline"]),
        (["fit.networks.free.kind=magic"], ["fit.networks.free.kind", "'correction' or 'replacement'", "magic"]),
        (["fit.networks.free.widht=3"], ["unknown key 'widht'", "'width'"]),
        (["oscillator.mass=-1.0"], ["oscillator.mass", "positive", "-1.0"]),
        (["fit.parameters.mass.key=oscillator.weight"], ["no entry 'oscillator.weight'", "'mass'"]),
        (["heat.material.law=IsotropicConduction"], ["one of [solid]", "[heat] and [oscillator]"]),
    ],
    ids=lambda x: x[0].split("=")[0] if isinstance(x, list) and "=" in x[0] else "",
)
def test_bad_input_names_the_key_what_was_given_and_what_is_expected(folder, tmp_path, changes, words):
    done = invoke("fit", folder, "--out", tmp_path, *(part for c in changes for part in ("--set", c)))
    assert done.exit_code == 2, done.output
    for word in words:
        assert word in done.output, done.output


def test_without_a_record_there_is_nothing_to_drive_it(tmp_path):
    bare = write(tmp_path / "bare", 'title = "x"\n[oscillator]\nmass = 1.0\n')
    done = invoke("run", bare, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert 'type = "record"' in done.output


@pytest.mark.slow
def test_silverbox(tmp_path):
    """Simulated from the input alone: the correction is better than the physics, and both stay far below 2 mV."""
    scene = pathlib.Path(__file__).parents[2] / "scenes" / "silverbox"
    arguments = [sys.executable, "-m", "simphys", "fit", scene, "--out", tmp_path, "--quiet"]
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=590)
    assert done.returncode == 0, done.stderr
    found = report(tmp_path)
    errors = found["errors"]
    assert errors["correction"]["validation"] < 0.8 * errors["physics"]["validation"]
    assert errors["correction"]["validation"] < 0.3
    assert errors["physics"]["validation"] < 0.5
    assert errors["neural_ode"]["validation"] < 2.0
    # The resonance of small oscillations, √(a/m)/2π, lies between 60 and 75 Hz.
    constants = {name: entry["value"] for name, entry in found["parameters"].items()}
    assert 60 < np.sqrt(constants["stiffness"] / constants["mass"]) / (2 * np.pi) < 75
