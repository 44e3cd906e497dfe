"""Multigrid as a linear map, on a scalar diffusion matrix with any coefficients."""

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
import scipy.sparse as sps

from simphys.linalg import (
    ConjugateGradients,
    Multigrid,
    Prepared,
    SparseOperator,
    SparsityPattern,
    _stored_rows,
    to_scipy,
)
from simphys.linalg._aggregation import coarsen, inverse_diagonal, largest_eigenvalue
from simphys.linalg._pardiso import pardiso_available
from simphys.linalg._stored_level import StoredLevel, _coarse_blocks


SYMMETRIC = frozenset([lx.symmetric_tag, lx.positive_semidefinite_tag])
N = 24
POSITIONS = np.stack(np.meshgrid(np.arange(N), np.arange(N), indexing="ij"), -1).reshape(-1, 2).astype(float)


def diffusion(coefficients):
    """Five-point matrix on an N × N grid with a coefficient for each edge, held along the whole boundary."""
    number = np.arange(N * N).reshape(N, N)
    pairs = np.concatenate(
        [
            np.stack([number[:-1].ravel(), number[1:].ravel()]),
            np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()]),
        ],
        axis=1,
    )
    k = np.ones(pairs.shape[1]) if coefficients is None else coefficients(pairs.shape[1])
    a, b = pairs
    boundary = np.zeros((N, N))
    boundary[0] = boundary[-1] = boundary[:, 0] = boundary[:, -1] = 1
    diagonal = np.bincount(a, k, N * N) + np.bincount(b, k, N * N) + boundary.ravel() * k.mean()
    return sps.coo_array(
        (
            np.concatenate([-k, -k, diagonal]),
            (np.concatenate([a, b, number.ravel()]), np.concatenate([b, a, number.ravel()])),
        )
    ).tocsr()


def as_operator(matrix, pattern=None, dtype=float):
    coo = matrix.tocoo()
    if pattern is None:
        pattern, _ = SparsityPattern.from_entries(coo.row, coo.col, matrix.shape[0])
    dense_at = np.asarray(matrix[np.asarray(pattern.rows), np.asarray(pattern.columns)]).ravel()
    return SparseOperator(
        pattern, jnp.asarray(dense_at, dtype), jax.ShapeDtypeStruct((matrix.shape[0],), jnp.dtype(dtype)), SYMMETRIC
    )


@pytest.fixture(scope="module", params=["XLA", "MKL"])
def hierarchy(request):
    """A matrix and multigrid for it, with products by XLA or, as for large matrices, by MKL."""
    if request.param == "MKL" and not pardiso_available():
        pytest.skip("needs MKL")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stored_rows, "WORTH_A_CALL", 0 if request.param == "MKL" else np.inf)
        return _set_up()


def _set_up():
    op = as_operator(diffusion(None))
    return op, Multigrid.build(op.pattern, op.data, np.ones((N * N, 1)), POSITIONS, single=False, coarsest=20)


def rough(count):
    return 10.0 ** np.random.default_rng(0).uniform(-1, 1, count)


def vectors(count, dtype=float):
    return jnp.asarray(np.random.default_rng(1).standard_normal((count, N * N)), dtype)


def cycle(mg, op):
    prepared = jax.jit(lambda mg, op: mg.prepare(op))(mg, op)
    return jax.jit(lambda r: mg.apply(prepared, r))


@pytest.mark.breadth
@pytest.mark.parametrize("hierarchy, single", [("XLA", False), ("MKL", True)], indirect=["hierarchy"])
def test_it_is_one_symmetric_positive_linear_map(hierarchy, single):
    op, mg = hierarchy
    mg = Multigrid.build(op.pattern, op.data, np.ones((N * N, 1)), POSITIONS, single=single, coarsest=20)
    op = as_operator(diffusion(rough), op.pattern)
    M, (r, s, t) = cycle(mg, op), vectors(3)
    tolerance = 1e-5 if single else 1e-12
    size = float(jnp.linalg.norm(M(r)))
    np.testing.assert_allclose(M(2.0 * r - 3.0 * s), 2.0 * M(r) - 3.0 * M(s), atol=tolerance * size)
    assert abs(float(M(r) @ s - r @ M(s))) < tolerance * size * float(jnp.linalg.norm(s))
    assert all(float(v @ M(v)) > 0 for v in (r, s, t))


