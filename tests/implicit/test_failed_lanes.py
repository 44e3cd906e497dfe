"""A lane that failed: its value is NaN, its cotangent of 0 is 0, and its number is in the error."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest

import simphys as sp
from simphys.implicit._failed import LARGEST_COPY, held_unless
from simphys.implicit._local import local_root


Q = jnp.array([4.0, 9.0, -1.0])
GOOD = np.array([True, True, False])


def root(a, adjoint=None):
    # From 1 half a step leads to the root of 9, and the derivative of that step is not the root's.
    problem = sp.RootProblem(lambda y, a: y**2 - a, guess=jnp.full((), 1.3))
    found = sp.solve(problem, None, a, throw=False, adjoint=adjoint)
    return found.value, found.result == sp.RESULTS.successful


def masked(k, adjoint=None):
    values, ok = jax.vmap(lambda a: root(a, adjoint))(Q * k)
    return jnp.sum(jnp.where(ok, values, 0.0))


@pytest.mark.slow
def test_value_is_nan_and_the_point_reached_is_kept():
    problem = sp.RootProblem(lambda y, a: y**2 - a, guess=jnp.ones(()))
    found = sp.solve(problem, None, -1.0, throw=False)
    assert np.isnan(found.value) and np.isfinite(found.reached) and found.best() == found.reached
    fine = sp.solve(problem, None, 4.0, throw=False)
    assert fine.value == fine.reached == fine.best()
    with pytest.raises(sp.NotConverged) as caught:
        sp.solve(problem, None, -1.0)
    assert np.isnan(caught.value.solution.value) and np.isfinite(caught.value.solution.reached)


UNROLLED = pytest.param(sp.Unrolled(), id="unrolled")


@pytest.mark.breadth
@pytest.mark.parametrize(
    "adjoint", [pytest.param(sp.Implicit(), id="implicit"), pytest.param(sp.OneStep(), id="one_step"), UNROLLED]
)
def test_a_masked_lane_gives_nothing_to_a_gradient_and_an_unmasked_one_has_none(adjoint):
    @jax.jit
    def pulled(weights):
        (values, ok), pull = jax.vjp(lambda a: jax.vmap(lambda a: root(a, adjoint))(a), Q)
        return ok, pull((weights, np.zeros(3, jax.dtypes.float0)))[0]

    ok, masked = pulled(jnp.where(GOOD, 1.0, 0.0))
    np.testing.assert_array_equal(ok, GOOD)
    np.testing.assert_allclose(masked, [0.25, 1 / 6, 0.0], rtol=1e-8)
    np.testing.assert_allclose(masked @ Q, 2.5, rtol=1e-9)
    np.testing.assert_allclose(pulled(jnp.ones(3))[1], [0.25, 1 / 6, np.nan], rtol=1e-8)


@pytest.mark.slow
def test_a_masked_lane_gives_nothing_to_an_unrolled_tangent():
    found = jax.jit(jax.jacfwd(lambda k: masked(k, sp.Unrolled(forward=True))))(1.0)
    np.testing.assert_allclose(found, 2.5, rtol=1e-9)


@pytest.mark.slow
def test_second_order():
    np.testing.assert_allclose(jax.jit(jax.grad(jax.grad(masked)))(1.0), -1.25, rtol=1e-9)
    each = jax.jit(jax.vmap(jax.jacfwd(jax.grad(lambda a: root(a)[0]))))(Q)
    np.testing.assert_allclose(each, [-1 / 32, -1 / 108, np.nan], rtol=1e-9)


def test_second_order_where_the_jacobian_is_constant():
    """y = a² / 2: J takes `a` among its arguments and does not depend on it."""
    problem = sp.RootProblem(lambda y, a: 2 * y - a**2, guess=jnp.ones(()))
    np.testing.assert_allclose(jax.grad(jax.grad(lambda a: sp.solve(problem, None, a).value))(1.5), 1.0, rtol=1e-12)


@pytest.mark.slow
def test_an_unrolled_step_with_a_singular_matrix_is_no_exception():
    problem, adjoint = sp.RootProblem(lambda y, a: a * y - 1, guess=jnp.full((), 0.5)), sp.Unrolled()
    single = lambda a, seen: jnp.where(seen, sp.solve(problem, None, a, throw=False, adjoint=adjoint).value, 0.0)
    each = jax.jit(jax.vmap(jax.grad(single)))
    found = each(jnp.array([0.0, 0.0, 1.0]), jnp.array([True, False, True]))
    np.testing.assert_allclose(found, [np.nan, 0, -1], atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method, adjoint",
    [(optx.Newton, sp.Unrolled()), (optx.LevenbergMarquardt, sp.Unrolled(forward=True))],
    ids=["Newton", "LevenbergMarquardt"],
)
def test_a_masked_lane_of_another_library_s_method(method, adjoint):
    def one(a, seen):
        problem = sp.RootProblem(lambda y, a: y**2 - a, guess=jnp.full((), 1.3))
        found = sp.solve(problem, None, a, throw=False, adjoint=adjoint, method=method(1e-10, 1e-10))
        return jnp.where(seen & (found.result == sp.RESULTS.successful), found.value, 0.0) + jnp.where(
            seen, 0.0, found.value
        )

    derivative = jax.jacfwd if adjoint.forward else jax.grad
    found = jax.jit(jax.vmap(derivative(one)))(jnp.array([4.0, 9.0, -1.0, -1.0]), jnp.array([True, True, True, False]))
    np.testing.assert_allclose(found, [0.25, 1 / 6, 0, np.nan], rtol=1e-9, atol=1e-12)


def test_minimisers_are_not_unrolled():
    """The derivative came out as 0."""
    problem = sp.RootProblem(lambda y, a: y**2 - a, guess=jnp.ones(()))
    with pytest.raises(ValueError, match="`BFGS` minimises"):
        sp.solve(problem, None, 4.0, adjoint=sp.Unrolled(), method=optx.BFGS(1e-8, 1e-8))


def test_within_a_scan():
    def total(k):
        def body(carry, a):
            value, ok = root(a * k)
            return carry + jnp.where(ok, value, 0.0), None

        return jax.lax.scan(body, 0.0, Q)[0]

    np.testing.assert_allclose(jax.jit(jax.grad(total))(1.0), 2.5, rtol=1e-9)


@pytest.mark.breadth
@pytest.mark.parametrize("adjoint", [None, UNROLLED])
def test_a_parameter_that_all_lanes_share_where_the_residual_has_no_derivative(adjoint):
    """The failed lane's ∂F/∂θ = −√(−1) is NaN at every y."""

    def total(theta):
        problem = sp.RootProblem(lambda y, a: y - theta * jnp.sqrt(a), guess=jnp.ones(()))
        found = jax.vmap(lambda a: sp.solve(problem, None, a, throw=False, adjoint=adjoint).value)(Q)
        return jnp.sum(jnp.where(GOOD, found, 0.0))

    np.testing.assert_allclose(jax.jit(jax.grad(total))(1.0), 5.0, rtol=1e-9)


