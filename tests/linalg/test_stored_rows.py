"""Products by MKL against SciPy's, for blocks of any shape, inside everything JAX does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sps

from simphys.linalg import SparsityPattern, _stored_rows
from simphys.linalg._pardiso import pardiso_available
from simphys.linalg._pattern import matrix_vector, padded_data, padded_product
from simphys.linalg._rows import BlockRows
from simphys.linalg._stored_rows import StoredRows, fixed_rows


pytestmark = pytest.mark.skipif(not pardiso_available(), reason="needs MKL")
TOLERANCE = {jnp.float64: 1e-13, jnp.float32: 1e-5}


def random_blocks(i, j, rows=40, columns=30, seed=0):
    """A matrix of i × j blocks, one row empty."""
    r = np.random.default_rng(seed)
    graph = sps.csr_array(sps.random_array((rows, columns), density=min(0.2, 40 / columns), rng=r))
    graph = sps.csr_array(graph.multiply((np.arange(rows) != 7)[:, None]))
    data = r.standard_normal((graph.nnz, i, j))
    return sps.bsr_array((data, graph.indices, graph.indptr), shape=(rows * i, columns * j)), r


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 6), (6, 3), (4, 6)])
def test_fixed_blocks_of_any_shape(shape, dtype):
    matrix, r = random_blocks(*shape)
    rows, values = fixed_rows(StoredRows(None, None), matrix, 1, dtype)
    x = jnp.asarray(r.standard_normal((30, shape[1])), dtype)
    got = jax.jit(lambda rows, values, x: rows.product(values, x))(rows, values, x)
    assert got.dtype == dtype and got.shape == (40, shape[0])
    wanted = (matrix @ np.asarray(x, float).ravel()).reshape(40, -1)
    np.testing.assert_allclose(got, wanted, atol=10 * TOLERANCE[dtype])


@pytest.fixture
def pattern(monkeypatch):
    """Of a matrix of 3 × 3 blocks with three unknowns left out."""
    monkeypatch.setattr(_stored_rows, "WORTH_A_CALL", 0)
    r = np.random.default_rng(3)
    graph = sps.random_array((50, 50), density=0.1, rng=r)
    graph = sps.coo_array(graph + graph.T + sps.eye_array(50))
    kept = np.ones((50, 3), bool)
    kept[[3, 20, 49], [0, 1, 2]] = False
    order = np.lexsort((graph.col, graph.row))
    return SparsityPattern.from_blocks(graph.row[order], graph.col[order], kept, symmetric=False)[0]


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_products_of_what_was_assembled(pattern, dtype):
    assert isinstance(pattern.layout.rows, StoredRows)
    r = np.random.default_rng(4)
    data, x = (jnp.asarray(r.standard_normal(n), dtype) for n in (pattern.stored, pattern.size))
    got = jax.jit(lambda data, x: padded_product(pattern, padded_data(pattern, data), x))(data, x)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, matrix_vector(pattern, data, x), atol=20 * TOLERANCE[dtype])


@pytest.mark.parametrize("mapped", [(0, None), (None, 0), (0, 0)])
def test_lanes_of_vmap(pattern, mapped):
    r = np.random.default_rng(5)
    shape = lambda axis, n: n if axis is None else (3, n)
    data, x = (jnp.asarray(r.standard_normal(shape(a, n))) for a, n in zip(mapped, (pattern.stored, pattern.size)))
    product = lambda data, x: padded_product(pattern, padded_data(pattern, data), x)
    got = jax.jit(jax.vmap(product, mapped))(data, x)
    lane = lambda array, axis, k: array if axis is None else array[k]
    for k in range(3):
        wanted = matrix_vector(pattern, lane(data, mapped[0], k), lane(x, mapped[1], k))
        np.testing.assert_allclose(got[k], wanted, atol=1e-12)


def test_what_is_differentiated_is_not_a_call(pattern):
    r = np.random.default_rng(6)
    data, x, w = (jnp.asarray(r.standard_normal(n)) for n in (pattern.stored, pattern.size, pattern.size))
    gradient = jax.grad(lambda data, x: matrix_vector(pattern, data, x) @ w, argnums=(0, 1))(data, x)
    np.testing.assert_allclose(gradient[0], w[pattern.rows] * x[pattern.columns], rtol=1e-13)
    np.testing.assert_allclose(gradient[1] @ x, gradient[0] @ data, rtol=1e-12)


def test_small_matrices_are_left_to_xla():
    pattern, _ = SparsityPattern.from_entries([0, 1], [1, 0], 2)
    assert isinstance(pattern.layout.rows, BlockRows)


def test_blocks_and_vectors_of_two_types_meet_in_the_wider_one():
    matrix, r = random_blocks(2, 2)
    rows, values = fixed_rows(StoredRows(None, None), matrix, 1, np.float32)
    x = jnp.asarray(r.standard_normal((30, 2)))
    with jax.numpy_dtype_promotion("standard"):
        got = rows.product(values, x)
    assert got.dtype == jnp.float64
    np.testing.assert_allclose(got.ravel(), matrix.astype(np.float32).astype(float) @ np.asarray(x).ravel(), atol=1e-12)


def test_the_same_bits_each_time_whatever_was_in_the_result():
    """Memory for results is not cleared, and threads share the rows out as they like."""
    matrix, r = random_blocks(3, 3, rows=4000, columns=4000)
    arrays = [
        matrix.indptr.astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data,
        r.standard_normal((4000, 3)),
    ]
    found = [np.full((4000, 3), fill) for fill in (np.nan, 0.0, 1e300, np.inf)]
    for y in found:
        _stored_rows._multiply(*arrays, y)
    assert np.isfinite(found[0]).all()
    assert all(np.array_equal(found[0], y) for y in found[1:])


def test_what_mkl_refuses_is_an_error():
    with pytest.raises(RuntimeError, match="could not multiply"):
        y = np.empty((1, 0))
        _stored_rows._multiply(np.zeros(2, np.int32), np.zeros(0, np.int32), np.zeros((0, 0, 0)), np.empty((1, 0)), y)
