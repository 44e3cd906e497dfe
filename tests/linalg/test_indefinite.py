"""MINRES and flexible GMRES."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _sparse_examples import TAGS, laplacian, matrix, operator, vector, with_data

from simphys.linalg import FGMRES, AbstractPreconditioner, Jacobi, Minres


CASES = [
    pytest.param(Minres, "indefinite", 1e-12, id="minres-indefinite"),
    pytest.param(Minres, "spd", 1e-4, id="minres-spd"),
    pytest.param(FGMRES, "indefinite", 1e-4, id="fgmres-indefinite"),
]


class Fixed(AbstractPreconditioner):
    """A given matrix for M⁻¹."""

    inverse: jax.Array

    def prepare(self, operator):
        return self.inverse

    def apply(self, prepared, residual):
        return prepared @ residual

    @property
    def made_for(self):
        return "definite"

    def describe(self):
        return "given"


def solve(op, b, method, **options):
    return _solve(op, b, method(**options))


@eqx.filter_jit
def _solve(op, b, solver):
    return lx.linear_solve(op, b, solver, throw=False)


def error(op, x, b):
    return float(jnp.linalg.norm(op.mv(x) - b) / jnp.linalg.norm(b))


@pytest.mark.breadth
@pytest.mark.parametrize(("method", "structure", "rtol"), CASES)
def test_true_residual_meets_its_tolerance(method, structure, rtol):
    op, b = operator(matrix(structure), TAGS[structure]), vector(24)
    found = solve(op, b, method, rtol=rtol)
    assert found.result == lx.RESULTS.successful
    assert error(op, found.value, b) <= 2 * rtol
    assert 0 < found.stats["num_steps"] <= 60


def test_as_many_steps_as_there_are_eigenvalues():
    """Three distinct eigenvalues of M⁻¹A, of both signs: three steps."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    A = Q @ np.diag(np.resize([1.0, 1.618, -0.618], 30)) @ Q.T
    root = np.diag(10.0 ** rng.uniform(-1, 1, 30))
    op, b = operator(root @ A @ root, TAGS["indefinite"]), vector(30)
    exact = Fixed(jnp.asarray(np.linalg.inv(root @ root)))
    for method in (Minres, FGMRES):
        found = solve(op, b, method, rtol=1e-8, preconditioner=exact)
        assert found.result == lx.RESULTS.successful
        assert found.stats["num_steps"] == 3


@pytest.mark.slow
def test_transposed_system():
    op, b = operator(matrix("general")), vector(24)
    found = lx.linear_solve(op.transpose(), b, FGMRES(rtol=1e-12))
    np.testing.assert_allclose(found.value, np.linalg.solve(np.asarray(op.as_matrix()).T, b), rtol=1e-9)
    solver = FGMRES(rtol=1e-12)
    state, _ = solver.transpose(solver.init(op, {}), {})
    np.testing.assert_allclose(solver.compute(state, b, {})[0], found.value, rtol=1e-9)


@pytest.mark.parametrize("size", [1e-30, 1e-8, 1.0, 1e20])
@pytest.mark.parametrize("method", [Minres, FGMRES])
def test_size_of_the_right_hand_side_does_not_matter(method, size):
    op, b = operator(matrix("indefinite"), TAGS["indefinite"]), vector(24)
    expected = solve(op, b, method).value
    np.testing.assert_allclose(solve(op, size * b, method).value / size, expected, rtol=1e-8)
    zero = solve(op, 0 * b, method)
    np.testing.assert_array_equal(zero.value, 0)
    assert zero.result == lx.RESULTS.successful


@pytest.mark.parametrize("method", [Minres, FGMRES])
def test_float32(method):
    op, b = operator(matrix("indefinite"), TAGS["indefinite"], jnp.float32), vector(24).astype(jnp.float32)
    found = solve(op, b, method, rtol=1e-5)
    assert found.result == lx.RESULTS.successful and found.value.dtype == jnp.float32
    assert error(op, found.value, b) <= 2e-5


def test_restarts():
    """Five vectors at a time take longer than all of them, and arrive."""
    op, b = operator(matrix("spd"), TAGS["general"]), vector(24)
    short, full = solve(op, b, FGMRES, restart=5), solve(op, b, FGMRES, restart=24)
    assert short.result == full.result == lx.RESULTS.successful
    assert short.stats["num_steps"] > full.stats["num_steps"]
    np.testing.assert_allclose(short.value, full.value, rtol=1e-8)


@pytest.mark.parametrize("method", [Minres, FGMRES])
def test_steps_used_up(method):
    found = solve(operator(laplacian(200, 1e-4), TAGS["spd"]), vector(200), method, max_steps=5)
    assert found.result == lx.RESULTS.max_steps_reached
    assert found.stats["num_steps"] == 5


@pytest.mark.parametrize("method", [Minres, FGMRES])
def test_singular_system_without_an_answer_is_a_failure(method):
    found = solve(operator(laplacian(30, 0.0), TAGS["indefinite"]), jnp.ones(30), method, max_steps=300)
    assert found.result != lx.RESULTS.successful


@pytest.mark.parametrize("method", [Minres, FGMRES])
def test_nan_ends_the_iteration(method):
    op = operator(matrix("spd"), TAGS["spd"])
    found = solve(op, vector(24).at[0].set(jnp.nan), method)
    assert found.result == lx.RESULTS.breakdown and found.stats["num_steps"] < 3
    found = solve(with_data(op, op.data.at[3].set(jnp.nan)), vector(24), method)
    assert found.result == lx.RESULTS.breakdown and found.stats["num_steps"] < 3


@pytest.mark.slow
def test_breakdown_of_the_preconditioner():
    op, b = operator(matrix("indefinite"), TAGS["indefinite"]), vector(24)
    turned = Fixed(jnp.diag(jnp.where(jnp.arange(24) < 20, 1.0, -1.0)))
    assert solve(op, b, Minres, preconditioner=turned).result == lx.RESULTS.breakdown
    assert solve(op, b, FGMRES, preconditioner=turned).result == lx.RESULTS.successful
    singular = Fixed(jnp.zeros((24, 24)))
    assert solve(op, b, FGMRES, preconditioner=singular).result == lx.RESULTS.breakdown


@pytest.mark.slow
def test_the_recommended_preconditioner_is_taken():
    op, b = operator(matrix("indefinite"), TAGS["indefinite"]), vector(24)
    values, vectors = np.linalg.eigh(op.as_matrix())
    absolute = Fixed(jnp.asarray(vectors / np.abs(values) @ vectors.T))
    recommending = type(op)(op.pattern, op.data, op.structure, op.tags, absolute)
    for method in (Minres, FGMRES):
        assert solve(recommending, b, method).stats["num_steps"] == 2
        assert solve(recommending, b, method, preconditioner=Jacobi()).stats["num_steps"] > 10


def test_misuse_raises():
    with pytest.raises(ValueError, match="tagged symmetric"):
        solve(operator(matrix("general")), vector(24), Minres)
    with pytest.raises(ValueError, match="SparseOperator"):
        lx.linear_solve(lx.MatrixLinearOperator(jnp.eye(2)), jnp.ones(2), Minres())
    np.testing.assert_allclose(
        lx.linear_solve(lx.MatrixLinearOperator(2 * jnp.eye(2)), jnp.ones(2), FGMRES()).value, 0.5
    )
    with pytest.raises(ValueError, match="restart"):
        FGMRES(restart=0)
