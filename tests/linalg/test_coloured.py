"""Sparse Jacobians by colouring: exact, with the fewest colours, and never silently wrong."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
import scipy.sparse as sps
from _stencils import BOX, STAR, Area, FivePoint, NinePoint, entries, hump

from simphys.linalg import SparsityPattern, coloured_hessian, coloured_jacobian, to_scipy
from simphys.linalg._colouring import colouring
from simphys.linalg._lattice import lattice_colours


@pytest.fixture
def asdex():
    return pytest.importorskip("asdex")


def random(*shape, seed=0, dtype=float):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


@eqx.filter_jit
def dense(function, y, args=None):
    flat, unravel = jax.flatten_util.ravel_pytree(y)
    return jax.jacfwd(lambda flat: jax.flatten_util.ravel_pytree(function(unravel(flat), args))[0])(flat)


@eqx.filter_jit
def assembled(made, function, y, args=None):
    return made(function, y, args)


def matrix(operator):
    return to_scipy(operator).toarray()


class Random(eqx.Module):
    """F_r = θ Σ_k w_k tanh(y_c(k)) y_r over the entries of row r."""

    weights: jax.Array
    theta: jax.Array
    rows: jax.Array
    columns: jax.Array

    def __call__(self, y, args):
        sums = jnp.zeros(y.shape, y.dtype).at[self.rows].add(self.weights * jnp.tanh(y[self.columns]))
        return self.theta * (y * sums) + jnp.sin(y)


def irregular(n=40, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, n, 3 * n), rng.integers(0, n, 3 * n)
    return Random(random(3 * n, dtype=dtype), jnp.asarray(0.7, dtype), jnp.asarray(rows), jnp.asarray(columns))


def pattern_of(function, n=40):
    every = np.arange(n)
    return np.concatenate([function.rows, every]), np.concatenate([function.columns, every])


@pytest.mark.parametrize("detected", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_irregular_jacobian_is_exact(detected, asdex):
    """The pattern told as pairs, by a matrix of SciPy, as our own, or found."""
    F, y = irregular(), random(40, seed=1)
    rows, columns = pattern_of(F)
    of_scipy = sps.csr_array((np.ones(rows.size), (rows, columns)), shape=(40, 40))
    told = [None] if detected else [(rows, columns), of_scipy, SparsityPattern.from_entries(rows, columns, 40)[0]]
    for given in told:
        made = coloured_jacobian(F, y, sparsity=given)
        operator = assembled(made, F, 2 * y)
        np.testing.assert_allclose(matrix(operator), dense(F, 2 * y), rtol=1e-12, atol=1e-12)
        assert not lx.is_symmetric(operator)
        assert made.count < 25


@pytest.mark.breadth
@pytest.mark.parametrize("chunk", [2, 100])
def test_products_in_chunks_are_the_same(chunk):
    F, y = NinePoint(hump(6)), random(6, 6)
    made = coloured_jacobian(F, y, sparsity=entries((6, 6), BOX), chunk=chunk)
    np.testing.assert_allclose(matrix(assembled(made, F, y)), dense(F, y), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("detected", [False, True])
def test_fields_of_different_shapes(detected, request):
    """A staggered grid: velocities on faces, a pressure in cells."""
    if detected:
        request.getfixturevalue("asdex")
    y = dict(u=random(5, 4, seed=1), v=random(4, 5, seed=2), p=random(4, 4, seed=3))

    def F(y, args):
        u, v, p = y["u"], y["v"], y["p"]
        gradient = lambda p, axis: jnp.diff(jnp.pad(p, [(1, 1) if a == axis else (0, 0) for a in range(2)]), axis=axis)
        return dict(
            u=u**3 + gradient(p, 0), v=args * v + v**2 + gradient(p, 1), p=jnp.diff(u, axis=0) + jnp.diff(v, axis=1)
        )

    true = np.asarray(dense(F, y, 2.0))
    made = coloured_jacobian(F, y, 2.0, sparsity=None if detected else np.nonzero(true))
    operator = assembled(made, F, y, 2.0)
    np.testing.assert_allclose(matrix(operator), true, rtol=1e-12, atol=1e-12)
    assert jax.tree.structure(operator.mv(y)) == jax.tree.structure(y)
    assert made.count <= 8


@pytest.mark.slow
def test_irregular_hessian_by_star_colouring(asdex):
    """An arrow: its hub meets everyone, so direct colouring needs n colours and star colouring two."""
    n = 30
    energy = lambda y, args: jnp.sum(jnp.cosh(y)) + y[0] * jnp.sum(y[1:] ** 2) + jnp.sin(y[3] * y[17])
    y = random(n, seed=2)
    made = coloured_hessian(energy, y)
    operator = assembled(made, jax.grad(energy), y)
    np.testing.assert_allclose(matrix(operator), dense(jax.grad(energy), y), rtol=1e-12, atol=1e-12)
    assert made.count <= 3
    assert lx.is_symmetric(operator)
    assert np.array_equal(matrix(operator), matrix(operator).T)


def test_random_hessians(asdex):
    seed = 0
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, 50, (2, 90))
    energy = lambda y, args: jnp.sum(jnp.sin(y[i] * y[j])) + jnp.sum(y**4)
    y = random(50, seed=seed)
    operator = assembled(coloured_hessian(energy, y), jax.grad(energy), y)
    np.testing.assert_allclose(matrix(operator), dense(jax.grad(energy), y), rtol=1e-11, atol=1e-11)


def test_hessian_of_a_stencil():
    energy = Area(hump(7))
    y = random(7, 7)
    made = coloured_hessian(energy, y, sparsity=entries((7, 7), (*STAR, (1, -1), (-1, 1))))
    operator = assembled(made, jax.grad(energy), y)
    np.testing.assert_allclose(matrix(operator), dense(jax.grad(energy), y), rtol=1e-12, atol=1e-12)
    assert made.count == 7


PERFECT = {
    "5-point": ((30, 20), STAR, 5),
    "9-point": ((20, 30), BOX, 9),
    "7-point in 3-D": ((9, 8, 7), [o for o in itertools.product((-1, 0, 1), repeat=3) if sum(map(abs, o)) < 2], 7),
    "27-point in 3-D": ((8, 8, 8), list(itertools.product((-1, 0, 1), repeat=3)), 27),
    "two components": ((12, 12, 2), [(i, j, c) for i, j in STAR for c in (-1, 0, 1)], 10),
    "flat 5-point": ((23 * 20,), [(0,), (1,), (-1,), (23,), (-23,)], 5),
}


@pytest.mark.parametrize("name", PERFECT)
def test_stencils_take_as_few_colours_as_points(name):
    shape, offsets, wanted = PERFECT[name]
    rows, columns = entries(shape, offsets)
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    coordinates = np.indices(shape).reshape(len(shape), -1).T
    colours = lattice_colours(rows, columns, coordinates)
    assert colours.max() + 1 == wanted
    assert len(set(zip(rows.tolist(), colours[columns].tolist()))) == rows.size


def test_periodic_grids_wrap_around():
    F = lambda u, args: u**3 + sum(u - jnp.roll(u, s, axis) for s in (1, -1) for axis in (0, 1))
    y = random(7, 8)
    made = coloured_jacobian(F, y, sparsity=np.nonzero(np.asarray(dense(F, y))))
    np.testing.assert_allclose(matrix(assembled(made, F, y)), dense(F, y), atol=1e-12)
    assert made.count <= 8


def test_irregular_patterns_are_no_lattice(asdex):
    rng = np.random.default_rng(0)
    code = np.unique(rng.integers(0, 200 * 200, 900))
    rows, columns = code // 200, code % 200
    found = colouring(rows, columns, np.arange(200)[:, None], False)
    assert len(set(zip(rows.tolist(), found.colours[columns].tolist()))) == rows.size


def test_detected_patterns_hold_where_parameters_were_zero(asdex):
    """θ = 0 hides every coupling from the values, not from the pattern."""
    F, y = irregular(), random(40, seed=1)
    made = coloured_jacobian(eqx.tree_at(lambda F: F.theta, F, jnp.zeros(())), y)
    np.testing.assert_allclose(matrix(assembled(made, F, y)), dense(F, y), rtol=1e-12, atol=1e-12)


def test_float32():
    F, y = FivePoint(hump(6).astype(jnp.float32)), random(6, 6, dtype=jnp.float32)
    made = coloured_jacobian(F, y, sparsity=entries((6, 6), STAR))
    operator = assembled(made, F, y)
    assert operator.data.dtype == jnp.float32
    np.testing.assert_allclose(matrix(operator), dense(F, y), rtol=1e-4, atol=1e-2)


def test_the_operator_is_differentiable():
    """∂²(wᵀ J v)/∂s∂y against the same of a Jacobian-vector product."""
    F, y, v, w = Area(hump(5)), random(5, 5), random(5, 5, seed=1), random(5, 5, seed=2)
    made = coloured_hessian(F, y, sparsity=entries((5, 5), (*STAR, (1, -1), (-1, 1))))
    J = lambda y: jnp.vdot(w, made(jax.grad(F), y).mv(v))
    wanted = lambda y: jnp.vdot(w, jax.jvp(jax.grad(lambda y: F(y, None)), (y,), (v,))[1])
    np.testing.assert_allclose(jax.jit(jax.grad(J))(y), jax.jit(jax.grad(wanted))(y), rtol=1e-11, atol=1e-12)


@pytest.mark.slow
def test_a_batch_of_points():
    F, ys = FivePoint(hump(4)), random(3, 4, 4)
    made = coloured_jacobian(F, ys[0], sparsity=entries((4, 4), STAR))
    operators = eqx.filter_jit(eqx.filter_vmap(made, in_axes=(None, 0)))(F, ys)
    lane = eqx.tree_at(lambda o: o.data, made(F, ys[2]), operators.data[2])
    np.testing.assert_allclose(matrix(lane), dense(F, ys[2]), rtol=1e-12, atol=1e-9)


def test_a_pattern_that_misses_entries_raises():
    with pytest.raises(ValueError, match=r"misses entries of ∂F/∂y: a product .* differs by \d"):
        coloured_jacobian(NinePoint(hump(6)), random(6, 6), sparsity=entries((6, 6), STAR))


def test_one_missing_entry_of_thousands_raises():
    rows, columns = entries((40, 40), STAR)
    keep = np.arange(rows.size) != 777
    with pytest.raises(ValueError, match="misses entries"):
        coloured_jacobian(FivePoint(hump(40)), random(40, 40), sparsity=(rows[keep], columns[keep]))


def test_a_wrong_symmetry_raises():
    with pytest.raises(ValueError, match="not symmetric"):
        coloured_jacobian(FivePoint(hump(6)), random(6, 6), sparsity=entries((6, 6), STAR), symmetric=True)


def test_a_pattern_that_is_wrong_elsewhere_gives_nan():
    """Convection vanishes at rest: there the pattern is right, and nowhere else."""
    F = lambda u, args: u + u * jnp.roll(u, 1)
    made = coloured_jacobian(F, jnp.zeros(6), sparsity=(np.arange(6), np.arange(6)))
    assert np.all(np.isfinite(assembled(made, F, jnp.zeros(6)).data))
    assert np.all(np.isnan(assembled(made, F, jnp.ones(6)).data))


@pytest.mark.parametrize(
    "sparsity, message",
    [
        (sps.eye_array(5), r"shape \(4, 4\) for 4 unknowns, got \(5, 5\)"),
        (SparsityPattern.from_entries([0], [1], 3)[0], r"shape \(4, 4\) for 4 unknowns, got \(3, 3\)"),
        (([0, 4], [0, 1]), r"row numbers must lie in 0 … 3, got 0 … 4"),
        (([0, 1], [0, -1]), r"column numbers must lie in 0 … 3, got -1 … 0"),
        (([0, 1], [0]), r"2 rows' numbers, but 1 columns'"),
        (([0.5], [1]), "must be integers"),
        ("detect", "SciPy sparse matrix"),
    ],
)
def test_misused_patterns_raise(sparsity, message):
    with pytest.raises(ValueError, match=message):
        coloured_jacobian(lambda y, args: y**2, jnp.ones(4), sparsity=sparsity)


def test_misuse_raises():
    diagonal = (np.arange(4), np.arange(4))
    with pytest.raises(ValueError, match="y's structure"):
        coloured_jacobian(lambda y, args: y[1:], jnp.ones(4), sparsity=diagonal)
    with pytest.raises(ValueError, match="not finite"):
        coloured_jacobian(lambda y, args: jnp.sqrt(y), -jnp.ones(4), sparsity=diagonal)
    made = coloured_jacobian(lambda y, args: y**2, jnp.ones(4), sparsity=diagonal)
    with pytest.raises(ValueError, match="must hold 4 numbers"):
        made(lambda y, args: y**2, jnp.ones(5))
