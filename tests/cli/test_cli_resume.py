"""`simphys run --resume`: marches that were stopped go on, to the last bit."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from _run_cli import SQUARE, invoke, report, write


ROOT = pathlib.Path(__file__).parents[2]
BAR = """
title = "A bar whose end swings"

[mesh]
kind = "line"
cells = 6

[heat]
capacity = 1.0

[heat.material]
law = "IsotropicConduction"
k = { curve = "Polynomial", coefficients = [0.5, 0.0, 0.2] }

[heat.constraints.hot]
type = "temperature"
where = "right"
value = 1.0

[signals.swing]
of = ["hot"]
type = "sine"
period = 20.0

[time]
stepper = "BDF2"
end = 60.0
steps = 60
frames = 20

[observe.cold]
type = "point"
at = [0.0]

[pictures]
fields = []
"""


def march(scene, out, *options):
    return invoke("run", scene, "--out", out, *options)


def written(out):
    """All numbers that a march leaves behind."""
    files = {path.name: path.read_bytes() for path in sorted((out / "fields").iterdir())}
    return {**files, "pvd": (out / "fields.pvd").read_bytes(), "csv": (out / "history.csv").read_bytes()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    scene = write(folder / "bar", BAR)
    assert march(scene, folder / "out").exit_code == 0
    return scene, folder / "out"


def stopped(scene, out):
    """Run a scene in a process of its own and interrupt it after some frames; return the process and its errors."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    command = [sys.executable, "-m", "simphys", "run", str(scene), "--out", str(out), "--no-error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    frames = lambda: len(list((out / "fields").glob("*.vtu")))
    for _ in range(6000):
        if process.poll() is not None or frames() > 4:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    return process, process.communicate(timeout=60)[1]


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_last_bit(tmp_path, whole):
    """Of one that is killed, see `march_resumably`."""
    scene, reference = whole
    out = tmp_path / "out"
    process, errors = stopped(scene, out)
    assert process.returncode == 130 and "--resume goes on from there" in errors
    assert report(out)["status"] == "interrupted"
    with np.load(out / "march.npz") as checkpoint:
        done = int(checkpoint["done"])
    assert 0 < done < 60
    begun = time.time_ns()
    result = march(scene, out, "--resume")
    assert result.exit_code == 0 and "going on from" in result.output, result.output
    assert (out / "march.npz").stat().st_mtime_ns > begun
    assert written(out) == written(reference)
    ended, expected = report(out), report(reference)
    assert ended["observables"] == expected["observables"] and ended["march"] == expected["march"]


@pytest.mark.slow
def test_a_run_that_has_ended_only_draws_again(whole, tmp_path):
    scene, reference = whole
    before, stamp = written(reference), (reference / "march.npz").stat().st_mtime_ns
    assert march(scene, reference, "--resume").exit_code == 0
    assert written(reference) == before and (reference / "march.npz").stat().st_mtime_ns == stamp


@pytest.mark.slow
def test_without_resume_it_starts_anew(tmp_path):
    scene, out = write(tmp_path / "bar", BAR), tmp_path / "out"
    assert "starting anew" in march(scene, out, "--resume").output
    assert march(scene, out, "--set", "heat.capacity=2.0").exit_code == 0


@pytest.mark.parametrize(
    "override, of",
    [
        ("heat.capacity=2.0", "of another scene"),
        ("time.stepper='BackwardEuler'", "of another scene"),
        ("time.steps=61", "of another scene"),
    ],
)
def test_checkpoints_of_other_scenes_are_refused(whole, override, of):
    scene, out = whole
    kept = (out / "march.npz").read_bytes()
    result = march(scene, out, "--resume", "--set", override)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert "--resume" in result.output and of in " ".join(result.output.split())
    assert (out / "march.npz").read_bytes() == kept


def test_what_changes_nothing_is_no_other_scene(whole):
    scene, out = whole
    assert march(scene, out, "--resume", "--set", "title='A bar'", "--set", "units.length='mm'").exit_code == 0


def test_a_damaged_checkpoint_is_refused(whole, tmp_path):
    scene, out = whole
    (tmp_path / "out").mkdir()
    content = (out / "march.npz").read_bytes()
    (tmp_path / "out" / "march.npz").write_bytes(content[: len(content) // 2])
    result = march(scene, tmp_path / "out", "--resume")
    assert result.exit_code == 2 and "is damaged" in " ".join(result.output.split())


def test_only_marches_go_on(tmp_path):
    result = march(write(tmp_path / "square", SQUARE), tmp_path / "out", "--resume")
    assert result.exit_code == 2 and "only a march, a scene with [time]" in " ".join(result.output.split())


ALTERED = {
    "done": (lambda a: a | {"done": a["done"] - 3}, "'done' was altered"),
    "a state of NaN": (lambda a: a | {"leaf 0": a["leaf 0"] * np.nan}, "'leaf 0' was altered"),
    "an observation": (lambda a: {k: v + 1e-9 if v.dtype == float else v for k, v in a.items()}, "altered"),
    "a leaf too many": (lambda a: a | {"leaf 999": np.zeros(3)}, "must not hold 'leaf 999'"),
    "a leaf missing": (lambda a: {k: v for k, v in a.items() if k != "leaf 1"}, "lacks 'leaf 1'"),
    "a shape": (lambda a: a | {"leaf 0": a["leaf 0"][:-1]}, "'leaf 0'"),
    "a type": (lambda a: a | {"leaf 0": a["leaf 0"].astype("f4")}, "float32"),
}  # fmt: skip


def test_altered_checkpoints_are_refused_by_name(whole, tmp_path):
    scene, out = whole
    with np.load(out / "march.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    for kind, (alter, text) in ALTERED.items():
        (tmp_path / kind).mkdir()
        np.savez(tmp_path / kind / "march.npz", **alter(dict(arrays)))
        result = march(scene, tmp_path / kind, "--resume")
        told = " ".join(result.output.split())
        assert result.exit_code == 2 and "Traceback" not in told and text in told, (kind, told)
        assert report(tmp_path / kind)["status"] == "bad_input", kind
