"""Sparse programs: as dense ones, and an obstacle problem against its closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sps
from _programs import random_qp
from jax.experimental.sparse import BCOO

import simphys as sp
from simphys.layers import QP, SparseQP


@pytest.mark.slow
def test_as_the_dense_program():
    """Solution, duals, and gradients with respect to vectors and entries; matrices of three kinds."""
    Q, q, A, b, G, h = random_qp(n=5, m=4, p=1, seed=2)
    sparse = SparseQP(sps.csr_array(Q), q, A, b, BCOO.fromdense(jnp.asarray(G)), h)
    dense = QP(Q, q, A, b, G, h)
    names = ("Q", "q", "A", "b", "G", "h")

    def f(layer, *data):
        found = layer(throw=False, **dict(zip(names, data)))
        return jnp.sum(found.value**2) + jnp.sum(found.duals), found

    grads = {}
    for name, layer in (("sparse", sparse), ("dense", dense)):
        data = tuple(getattr(layer, k) for k in names)
        (_, found), grads[name] = jax.value_and_grad(f, range(1, 7), has_aux=True)(layer, *data)
        assert found.result == sp.RESULTS.successful and found.certificate.residual < 1e-12
    for mine, theirs in zip(grads["sparse"], grads["dense"]):
        np.testing.assert_allclose(mine, theirs.ravel() if mine.ndim != theirs.ndim else theirs, atol=1e-8)


def obstacle(n):
    """A string pushed down on a floor at −1/16 … the contact is where the free parabola would go below it."""
    size = 1 / (n + 1)
    stiffness = sps.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]) / size
    return stiffness, size


@pytest.mark.slow
@pytest.mark.parametrize("n", [199])
def test_string_on_a_floor(n):
    """−u'' = −8 above u ≥ −1/4: contact from x = 1/4 on, reaction 8 there; u = −4x(1/2 − x) … before."""
    stiffness, size = obstacle(n)
    x = size * np.arange(1, n + 1)
    layer = SparseQP(stiffness, 8 * size * np.ones(n), G=-sps.eye_array(n), h=0.25 * np.ones(n))
    found = layer()
    # u = 4x² − 2x leaves 0 with slope −2 and touches −1/4 with slope 0 at x = 1/4.
    free = np.minimum(x, 1 - x)
    exact = np.where(free < 0.25, 4 * free**2 - 2 * free, -0.25)
    np.testing.assert_allclose(found.value, exact, atol=1e-9)
    np.testing.assert_allclose(found.duals[n // 2] / size, 8.0, rtol=1e-9)
    # Lowering the floor lowers what lies on it by as much.
    gradient = jax.grad(lambda h: layer(h=h, throw=False).value[n // 2])(layer.h)
    np.testing.assert_allclose(gradient, -np.eye(n)[n // 2], atol=1e-8)


@pytest.mark.slow
def test_sparse_infeasible():
    G = sps.csr_array(np.array([[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]]))
    found = SparseQP(sps.eye_array(3), np.ones(3), G=G, h=-np.ones(2))(throw=False)
    y, w = found.farkas
    assert found.result == sp.RESULTS.infeasible and np.linalg.norm(w @ G.toarray()) < 1e-8
