"""Multigrid by MKL on the host against the same hierarchy as XLA computes with it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
import scipy.sparse as sps

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace, Periodic, box, rectangle
from simphys.linalg import ConjugateGradients, _host_call, _multigrid, _stored_rows
from simphys.linalg._aggregation import Coarsening
from simphys.linalg._pardiso import pardiso_available
from simphys.linalg._stored_level import StoredLevel, _coarse_blocks


pytestmark = pytest.mark.skipif(not pardiso_available(), reason="needs MKL")


def plane(modulus, cells=(40, 30)):
    space = FunctionSpace(rectangle(cells), components=2)
    material = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=modulus, nu=0.3))
    return sp.physics.Solid(space, material, [Dirichlet("left", 0.0)])


def joined(modulus, cells=(40, 30)):
    """Its matrix is no selection of node blocks: single entries are stored."""
    space = FunctionSpace(rectangle(cells), components=2)
    material = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=modulus, nu=0.3))
    return sp.physics.Solid(space, material, [Dirichlet("left", 0.0), Periodic("bottom", "top")])


def solid(modulus):
    space = FunctionSpace(box((9, 8, 7)), components=3)
    return sp.physics.Solid(
        space,
        sp.materials.LinearElastic(E=modulus, nu=0.3),
        [Dirichlet("left", (0.0, None, 0.0)), Dirichlet("front", (None, 0.0, None))],
    )


def set_up(make, calls: bool, **options):
    """The tangent of a body with a contrast of a hundred, and its multigrid."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stored_rows, "WORTH_A_CALL", 0 if calls else np.inf)
        cells = make(1.0).space.mesh.n_cells
        modulus = CellField(jnp.asarray(10.0 ** np.random.default_rng(0).uniform(-1, 1, cells)))
        problem = make(modulus).with_multigrid(**options)
    return eqx.filter_jit(lambda p: p.jacobian(p.unknowns(None)))(problem)


prepare = eqx.filter_jit(lambda op: op.preconditioner.prepare(op))
apply = eqx.filter_jit(lambda op, prepared, r: op.preconditioner.apply(prepared, r))


@pytest.mark.breadth
@pytest.mark.parametrize("make", [plane, solid])
def test_the_same_cycle_as_xla_s(make):
    cycles = []
    for calls in (True, False):
        operator = set_up(make, calls, single=False)
        levels = operator.preconditioner.levels
        assert levels and isinstance(levels[0], StoredLevel) == calls
        r = jnp.asarray(np.random.default_rng(1).standard_normal(operator.in_size()))
        cycles.append(apply(operator, prepare(operator), r))
    np.testing.assert_allclose(cycles[0], cycles[1], rtol=1e-9, atol=1e-11 * float(jnp.abs(cycles[1]).max()))


@pytest.mark.slow
def test_single_precision_takes_no_more_steps():
    steps = []
    for single in (True, False):
        operator = set_up(plane, True, single=single)
        assert prepare(operator)[1].dtype == (jnp.float32 if single else jnp.float64)
        b = jnp.ones(operator.in_size())
        solver = ConjugateGradients(rtol=1e-10)
        _, result, stats = solver.compute(solver.init(operator, {}), b, {})
        assert result == lx.RESULTS.successful
        steps.append(int(stats["num_steps"]))
    assert steps[0] <= steps[1] + 1


@pytest.mark.slow
def test_lanes_of_matrices_and_of_vectors():
    operator = set_up(plane, True)
    r = jnp.asarray(np.random.default_rng(1).standard_normal((3, operator.in_size())))
    scales = jnp.asarray([1.0, 2.0, 5.0])

    def one(scale, r):
        scaled = eqx.tree_at(lambda o: o.data, operator, scale * operator.data)
        return scaled.preconditioner.apply(scaled.preconditioner.prepare(scaled), r)

    alone = jnp.stack([one(s, v) for s, v in zip(scales, r)])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(one))(scales, r), alone, rtol=1e-4, atol=1e-5 * float(jnp.abs(alone).max())
    )
    shared = jax.jit(jax.vmap(one, (None, 0)))(scales[0], r)
    np.testing.assert_allclose(shared[1], one(scales[0], r[1]), rtol=1e-4, atol=1e-5 * float(jnp.abs(shared).max()))


