"""Roots and minimisers as layers: closed forms, bilevel problems, and points that are no minimum."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest

import simphys as sp
from simphys.layers import Argmin, Root


METHODS = {
    "BFGS": optx.BFGS(rtol=1e-6, atol=1e-6),
    "L-BFGS": optx.LBFGS(rtol=1e-6, atol=1e-6),
}
R = np.random.default_rng(0)
X, Y = jnp.asarray(R.standard_normal((20, 4))), jnp.asarray(R.standard_normal(20))
X2, Y2 = jnp.asarray(R.standard_normal((15, 4))), jnp.asarray(R.standard_normal(15))


class Layer(eqx.Module):
    W: jax.Array

    def __call__(self, y, x):
        return y + jnp.tanh(self.W @ y) - x


@pytest.mark.slow
def test_root_is_a_layer():
    """Its parameters and its input are differentiated; a Kepler-like equation against finite differences."""
    W, x = jnp.asarray([[0.5, 0.2], [-0.3, 0.4]]), jnp.asarray([1.0, -2.0])
    f = lambda p: (lambda y: (jnp.sum(y**2), y))(p[0](jnp.zeros(2), p[1]).value)
    program = eqx.filter_jit(eqx.filter_value_and_grad(f, has_aux=True))
    at = (Root(Layer(W)), x)
    (value, y), slope = program(at)
    found = sp.check_gradient(lambda p: program(p)[0][0], at, known=(value, slope), verbose=False)
    assert found.order > 1.95
    J = jnp.eye(2) + (1 - jnp.tanh(W @ y) ** 2)[:, None] * W
    np.testing.assert_allclose(slope[1], np.linalg.solve(J.T, 2 * y), rtol=1e-8)


def test_a_root_of_higher_order_has_no_gradient():
    """y² = t at t = 0: the root is there, its derivative is not."""
    layer = Root(lambda y, t: y**2 - t, method=sp.implicit.Verify())
    f = lambda t: layer(jnp.zeros(()), t, throw=False).value
    assert f(0.0) == 0 and np.isnan(jax.grad(f)(0.0))


def ridge(w, weight):
    return jnp.mean((X @ w - Y) ** 2) + jnp.exp(weight) * jnp.sum(w**2)


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("method", ["BFGS", "L-BFGS"])
def test_hypergradient_of_ridge_regression(method):
    """d validation / d log λ against the derivative of the closed form w = (XᵀX/N + λ)⁻¹ XᵀY/N."""
    inner = Argmin(ridge, method=METHODS[method])
    loss = lambda w: jnp.mean((X2 @ w - Y2) ** 2)
    closed = lambda s: loss(jnp.linalg.solve(X.T @ X / 20 + jnp.exp(s) * jnp.eye(4), X.T @ Y / 20))
    s = jnp.asarray(-1.0)
    both = eqx.filter_jit(sp.value_and_grad(lambda s: loss(inner(jnp.zeros(4), s).value)))
    value, slope, certificate = both(s)
    np.testing.assert_allclose(value, closed(s), rtol=1e-8)
    np.testing.assert_allclose(slope, jax.grad(closed)(s), rtol=1e-7)
    assert certificate.failures == 0 and certificate.solves == 1


@pytest.mark.slow
def test_hypergradient_of_logistic_regression():
    """One weight per feature: all of them against central differences."""
    labels = jnp.sign(Y)

    def logistic(w, weights):
        return jnp.mean(jnp.logaddexp(0.0, -labels * (X @ w))) + 0.5 * jnp.sum(jnp.exp(weights) * w**2)

    inner = Argmin(logistic)
    loss = lambda s: jnp.mean(jnp.logaddexp(0.0, -jnp.sign(Y2) * (X2 @ inner(jnp.zeros(4), s).value)))
    f = jax.jit(jax.value_and_grad(loss))
    s, step = jnp.asarray([-2.0, -1.0, -3.0, -2.5]), 1e-4
    differences = [(f(s + step * e)[0] - f(s - step * e)[0]) / (2 * step) for e in jnp.eye(4)]
    np.testing.assert_allclose(f(s)[1], jnp.asarray(differences), rtol=1e-5, atol=1e-9)


@pytest.mark.slow
def test_meta_learned_initialisation():
    """Implicit model-agnostic meta-learning: adapt to a task near θ, differentiate the adapted loss by θ.

    For a quadratic task with Hessian H the adapted w has dw/dθ = λ (H + λ)⁻¹ (Rajeswaran et al., NeurIPS 2019).
    """
    H, c = X.T @ X / 20, X.T @ Y / 20
    strength = 0.7
    task = lambda w, theta: 0.5 * w @ H @ w - c @ w + 0.5 * strength * jnp.sum((w - theta) ** 2)
    adapt = Argmin(task)
    outer = lambda theta: jnp.mean((X2 @ adapt(theta, theta).value - Y2) ** 2)
    theta = jnp.ones(4)
    w = np.linalg.solve(H + strength * np.eye(4), c + strength * theta)
    exact = strength * np.linalg.solve(H + strength * np.eye(4), 2 * X2.T @ (X2 @ w - Y2) / 15)
    both = jax.jit(jax.value_and_grad(outer))
    np.testing.assert_allclose(both(theta)[1], exact, rtol=1e-8)
    losses = []
    for _ in range(16):
        value, slope = both(theta)
        theta = theta - 0.3 * slope
        losses.append(value)
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "energy, root",
    [
        (lambda y, x: y[0] ** 2 - y[1] ** 2 + x * jnp.sum(y), [-0.5, 0.5]),
        (lambda y, x: (y[0] + y[1] - x) ** 2, [0.5, 0.5]),
    ],
    ids=["saddle", "valley"],
)
def test_what_is_no_minimum(energy, root):
    """Stationary, but named a failure; and without a gradient."""
    root, layer = jnp.asarray(root), Argmin(energy)
    f = lambda x: (lambda found: (found.value[0], found))(layer(root, x, throw=False))
    slope, found = eqx.filter_jit(jax.grad(f, has_aux=True))(jnp.asarray(1.0))
    assert found.certificate.residual < 1e-9
    assert found.result == sp.RESULTS.not_a_minimum and not found.certificate.converged
    assert np.isnan(slope)
    with pytest.raises(sp.NotConverged, match="no strict minimum"):
        layer(root, jnp.asarray(1.0))


def test_many_unknowns_are_judged_by_lanczos():
    """2,000 unknowns with one direction of negative curvature, and without it."""
    from simphys.layers._argmin import convex_at

    d = jnp.linspace(1.0, 2.0, 2000)
    energy = lambda d: lambda y, args: 0.5 * jnp.sum(d * y**2)
    at = lambda d: sp.RootProblem(energy=energy(d)).jacobian(jnp.zeros(2000), None)
    assert convex_at(at(d)) and not convex_at(at(d.at[17].set(-0.5)))


@pytest.mark.slow
def test_unrolled_minimiser():
    """The derivative of the finite computation tends to that of the minimiser, w = (XᵀX/N + λ)⁻¹ XᵀY/N."""
    f = lambda s: jnp.sum(Argmin(ridge, adjoint=sp.Unrolled())(jnp.zeros(4), s).value)
    closed = lambda s: jnp.sum(jnp.linalg.solve(X.T @ X / 20 + jnp.exp(s) * jnp.eye(4), X.T @ Y / 20))
    s = jnp.asarray(-1.0)
    np.testing.assert_allclose(jax.jit(jax.grad(f))(s), jax.grad(closed)(s), rtol=1e-7)


@pytest.mark.slow
def test_steps_that_do_not_suffice():
    rosenbrock = lambda y, x: 100 * (y[1] - y[0] ** 2) ** 2 + (x - y[0]) ** 2
    layer = Argmin(rosenbrock, method=sp.Newton(max_steps=3))
    f = lambda x: (lambda found: (found.value[0], found.result))(layer(jnp.asarray([-1.2, 1.0]), x, throw=False))
    slope, result = eqx.filter_jit(jax.grad(f, has_aux=True))(jnp.asarray(1.0))
    assert result == sp.RESULTS.nonlinear_max_steps_reached and np.isnan(slope)
    np.testing.assert_allclose(Argmin(rosenbrock)(jnp.asarray([-1.2, 1.0]), 1.0).value, [1.0, 1.0], rtol=1e-8)


@pytest.mark.slow
def test_argmin_misuse():
    with pytest.raises(ValueError, match="`method` must be"):
        Argmin(ridge, method=optx.Dogleg(rtol=1e-6, atol=1e-6))
