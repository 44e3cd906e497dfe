"""Chebyshev steps and the block preconditioner of saddle points, as fixed linear maps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _sparse_examples import TAGS, laplacian, operator, vector

from simphys.linalg import FGMRES, Auto, Block, Jacobi, Minres, SaddlePoint
from simphys.linalg._saddle import chebyshev


N, P = 20, 6


def saddle():
    rng = np.random.default_rng(0)
    B, C = rng.standard_normal((P, N)), 0.1 * np.eye(P)
    return operator(np.block([[laplacian(N), B.T], [B, -C]]), TAGS["indefinite"])


def preconditioner(op, S, bodies=None, steps=5):
    inner = operator(S)
    values = np.linalg.eigvals(S / np.diag(S)[:, None]).real
    bounds = (float(values.min()), float(values.max()))
    block = Block.leading(op.pattern, N)
    return SaddlePoint(Jacobi(), block, inner.pattern, inner.data, bounds, bodies, steps)


def dense(m, op):
    prepared = m.prepare(op)
    return np.asarray(jax.vmap(lambda e: m.apply(prepared, e))(jnp.eye(op.pattern.size)))


def mass(n):
    return np.eye(n) * 4 + np.eye(n, k=1) + np.eye(n, k=-1)


@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_chebyshev_error_is_the_polynomial_of_least_maximum(steps):
    """1 − t p(t) = T_k((m − t)/h) / T_k(m/h) for every eigenvalue t."""
    low, high = 0.25, 2.25
    t = jnp.linspace(0.1, 2.4, 7)
    x = chebyshev(lambda v: t * v, jnp.ones(7), jnp.ones(7), (low, high), steps)
    polynomial = np.polynomial.chebyshev.Chebyshev([0] * steps + [1])
    middle, half = (high + low) / 2, (high - low) / 2
    np.testing.assert_allclose(1 - t * x, polynomial((middle - t) / half) / polynomial(middle / half), atol=1e-12)


def test_the_leading_block_is_read_off():
    op = saddle()
    block = Block.leading(op.pattern, N).of(op)
    np.testing.assert_array_equal(block.as_matrix(), laplacian(N))
    assert lx.is_positive_semidefinite(block)


@pytest.mark.slow
def test_symmetric_positive_definite_and_linear():
    op = saddle()
    m = preconditioner(op, mass(P))
    M = dense(m, op)
    np.testing.assert_allclose(M, M.T, atol=1e-14)
    assert np.linalg.eigvalsh(M).min() > 0
    v, w = vector(N + P), vector(N + P, 1)
    apply = lambda r: m.apply(m.prepare(op), r)
    np.testing.assert_allclose(apply(2 * v - w), 2 * apply(v) - apply(w), atol=1e-13)
    np.testing.assert_array_equal(M[:N, N:], 0)
    np.testing.assert_allclose(M[:N, :N], np.diag(1 / np.diag(laplacian(N))))
    np.testing.assert_allclose(M[N:, N:], np.linalg.inv(mass(P)), atol=2e-3)


@pytest.mark.slow
def test_held_constants():
    """Two bodies of pressures, one held node each: Tᵀ S⁻¹ T is the inverse of a singular S that lost those rows."""
    rng = np.random.default_rng(1)
    part = np.array([0, 0, 0, 1, 1, 2])  # the last pressure is no body's
    of_all = np.concatenate([part, [0, 1]])
    constants = np.stack([of_all == 0, of_all == 1], axis=1) / 1.0
    R = 0.1 * rng.standard_normal((P + 2, P + 2))
    complement = np.eye(P + 2) - constants @ np.linalg.pinv(constants)
    singular = complement @ (R @ R.T + np.eye(P + 2)) @ complement
    regular = singular + constants @ np.linalg.pinv(constants)
    op = saddle()
    m = preconditioner(op, regular, jnp.asarray(part, jnp.int32), steps=16)
    np.testing.assert_allclose(dense(m, op)[N:, N:], np.linalg.inv(singular[:P, :P]), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_it_helps():
    op = saddle()
    A = np.asarray(op.as_matrix())
    S = A[N:, :N] @ np.linalg.solve(A[:N, :N], A[:N, N:]) - A[N:, N:]
    b = vector(N + P)
    count = lambda m: lx.linear_solve(op, b, Minres(rtol=1e-8, preconditioner=m)).stats["num_steps"]
    assert count(preconditioner(op, S, steps=8)) < count(Jacobi())


@pytest.mark.slow
def test_triangular():
    """M⁻¹ = [[K̂, 0], [B, −Ŝ]]⁻¹, and FGMRES is chosen."""
    op = saddle()
    A = np.asarray(op.as_matrix())
    S = A[N:, :N] @ np.linalg.solve(A[:N, :N], A[:N, N:]) - A[N:, N:]
    diagonal = preconditioner(op, S, steps=16)
    m = eqx.tree_at(lambda m: m.coupling, diagonal, Block.coupling(op.pattern, N), is_leaf=lambda x: x is None)
    B = A[N:, :N] * 1.0
    whole = np.block([[np.diag(np.diag(A[:N, :N])), np.zeros((N, P))], [B, -S]])
    np.testing.assert_allclose(dense(m, op).T, np.linalg.inv(whole), atol=2e-3)
    b = vector(N + P)
    carrying = lambda m: eqx.tree_at(lambda o: o.preconditioner, op, m, is_leaf=lambda x: x is None)
    found = lx.linear_solve(carrying(m), b, Auto(rtol=1e-8))
    np.testing.assert_allclose(A @ found.value, b, atol=1e-6)
    assert isinstance(Auto().choose(carrying(m)), FGMRES)


def test_misuse_raises():
    op = saddle()
    m = preconditioner(op, mass(P))
    with pytest.raises(ValueError, match="made for 26 unknowns, got 20"):
        m.prepare(operator(laplacian(N)))
    with pytest.raises(ValueError, match="increasing positive"):
        SaddlePoint(m.primal, m.block, m.schur_pattern, m.schur, (0.0, 1.0))
    with pytest.raises(ValueError, match="steps"):
        SaddlePoint(m.primal, m.block, m.schur_pattern, m.schur, m.bounds, steps=0)
