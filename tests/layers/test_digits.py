"""The example of the handwritten digits: what it prints, and what its picture shows."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest


EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
RUN = """
import json, sys, time
sys.path.insert(0, {examples!r})
import digits
{settings}
begin = time.process_time()
path, histories, summary = digits.main({folder!r})
found = dict(path=str(path), histories=histories, converged=summary.converged, worst=summary.worst_converged,
             solves=summary.solves, gradients=summary.gradients, bad=summary.bad_gradients, error=summary.worst_error,
             cpu=time.process_time() - begin, tolerance=digits.TOLERANCE)
print("FOUND" + json.dumps(found))
"""


def run(folder, settings=""):
    """In a process of its own: the example computes in single precision, and with JAX's own rules of promotion."""
    code = RUN.format(examples=str(EXAMPLES), folder=str(folder), settings=settings)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr[-2_000:]
    return out.stdout, json.loads(out.stdout.split("FOUND")[1])


@pytest.mark.slow
def test_digits_are_told_by_an_equilibrium(tmp_path):
    printed, found = run(tmp_path)
    deep, plain = (found["histories"][name][-1] for name in ("deep equilibrium", "explicit network"))
    assert deep >= 0.975
    assert deep > plain - 0.005
    assert found["converged"] >= 0.99 and found["worst"] <= found["tolerance"]
    assert found["solves"] == found["gradients"] and found["bad"] <= 0.01 * found["solves"]
    assert f"deep equilibrium: {100 * deep:.2f} % of 599 held-out digits" in printed
    # Three minutes on two cores; processor time, as a loaded machine has other wall times.
    assert found["cpu"] < 360
    assert pathlib.Path(found["path"]).stat().st_size > 10_000


def test_the_third_that_is_held_out_is_not_learned_from():
    spec = importlib.util.spec_from_file_location("digits", EXAMPLES / "digits.py")
    digits = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(digits)
    x, digit, x_held, digit_held = digits.digits()
    assert len(x) + len(x_held) == 1_797 and len(x_held) == len(digit_held) == 599 and len(digit) == 1_198
    known = {picture.tobytes() for picture in x}
    assert sum(picture.tobytes() in known for picture in x_held) <= 1
    assert 0 <= x.min() and x.max() == 1
