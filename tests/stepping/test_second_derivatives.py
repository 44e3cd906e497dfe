"""Second derivatives of marches: reverse over reverse and forward over reverse, against differences of the gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.stepping import BDF2, ODE, SDIRK2, march


TIMES = jnp.linspace(0.0, 1.0, 3)


@pytest.mark.slow
@pytest.mark.parametrize("stepper, checkpoints", [(SDIRK2(), None), (BDF2(), 2)], ids=["SDIRK2", "BDF2"])
def test_second_derivatives_of_a_march(stepper, checkpoints):
    decay = lambda k: ODE(lambda t, u, k: -k * u**2, k)
    last = lambda k: march(stepper, decay(k), 1.0, TIMES, checkpoints=checkpoints).final.u
    slope = jax.grad(last)
    found = jax.jit(lambda k: jnp.stack([slope(k), jax.grad(slope)(k), jax.jacfwd(slope)(k)]))
    h = 1e-4
    expected = (found(1.3 + h)[0] - found(1.3 - h)[0]) / (2 * h)
    np.testing.assert_allclose(found(1.3)[1:], np.full(2, expected), rtol=1e-6)
