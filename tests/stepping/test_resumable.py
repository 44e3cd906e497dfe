"""Runs that are killed go on where they were, to the last bit; files that do not fit are refused."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.stepping import BDF2, ODE, BackwardEuler, march, march_resumably


TIMES = jnp.linspace(0.0, 4.0, 41)


def decay(t, u, rate):
    return -rate * u * (1 + 0.3 * jnp.sin(5 * t))


def run(file, times=TIMES, stepper=None, rate=1.0, every=7, **options):
    seen = lambda t, u, ode: {"u2": u * u}
    stepper = BDF2() if stepper is None else stepper
    return march_resumably(
        stepper, ODE(decay, rate), jnp.asarray(1.0), times, file=file, every=every, observe=seen, **options
    )


class Stop(Exception):
    pass


def stop_after(steps):
    def told(done, count):
        if done >= steps:
            raise Stop

    return told


@pytest.mark.slow
def test_the_same_with_and_without_interruption(tmp_path):
    whole = run(tmp_path / "whole.npz")
    with pytest.raises(Stop):
        run(tmp_path / "cut.npz", on_iteration=stop_after(14))
    resumed = run(tmp_path / "cut.npz")
    for name in ("values", "times", "newton_steps"):
        assert np.array_equal(getattr(whole, name), getattr(resumed, name))
    assert np.array_equal(whole.observed["u2"], resumed.observed["u2"])
    plain = march(BDF2(), ODE(decay, 1.0), jnp.asarray(1.0), TIMES)
    np.testing.assert_allclose(whole.values, plain.values, rtol=1e-8)
    assert whole.values.shape == plain.values.shape
    again = run(tmp_path / "cut.npz")
    assert np.array_equal(again.values, whole.values)


@pytest.mark.slow
def test_history_and_memory_are_kept(tmp_path):
    law = sp.materials.J2Plasticity(E=70e3, nu=0.3, yield_stress=250.0, kinematic=5e3)
    space = sp.fem.FunctionSpace(sp.fem.box((1, 1, 1)), components=3)
    body = sp.physics.Solid(space, law, [sp.fem.Dirichlet("bottom", 0.0), sp.fem.Dirichlet("top", 0.0, components=2)])
    drive = lambda b, t: eqx.tree_at(lambda b: b.constraints[1].value, b, 0.01 * jnp.sin(t))
    options = dict(drive=drive, every=2)
    args = (sp.stepping.Equilibrium(), body, 0.0, jnp.linspace(0.0, 3.0, 7))
    whole = march_resumably(*args, file=tmp_path / "a.npz", **options)
    with pytest.raises(Stop):
        march_resumably(*args, file=tmp_path / "b.npz", on_iteration=stop_after(4), **options)
    resumed = march_resumably(*args, file=tmp_path / "b.npz", **options)
    assert np.array_equal(whole.values, resumed.values)
    assert np.array_equal(whole.history.back.values, resumed.history.back.values)


@pytest.mark.slow
def test_factors_of_earlier_solves_leave_no_trace(tmp_path):
    """Nonlinear conduction, whose steps are solved with the factors of others."""
    law = sp.materials.IsotropicConduction(k=sp.materials.Polynomial([1.0, 0.0, 1.0]))
    space = sp.fem.FunctionSpace(sp.fem.rectangle((12, 12)))
    heat = sp.physics.Heat(space, law, [sp.fem.Dirichlet("left", 0.0)], capacity=1.0)
    args = (BackwardEuler(), heat, 1.0, jnp.linspace(0.0, 1.0, 13))
    whole = march_resumably(*args, file=tmp_path / "a.npz", every=4)
    with pytest.raises(Stop):
        march_resumably(*args, file=tmp_path / "b.npz", every=4, on_iteration=stop_after(4))
    sp.linalg.forget_factors()
    resumed = march_resumably(*args, file=tmp_path / "b.npz", every=4)
    assert np.array_equal(whole.values, resumed.values)


SCRIPT = """
    import jax; jax.config.update("jax_enable_x64", True)
    import sys; sys.path.insert(0, {folder!r})
    import signal, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    from test_resumable import run
    run({file!r}, on_iteration=lambda done, count: (print(done, flush=True), time.sleep(0.5)))
