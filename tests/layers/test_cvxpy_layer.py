"""Problems written in CVXPY: the same minimisers as CVXPY's own solvers, and gradients against finite differences."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.layers import from_cvxpy


cp = pytest.importorskip("cvxpy")
R = np.random.default_rng(0)


def elastic_net():
    """Four parameters, of all shapes; a quadratic objective, bounds, an equation and a second-order cone."""
    x = cp.Variable(3, name="x")
    F, g = cp.Parameter((5, 3), name="F"), cp.Parameter(5, name="g")
    weight, total = cp.Parameter(nonneg=True, name="weight"), cp.Parameter(name="total")
    objective = cp.sum_squares(F @ x - g) + weight * cp.norm1(x)
    problem = cp.Problem(cp.Minimize(objective), [x >= -1, cp.sum(x) == total, cp.norm(x, 2) <= 1.5])
    return problem, [F, g, weight, total], [x]


VALUES = (R.standard_normal((5, 3)), R.standard_normal(5), np.array(0.3), np.array(1.0))


@pytest.mark.slow
def test_as_cvxpy_and_as_finite_differences():
    problem, parameters, variables = elastic_net()
    layer = from_cvxpy(problem, parameters, variables)
    for parameter, value in zip(parameters, VALUES):
        parameter.value = value
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    values = tuple(map(jnp.asarray, VALUES))

    @jax.jit
    def f(*values):
        (x,), found = layer(*values, throw=False)
        return jnp.arange(1.0, 4.0) @ x, (x, found)

    _, (x, found) = f(*values)
    assert found.result == sp.RESULTS.successful
    np.testing.assert_allclose(x, variables[0].value, atol=1e-6)
    gradient = jax.grad(lambda *v: f(*v)[0], range(4))(*values)
    step = 1e-5
    for k, value in enumerate(values):
        d = jnp.asarray(R.standard_normal(value.shape))
        moved = lambda h: f(*values[:k], value + h * d, *values[k + 1 :])[0]
        np.testing.assert_allclose(jnp.vdot(gradient[k], d), (moved(step) - moved(-step)) / (2 * step), rtol=1e-5)


@pytest.mark.slow
def test_two_variables_batched_and_infeasible():
    """A matrix variable and a vector; the second lane has no feasible point."""
    Z, t = cp.Variable((2, 3)), cp.Variable(2)
    M, h = cp.Parameter((2, 3)), cp.Parameter(2)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(Z - M) + cp.sum(t)), [cp.sum(Z, axis=1) <= t, t >= h, t <= 2])
    layer = from_cvxpy(problem, [M, h], [Z, t])
    matrices = jnp.asarray(R.standard_normal((2, 2, 3)))
    (Zs, ts), found = jax.vmap(lambda M, h: layer(M, h, throw=False))(matrices, jnp.asarray([[0.5, 1.0], [3.0, 0.0]]))
    assert Zs.shape == (2, 2, 3) and ts.shape == (2, 2)
    lanes = [jax.tree.map(lambda x: x[i], found.result) for i in range(2)]
    assert lanes[0] == sp.RESULTS.successful and lanes[1] == sp.RESULTS.infeasible
    M.value, h.value = np.asarray(matrices[0]), np.array([0.5, 1.0])
    problem.solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(Zs[0], Z.value, atol=1e-4)
    assert np.all(np.isnan(Zs[1]))


def test_what_cannot_be_a_layer(monkeypatch):
    x, p = cp.Variable(2), cp.Parameter(2, name="p")
    q = cp.Parameter(2, nonneg=True)
    with pytest.raises(ValueError, match="DPP"):
        from_cvxpy(cp.Problem(cp.Minimize(cp.sum_squares(cp.multiply(p, cp.multiply(q, x))))), [p, q], [x])
    simple = cp.Problem(cp.Minimize(cp.sum_squares(x - p)))
    with pytest.raises(ValueError, match="all those of the problem"):
        from_cvxpy(simple, [], [x])
    with pytest.raises(ValueError, match="second-order cone programs"):
        from_cvxpy(cp.Problem(cp.Minimize(cp.sum(cp.exp(x)) + p @ x), [x >= 0]), [p], [x])
    with pytest.raises(ValueError, match="declared integer"):
        n = cp.Variable(2, integer=True)
        from_cvxpy(cp.Problem(cp.Minimize(cp.sum_squares(n - p))), [p], [n])
    with pytest.raises(ValueError, match="shape"):
        from_cvxpy(simple, [p], [x])(jnp.ones(3))
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(ImportError, match=r"simphys\[cvxpy\]"):
        from_cvxpy(simple, [p], [x])
