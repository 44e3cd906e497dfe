"""A run that is divided among processes: what it finds is what one finds, and a process that is lost ends it by name."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from _run_cli import SQUARE, invoke, report, write


ROOT = pathlib.Path(__file__).parents[2]
LINEAR = SQUARE.replace('"NeoHooke"', '"LinearElastic"').replace("mu = 1.0", "E = 1.0").replace("lam = 2.0", "nu = 0.3")

PLATE = """
title = "A plate that warms up"

[mesh]
kind = "rectangle"
cells = [4, 2]

[heat]
capacity = 1.0

[heat.material]
law = "IsotropicConduction"
k = 0.5

[heat.constraints.cold]
type = "temperature"
where = "left"
value = 0.0

[heat.loads.heater]
type = "flux"
where = "right"
value = -2.0

[time]
end = 1.0
steps = 4
frames = 2

[pictures]
fields = []

[observe.corner]
type = "point"
at = [1.0, 1.0]
"""


def start(tmp_path, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    command = [sys.executable, "-m", "simphys", "run", str(write(tmp_path / "square", LINEAR)), *arguments]
    with open(tmp_path / "said.txt", "w") as said:
        return subprocess.Popen(command, stdout=said, stderr=said, env=environment)


def test_what_cannot_be_divided_is_refused(tmp_path):
    square = write(tmp_path / "square", SQUARE)
    finer = write(tmp_path / "finer", SQUARE.replace("[steps]\ncount = 2", '[adapt]\ngoal = "tip"\ntolerance = 0.01'))
    for scene, count, text in (
        (square, "0", "a number from 1, or `launched`"),
        (square, "two", "got 'two'"),
        (finer, "2", "this scene has [adapt]"),
    ):
        found = invoke("run", scene, "--processes", count, "-o", tmp_path / "out")
        assert found.exit_code == 2 and text in found.stderr, found.stderr


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path):
    process = start(tmp_path, "--processes", "2", "-o", str(tmp_path / "two"))
    try:
        assert process.wait(400) == 0, (tmp_path / "said.txt").read_text()
    finally:
        process.kill()
    invoke("run", tmp_path / "square", "-o", tmp_path / "one")
    one, two = report(tmp_path / "one"), report(tmp_path / "two")
    assert two["status"] == "successful" and len(two["processes"]) == 2
    assert two["observables"]["tip"]["value"] == pytest.approx(one["observables"]["tip"]["value"], rel=1e-8)
    for pid in two["processes"]:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.slow
def test_two_processes_march_as_one_does(tmp_path):
    scene = str(write(tmp_path / "plate", PLATE))
    command = [sys.executable, "-m", "simphys", "run", scene, "--processes", "2", "-o", str(tmp_path / "two")]
    command.append("--no-error")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400)
    assert said.returncode == 0, said.stderr
    invoke("run", scene, "-o", tmp_path / "one", "--no-error")
    one, two = report(tmp_path / "one"), report(tmp_path / "two")
    assert two["status"] == "successful" and len(two["processes"]) == 2
    assert two["observables"]["corner"]["value"] == pytest.approx(one["observables"]["corner"]["value"], rel=1e-10)
    assert (tmp_path / "two" / "march.npz").exists()


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_run_by_name(tmp_path):
    process, result = start(tmp_path, "--processes", "2", "-o", str(tmp_path / "out")), tmp_path / "out" / "result.json"
    try:
        until = time.monotonic() + 120
        while not (result.exists() and "processes" in json.loads(result.read_text())):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.05)
        os.kill(json.loads(result.read_text())["processes"][1], signal.SIGKILL)
        assert process.wait(60) == 3
    finally:
        process.kill()
    found = report(result.parent)
    assert found["status"] == "process_lost"
    assert found["message"].startswith("Process 1 of 2 ended with code -9")
    assert "Process 1 of 2 ended with code -9" in (tmp_path / "said.txt").read_text()
