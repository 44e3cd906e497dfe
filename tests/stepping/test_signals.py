"""Magnitudes that change in time, and the progress that a march reports."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import simphys as sp
from simphys.stepping import ODE, BackwardEuler, Drive, Ramp, Sine, Tabulated, march
from simphys.stepping._progress import ProgressBar


def test_a_sine():
    signal = Sine(period=4.0, amplitude=3.0, phase=0.5, offset=1.0)
    t = np.linspace(-2.0, 5.0, 15)
    np.testing.assert_allclose([signal(x) for x in t], 1 + 3 * np.sin(np.pi * t / 2 + 0.5), atol=1e-14)


def test_a_table_jumps_where_times_are_equal():
    signal = Tabulated([0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 5.0, 3.0])
    found = [float(signal(jnp.asarray(t))) for t in (-1.0, 0.0, 0.25, 0.999999, 1.0, 1.5, 2.0, 9.0)]
    np.testing.assert_allclose(found, [0.0, 0.0, 0.25, 0.999999, 5.0, 4.0, 3.0, 3.0], atol=1e-12)


def test_a_jump_at_either_end():
    assert float(Tabulated([0.0, 0.0, 1.0], [1.0, 0.0, 0.0])(jnp.asarray(0.0))) == 0.0
    released = Tabulated([0.0, 0.0], [1.0, 0.0])
    assert [float(released(jnp.asarray(t))) for t in (-0.1, 0.0, 0.1)] == [1.0, 0.0, 0.0]


def test_a_ramp_is_smooth():
    ramp = Ramp(1.0, 3.0, before=-1.0, after=2.0)
    assert [float(ramp(jnp.asarray(t))) for t in (0.0, 1.0, 2.0, 3.0, 4.0)] == [-1.0, -1.0, 0.5, 2.0, 2.0]
    slope, bend = jax.grad(ramp), jax.grad(jax.grad(ramp))
    for t in (1.0, 3.0):
        assert abs(slope(t)) < 1e-12 and abs(bend(t)) < 1e-12
    assert slope(2.0) > 0


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: Sine(period=0.0), "period"),
        (lambda: Tabulated([0.0, 2.0, 1.0], [1.0, 2.0, 3.0]), "decrease"),
        (lambda: Tabulated([0.0, 1.0], [1.0]), "shapes"),
        (lambda: Ramp(2.0, 1.0), "after"),
        (lambda: Drive((Sine(1.0), 3)), "signal"),
        (lambda: Drive(lambda b: b), "pairs"),
    ],
)
def test_wrong_signals(make, word):
    with pytest.raises(ValueError, match=word):
        make()


@pytest.mark.slow
def test_a_driven_value_is_its_own_times_the_signal():
    space = sp.fem.FunctionSpace(sp.fem.line(8))
    ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 5.0)]
    bar = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=1.0), ends, capacity=1.0)
    signal = Sine(8.0, offset=0.5)
    swing = Drive((lambda b: b.constraints[1].value, signal))
    found = march(BackwardEuler(), bar, 0.0, jnp.linspace(0.0, 3.0, 4), drive=swing)
    right = int(space.nodes_on("right")[0])
    np.testing.assert_allclose(found.values[:, right], [5 * signal(t) for t in found.times], rtol=1e-14)

    def last(amplitude):
        driven = Drive((lambda b: b.constraints[1].value, Sine(8.0, amplitude)))
        return march(BackwardEuler(), bar, 0.0, jnp.linspace(0.0, 3.0, 4), drive=driven).final.u[right]

    np.testing.assert_allclose(jax.grad(last)(1.0), 5 * np.sin(2 * np.pi * 3 / 8), rtol=1e-12)


@pytest.mark.slow
def test_progress_comes_from_inside_the_loop():
    calls = []
    tell = lambda done, steps, t: calls.append((int(done), int(steps), float(t)))
    fall = ODE(lambda t, u, args: -u)
    march(BackwardEuler(), fall, 1.0, jnp.linspace(0.0, 1.0, 251), progress=tell)
    jax.effects_barrier()
    assert sorted(calls)[-1] == (250, 250, 1.0)
    assert 100 <= len(calls) <= 130 and len({done for done, *_ in calls}) == len(calls)
    with pytest.raises(ValueError, match="progress"):
        march(BackwardEuler(), fall, 1.0, jnp.linspace(0.0, 1.0, 3), progress=3)


@pytest.mark.slow
def test_a_bar_is_shown_on_a_terminal():
    for terminal in (True, False):
        stream = io.StringIO()
        bar = ProgressBar(Console(file=stream, force_terminal=terminal))
        march(BackwardEuler(), ODE(lambda t, u, args: -u), 1.0, jnp.linspace(0.0, 1.0, 6), progress=bar)
        jax.effects_barrier()
        assert ("march" in stream.getvalue()) == terminal


def test_the_host_is_not_called_without_progress():
    fall, times = ODE(lambda t, u, args: -u), jnp.linspace(0.0, 1.0, 6)
    final = lambda u, progress: march(BackwardEuler(), fall, u, times, progress=progress, throw=False).final.u
    assert "callback" not in str(jax.make_jaxpr(lambda u: final(u, None))(1.0))
    assert "callback" in str(jax.make_jaxpr(lambda u: final(u, print))(1.0))
