"""Layouts for a GPU, run on a CPU: the same numbers in another order of axes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sps

import simphys as sp
from simphys.linalg import GatheredSums, SparseOperator, SparsityPattern, to_scipy
from simphys.linalg._pattern import padded_data, padded_product


@pytest.fixture
def on_gpu(monkeypatch):
    """What is laid out now is laid out as for a GPU."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")


def random_matrix(n=60, b=3, seed=0):
    """Structure-symmetric, with rows of very different lengths."""
    r = np.random.default_rng(seed)
    graph = sps.random_array((n, n), density=0.06, rng=r) + sps.eye_array(n)
    graph = sps.coo_array(graph + graph.T + sps.coo_array((np.ones(n), (np.zeros(n, int), np.arange(n))), shape=(n, n)))
    rows, columns = (np.repeat(x, b * b) * b + np.tile(extra, graph.nnz) for x, extra in (
        (graph.row, np.repeat(np.arange(b), b)), (graph.col, np.tile(np.arange(b), b)),
    ))  # fmt: skip
    return rows, columns, n * b, np.stack(np.divmod(np.arange(n * b), b), axis=1), r


@pytest.mark.slow
def test_products(on_gpu):
    dtype, tolerance = jnp.float64, 1e-12
    rows, columns, n, owners, r = random_matrix()
    pattern, _ = SparsityPattern.from_entries(rows, columns, n, owners)
    assert pattern.layout.rows.rows_first and len(pattern.layout.rows.columns) > 1
    data, x = jnp.asarray(r.standard_normal(pattern.stored), dtype), jnp.asarray(r.standard_normal(n), dtype)
    operator = SparseOperator(pattern, data, jax.ShapeDtypeStruct((n,), dtype))
    wanted = to_scipy(operator) @ np.asarray(x)
    np.testing.assert_allclose(operator.mv(x), wanted, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(
        padded_product(pattern, padded_data(pattern, data), x), wanted, rtol=tolerance, atol=tolerance
    )
    transposed = to_scipy(operator).T @ np.asarray(x)
    np.testing.assert_allclose(operator.transpose().mv(x), transposed, rtol=tolerance, atol=tolerance)
    batched = jax.vmap(operator.mv)(jnp.stack([x, 2 * x]))
    np.testing.assert_allclose(batched[1], 2 * batched[0], rtol=tolerance)


@pytest.mark.parametrize("longest", [1, 3, 40])
def test_sums_of_what_is_gathered(longest):
    """Some targets have no items, some many."""
    r = np.random.default_rng(longest)
    targets = r.permutation(np.repeat(np.arange(50), r.integers(0, longest + 1, 50)))
    sums, x = GatheredSums.build(targets, 52), r.standard_normal((len(targets), 2, 3))
    wanted = np.zeros((52, 2, 3))
    np.add.at(wanted, targets, x)
    np.testing.assert_allclose(sums(jnp.asarray(x)), wanted, atol=1e-13)


def heated(method):
    """A body with convection on a facet, so that not all node pairs have blocks of each integral."""
    space = sp.fem.FunctionSpace(sp.fem.box((5, 4, 3)), degree=1)
    heat = sp.physics.Heat(
        space,
        sp.materials.IsotropicConduction(k=2.0),
        [sp.fem.Dirichlet("left", 1.0)],
        [sp.physics.Convection("right", h=3.0, ambient=0.0)],
    )
    return method(heat)


@pytest.mark.slow
def test_tangents_and_multigrid_as_on_a_cpu(monkeypatch):
    multigrid = lambda problem: problem.with_multigrid()
    cpu = heated(multigrid)
    with monkeypatch.context() as patched:
        patched.setattr(jax, "default_backend", lambda: "gpu")
        gpu = heated(multigrid)
    touched = [pair.touched is None for term in gpu.system.pairs for piece in term for row in piece for pair in row]
    assert set(touched) == {True, False}
    y = jnp.asarray(np.random.default_rng(0).standard_normal(gpu.system.reduction.size))
    jacobian = eqx.filter_jit(lambda problem: problem.jacobian(y).data)
    np.testing.assert_allclose(jacobian(gpu), jacobian(cpu), rtol=1e-12, atol=1e-14)
    found = [eqx.filter_jit(sp.value_and_grad(lambda p: jnp.sum(sp.solve(p).value ** 2)))(p) for p in (cpu, gpu)]
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-9)
    np.testing.assert_allclose(found[1][1].constraints[0].value, found[0][1].constraints[0].value, rtol=1e-7)
    assert int(found[1][2].linear_steps) == int(found[0][2].linear_steps)


def test_a_chunk_and_the_rest(on_gpu, monkeypatch):
    from simphys.fem import _tangents

    whole = heated(lambda problem: problem)
    y = jnp.ones(whole.system.reduction.size)
    wanted = whole.jacobian(y).data
    monkeypatch.setattr(_tangents, "CHUNK_ON_GPU", 25)
    np.testing.assert_allclose(whole.jacobian(y).data, wanted, rtol=1e-12, atol=1e-14)


def test_smaller_systems_are_solved_on_the_device(on_gpu):
    """Bringing a matrix to the host costs more than iterating."""
    law, held = sp.materials.IsotropicConduction(k=1.0), [sp.fem.Dirichlet("left", 0.0)]
    plate = lambda n: sp.physics.Heat(sp.fem.FunctionSpace(sp.fem.rectangle((n, n))), law, held)
    assert plate(20).system.preconditioner is None
    assert plate(70).system.preconditioner is not None
