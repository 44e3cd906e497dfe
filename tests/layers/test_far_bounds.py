"""Programs with rows in units of their own: bounds that are none, and rows times any factor."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.layers import QP, SparseQP


BOX = np.vstack([np.eye(2), -np.eye(2)])
PORTFOLIO = np.vstack([np.eye(4), -np.eye(4)])


@eqx.filter_jit
def many(Q, q, A, b, G, h):
    """A batch of programs, in b, G and h."""
    return jax.vmap(lambda b, G, h: QP(Q, q, A, b, G, h)(throw=False))(b, G, h)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_far_bound_is_no_bound(dtype):
    """z ≤ (.3, big), z ≥ 0, Q = I, q = (−1, −.5): (.3, .5) for each big ≥ .5."""
    far = np.array([1.0, 1e2, 1e4, 1e8, 1e12, 1e20, np.inf])
    real = lambda x: jnp.asarray(x, dtype)
    h = real([[0.3, big, 0, 0] for big in far])
    blank = real(np.zeros((len(far), 0)))
    found = many(real(np.eye(2)), real([-1, -0.5]), real(np.zeros((0, 2))), blank, real([BOX] * len(far)), h)
    assert np.all(found.result == sp.RESULTS.successful)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found.value, [[0.3, 0.5]] * len(far), rtol=10 * eps)
    np.testing.assert_allclose(found.duals[:, :2], [[0.7, 0.0]] * len(far), atol=10 * eps)
    np.testing.assert_allclose(found.slack[:, 1], h[:, 1] - real(0.5), rtol=10 * eps)


@pytest.mark.slow
def test_a_portfolio_and_rows_times_any_factor():
    """Σz = 1, 0 ≤ z ≤ big: Σz was ½ at 1e9. Then z ≤ .3 with each row times its own 10^±9."""
    r = np.random.default_rng(0)
    far = np.array([[big] * 4 + [0] * 4 for big in (1e9, 1e20, np.inf)])
    factor = 10.0 ** r.uniform(-9, 9, (3, 8))
    capped = np.r_[np.full(4, 0.3), np.zeros(4)]
    G = np.concatenate([[PORTFOLIO] * 3, factor[:, :, None] * PORTFOLIO])
    data = np.ones((6, 1)), G, np.concatenate([far, factor * capped])
    found = many(jnp.diag(jnp.arange(1.0, 5.0)), -jnp.ones(4), jnp.ones((1, 4)), *map(jnp.asarray, data))
    assert np.all(found.result == sp.RESULTS.successful)
    np.testing.assert_allclose(found.value[:3], [[0.48, 0.24, 0.16, 0.12]] * 3, rtol=1e-12)
    np.testing.assert_allclose(found.value[3:], [[0.3, 0.3, 8 / 35, 6 / 35]] * 3, rtol=1e-12)
    np.testing.assert_allclose(found.duals[3:, 0] * factor[:, 0], found.duals[3, 0] * factor[0, 0], rtol=1e-9)


@pytest.mark.slow
def test_sparse():
    for big in (1e8, np.inf):
        found = SparseQP(np.eye(2), [-1.0, -0.5], G=BOX, h=[0.3, big, 0, 0])()
        np.testing.assert_allclose(found.value, [0.3, 0.5], rtol=1e-12)


@pytest.mark.parametrize("make", [QP, SparseQP])
def test_what_is_not_finite_is_refused_by_name(make):
    data = dict(Q=np.eye(2), q=np.array([-1.0, -0.5]), G=BOX, h=np.array([0.3, 1.0, 0, 0]))
    for name, place, wrong in (("h", 1, -np.inf), ("h", 1, np.nan), ("q", 0, np.inf)):
        broken = data | {name: data[name].copy()}
        broken[name][place] = wrong
        with pytest.raises(ValueError, match=rf"`{name}` must be finite.*got {name}\[{place}\]"):
            make(**broken)(throw=False)