@pytest.mark.parametrize("entry", [np.nan, -1.0])
def test_a_matrix_that_is_not_positive_fails_by_name(entry):
    operator = set_up(plane, True)
    operator = eqx.tree_at(lambda o: o.data, operator, operator.data.at[operator.pattern.diagonal[5]].set(entry))
    solver = ConjugateGradients()
    _, result, _ = eqx.filter_jit(lambda o: solver.compute(solver.init(o, {}), jnp.ones(o.in_size()), {}))(operator)
    assert result == lx.RESULTS.breakdown


@pytest.mark.parametrize("size", [1, 3])
def test_aggregates_that_nothing_is_interpolated_from(size):
    """No product falls on their own block; their unknowns are rows of the identity."""
    r = np.random.default_rng(2)
    graph = sps.csr_array(sps.random_array((30, 30), density=0.1, rng=r) + sps.eye_array(30))
    A = sps.bsr_array((r.standard_normal((graph.nnz, size, size)), graph.indices, graph.indptr))
    at = np.delete(np.arange(8), 5)[np.arange(30) % 7]
    P = sps.bsr_array((r.standard_normal((30, size, size)), at, np.arange(31)), shape=(30 * size, 8 * size))
    void = np.zeros((8, size))
    void[5] = 1
    made = Coarsening(P, np.zeros((8 * size, 1)), np.zeros((8, 1)), void.ravel())
    level, indptr, columns = StoredLevel.build("finest", A, made, np.ones(30 * size), float, size)
    blocks = _coarse_blocks(jax.tree.map(np.asarray, level), A.data, indptr, columns)
    found = sps.bsr_array((blocks, columns, indptr)).toarray()
    wanted = (P.T @ A @ P).toarray() + np.diag(void.ravel())
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_the_same_bits_each_time():
    operator = set_up(solid, True)
    r = jnp.asarray(np.random.default_rng(1).standard_normal(operator.in_size()))
    (first, *rest) = [(prepare(operator), apply(operator, prepare(operator), r)) for _ in range(4)]
    for other in rest:
        assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other)))


@pytest.mark.breadth
@pytest.mark.parametrize("calls", [True, False])
def test_blocks_at_hand_are_those_made_on_demand(calls):
    operator = set_up(joined, calls)
    ready = operator.in_blocks()
    assert operator.blocks is None and operator.pattern.scalar is not None
    np.testing.assert_array_equal(ready.blocks, operator.as_blocks())
    assert all(np.array_equal(a, b) for a, b in zip(ready.as_rows(), operator.as_rows()))
    assert all(np.array_equal(a, b) for a, b in zip(*(jax.tree.leaves(prepare(o)) for o in (ready, operator))))


@pytest.mark.breadth
@pytest.mark.parametrize("limits, last", [((20, 1000), 386), ((2000, 3000), 2000)])
def test_the_coarsest_level_is_a_hundredth_of_the_finest_within_limits(monkeypatch, limits, last):
    monkeypatch.setattr(_multigrid, "COARSEST", limits)
    sizes = set_up(lambda modulus: plane(modulus, (160, 120)), True).preconditioner.sizes
    assert sizes[-1] <= last < sizes[-2]


def test_where_callbacks_stand_in_lanes_are_filled_one_by_one():
    """As on a GPU, where nothing is called by name."""

    def fill(settings, a, b, out):
        out[0][...], out[1][...] = settings["factor"] * a, b

    a, b = np.arange(6.0).reshape(3, 2), np.array([[7.0]])
    shapes = jax.ShapeDtypeStruct((2,), float), jax.ShapeDtypeStruct((1,), float)
    doubled, same = _host_call._returned(fill, shapes, 1, {"factor": 2}, a, b)
    np.testing.assert_array_equal(doubled, 2 * a)
    np.testing.assert_array_equal(same, np.full((3, 1), 7.0))
