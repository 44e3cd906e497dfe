"""Second derivatives of marches: reverse over reverse and forward over reverse, against differences of the gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.stepping import BDF2, ODE, SDIRK2, BackwardEuler, ImplicitMidpoint, march


TIMES = jnp.linspace(0.0, 1.0, 3)


@pytest.mark.slow
def test_second_derivatives_of_a_march():
    check(SDIRK2(), None)


@pytest.mark.slow
@pytest.mark.parametrize("stepper", [BackwardEuler(), BDF2(), ImplicitMidpoint()], ids=lambda s: type(s).__name__)
def test_every_stepper(stepper):
    check(stepper, 2)


def check(stepper, checkpoints):
    decay = lambda k: ODE(lambda t, u, k: -k * u**2, k)
    last = lambda k: march(stepper, decay(k), 1.0, TIMES, checkpoints=checkpoints).final.u
    slope = jax.jit(jax.grad(last))
    both = jax.jit(lambda k: jnp.stack([jax.grad(jax.grad(last))(k), jax.jacfwd(jax.grad(last))(k)]))
    h = 1e-4
    expected = (slope(1.3 + h) - slope(1.3 - h)) / (2 * h)
    np.testing.assert_allclose(both(1.3), np.full(2, expected), rtol=1e-6)
