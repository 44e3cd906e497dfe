"""Small matrices at many points: against NumPy, in any unit, and with derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys._small import cholesky, definite_solve, inverse


def _matrices(n, seed=0):
    return np.random.default_rng(seed).normal(size=(50, n, n))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_inverse(n):
    """Rows and columns with units of their own, pivots of 0."""
    a = _matrices(n)
    a[0] = np.roll(np.eye(n), 1, axis=0)
    scaled = a * 10.0 ** np.linspace(-30, 30, n)[:, None] * 10.0 ** np.linspace(20, -20, n)[None]
    found = jax.jit(jax.vmap(inverse))(scaled)
    one = np.linalg.inv(a) / 10.0 ** np.linspace(-30, 30, n)[None] / 10.0 ** np.linspace(20, -20, n)[:, None]
    np.testing.assert_allclose(found, one, rtol=1e-9, atol=0)


def test_inverse_of_a_singular_matrix_is_not_finite():
    a = _matrices(5)[0]
    a[3] = 0.0
    assert not np.all(np.isfinite(inverse(jnp.asarray(a))))
    assert not np.all(np.isfinite(inverse(jnp.asarray(a).at[3, 3].set(jnp.nan))))


def test_inverse_is_differentiable_twice():
    a, b = map(jnp.asarray, _matrices(5)[:2])
    of = lambda t: jnp.sum(jnp.sin(inverse(a + t * b)))
    ref = lambda t: jnp.sum(jnp.sin(jnp.linalg.inv(a + t * b)))
    for own, other in ((jax.grad(of), jax.grad(ref)), (jax.jacfwd(jax.grad(of)), jax.jacfwd(jax.grad(ref)))):
        np.testing.assert_allclose(own(0.1), other(0.1), rtol=1e-9)


@pytest.mark.parametrize("n", [2, 6])
def test_definite(n):
    a = _matrices(n)
    a = jnp.asarray(a @ np.swapaxes(a, 1, 2) + 0.1 * np.eye(n))
    b = jnp.asarray(_matrices(n, 1)[..., :2])
    np.testing.assert_allclose(jax.jit(jax.vmap(definite_solve))(a, b), np.linalg.solve(a, b), rtol=1e-9)
    own = jax.grad(lambda t: jnp.sum(definite_solve(a[0] * t, b[0]) ** 2))(2.0)
    np.testing.assert_allclose(own, -2 * np.sum(np.linalg.solve(a[0] * 2.0, b[0]) ** 2) / 2.0, rtol=1e-9)
    assert np.all(np.isnan(np.asarray(definite_solve(-a[0], b[0]))[-1]))


def test_cholesky():
    a = _matrices(3)
    a = a @ np.swapaxes(a, 1, 2)
    np.testing.assert_allclose(jax.jit(jax.vmap(cholesky))(a), np.linalg.cholesky(a), rtol=1e-9, atol=1e-12)
    assert np.isnan(np.asarray(cholesky(jnp.asarray(-a[0])))[0, 0])


def test_many_at_once():
    """More than fit at once, mapped twice."""
    a = _matrices(4)[:, None] + np.random.default_rng(2).normal(size=(1, 21, 4, 4))
    found = jax.jit(jax.vmap(jax.vmap(inverse)))(jnp.asarray(a))
    np.testing.assert_allclose(found @ a, np.broadcast_to(np.eye(4), a.shape), atol=1e-8)
