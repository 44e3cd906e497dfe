"""Sparse operators: products, transposes, structure questions, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
import scipy.sparse as sps
from _sparse_examples import TAGS, matrix, operator, vector, with_data

from simphys.linalg import Direct, SparseOperator, SparsityPattern, to_scipy


@pytest.mark.parametrize("structure", TAGS)
def test_product_transpose_and_dense_form(structure):
    A, x, w = matrix(structure), vector(24), vector(24, 1)
    op = operator(A, TAGS[structure])
    np.testing.assert_allclose(op.mv(x), A @ x, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(op.transpose().mv(x), A.T @ x, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(jnp.vdot(op.mv(x), w), jnp.vdot(x, op.transpose().mv(w)), rtol=1e-12)
    np.testing.assert_array_equal(op.as_matrix(), A)
    np.testing.assert_array_equal(to_scipy(op).toarray(), A)
    np.testing.assert_array_equal(lx.diagonal(op), np.diag(A))
    assert lx.is_symmetric(op) == (structure != "general")
    assert lx.is_positive_semidefinite(op) == (structure == "spd")


def test_duplicate_entries_and_an_unsymmetric_pattern():
    """Entries may repeat; the pattern is completed to a symmetric one with its diagonal."""
    rows, columns, values = np.array([0, 0, 2, 0]), np.array([1, 1, 0, 1]), np.array([1.0, 2.0, 5.0, 4.0])
    pattern, where = SparsityPattern.from_entries(rows, columns, 4)
    data = jnp.zeros(pattern.stored).at[where].add(values)
    op = SparseOperator(pattern, data, jax.ShapeDtypeStruct((4,), jnp.dtype(float)))
    expected = np.zeros((4, 4))
    expected[0, 1], expected[2, 0] = 7, 5
    np.testing.assert_array_equal(op.as_matrix(), expected)
    np.testing.assert_array_equal(op.transpose().as_matrix(), expected.T)
    assert pattern.stored == 8


def test_pytree_vectors():
    A = matrix("general", 7)
    op = operator(A)
    structure = dict(a=jax.ShapeDtypeStruct((2, 2), jnp.dtype(float)), b=jax.ShapeDtypeStruct((3,), jnp.dtype(float)))
    op = SparseOperator(op.pattern, op.data, structure)
    flat = vector(7)
    out = op.mv(dict(a=flat[:4].reshape(2, 2), b=flat[4:]))
    np.testing.assert_allclose(jnp.concatenate([out["a"].ravel(), out["b"]]), A @ flat, rtol=1e-13, atol=1e-14)


def test_product_is_linear_in_the_entries():
    A = matrix("general")
    op, x, w = operator(A), vector(24), vector(24, 1)
    gradient = jax.grad(lambda data: jnp.vdot(w, with_data(op, data).mv(x)))(op.data)
    np.testing.assert_allclose(gradient, w[op.pattern.rows] * x[op.pattern.columns], rtol=1e-13)


def test_index_arrays_are_arguments_of_compiled_code():
    op = operator(matrix("spd"))
    text = eqx.filter_jit(lambda op, x: op.mv(x)).lower(op, vector(24)).as_text()
    assert "constant dense<[" not in text


def test_misuse_raises():
    op = operator(matrix("spd", 5))
    with pytest.raises(ValueError, match="entries"):
        with_data(op, op.data[:-1])
    with pytest.raises(ValueError, match="rows"):
        SparseOperator(op.pattern, op.data, jax.ShapeDtypeStruct((4,), jnp.dtype(float)))
    big, _ = SparsityPattern.from_entries(np.arange(20001), np.arange(20001), 20001)
    with pytest.raises(ValueError, match="dense"):
        SparseOperator(big, jnp.ones(20001), jax.ShapeDtypeStruct((20001,), jnp.dtype(float))).as_matrix()


def test_blocks_as_they_are_stored_are_the_same_matrix():
    """The last unknown is none, and one in the middle; the matrix is not symmetric."""
    r = np.random.default_rng(3)
    graph = sps.random_array((9, 9), density=0.2, rng=r)
    graph = sps.coo_array(graph + graph.T + sps.eye_array(9))
    order, kept = np.lexsort((graph.col, graph.row)), np.ones((9, 2), bool)
    kept[[8, 2], [1, 0]] = False
    pattern = SparsityPattern.from_blocks(graph.row[order], graph.col[order], kept, symmetric=False)
    data, x = jnp.asarray(r.standard_normal(pattern.stored)), jnp.asarray(r.standard_normal(16))
    dense = np.zeros((18, 18))
    blocks = np.asarray(data).reshape(-1, 2, 2)
    for block, i, j in zip(blocks, graph.row[order], graph.col[order], strict=True):
        dense[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = block
    dense = dense[kept.ravel()][:, kept.ravel()]
    op = SparseOperator(pattern, data, jax.ShapeDtypeStruct((16,), float))
    for one, wanted in ((op, dense), (op.transpose(), dense.T)):
        np.testing.assert_array_equal(one.as_matrix(), wanted)
        np.testing.assert_array_equal(to_scipy(one).toarray(), wanted)
        np.testing.assert_allclose(one.mv(x), wanted @ x, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(lx.linear_solve(one, x, Direct()).value, np.linalg.solve(wanted, x), rtol=1e-9)
    np.testing.assert_array_equal(lx.diagonal(op), np.diag(dense))
    held = pattern.layout.blocks(pattern.held(data))[pattern.owner == pattern.layout.columns][2]
    np.testing.assert_array_equal(held, [[1, 0], [0, held[1, 1]]])
    assert pattern.layout.entries is None and held[1, 1] != 0
