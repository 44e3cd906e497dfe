"""The command as a user starts it: a process of its own."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from _run_cli import SQUARE, report, write


ROOT = pathlib.Path(__file__).parents[2]


def start(*arguments, **options):
    environment = {**options.pop("env", os.environ), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, "-m", "simphys", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options,
    )  # fmt: skip


def finished(*arguments, **options):
    process = start(*arguments, **options)
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def test_help_does_not_wait_for_jax():
    code = """if True:
        import sys, simphys.cli
        simphys.cli.app(["list", "scenes"], standalone_mode=False)
        assert "jax" not in sys.modules"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Cook's membrane" in done.stdout
    code, out, _ = finished("--help")
    assert code == 0 and all(command in out for command in ("run", "fit", "check", "list", "schema"))


def test_schema_is_json():
    code, out, _ = finished("schema")
    assert code == 0 and json.loads(out)["title"] == "simphys scene"


@pytest.mark.slow
def test_single_precision_refuses_what_it_cannot_reach(tmp_path):
    scene = write(tmp_path / "square", SQUARE)
    code, _, errors = finished("run", scene, "--precision", 32, "--set", "solver.rtol=1e-9", "-o", tmp_path / "out")
    assert code == 2 and "Traceback" not in errors
    assert "solver" in errors and "`rtol=1e-09` is out of reach in float32" in errors


def test_a_device_that_is_not_there(tmp_path):
    if pathlib.Path("/dev/nvidia0").exists():
        return
    scene = write(tmp_path / "square", SQUARE)
    code, _, errors = finished("run", scene, "--device", "gpu", "-o", tmp_path / "out")
    assert code == 2 and "--device: no gpu that JAX can use" in errors and "Traceback" not in errors


@pytest.mark.slow
def test_interruption_leaves_what_was_computed(tmp_path):
    scene = write(tmp_path / "square", SQUARE)
    options = ("--set", "steps.count=1000", "--out", tmp_path / "out")
    process = start("run", scene, *options)
    result = tmp_path / "out" / "result.json"
    for _ in range(1000):
        if process.poll() is not None or (result.is_file() and len(report(tmp_path / "out").get("steps", ())) > 2):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and "interrupted" in errors
    found = report(tmp_path / "out")
    assert found["status"] == "interrupted" and 3 <= len(found["steps"]) < 1000
    written = (tmp_path / "out" / "fields.pvd").read_text().count("<DataSet")
    assert len(found["steps"]) - 1 <= written <= len(found["steps"])
    assert not list((tmp_path / "out").rglob("*.tmp*"))
