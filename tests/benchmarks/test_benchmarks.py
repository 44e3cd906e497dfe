"""The benchmarks compute what they say, their gradients are derivatives, and their reports can be read; no wall times."""

import json
import pathlib
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from . import ensemble, heat, simp
from ._case import Programs, changed, scaled
from .cases import MARCHES, NAMES, build
from .page import PAGE, Machine, page, table
from .peers import OURS, PEERS, find, has, run_peer
from .plot import draw
from .processes import Limits, run_json
from .profile import report, shares
from .run import main
from .table import tables
from .verdict import exponent, judge, verdicts
from .worker import measure


# cube and twist: torch-fem 0.14 and DOLFINx 0.5.2 agree on these to ten digits; box: scikit-fem 12.
KNOWN = {
    "cube": (6, 10.603764536664, 5.8099707307514),
    "cubeE": (6, 10.603764536664, 0.0014745006727),
    "twist": (6, 0.0084221872253525, 0.00010740475158),
    "box": (2, 2.53625557772e-08, None),
}
# heat, 6² cells: the loss, and the norm of its gradient.
HEAT = (0.012573617214936711, 0.009380324957116768)
# Mosaic S: a box of 8 × 2 × 4 elements of one density.
COMPLIANCE = {0.2: 0.0556488, 0.4: 0.00770596, 0.5: 0.00397532, 0.7: 0.00145609, 0.9: 0.00068616}


SLOW = ("cubeE", "box", "twist")


@pytest.fixture(scope="module", params=[pytest.param(n, marks=pytest.mark.slow if n in SLOW else ())
                                        for n in NAMES if n not in MARCHES])  # fmt: skip
def programs(request):
    if request.param == "simp":
        return Programs(simp.cantilever((8, 2, 4), jnp.asarray(np.random.default_rng(0).uniform(0.2, 0.9, 64))))
    return Programs(build(request.param, KNOWN[request.param][0]))


@pytest.mark.slow
def test_values_norms_and_derivatives(programs):
    case = programs.case
    row = measure(programs, budget=0.0)
    json.dumps(row)
    assert row["residual"] < 2 * case.rtol and row["certificate"] < 2 * case.rtol
    if case.name in KNOWN:
        _, value, norm = KNOWN[case.name]
        np.testing.assert_allclose(row["check"], value, rtol=1e-10)
        if norm is not None:
            np.testing.assert_allclose(row["grad_check"], norm, rtol=1e-9)
    check_derivative(programs, case.loss)


@pytest.mark.slow
@pytest.mark.parametrize("programs", ["twist"], indirect=True)
def test_derivatives_of_further_losses(programs):
    (loss,) = programs.case.also.values()
    check_derivative(programs, loss)


def check_derivative(programs, loss):
    """Compare the gradient with a central difference along a random direction."""
    case, base = programs.case, programs.case.parameters
    way = np.random.default_rng(1).uniform(-1, 1, base[case.wrt].shape)
    # Nodal forces are 0; coefficients move in proportion to themselves.
    way = jnp.asarray(way if case.wrt == "forces" else way * np.asarray(base[case.wrt]))
    step = 1e-2 if case.wrt == "forces" else 1e-4
    ends = [base | {case.wrt: base[case.wrt] + sign * step * way} for sign in (-1, 1)]
    _, gradient, certificate = programs.gradient(base, loss)
    # (The gradient's program for the ends, too: a further one takes longer to compile.)
    low, high = (float(programs.gradient(end, loss)[0][0]) for end in ends)
    np.testing.assert_allclose(float(jnp.vdot(gradient, way)), (high - low) / (2 * step), rtol=2e-6)
    assert float(certificate.failures) == 0


@pytest.mark.slow
@pytest.mark.parametrize("programs", ["simp"], indirect=True)
def test_compliance_of_uniform_densities(programs):
    case = programs.case
    for rho, expected in COMPLIANCE.items():
        parameters = case.parameters | {"rho": jnp.full(64, rho)}
        u = programs.forward(parameters).value
        np.testing.assert_allclose(float(case.loss(case.problem, u, parameters)), expected, rtol=6e-6)


def test_changed_coefficients_are_no_multiples_of_one_another():
    case = build("cubeE", 3)
    base, a, b, c = (p["young"] for p in (case.parameters, changed(case, 1), changed(case, 2), scaled(case, 1)))
    for x, y in [(base, a), (a, b)]:
        assert float(jnp.std(x / y)) > 0.01
    assert not jnp.array_equal(base, c) and float(jnp.max(jnp.abs(c / base - 1))) < 2e-9


@pytest.mark.slow
@pytest.mark.parametrize("programs", ["cube"], indirect=True)
def test_shares_are_of_everything_that_a_solve_does(programs):
    pieces, whole, counts = shares(programs)
    assert whole > 0 and {"element tangents", "residuals and scales", "scatter into the matrix"} < set(pieces)
    text = report(pieces, whole, counts)
    assert all(name in text for name in pieces) and "rest" in text


