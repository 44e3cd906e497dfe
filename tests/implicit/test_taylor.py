"""The Taylor test tells right gradients from wrong ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _problems import CASES, THETA

import simphys as sp


def test_right_gradient_has_order_two(capsys):
    f = jax.jit(CASES["dense"].loss)
    result = sp.check_gradient(f, THETA)
    assert result.passed and abs(result.order - 2) < 0.1
    assert "observed order 2.0" in capsys.readouterr().out


@pytest.mark.parametrize("factor", [0.0, 0.9, 1.001, -1.0])
def test_wrong_gradient_has_order_one(factor):
    @jax.custom_jvp
    def wrong(y):
        return jnp.sin(y)

    wrong.defjvp(lambda primals, tangents: (wrong(*primals), factor * jnp.cos(primals[0]) * tangents[0]))
    f = jax.jit(lambda x: jnp.sum(wrong(x) * jnp.arange(1.0, 4.0)))
    # One part in a thousand shows where the step is small enough.
    result = sp.check_gradient(f, THETA, step=1e-2 if factor != 1.001 else 1e-4, verbose=False)
    assert not result.passed and result.order < 1.5
    assert "FAILED" in str(result)
    if factor in (0.0, -1.0):
        np.testing.assert_allclose(result.order, 1, atol=0.1)


def test_linear_function_passes():
    weights = jnp.array([1.0, -2.0, 3e5])
    assert sp.check_gradient(lambda x: weights @ x, THETA, verbose=False).passed
    assert sp.check_gradient(lambda x: weights @ x + 1e6, THETA, verbose=False).passed


def test_wrong_gradient_of_a_linear_function_fails():
    @jax.custom_jvp
    def wrong(x):
        return jnp.sum(x)

    wrong.defjvp(lambda primals, tangents: (wrong(*primals), 1.0001 * jnp.sum(tangents[0])))
    assert not sp.check_gradient(wrong, THETA, verbose=False).passed


@pytest.mark.slow
def test_gradient_of_a_failed_solve_does_not_pass():
    f = lambda a: sp.solve(sp.RootProblem(lambda y, a: y**2 + a, guess=jnp.ones(())), args=a, throw=False).value
    assert not sp.check_gradient(f, jnp.ones(()), verbose=False).passed


def test_pytrees_directions_and_misuse():
    x = dict(a=jnp.array([1.0, 2.0]), n=3, b=jnp.zeros(2))
    f = lambda x: jnp.sum(jnp.sin(x["a"])) * x["n"] + jnp.sum(x["b"] ** 2)
    assert sp.check_gradient(f, x, verbose=False).passed
    along = dict(a=jnp.array([1.0, 0.0]), n=3, b=jnp.zeros(2))
    result = sp.check_gradient(f, x, direction=along, verbose=False)
    np.testing.assert_allclose(result.slope, 3 * np.cos(1.0), rtol=1e-12)
    with pytest.raises(ValueError, match="floating"):
        sp.check_gradient(lambda x: 1.0, dict(n=3), verbose=False)
