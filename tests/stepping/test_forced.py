"""Sampled inputs, driven oscillators by Diffrax, and least squares for their networks."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

from simphys.inverse import train
from simphys.stepping import ODE, SDIRK3, Augmented, Corrected, Oscillator, march, network, sampled, simulate


def wave(t):
    return np.sin(0.7 * t) + 0.5 * np.sin(1.9 * t + 1)


@pytest.mark.parametrize(("kind", "least"), [("hold", 1e-1), ("linear", 2e-2), ("cubic", 1e-3), ("band_limited", 1e-4)])
def test_between_samples(kind, least):
    """Each kind is better than the one before, all are exact at the samples."""
    grid, between = np.arange(400.0), np.arange(60.0, 340.0) + 0.4
    taper = lambda t: np.exp(-(((t - 200) / 60) ** 4))
    signal = sampled(wave(grid) * taper(grid), kind)
    at = jax.vmap(signal)
    np.testing.assert_allclose(at(jnp.arange(1.0, 399.0)), (wave(grid) * taper(grid))[1:-1], atol=1e-10)
    error = np.max(np.abs(at(jnp.asarray(between)) - wave(between) * taper(between)))
    limits = {"hold": 2.0, "linear": 1.0, "cubic": 0.2, "band_limited": 5e-3}
    assert least < error < limits[kind] or error < least


@pytest.mark.slow
def test_a_linear_oscillator_swings_at_its_closed_form():
    """m ÿ + d ẏ + a y = u₀ from rest: y = u₀/a (1 − e^{−δt} (cos ωt + δ/ω sin ωt))."""
    m, d, a, push = 2.0, 0.4, 3.0, 0.5
    system = Oscillator(m, d, a, offset=push)
    states = simulate(system, sampled(np.zeros(200)), [0, 50], 100, rate=5.0)
    t = np.arange(100) / 5.0
    decay = d / (2 * m)
    omega = np.sqrt(a / m - decay**2)
    exact = push / a * (1 - np.exp(-decay * t) * (np.cos(omega * t) + decay / omega * np.sin(omega * t)))
    for lane in states:
        np.testing.assert_allclose(lane[:, 0], exact, atol=2e-6)


def test_a_cubic_spring_keeps_its_energy():
    system = Oscillator(1.0, 0.0, 1.0, 4.0)
    (states,) = simulate(system, sampled(np.zeros(500)), [0], 400, rate=10.0, start=jnp.array([[1.0, 0.0]]))
    y, v = states.T
    np.testing.assert_allclose(v**2 / 2 + y**2 / 2 + y**4, 1.5, rtol=1e-5)


@pytest.mark.slow
def test_forward_and_reverse_derivatives_agree():
    signal = sampled(wave(np.arange(60.0)))

    def loss(system, adjoint):
        return jnp.sum(simulate(system, signal, [3], 30, 2.0, adjoint=adjoint)[..., 0] ** 2)

    system = Oscillator(1.0, 0.2, 1.0, 0.5, 0.1)
    backward = jax.jit(jax.grad(lambda s: loss(s, diffrax.RecursiveCheckpointAdjoint())))(system)
    forward = jax.jit(jax.jacfwd(lambda s: loss(s, diffrax.ForwardMode())))(system)
    for name in ("mass", "damping", "stiffness", "cubic", "offset"):
        np.testing.assert_allclose(getattr(backward, name), getattr(forward, name), rtol=1e-9)


@pytest.mark.slow
def test_a_correction_learns_a_force_that_the_oscillator_lacks():
    """What is missing is −0.1 y |y|: the error of the simulation falls at least ten times, on data not trained on, too."""

    def truth(x, u):
        rate = Oscillator(1.0, 0.2, 1.0)(x, u)
        return rate.at[1].add(-0.1 * x[0] * jnp.abs(x[0]))

    signal = sampled(wave(np.arange(300.0)))
    run = lambda system, begin: simulate(system, signal, begin, 60, 2.0)[..., 0]
    begin, other = jnp.array([5, 70, 140]), jnp.array([220])
    measured = run(truth, begin)
    start = Corrected(Oscillator(1.0, 0.2, 1.0), network(3, 1, 5, 1, 0, 0.0), jnp.ones(3), jnp.ones(()))
    mask = eqx.tree_at(
        lambda s: s.network, jax.tree.map(lambda _: False, start), jax.tree.map(eqx.is_inexact_array, start.network)
    )
    found = train(lambda system, data: run(system, begin) - data, start, measured, trainable=mask, max_iterations=40)
    assert found.errors[-1] < found.errors[0] / 10
    assert all(b < a for a, b in zip(found.errors, found.errors[1:]))
    wrong = lambda system: float(jnp.sqrt(jnp.mean((run(system, other) - run(truth, other)) ** 2)))
    assert wrong(found.model) < wrong(start) / 10
    np.testing.assert_array_equal(found.model.system.mass, 1.0)


@pytest.mark.slow
def test_an_augmented_right_hand_side_goes_through_march_and_diffrax():
    """u̇ = −u + w u with w = 0.5."""
    system = Augmented(lambda t, u, args: -u, eqx.nn.Linear(1, 1, False, key=jax.random.PRNGKey(0), dtype=float))
    system = Augmented(system.function, _AsRate(jnp.asarray(0.5)))
    found = march(SDIRK3(), ODE(system), jnp.ones(1), jnp.linspace(0.0, 1.0, 21)).final.u
    np.testing.assert_allclose(found, np.exp(-0.5), rtol=1e-6)
    solved = diffrax.diffeqsolve(diffrax.ODETerm(system), diffrax.Tsit5(), 0.0, 1.0, 0.05, jnp.ones(1))
    np.testing.assert_allclose(solved.ys[-1], np.exp(-0.5), rtol=1e-7)
    loss = lambda s: jnp.sum(march(SDIRK3(), ODE(s), jnp.ones(1), jnp.linspace(0.0, 1.0, 5)).final.u ** 2)
    assert check_gradient(loss, system).order > 1.9


class _AsRate(eqx.Module):
    weight: jax.Array

    def __call__(self, t, u, args):
        return self.weight * u


def test_train_finds_what_linear_least_squares_finds():
    generator = np.random.default_rng(0)
    A, b = jnp.asarray(generator.standard_normal((30, 4))), jnp.asarray(generator.standard_normal(30))
    found = train(lambda x, data: data[0] @ x - data[1], jnp.zeros(4), (A, b), tolerance=1e-12)
    np.testing.assert_allclose(found.model, np.linalg.lstsq(A, b, rcond=None)[0], rtol=1e-6)
    with pytest.raises(ValueError, match="no weights"):
        train(lambda x, data: jnp.ones(2), {"a": 1})
    with pytest.raises(ValueError, match="not finite at the start"):
        train(lambda x, data: jnp.nan * x, jnp.ones(2))


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="one of hold, linear, cubic, band_limited, got 'spline'"):
        sampled(np.zeros(5), "spline")
    with pytest.raises(ValueError, match="two or more finite samples"):
        sampled(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="`mass` must be positive, got 0.0"):
        Oscillator(0.0)
