"""Steps of chosen length: errors that follow the tolerance, cutbacks, gradients of what was accepted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.stepping import (
    BDF2,
    ODE,
    SDIRK2,
    SDIRK3,
    BackwardEuler,
    StepFailed,
    Theta,
    march,
    march_adaptively,
)


def pulse(t, u, args):
    """u̇ = −20 (t − 1) u: a bell of height e¹⁰, steep and flat in turn."""
    return -args * (t - 1.0) * u


def exact(t):
    return np.exp(10 - 10 * (t - 1) ** 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "stepper",
    [Theta(), BDF2(), SDIRK2()],
    ids=lambda s: type(s).__name__,
)
def test_errors_follow_the_tolerance(stepper):
    """By a stepper of each kind: one step, two, stages. Steps are short where much happens."""
    errors = []
    run = lambda end, rtol: march_adaptively(stepper, ODE(pulse, 20.0), 1.0, (0.0, end), rtol=rtol, max_steps=20_000)
    for rtol in (1e-3, 1e-5):
        found = run(2.0, rtol)
        error = np.abs(np.asarray(found.values) - exact(np.asarray(found.times))) / exact(1.0)
        errors.append(error.max())
        assert float(found.times[-1]) == 2.0
    assert errors[1] < errors[0] / 4
    assert errors[1] < 2e-2
    found = run(4.0, 1e-4)
    steps, middle = np.diff(found.times), np.asarray(found.times[:-1])
    assert steps[middle > 3].max() > 5 * steps[(middle > 0.8) & (middle < 1.2)].max()


def robertson(t, u, k):
    a, b, c = u
    slow, fast, third = k[0] * a, k[2] * b * c, k[1] * b * b
    return (fast - slow, slow - fast - third, third)


@pytest.mark.slow
def test_robertson():
    """Eleven decades of time. y₁ is what a sum of 1 leaves to 2e-8: its equations are solved to rounding."""
    rates = jnp.array([0.04, 3e7, 1e4])
    start = (jnp.asarray(1.0), jnp.asarray(0.0), jnp.asarray(0.0))
    found = march_adaptively(
        SDIRK3(),
        ODE(robertson, rates),
        start,
        (0.0, 1e11),
        rtol=3e-9,
        atol=1e-30,
        first_step=1e-6,
        max_steps=60_000,
        method=sp.Newton(rtol=2e-14, damped=False, least_steps=3, max_steps=24),
    )
    y1, y2, y3 = (float(v[-1]) for v in found.values)
    print(f"Robertson: {int(found.steps)} steps, {int(found.rejected)} rejected, y1 {y1:.15e}")
    np.testing.assert_allclose(y1, 2.083340149701255e-8, rtol=2e-8)
    np.testing.assert_allclose(y2, 8.333360770334713e-14, rtol=2e-8)
    np.testing.assert_allclose(y3, 0.9999999791665050, rtol=1e-12)


@pytest.mark.slow
def test_a_step_that_cannot_be_solved_is_cut_back():
    """u̇ = u²: a step of backward Euler has no solution for h u > ¼."""
    ode = ODE(lambda t, u, args: u**2)
    found = march_adaptively(BackwardEuler(), ode, jnp.asarray(1.0), (0.0, 0.5), rtol=1e-3, first_step=0.5)
    assert int(found.rejected) >= 1
    np.testing.assert_allclose(found.values[-1], 2.0, rtol=0.1)


@pytest.mark.slow
def test_an_end_in_finite_time_is_named():
    with pytest.raises(StepFailed, match=r"At t = (0\.99|1)") as caught:
        march_adaptively(SDIRK2(), ODE(lambda t, u, args: u**2), jnp.asarray(1.0), (0.0, 3.0), max_steps=5_000)
    assert np.all(np.isfinite(caught.value.trajectory.values))
    with pytest.raises(StepFailed, match="steps_used_up"):
        march_adaptively(SDIRK2(), ODE(pulse, 20.0), jnp.asarray(1.0), (0.0, 2.0), rtol=1e-6, max_steps=20)


@pytest.mark.slow
def test_gradient_is_that_of_the_accepted_steps():
    def last(rate, run):
        return run(ODE(pulse, rate)).final.u

    adaptive = lambda ode: march_adaptively(BDF2(), ode, jnp.asarray(1.0), (0.0, 2.0), rtol=1e-3)
    rate = jnp.asarray(20.0)
    times = adaptive(ODE(pulse, rate)).times
    given = lambda ode: march(BDF2(), ode, jnp.asarray(1.0), times)
    compiled = lambda run: jax.jit(jax.value_and_grad(lambda rate: last(rate, run)))
    wanted = compiled(given)(rate)
    np.testing.assert_allclose(jax.grad(last)(rate, adaptive), wanted[1], rtol=1e-10)
    np.testing.assert_allclose(compiled(adaptive)(rate), wanted, rtol=1e-10)


def test_misuse_raises():
    with pytest.raises(ValueError, match="`span` must be two increasing"):
        march_adaptively(BDF2(), ODE(pulse, 1.0), jnp.asarray(1.0), (1.0, 1.0))
    with pytest.raises(ValueError, match="`rtol` is relative"):
        march_adaptively(BDF2(), ODE(pulse, 1.0), jnp.asarray(1.0), (0.0, 1.0), rtol=0.0)


@pytest.mark.slow
def test_residuals_of_rounding_are_no_failure_in_single_precision():
    """A residual that is 0 in one copy of an expression and 1e-7 in another, as compilers make them, had the norm 1."""
    ode = ODE(lambda t, u, args: -2 * u)
    found = march_adaptively(SDIRK2(), ode, jnp.ones((), jnp.float32), (0.0, 1.0), rtol=1e-2, throw=False)
    assert found.failed_step == -1 and float(found.final.u) == pytest.approx(np.exp(-2), rel=1e-2)
