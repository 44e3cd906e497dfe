"""The user's own residuals and energies, their sparse tangents coloured: solved, differentiated, and found out if wrong."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _problems import check_derivatives
from _stencils import STAR, Area, FivePoint, entries, hump
from _taylor import check_gradient

import simphys as sp
from simphys import Newton, RootProblem
from simphys.linalg import SparseOperator, coloured_hessian, coloured_jacobian


N = 6
SLANTED = (*STAR, (1, -1), (-1, 1))
SOURCE = hump(N)


def five_point(source, jacobian):
    return RootProblem(FivePoint(source), jacobian=jacobian, guess=jnp.zeros((N, N)))


def area(source, jacobian):
    return RootProblem(energy=Area(source), jacobian=jacobian, guess=jnp.zeros((N, N)))


@pytest.fixture(scope="module")
def doors():
    y = jnp.asarray(np.random.default_rng(0).standard_normal((N, N)))
    return dict(
        residual=(five_point, coloured_jacobian(FivePoint(SOURCE), y, sparsity=entries((N, N), STAR))),
        energy=(area, coloured_hessian(Area(SOURCE), y, sparsity=entries((N, N), SLANTED))),
    )


@pytest.mark.parametrize(
    ("problem", "guess", "text"),
    [
        (RootProblem(lambda y, _: y**2 + 1), 0.1 + 1j, "real numbers, got complex128"),
        (RootProblem(lambda y, _: y.astype(complex) + jnp.asarray(1j)), 0.1, "real floating numbers, got complex128"),
        (RootProblem(lambda y, _: jnp.floor(y).astype(int)), 0.1, "real floating numbers, got int64"),
        (RootProblem(lambda y, _: y[:2]), jnp.ones(3), r"shape of y, \(3,\), got \(2,\)"),
        (RootProblem(lambda y, _: y[:, None] - jnp.ones((1, 3))), jnp.ones(3), r"shape of y, \(3,\), got \(3, 3\)"),
        (RootProblem(lambda y, _: [y["a"]]), {"a": jnp.ones(3)}, "structure of y, .*'a'.*, got .*"),
        (RootProblem(lambda y, _: y), (jnp.ones(1), jnp.ones(1, jnp.float32)), "one type, got float32, float64"),
        (RootProblem(lambda y, _: y), "a", "must hold numbers, got 'a'"),
        (RootProblem(energy=lambda y, _: y**2), jnp.ones(2), r"one real number, got float64 of shape \(2,\)"),
    ],
)
def test_what_is_no_equation_for_y_is_refused(problem, guess, text):
    with pytest.raises(ValueError, match=text):
        sp.solve(problem, guess)


def test_a_residual_in_another_precision_is_brought_to_that_of_y():
    problem = RootProblem(lambda y, square: y**2 - square)
    found = sp.solve(problem, jnp.ones((), jnp.float32), jnp.asarray(2.0)).value
    assert found.dtype == jnp.float32 and abs(float(found) - 2**0.5) < 1e-5


@pytest.mark.slow
def test_every_derivative_against_finite_differences(doors):
    problem, jacobian = doors["energy"]
    d, e = 0.3 + 0.1 * SOURCE, jnp.ones((N, N)) - 0.1 * SOURCE
    f = lambda s: jnp.sum(sp.solve(problem(s, jacobian), method=Newton(rtol=1e-12)).value ** 2 * d)
    check_derivatives(f, SOURCE, d, e, h=1e-3, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_taylor_test_of_a_gradient(doors):
    problem, jacobian = doors["residual"]
    f = eqx.filter_jit(lambda F: jnp.sum(sp.solve(RootProblem(F, jacobian=jacobian), jnp.zeros((N, N))).value ** 4))
    assert check_gradient(f, FivePoint(SOURCE), verbose=False).order > 1.95


@pytest.mark.slow
def test_an_energy_is_enough(doors):
    """F = ∂Φ/∂y; its tangent is known to be symmetric, and a parameter has one leaf only."""
    problem = area(SOURCE, doors["energy"][1])
    operator = problem.jacobian(jnp.zeros((N, N)), None)
    assert isinstance(operator, SparseOperator) and lx.is_symmetric(operator)
    assert lx.is_symmetric(area(SOURCE, None).jacobian(jnp.zeros((N, N)), None))
    assert problem.evaluate(jnp.ones((N, N)), None).energy == Area(SOURCE)(jnp.ones((N, N)), None)
    assert len([leaf for leaf in jax.tree.leaves(problem) if leaf is SOURCE]) == 1
    with pytest.raises(ValueError, match="got neither"):
        RootProblem(guess=jnp.zeros(3))


@pytest.mark.slow
def test_fields_in_a_dictionary():
    """∂p/∂a = −(J⁻¹ ∂F/∂a)_p with a dense J, for two fields of which the second is a function of the first."""

    def F(y, args):
        u, p = y["u"], y["p"]
        left = jnp.pad(u, (1, 0))[:-1]
        return dict(u=2 * u - left + 0.1 * u**3 * p - args, p=p - u**2)

    y = dict(u=jnp.linspace(0.5, 1, 8), p=jnp.linspace(1, 2, 8))
    flat, unravel = jax.flatten_util.ravel_pytree(y)
    dense = jax.jit(jax.jacfwd(lambda flat: jax.flatten_util.ravel_pytree(F(unravel(flat), 1.0))[0]))
    jacobian = coloured_jacobian(F, y, 1.0, sparsity=np.nonzero(np.asarray(dense(flat))))

    def f(a):
        found = sp.solve(RootProblem(F, jacobian=jacobian), y, a).value
        return jnp.sum(found["p"]), found

    (_, found), gradient = jax.value_and_grad(f, has_aux=True)(1.0)
    np.testing.assert_allclose(found["p"], found["u"] ** 2, rtol=1e-9)
    p_first = np.repeat([1.0, 0.0], 8)
    rate = np.linalg.solve(dense(jax.flatten_util.ravel_pytree(found)[0]), p_first[::-1])
    np.testing.assert_allclose(gradient, p_first @ rate, rtol=1e-8)


def coupled(y, args):
    """Chain whose coupling vanishes at y = 0, where its pattern is taken to be diagonal."""
    return y + 0.1 * y * jnp.roll(y, 1) - args


@pytest.fixture(scope="module")
def blind():
    return coloured_jacobian(coupled, jnp.zeros(5), jnp.ones(5), sparsity=(np.arange(5), np.arange(5)))


def test_a_pattern_wrong_at_the_solution_fails_forward(blind):
    solution = sp.solve(RootProblem(coupled, jacobian=blind), jnp.ones(5), jnp.ones(5), throw=False)
    assert solution.result == sp.RESULTS.tangent_singular
    with pytest.raises(sp.NotConverged, match="sparsity pattern"):
        sp.solve(RootProblem(coupled, jacobian=blind), jnp.ones(5), jnp.ones(5))


@pytest.mark.slow
def test_a_pattern_wrong_at_the_solution_gives_no_gradient(blind):
    """The root is known and certified; only the gradient needs the tangent."""
    root = sp.solve(RootProblem(coupled), jnp.ones(5), jnp.ones(5)).value
    problem = RootProblem(coupled, jacobian=blind)
    f = lambda args, throw: jnp.sum(sp.solve(problem, root, args, method=sp.implicit.Verify(), throw=throw).value)
    assert np.isfinite(f(jnp.ones(5), True))
    assert np.all(np.isnan(jax.grad(f)(jnp.ones(5), False)))
    _, _, certificate = sp.value_and_grad(f)(jnp.ones(5), False)
    assert certificate.failures == 1
    with pytest.raises(RuntimeError, match="not solved to its tolerance"):
        jax.grad(f)(jnp.ones(5), True)


@pytest.mark.slow
def test_quarter_of_a_million_unknowns():
    n = 500
    source = hump(n)
    y = jnp.asarray(np.random.default_rng(0).standard_normal((n, n)))
    jacobian = coloured_jacobian(FivePoint(source), y, sparsity=entries((n, n), STAR))
    assert jacobian.count == 5

    def f(F, jacobian):
        problem = RootProblem(F, jacobian=jacobian, guess=jnp.zeros((n, n)), scale=5.0 * n)
        return jnp.mean(sp.solve(problem).value ** 2)

    both = eqx.filter_jit(sp.value_and_grad(f))
    value, gradient, certificate = both(FivePoint(source), jacobian)
    assert certificate.failures == 0 and certificate.residual < 1e-8
    d = jnp.asarray(np.random.default_rng(1).uniform(0.5, 1, (n, n)))
    step = 1e-3
    moved = [float(both(FivePoint(source + s * step * d), jacobian)[0]) for s in (1, -1)]
    np.testing.assert_allclose(jnp.vdot(gradient.source, d), (moved[0] - moved[1]) / (2 * step), rtol=1e-6)
