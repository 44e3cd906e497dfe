"""Derivatives of solutions: each transformation, each kind of problem, each adjoint policy."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _problems import CASES, THETA, check_derivatives

import simphys as sp
from simphys import Newton, OneStep, RootProblem, Unrolled


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two fields", "mesh"])
def test_every_derivative_against_finite_differences(name):
    case = CASES[name]
    tight = Newton(rtol=1e-13)
    f = lambda theta: case.loss(theta, method=tight)
    d, e = jnp.array([0.3, -0.8, 0.5]), jnp.array([-0.6, 0.2, 0.7])
    check_derivatives(f, THETA, d, e)


PAIRS = [("dense", Unrolled(forward=True)), ("two fields", Unrolled())]


@functools.cache
def value_and_gradient(name):
    return jax.jit(jax.value_and_grad(CASES[name].loss))


@pytest.mark.slow
@pytest.mark.parametrize("name, policy", PAIRS, ids=["forward", "reverse"])
def test_policies_agree_at_a_converged_root(name, policy):
    """Newton's last step is exact to second order, so its own derivative is the implicit one."""
    case = CASES[name]
    f = lambda theta: case.loss(theta, method=Newton(rtol=1e-12), adjoint=policy)
    _, reference = value_and_gradient(name)(THETA)
    derivative = jax.jacfwd if policy.forward else jax.grad
    np.testing.assert_allclose(jax.jit(derivative(f))(THETA), reference, rtol=2e-5)


@pytest.mark.slow
def test_lanes_of_a_mesh_problem():
    case = CASES["mesh"]
    thetas = THETA[None] + jnp.array([[0.0], [0.1], [0.2]]) * jnp.array([[1.0, -1.0, 1.0]])
    together = jax.jit(jax.vmap(jax.value_and_grad(case.loss)))(thetas)
    one = value_and_gradient("mesh")
    for i in range(3):
        value, gradient = one(thetas[i])
        np.testing.assert_allclose(together[0][i], value, rtol=1e-8)
        np.testing.assert_allclose(together[1][i], gradient, rtol=1e-7)


class Damped(lx.AbstractLinearSolver):
    """Answers 0.7 J⁻¹ b: a poor solver whose error is known."""

    def init(self, operator, options):
        return operator.as_matrix()

    def compute(self, state, vector, options):
        return 0.7 * jnp.linalg.solve(state, vector), lx.RESULTS.successful, {}

    def transpose(self, state, options):
        return state.T, options

    def conj(self, state, options):
        return state, options

    def assume_full_rank(self):
        return True


@pytest.mark.slow
def test_one_step_with_a_poor_solver_is_off_by_its_contraction():
    """k steps with error I − 0.7 J⁻¹ J = 0.3 leave 0.3ᵏ of the gradient out."""
    case = CASES["dense"]
    _, exact = value_and_gradient("dense")(THETA)
    for k in (1, 3):
        f = lambda theta: case.loss(theta, adjoint=OneStep(k, Damped()))
        np.testing.assert_allclose(jax.jit(jax.grad(f))(THETA), (1 - 0.3**k) * exact, rtol=1e-6)
    with pytest.raises(ValueError, match="steps"):
        OneStep(0)


@pytest.mark.slow
def test_derivative_of_a_solve_within_a_solve():
    """The inner root is a parameter of the outer one: y = x(a) b with x² = a."""

    def outer(a, b):
        x = sp.solve(RootProblem(lambda x, a: x**2 - a, guess=jnp.ones(())), args=a).value
        return sp.solve(RootProblem(lambda y, ab: y + y**3 - ab[0] * ab[1], guess=jnp.zeros(())), args=(x, b)).value

    def exact(a, b):
        y = outer(a, b)
        return b / (2 * jnp.sqrt(a)) / (1 + 3 * y**2)

    np.testing.assert_allclose(jax.jit(jax.grad(outer))(2.0, 0.5), exact(2.0, 0.5), rtol=1e-9)


def test_integer_and_static_leaves_pass_through():
    class Model(eqx.Module):
        weights: jax.Array
        index: jax.Array
        power: int = eqx.field(static=True)

        def __call__(self, y, args):
            return y**self.power - self.weights[self.index]

    model = Model(jnp.array([4.0, 8.0]), jnp.array(1), 3)
    value, gradient, certificate = sp.value_and_grad(lambda m: sp.solve(RootProblem(m, guess=jnp.ones(()))).value)(
        model
    )
    np.testing.assert_allclose(value, 2.0)
    np.testing.assert_allclose(gradient.weights, [0, 1 / 12], rtol=1e-9)
    assert gradient.index is None
    assert certificate.result == sp.RESULTS.successful


@pytest.mark.breadth
@pytest.mark.parametrize("double", [False, True])
def test_float32(double):
    """Also where the process computes in float64 otherwise."""
    with jax.enable_x64(double):
        f = lambda a: sp.solve(RootProblem(lambda y, a: y**3 - a, guess=jnp.ones((), jnp.float32)), args=a).value
        value, gradient = jax.jit(jax.value_and_grad(f))(jnp.float32(8))
        assert value.dtype == gradient.dtype == jnp.float32
        np.testing.assert_allclose([value, gradient], [2, 1 / 12], rtol=1e-4)


@pytest.mark.slow
def test_values_that_the_function_closes_over_are_parameters():
    """θ is no leaf of the problem; its derivative must not come out as 0 all the same."""

    def f(theta):
        energy = lambda y, _: jnp.sum(y**4 / 4 - theta * y)
        force = lambda y, _: y**3 - theta
        jacobian = lambda y, _: lx.DiagonalLinearOperator(3 * y**2 + 0 * theta)
        return jnp.sum(sp.solve(RootProblem(force, energy=energy, jacobian=jacobian, guess=jnp.ones(1))).value)

    slope = 8 ** (-2 / 3) / 3
    curvature = -2 / 9 * 8 ** (-5 / 3)
    np.testing.assert_allclose(jax.grad(f)(8.0), slope, rtol=1e-8)
    np.testing.assert_allclose(jax.jvp(f, (8.0,), (1.0,))[1], slope, rtol=1e-8)
    twice = jax.jit(jax.vmap(jax.value_and_grad(jax.grad(f))))
    np.testing.assert_allclose(twice(jnp.array([8.0, 1.0])), [[slope, 1 / 3], [curvature, -2 / 9]], rtol=1e-8)