def test_coarse_matrices_are_those_of_galerkin_for_other_coefficients(hierarchy):
    op, mg = hierarchy
    op = as_operator(diffusion(rough), op.pattern)
    level, fine = mg.levels[0], mg.layout.blocks(op.data)
    if isinstance(level, StoredLevel):
        P = sps.bsr_array(tuple(map(np.asarray, (level.prolongator.blocks, *level.prolongator[1::-1])))).toarray()
        pattern = [np.asarray(a) for a in (mg.levels[1].indptr, mg.levels[1].columns)]
        blocks = _coarse_blocks(jax.tree.map(np.asarray, level), np.asarray(fine), *pattern)[:, 0, 0]
    else:
        rows = level.transfer.rows
        product = lambda e: rows.turned(rows.product(level.transfer.values, rows.turned(e)))
        P = np.asarray(jax.vmap(product)(jnp.eye(mg.sizes[1])[:, None, :]))[:, 0].T
        blocks = np.asarray(level.galerkin(fine))[:, 0, 0]
    wanted = P.T @ to_scipy(op).toarray() @ P
    got = np.sort(blocks[np.abs(blocks) > 1e-14])
    np.testing.assert_allclose(got, np.sort(wanted[np.abs(wanted) > 1e-14].ravel()), rtol=1e-10, atol=1e-12)


def test_prolongators_reproduce_the_near_nullspace():
    matrix = sps.bsr_array(diffusion(rough), blocksize=(1, 1))
    bound = largest_eigenvalue(
        matrix.__matmul__, inverse_diagonal(matrix), np.random.default_rng(0).standard_normal(N * N)
    )
    made = coarsen(matrix, np.ones((N * N, 1)), POSITIONS, bound)
    np.testing.assert_allclose(made.prolongator @ made.near_nullspace, np.ones((N * N, 1)), atol=1e-12)
    assert made.prolongator.shape[1] < N * N / 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "hierarchy, dtype, rtol", [("XLA", jnp.float32, 1e-4), ("MKL", jnp.float64, 1e-10)], indirect=["hierarchy"]
)
def test_it_takes_a_fraction_of_the_steps_and_serves_matrices_near_by(hierarchy, dtype, rtol):
    op, mg = hierarchy
    op = as_operator(diffusion(rough), op.pattern, dtype)
    b = vectors(1, dtype)[0]
    steps = {}
    for name, m in (
        ("none", None),
        ("multigrid", mg),
        ("made before", Prepared(mg, mg.prepare(as_operator(diffusion(None), op.pattern, dtype)))),
    ):
        solver = ConjugateGradients(rtol=rtol, preconditioner=m)
        x, result, stats = jax.jit(lambda op, b, solver=solver: solver.compute(solver.init(op, {}), b, {}))(op, b)
        assert result == lx.RESULTS.successful, name
        assert float(jnp.linalg.norm(to_scipy(op) @ np.asarray(x) - b) / jnp.linalg.norm(b)) < 4 * rtol
        steps[name] = int(stats["num_steps"])
    assert steps["multigrid"] < steps["none"] / 2.5
    assert steps["multigrid"] < steps["made before"] < steps["none"]


@pytest.mark.slow
@pytest.mark.parametrize("hierarchy", ["XLA"], indirect=True)
def test_lanes_of_vmap_have_their_own_coefficients_and_right_hand_sides(hierarchy):
    op, mg = hierarchy
    ops = [as_operator(diffusion(k), op.pattern) for k in (None, rough)]
    b = vectors(2)

    def solve(data, b):
        own = SparseOperator(op.pattern, data, op.structure, op.tags, mg)
        solver = ConjugateGradients(rtol=1e-10)
        return solver.compute(solver.init(own, {}), b, {})[0]

    got = jax.vmap(solve)(jnp.stack([o.data for o in ops]), b)
    for x, o, rhs in zip(got, ops, b):
        np.testing.assert_allclose(x, sps.linalg.spsolve(to_scipy(o).tocsc(), np.asarray(rhs)), rtol=1e-7, atol=1e-9)


def test_a_matrix_that_is_not_positive_definite_is_reported(hierarchy):
    op, mg = hierarchy
    shifted = as_operator(diffusion(None) - 3.0 * sps.eye_array(N * N), op.pattern)
    solver = ConjugateGradients(rtol=1e-10, preconditioner=mg)
    x, result, _ = solver.compute(solver.init(shifted, {}), vectors(1)[0], {})
    assert result == lx.RESULTS.breakdown


def test_steps_that_are_used_up_are_reported(hierarchy):
    op, mg = hierarchy
    solver = ConjugateGradients(rtol=1e-10, max_steps=2, preconditioner=mg)
    _, result, stats = solver.compute(solver.init(op, {}), vectors(1)[0], {})
    assert result == lx.RESULTS.max_steps_reached
    assert int(stats["num_steps"]) == 2


def test_parts_that_do_not_fit_are_refused(hierarchy):
    op, _ = hierarchy
    with pytest.raises(ValueError, match=r"`near_nullspace` must have shape \(576, k\)"):
        Multigrid.build(op.pattern, op.data, np.ones((5, 1)), np.zeros((N * N, 2)))
    with pytest.raises(ValueError, match="`positions` must have 576 rows"):
        Multigrid.build(op.pattern, op.data, np.ones((N * N, 1)), np.zeros((5, 2)))