"""


@pytest.mark.slow
def test_a_killed_process_goes_on(tmp_path):
    file = tmp_path / "run.npz"
    script = textwrap.dedent(SCRIPT).format(folder=os.path.dirname(__file__), file=str(file))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for _ in range(2):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    assert process.returncode != 0 and file.exists()
    started = time.time()
    resumed = run(file)
    assert time.time() - started < 60
    assert np.array_equal(resumed.values, run(tmp_path / "whole.npz").values)


def test_files_that_do_not_fit_are_refused(tmp_path):
    file = tmp_path / "run.npz"
    with pytest.raises(Stop):
        run(file, on_iteration=stop_after(7))
    with pytest.raises(ValueError, match="of another problem"):
        run(file, rate=2.0)
    with pytest.raises(ValueError, match="of another times"):
        run(file, times=2 * TIMES)
    with pytest.raises(ValueError, match="of another stepper"):
        run(file, stepper=BackwardEuler())
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"run.npz is damaged"):
        run(file)
    with pytest.raises(ValueError, match="`every` must be"):
        run(tmp_path / "new.npz", every=0)


def test_a_step_that_fails_keeps_what_came_before(tmp_path):
    times = jnp.array([0.0, 0.1, 0.2, 0.3, 3.0, 3.1])
    with pytest.raises(sp.stepping.StepFailed, match="Step 3 from t = 0.3 to 3 failed") as caught:
        march_resumably(
            BackwardEuler(), ODE(lambda t, u, a: u**2), jnp.asarray(1.0), times, file=tmp_path / "f.npz", every=2
        )
    assert np.all(np.isfinite(caught.value.trajectory.values[:4]))


@pytest.mark.slow
def test_functions_observations_and_closures_are_part_of_the_march(tmp_path):
    file = tmp_path / "run.npz"
    seen = lambda t, u, ode: u
    taken = lambda function, observe=seen, **options: march_resumably(
        BackwardEuler(), ODE(function), jnp.asarray(1.0), TIMES[:5], file=file, every=2, observe=observe, **options
    )
    closing = lambda k: lambda t, u, a: -k * u
    first = taken(closing(1.0))
    kept = file.read_bytes()
    for other, of in ((lambda t, u, a: -u * u, "problem"), (closing(2.0), "problem")):
        with pytest.raises(ValueError, match=f"of another {of}"):
            taken(other)
    with pytest.raises(ValueError, match="of another observe"):
        taken(closing(1.0), lambda t, u, ode: 2 * u)
    with pytest.raises(ValueError, match="of another method"):
        taken(closing(1.0), method=sp.Newton(rtol=1e-6))
    with pytest.raises(ValueError, match="of another name"):
        taken(closing(1.0), name="mine")
    assert file.read_bytes() == kept
    assert np.array_equal(taken(closing(1.0)).values, first.values)
    # What cannot be compared needs a name, and is then not compared.
    file.unlink()
    stream = open(os.devnull)
    reading = lambda t, u, a: -u if stream else u
    with pytest.raises(ValueError, match="`stream` is a `_io.TextIOWrapper`.*`name=`"):
        taken(reading)
    vouched = taken(reading, name="decay")
    assert np.array_equal(taken(closing(1.0), name="decay").values, vouched.values)
    stream.close()


def test_states_that_are_not_finite_are_refused(tmp_path):
    """Even with digests that agree."""
    file = tmp_path / "run.npz"
    with pytest.raises(Stop):
        run(file, on_iteration=stop_after(14))
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    identity = {name[3:]: str(text) for name, text in arrays.items() if name.startswith("is ")}
    leaves = [arrays[f"leaf {k}"] for k in range(sum(name.startswith("leaf ") for name in arrays))]
    spoilt = [leaf * np.nan if leaf.dtype == float and leaf.shape == (7,) else leaf for leaf in leaves]
    for tree, done, text in ((spoilt, 14, "not finite"), (leaves, 21, "lacks"), (leaves, 15, "a multiple of 7")):
        sp.io.write_checkpoint(file, identity, done, tree)
        with pytest.raises(ValueError, match=text):
            run(file)