@pytest.mark.slow
def test_local_roots_of_material_points():
    point = lambda a: local_root(lambda y, a: y**2 - a, jnp.ones(()), a)
    total = lambda k: jnp.sum(jnp.where(GOOD, jax.vmap(point)(Q * k), 0.0))
    np.testing.assert_allclose(jax.grad(total)(1.0), 2.5, rtol=1e-9)
    np.testing.assert_allclose(jax.grad(jax.grad(total))(1.0), -1.25, rtol=1e-9)
    np.testing.assert_allclose(jax.vmap(jax.grad(point))(Q), [0.25, 1 / 6, np.nan], rtol=1e-9)


def test_a_large_shared_array_is_not_copied_for_each_lane():
    large = jnp.ones(LARGEST_COPY)
    loss = lambda x: jnp.sum(jax.vmap(lambda ok: jnp.sum(held_unless(ok, x)))(jnp.asarray(GOOD)))
    shapes = str(jax.make_jaxpr(jax.grad(loss))(large))
    assert f"[3,{LARGEST_COPY}]" not in shapes.replace(" ", "")
    small = lambda x: jnp.sum(jax.vmap(lambda ok: jnp.sum(held_unless(ok, x)))(jnp.asarray(GOOD)))
    np.testing.assert_array_equal(jax.grad(small)(jnp.ones(2)), [2.0, 2.0])


def test_an_error_names_the_lanes():
    problem = sp.RootProblem(lambda y, a: y**2 - a, guess=jnp.ones(()))
    batch = jax.vmap(lambda a: sp.solve(problem, None, a).value)
    with pytest.raises(eqx.EquinoxRuntimeError, match=r"2 of the 4 lanes of `vmap`: lane 1, 3\."):
        batch(jnp.array([4.0, -1.0, 9.0, -2.0]))
    np.testing.assert_allclose(batch(jnp.array([4.0, 1.0, 9.0, 16.0])), [2.0, 1.0, 3.0, 4.0], rtol=1e-9)


@pytest.mark.slow
def test_an_error_names_the_lanes_of_two_axes():
    problem = sp.RootProblem(lambda y, a: y**2 - a, guess=jnp.ones(()))
    batch = eqx.filter_jit(jax.vmap(jax.vmap(lambda a: sp.solve(problem, None, a).value)))
    with pytest.raises(eqx.EquinoxRuntimeError, match=r"1 of the 2 × 3 lanes of `vmap`: lane \(1, 2\)\."):
        batch(jnp.ones((2, 3)).at[1, 2].set(-1.0))
