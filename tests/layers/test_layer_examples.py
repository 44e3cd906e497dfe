"""The examples of layers print what they claim."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _examples import example


@pytest.fixture
def as_users_run_it():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.filterwarnings("ignore:.*active without a multiplier")
@pytest.mark.slow
def test_declarative_nodes(as_users_run_it):
    nodes = example("declarative_nodes")
    z, slopes, errors, (value, slope) = nodes.main()
    # Two weights at the cap and one at 0: what is left is for the third.
    np.testing.assert_allclose(z, [0.4, 0.4, 0.2, 0.0], atol=1e-9)
    assert errors["mean"] > 1.0 and errors["Huber"] < 0.2 and errors["Welsch"] < 1e-2
    f = lambda s: jnp.sum((nodes.pool(POINTS, s, nodes.huber)) ** 2)
    step = 1e-4
    np.testing.assert_allclose(jax.grad(f)(0.3), (f(0.3 + step) - f(0.3 - step)) / (2 * step), rtol=1e-6)


POINTS = jnp.asarray(np.random.default_rng(0).standard_normal((9, 2)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*active without a multiplier")
def test_cart_pole(as_users_run_it, tmp_path):
    cart = example("cart_pole")
    values, drives, path = cart.main(tmp_path)
    states, forces, good, weak = drives["learned"]
    assert np.all(good) and np.all(drives["first guess"][2])
    assert values[-1] < 0.8 * values[0]
    assert path.is_file() and np.abs(states[-1, 2]) < 0.02
    # The force is at its bound for a while, and never beyond.
    np.testing.assert_allclose(np.max(np.abs(forces)), 8.0, atol=1e-6)


@pytest.mark.slow
def test_the_gradient_of_a_drive(as_users_run_it):
    """Through forty programs and the nonlinear cart-pole, against central differences."""
    cart = example("cart_pole")
    planner = cart.Planner(jnp.log(jnp.array([1.0, 1.0, 1.0, 1.0, 0.3])))
    value, gradient = jax.jit(jax.value_and_grad(cart.loss))(planner)
    loss, step = jax.jit(cart.loss), 1e-5
    for k in (0, 4):
        e = step * jnp.eye(5)[k]
        moved = [float(loss(cart.Planner(planner.log_weights + s * e))) for s in (1, -1)]
        np.testing.assert_allclose(gradient.log_weights[k], (moved[0] - moved[1]) / (2 * step), rtol=1e-5)
