"""Dense systems, alone and in batches of which several meet in one program."""

import re

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

from simphys import _lapack
from simphys.linalg import Dense


def _operator(matrix):
    shape = {"a": jax.ShapeDtypeStruct((2,), matrix.dtype), "b": jax.ShapeDtypeStruct((1, 2), matrix.dtype)}

    def product(x):
        flat = matrix @ jnp.concatenate([x["a"], x["b"][0]])
        return {"a": flat[:2], "b": flat[2:][None]}

    return lx.FunctionLinearOperator(product, shape)


def _matrix(seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(4, 4)))


def test_solves_and_is_differentiated():
    A, b = _matrix(), {"a": jnp.ones(2), "b": jnp.arange(2.0)[None]}
    flat = np.array([1.0, 1.0, 0.0, 1.0])
    found = lx.linear_solve(_operator(A), b, Dense()).value
    np.testing.assert_allclose(np.concatenate([found["a"], found["b"][0]]), np.linalg.solve(A, flat), rtol=1e-10)
    slope = jax.grad(lambda A: lx.linear_solve(_operator(A), b, Dense()).value["a"][0])(A)
    adjoint = np.linalg.solve(A.T, np.eye(4)[0])
    np.testing.assert_allclose(slope, -np.outer(adjoint, np.linalg.solve(A, flat)), rtol=1e-9)


def test_batches():
    A, b = jax.vmap(lambda i: _matrix() + i * jnp.eye(4))(jnp.arange(3.0)), jnp.ones(4)
    solve = lambda A: lx.linear_solve(lx.MatrixLinearOperator(A), b, Dense()).value
    np.testing.assert_allclose(jax.jit(jax.vmap(solve))(A), np.linalg.solve(A, np.ones((3, 4, 1)))[..., 0], rtol=1e-9)


def test_misuse_raises():
    with pytest.raises(ValueError, match="square operator, got 2 × 3"):
        lx.linear_solve(lx.MatrixLinearOperator(jnp.ones((2, 3))), jnp.ones(2), Dense())


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="LAPACK is the CPU's")
def test_a_batch_is_worked_off_matrix_after_matrix(monkeypatch):
    """On few cores: LAPACK is given no batch, of which two might wait for each other."""
    monkeypatch.setattr(_lapack, "_cores", lambda: 2)
    solve = lambda A, b: lx.linear_solve(lx.MatrixLinearOperator(A), b, Dense()).value
    program = jax.jit(jax.vmap(jax.vmap(solve))).lower(jnp.ones((5, 3, 4, 4)), jnp.ones((5, 3, 4))).compile().as_text()
    calls = re.findall(r"= \(?(\w+)\[([\d,]*)\].*custom-call.*lapack_", program)
    assert calls and all(shape in ("4,4", "1,4,4", "4,1", "1,4,1", "4", "1,4") for _, shape in calls), calls