def synthetic():
    """Rows of a package that takes n^1.05, of peers that take n^1.3, and of one that is off and one that failed."""
    rows = []
    for size in (20, 30, 40, 50):
        dofs = 3 * size**3
        common = {
            "problem": "cube",
            "size": size,
            "dofs": dofs,
            "load": 0.1,
            "t_setup": 0.4,
            "cpu_s": {"f": 1.0, "g": 2.0},
        }
        own = 3e-6 * dofs**1.05
        times = {"t_forward": own, "t_forward_same": own, "t_grad": 1.5 * own, "t_grad_same": 1.4 * own}
        stats = {"newton_iters": 1, "linear_iters": 10 + size // 10, "solver": "multigrid CG", "device": "cpu"}
        rest = {
            "t_compile_first": own + 4,
            "time_to_first": 6.0,
            "rss_mb": 500 + dofs / 100,
            "check": 1.0,
            "grad_check": 2.0,
        }
        rows.append({"package": "simphys", **common, **times, **stats, **rest})
        slow = {"t_forward": 1e-6 * dofs**1.3, "t_compile_first": 0.5, "time_to_first": 9.0, "rss_mb": 300 + dofs / 80}
        rows.append({"package": "dolfinx", **common, **slow, "t_grad": None, "check": 1.0 + 1e-11, "grad_check": None})
        peer = {
            "t_forward": 1.5e-6 * dofs**1.3,
            "t_grad": 2.5e-6 * dofs**1.3,
            "check": 1.0,
            "grad_check": 2.0 if size < 50 else 2.1,
        }
        rows.append({"package": "torch-fem", **common, **slow, **peer})
    return rows + [{"package": "tatva", "problem": "cube", "size": 50, "failed": "over 600 s", "rss_mb": 9000}]


def test_report_says_what_was_wanted_and_got():
    rows = synthetic()
    text = tables(rows) + verdicts(rows)
    assert "N = 50, 375,000 unknowns" in text and "tatva failed: over 600 s" in text
    assert "torch-fem disagrees in grad_check of cube 50: 5.0e-02" in text
    found = {v.what: v for v in judge([row for row in rows if "failed" not in row])}
    np.testing.assert_allclose(found["cube: growth exponent of t_forward"].got, 1.05, rtol=1e-6)
    np.testing.assert_allclose(found["cube 30: gradient beyond forward / forward"].got, 0.5)
    faster = found["cube 40: forward + gradient / fastest differentiable peer"]
    np.testing.assert_allclose(faster.got, 1.8 * 192_000**-0.25)
    assert faster.note == "torch-fem" and faster.line().count("| yes |") == (faster.got <= 0.2)
    assert found["cube 20: seconds to the first result"].got == 6.0
    np.testing.assert_allclose(found["cube: iterations, most / fewest over sizes"].got, 15 / 12)
    np.testing.assert_allclose(exponent([10, 100, 1000], [2, 20, 200]), 1.0)


def test_pictures_are_drawn(tmp_path):
    (path,) = draw(synthetic(), tmp_path)
    assert path.name == "cube.png" and path.stat().st_size > 20_000


@pytest.fixture
def fake_peers(tmp_path):
    """A scripts folder with one peer that answers at once, whose interpreter is this one."""
    scripts, home = tmp_path / "scripts", tmp_path / "home"
    scripts.mkdir()
    (home / "felupe" / "bin").mkdir(parents=True)
    (home / "felupe" / "bin" / "python").symlink_to(sys.executable)
    (scripts / "common.py").write_text(
        "import json\n"
        "class Timer:\n    def run(self, name, f):\n        return f(), f()\n"
        "def report(**row):\n    print(json.dumps(row))\n"
    )
    (scripts / "felupe_.py").write_text(
        "import sys\nfrom common import *\nTimer().run('f', lambda: 1)\nprint('noise')\n"
        "report(peer='felupe', problem=sys.argv[1], size=int(sys.argv[2]), dofs=192, t_forward=1.0, t_setup=0.0,\n"
        "       t_compile_first=1.0, rss_mb=10, check=2.0)\n"
    )
    return scripts, home


def test_peers_are_found_run_and_timed_from_the_start_of_their_process(fake_peers, monkeypatch):
    scripts, home = fake_peers
    monkeypatch.setattr("benchmarks.peers.PEERS", {"felupe": ("felupe_.py", "json", "forward")})
    python, why = find("felupe", home, scripts)
    assert why == "installed"
    row = run_peer("felupe", python, scripts, "cube", 4, Limits(), 60.0)
    assert (row["package"], row["problem"], row["size"], row["check"]) == ("felupe", "cube", 4, 2.0)
    assert 0 < row["time_to_first"] <= row["wall"]
    assert find("nobody", home, scripts)[0] is None and "not installed" in find("felupe", scripts, scripts)[1]
    assert has("torch-fem", "cube") and not has("feax", "cube")
    assert has("torch-fem", "simp") and has("feax", "simp") and not has("felupe", "simp")
    assert all((OURS["simp"] / PEERS[name][0]).is_file() for name in PEERS if has(name, "simp"))


def test_processes_are_held_to_their_limits():
    sleeper = run_json([sys.executable, "-c", "import time; time.sleep(60)"], Limits(seconds=0.5))
    assert sleeper["failed"] == "over 0.5 s"
    eater = run_json([sys.executable, "-c", "import time; x = bytearray(10**8); time.sleep(60)"], Limits(megabytes=50))
    assert eater["failed"] == "over 50 MB"
    assert run_json([sys.executable, "-c", "1 / 0"], Limits())["failed"].startswith("exit code 1: ZeroDivisionError")


@pytest.mark.slow
def test_the_one_command_runs_peers_and_adds_to_earlier_results(fake_peers, monkeypatch, capsys):
    scripts, home = fake_peers
    monkeypatch.setattr("benchmarks.peers.PEERS", {"felupe": ("felupe_.py", "json", "forward")})
    where = ["--peer-scripts", str(scripts), "--peer-home", str(home), "--out", str(home / "out")]
    for sizes in ("3,4", "4,5"):
        assert main([f"cube:{sizes}", "twist:3", "--no-simphys", "--peers", "felupe", "nobody", *where]) == 0
    said = capsys.readouterr().out
    assert "nobody: skipped, no such peer" in said and "### twist, N = 3, 192 unknowns" in said
    rows = json.loads((home / "out" / "results.json").read_text())["rows"]
    assert sorted((row["problem"], row["size"]) for row in rows) == [
        ("cube", 3),
        ("cube", 4),
        ("cube", 5),
        ("twist", 3),
    ]


@pytest.mark.slow
def test_the_one_command_runs_a_case_in_its_own_process(tmp_path, capsys):
    code = main(["cube:3", "--peers", "felupe", "--peer-home", str(tmp_path), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert code == 0 and "felupe: skipped, " in said and "### cube, N = 3" in said
    (row,) = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    keys = (
        "t_import",
        "t_setup",
        "t_compile_first",
        "t_forward",
        "t_grad",
        "newton_iters",
        "rss_mb",
        "check",
        "grad_check",
    )
    assert all(row[key] is not None for key in keys) and row["time_to_first"] > row["t_compile_first"]
    assert pathlib.Path(tmp_path / "out" / "cube.png").exists()


def test_unknown_cases_are_refused():
    with pytest.raises(SystemExit, match="no case 'cone'"):
        main(["cone:3", "--report"])
    with pytest.raises(ValueError, match="no case 'cone'"):
        build("cone", 3)


@pytest.mark.slow
def test_heat_is_the_problem_of_the_others():
    """scikit-fem 12 and FEAX 0.8 find the same loss on 6² cells, FEAX the same gradient."""
    case = build("heat", 6)
    value, slope = heat.compiled_gradient(case.start, case)
    np.testing.assert_allclose(value, HEAT[0], rtol=1e-8)
    np.testing.assert_allclose(jnp.linalg.norm(jnp.where(case.free, slope, 0.0)), HEAT[1], rtol=1e-6)
    row = heat.measure(case, 0.0)
    json.dumps(row)
    assert row["checkpoints_differ_by"] < 1e-6 and row["newton_iters"] >= 50
    assert "forward + gradient / forward" in verdicts([row])


def test_the_page_is_made_of_what_was_measured():
    """`python -m tests.benchmarks page` makes it; what was measured beside other jobs says nothing."""
    assert PAGE.read_text(encoding="utf-8") == page()
    quiet = dict(
        problem="cube", size=20, package="simphys", dofs=24000, t_forward=0.37, t_grad=0.5, load=1.5, rss_mb=900.0
    )
    busy, other = quiet | {"load": 9.0, "size": 30}, quiet | {"package": "feax", "size": 40}
    shown = table(Machine("a machine", 2, [quiet, busy, other])).splitlines()
    assert len(shown) == 3 and "| 20 | 24,000 | 0.37 | 0.5 |" in shown[2] and "| 0.9 |" in shown[2]


@pytest.mark.slow
def test_ensembles_are_what_a_loop_gives():
    name = "neo-Hooke"
    row = ensemble.Ensemble(name, cells=2).measure(3, calls=1)
    assert row["differs"] < 1e-7 and row["factors_mb"] > 0
    text = ensemble.line(name, row)
    assert "3 of" in text and "forward" in text and "of the loop" in text
