"""Conjugate gradients and the automatic choice."""

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _sparse_examples import TAGS, laplacian, matrix, operator, vector

from simphys.linalg import Auto, ConjugateGradients, Dense, Direct


SPD = TAGS["spd"]


def solve(op, b, **options):
    return lx.linear_solve(op, b, ConjugateGradients(**options), throw=False)


def error(op, x, b):
    return float(jnp.linalg.norm(op.mv(x) - b) / jnp.linalg.norm(b))


@pytest.mark.parametrize("rtol", [1e-4, 1e-8, 1e-12])
def test_true_residual_meets_its_tolerance(rtol):
    op, b = operator(laplacian(60, 1e-3), SPD), vector(60)
    found = solve(op, b, rtol=rtol)
    assert found.result == lx.RESULTS.successful
    assert error(op, found.value, b) <= 2 * rtol
    assert 0 < found.stats["num_steps"] <= 100


@pytest.mark.parametrize("size", [1e-30, 1e-8, 1.0, 1e20])
def test_size_of_the_right_hand_side_does_not_matter(size):
    op, b = operator(matrix("spd"), SPD), vector(24)
    np.testing.assert_allclose(solve(op, size * b).value / size, solve(op, b).value, rtol=1e-13)


def test_right_hand_side_zero():
    found = solve(operator(matrix("spd"), SPD), jnp.zeros(24))
    np.testing.assert_array_equal(found.value, 0)
    assert found.result == lx.RESULTS.successful


def test_badly_scaled_float32():
    """Units from 1e-6 to 1e6 in one matrix: where lineax's own CG gives up at once, Jacobi scaling does not mind."""
    units = 10.0 ** np.linspace(-6, 6, 40)
    A = units[:, None] * laplacian(40) * units[None, :]
    op = operator(A, SPD, jnp.float32)
    x = vector(40) / units
    b = jnp.asarray(A @ x, jnp.float32)
    found = solve(op, b, rtol=1e-5)
    assert found.result == lx.RESULTS.successful
    assert error(op, found.value, b) <= 2e-5


@pytest.mark.parametrize(
    "A",
    [laplacian(30, -0.7), np.diag(np.r_[np.ones(9), -1.0]), np.diag(np.r_[np.ones(9), 0.0]), -laplacian(12)],
    ids=["shifted", "negative entry", "zero entry", "negative"],
)
def test_not_positive_definite_is_a_failure(A):
    found = solve(operator(A, SPD), vector(len(A)))
    assert found.result != lx.RESULTS.successful


def test_singular_system_without_an_answer_is_a_failure():
    found = solve(operator(laplacian(30, 0.0), SPD), jnp.ones(30), max_steps=200)
    assert found.result != lx.RESULTS.successful


def test_steps_used_up():
    found = solve(operator(laplacian(200, 1e-4), SPD), vector(200), max_steps=5)
    assert found.result == lx.RESULTS.max_steps_reached
    assert found.stats["num_steps"] == 5


def test_nan_ends_the_iteration():
    found = solve(operator(matrix("spd"), SPD), vector(24).at[0].set(jnp.nan))
    assert found.result != lx.RESULTS.successful
    assert found.stats["num_steps"] < 3


def test_misuse_raises():
    with pytest.raises(ValueError, match="tagged symmetric"):
        solve(operator(matrix("general")), vector(24))
    with pytest.raises(ValueError, match="SparseOperator"):
        lx.linear_solve(lx.MatrixLinearOperator(jnp.eye(2), SPD), jnp.ones(2), ConjugateGradients())


def test_automatic_choice():
    assert isinstance(Auto().choose(operator(matrix("spd"))), Direct)
    small = lx.FunctionLinearOperator(lambda x: 2 * x, jax.ShapeDtypeStruct((5,), jnp.dtype(float)))
    large = lx.FunctionLinearOperator(lambda x: 2 * x, jax.ShapeDtypeStruct((5000,), jnp.dtype(float)))
    assert isinstance(Auto().choose(small), Dense)
    assert isinstance(Auto().choose(large), lx.GMRES)
    for op, n in ((small, 5), (large, 5000)):
        np.testing.assert_allclose(lx.linear_solve(op, jnp.ones(n), Auto()).value, 0.5)
    np.testing.assert_allclose(
        jax.grad(lambda b: lx.linear_solve(small, b, Auto()).value[0])(jnp.ones(5)), [0.5, 0, 0, 0, 0]
    )
