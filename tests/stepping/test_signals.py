"""Magnitudes that change in time, and the progress that a march reports."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.stepping import ODE, BackwardEuler, Drive, Ramp, Sine, Tabulated, derivative, march


def test_a_sine():
    signal = Sine(period=4.0, amplitude=3.0, phase=0.5, offset=1.0)
    t = np.linspace(-2.0, 5.0, 15)
    np.testing.assert_allclose([signal(x) for x in t], 1 + 3 * np.sin(np.pi * t / 2 + 0.5), atol=1e-14)


def test_derivative_of_a_record():
    """Of a pulse that begins and ends at rest, per sample."""
    k = np.arange(64.0)
    pulse = np.exp(-(((k - 31) / 6) ** 2))
    np.testing.assert_allclose(derivative(pulse), -2 * (k - 31) / 36 * pulse, atol=1e-6)


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

    np.testing.assert_allclose(jax.jit(jax.grad(last))(1.0), 5 * np.sin(2 * np.pi * 3 / 8), rtol=1e-12)


@pytest.mark.slow
def test_progress_comes_from_inside_the_loop():
    calls = []
    tell = lambda done, steps, t: calls.append((int(done), int(steps), float(t)))
    fall = ODE(lambda t, u, args: -u)
    march(BackwardEuler(), fall, 1.0, jnp.linspace(0.0, 1.0, 251), on_iteration=tell)
    jax.effects_barrier()
    assert sorted(calls)[-1] == (250, 250, 1.0)
    assert 100 <= len(calls) <= 130 and len({done for done, *_ in calls}) == len(calls)
    with pytest.raises(ValueError, match="`progress` must be"):
        march(BackwardEuler(), fall, 1.0, jnp.linspace(0.0, 1.0, 3), progress=3)
    with pytest.raises(ValueError, match="`on_iteration` must be"):
        march(BackwardEuler(), fall, 1.0, jnp.linspace(0.0, 1.0, 3), on_iteration=3)


@pytest.mark.slow
def test_lines_of_a_march_reach_who_listens_then():
    """One program serves all: the second listener is told as the first one was."""
    fall, times = ODE(lambda t, u, args: -u), jnp.linspace(0.0, 1.0, 6)
    for _ in range(2):
        lines, numbers = [], []
        march(
            BackwardEuler(), fall, 1.0, times, progress=lines.append, on_iteration=lambda *a: numbers.append(int(a[0]))
        )
        assert sorted(lines)[-1] == "step 5 of 5, t = 1" and len(lines) == 5 and sorted(numbers) == [1, 2, 3, 4, 5]


def test_the_host_is_not_called_without_progress():
    fall, times = ODE(lambda t, u, args: -u), jnp.linspace(0.0, 1.0, 6)
    final = lambda u, **told: march(BackwardEuler(), fall, u, times, throw=False, **told).final.u
    assert "callback" not in str(jax.make_jaxpr(final)(1.0))
    for asked in (dict(on_iteration=print), dict(progress=print), dict(progress=True)):
        assert "callback" in str(jax.make_jaxpr(lambda u, asked=asked: final(u, **asked))(1.0))
