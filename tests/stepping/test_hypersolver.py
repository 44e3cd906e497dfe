"""A learned correction of backward Euler on an oscillator with a cubic spring."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient
from jax.flatten_util import ravel_pytree

import simphys as sp
from simphys.inverse import train
from simphys.stepping import BDF2, ODE, SDIRK3, BackwardEuler, Hypersolver, local_errors, march


STEP, STEPS = 0.1, 20
BODY = ODE(lambda t, x, args: jnp.stack([x[1], -x[0] - x[0] ** 3 - 0.1 * x[1]]))


class Correction(eqx.Module):
    """g(u₀, rate) by a network."""

    net: eqx.nn.MLP

    def __call__(self, state, rate):
        return self.net(jnp.concatenate([state, rate / 2]))


def starts(count, seed):
    return jnp.asarray(np.random.default_rng(seed).uniform(-1.3, 1.3, (count, 2)))


def ends(stepper, states, steps):
    times = jnp.linspace(0.0, STEP * STEPS, steps + 1)
    run = eqx.filter_jit(lambda stepper, u: march(stepper, BODY, u, times, save=None))
    found = jax.vmap(lambda u: run(stepper, u))(states)
    return found.final.u, int(jnp.sum(found.newton_steps))


def size(error):
    return float(jnp.sqrt(jnp.mean(error**2)))


def learned():
    state, rate, error = eqx.filter_jit(local_errors)(
        BackwardEuler(), BODY, starts(160, 0), STEP, reference=SDIRK3(), substeps=4
    )
    net = eqx.nn.MLP(4, 2, 8, 1, jnp.tanh, key=jax.random.PRNGKey(0), dtype=float)
    residuals = lambda net, data: jax.vmap(Correction(net))(*data[:2]) - data[2]
    return Correction(train(residuals, net, (state, rate, error), max_iterations=60, tolerance=1e-3).model), error


@pytest.mark.slow
def test_it_wins_at_equal_cost_on_states_never_seen():
    """Against backward Euler with a quarter of the step, and four times the solves, from other starting points."""
    correction, error = learned()
    assert bool(jnp.all(jnp.isfinite(error)))
    states = starts(20, 1)
    exact, _ = ends(SDIRK3(), states, 8 * STEPS)
    plain, work = ends(BackwardEuler(), states, STEPS)
    finer, more = ends(BackwardEuler(), states, 4 * STEPS)
    better, same = ends(Hypersolver(BackwardEuler(), correction), states, STEPS)
    assert same <= 1.1 * work < more / 2
    assert size(better - exact) < size(finer - exact) / 2 < size(plain - exact) / 4


@pytest.mark.slow
def test_no_correction_is_the_method_itself_and_gradients_go_through():
    state = jnp.asarray([1.0, 0.0])
    times = jnp.linspace(0.0, 0.3, 4)
    none = Hypersolver(BackwardEuler(), lambda u, rate: jnp.zeros(2))
    plain = march(BackwardEuler(), BODY, state, times).values
    np.testing.assert_allclose(march(none, BODY, state, times).values, plain, rtol=1e-14)
    constant = Hypersolver(BackwardEuler(), lambda u, rate: jnp.asarray([1.0, 0.0]))
    first = march(constant, BODY, state, times[:2]).values[1] - plain[1]
    np.testing.assert_allclose(first, [0.01, 0.0], atol=1e-14)
    net = eqx.nn.MLP(4, 2, 3, 1, jnp.tanh, key=jax.random.PRNGKey(0), dtype=float)
    weights, unravel = ravel_pytree(eqx.filter(net, eqx.is_array))
    rest = eqx.filter(net, eqx.is_array, inverse=True)

    def loss(weights):
        stepper = Hypersolver(BackwardEuler(), Correction(eqx.combine(unravel(weights), rest)))
        return jnp.sum(march(stepper, BODY, state, times, save=None).final.u ** 2)

    assert check_gradient(loss, weights, verbose=False).passed


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="single-step method"):
        Hypersolver(BDF2(), lambda u, rate: u)
    with pytest.raises(ValueError, match="`correction` must be callable"):
        Hypersolver(BackwardEuler(), 1.0)
    space = sp.fem.FunctionSpace(sp.fem.line(2))
    rod = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=1.0), [], [], capacity=1.0)
    with pytest.raises(ValueError, match="for an `ODE`"):
        march(Hypersolver(BackwardEuler(), lambda u, rate: u), rod, 0.0, jnp.linspace(0.0, 1.0, 2))
