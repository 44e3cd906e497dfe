"""Products by MKL against SciPy's, for blocks of any shape, inside everything JAX does."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sps

from simphys._arrays import int32
from simphys.linalg import SparsityPattern, _stored_rows
from simphys.linalg._mkl import MKLMatrix
from simphys.linalg._pardiso import pardiso_available
from simphys.linalg._pattern import matrix_vector, padded_data, padded_product
from simphys.linalg._rows import BlockRows
from simphys.linalg._stored_rows import StoredRows


pytestmark = pytest.mark.skipif(not pardiso_available(), reason="needs MKL")
TOLERANCE = {jnp.float64: 1e-13, jnp.float32: 1e-5}


def random_blocks(i, j, rows=40, columns=30, seed=0):
    """A matrix of i × j blocks, one row empty."""
    r = np.random.default_rng(seed)
    graph = sps.csr_array(sps.random_array((rows, columns), density=min(0.2, 40 / columns), rng=r))
    graph = sps.csr_array(graph.multiply((np.arange(rows) != 7)[:, None]))
    data = r.standard_normal((graph.nnz, i, j))
    return sps.bsr_array((data, graph.indices, graph.indptr), shape=(rows * i, columns * j)), r


def stored(matrix, dtype):
    """Rows and values for a matrix of SciPy's."""
    return StoredRows(int32(matrix.indptr), int32(matrix.indices)), (jnp.asarray(matrix.data, dtype),)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_square_blocks(size, dtype):
    matrix, r = random_blocks(size, size)
    x = jnp.asarray(r.standard_normal((30, size)), dtype)
    got = jax.jit(lambda rows, values, x: rows.product(values, x))(*stored(matrix, dtype), x)
    assert got.dtype == dtype and got.shape == (40, size)
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
    return SparsityPattern.from_blocks(graph.row[order], graph.col[order], kept, symmetric=False)


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
    w, y = (jnp.append(v, 0.0) for v in (w, x))
    np.testing.assert_allclose(gradient[0], w[pattern.rows] * y[pattern.columns], rtol=1e-13)
    np.testing.assert_allclose(gradient[1] @ x, gradient[0] @ data, rtol=1e-12)


def test_small_matrices_are_left_to_xla():
    pattern, _ = SparsityPattern.from_entries([0, 1], [1, 0], 2)
    assert isinstance(pattern.layout.rows, BlockRows)


def test_blocks_and_vectors_of_two_types_meet_in_the_wider_one():
    matrix, r = random_blocks(2, 2)
    rows, values = stored(matrix, np.float32)
    x = jnp.asarray(r.standard_normal((30, 2)))
    with jax.numpy_dtype_promotion("standard"):
        got = rows.product(values, x)
    assert got.dtype == jnp.float64
    np.testing.assert_allclose(got.ravel(), matrix.astype(np.float32).astype(float) @ np.asarray(x).ravel(), atol=1e-12)


def test_the_same_bits_each_time_whatever_was_in_the_result():
    """Memory for results is not cleared, and threads share the rows out as they like."""
    matrix, r = random_blocks(3, 3, rows=4000, columns=4000)
    x = r.standard_normal(12_000)
    found = [np.full(12_000, fill) for fill in (np.nan, 0.0, 1e300, np.inf)]
    for y in found:
        mkl(matrix).times(x, y)
    assert np.isfinite(found[0]).all()
    assert all(np.array_equal(found[0], y) for y in found[1:])


def mkl(matrix):
    return MKLMatrix(
        matrix.indptr.astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data,
        matrix.shape[1] // matrix.blocksize[1],
    )


def to_dense(arrays, shape, size):
    indptr, columns, blocks = arrays
    assert all(np.all(np.diff(columns[a:b]) > 0) for a, b in itertools.pairwise(indptr)), "columns are sorted"
    return sps.bsr_array((blocks, columns, indptr), shape=(shape[0] * size, shape[1] * size)).toarray()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("left, right", [(1, 1), (2, 2), (3, 3), (2, 1), (3, 1)])
def test_matrices_times_matrices(left, right, dtype):
    """The finest matrix of a plane solid comes in blocks of 2 × 2, its prolongator by the entry."""
    a, _ = random_blocks(left, left)
    b, _ = random_blocks(right, right, rows=30 * left // right, columns=20, seed=1)
    c, _ = random_blocks(right, right, rows=40 * left // right, columns=25, seed=2)
    a, b, c = (m.astype(dtype) for m in (a, b, c))
    product = mkl(a).product(mkl(b))
    tolerance = dict(atol=1e-12 if dtype == np.float64 else 1e-4)
    shape = 40 * left // right, 20
    np.testing.assert_allclose(to_dense(product.arrays(), shape, right), (a @ b).toarray(), **tolerance)
    turned = mkl(c).product(product, transposed=True)
    np.testing.assert_allclose(to_dense(turned.arrays(), (25, 20), right), (c.T @ a @ b).toarray(), **tolerance)


def test_what_mkl_refuses_is_an_error():
    with pytest.raises(RuntimeError, match="could not compute"):
        MKLMatrix(np.zeros(2, np.int32), np.zeros(0, np.int32), np.zeros((0, 0, 0)), 1)
