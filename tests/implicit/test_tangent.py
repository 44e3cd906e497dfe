"""A matrix that is not the derivative of the residual has a name, in solves and in gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

import simphys as sp
from simphys import RESULTS
from simphys.implicit._tangent import direction, row_sizes
from simphys.linalg import SparseOperator, SparsityPattern


def cubic(jacobian=None, guess=(1.0, 1.0)):
    """y³ + A y = b: its root is found, if slowly, with the wrong tangent, too."""
    A = jnp.array([[2.0, 0.5], [-0.5, 3.0]])
    return sp.RootProblem(lambda y, b: y**3 + A @ y - b, jacobian=jacobian, guess=jnp.array(guess))


def right(y, b):
    return lx.MatrixLinearOperator(jnp.array([[2.0, 0.5], [-0.5, 3.0]]) + 3 * jnp.diag(y**2))


def wrong(y, b):
    return lx.MatrixLinearOperator(jnp.diag(jnp.array([2.0, 3.0]) + 3 * y**2))


B = jnp.array([3.0, 4.0])


@pytest.mark.slow
def test_a_right_jacobian_of_ones_own():
    found = sp.solve(cubic(right), args=B)
    assert float(found.certificate.tangent_defect) < 6e-6
    matrix_free = sp.solve(cubic(), args=B)
    assert jnp.isnan(matrix_free.certificate.tangent_defect)
    assert jnp.allclose(found.value, matrix_free.value, rtol=1e-9)


@pytest.mark.slow
def test_a_wrong_jacobian_is_named():
    with pytest.raises(sp.implicit.NotConverged, match="not the derivative") as caught:
        sp.solve(cubic(wrong), args=B)
    found = caught.value.solution
    assert found.result == RESULTS.tangent_wrong
    assert float(found.certificate.tangent_defect) > 0.01


@pytest.mark.breadth
@pytest.mark.parametrize("guess", [(1.0, 1.0), None])
def test_no_gradient_is_taken_with_a_wrong_jacobian(guess):
    """Even where the guess is the root, and the solve has made no matrix."""
    root = sp.solve(cubic(), args=B).value
    guess = root if guess is None else jnp.array(guess)

    def total(b, jacobian):
        return jnp.sum(sp.solve(cubic(jacobian), guess, b, throw=False).value)

    value, gradient, certificate = sp.value_and_grad(lambda b: total(b, wrong))(B)
    assert jnp.all(jnp.isnan(gradient)) and certificate.result == RESULTS.tangent_wrong
    assert certificate.wrong_tangents == 1
    _, gradient, certificate = sp.value_and_grad(lambda b: total(b, right))(B)
    assert certificate.result == RESULTS.successful
    assert jnp.allclose(gradient, jax.grad(lambda b: total(b, None))(B), rtol=1e-9)


@pytest.mark.slow
def test_lanes_are_told_apart():
    """The defect and the status are each lane's own."""

    def lane(share):
        jacobian = lambda y, b: lx.MatrixLinearOperator(jnp.diag(jnp.array([2.0, 3.0]) * share + 3 * y**2))
        problem = sp.RootProblem(
            lambda y, b: y**3 + jnp.array([2.0, 3.0]) * y - b, jacobian=jacobian, guess=2 * jnp.ones(2)
        )
        return sp.solve(problem, args=B, throw=False).certificate.tangent_defect

    defects = jax.vmap(lane)(jnp.array([1.0, 1.3]))
    assert float(defects[0]) < 6e-6 < 1e-3 < float(defects[1])


@pytest.mark.slow
def test_a_kink_where_both_sides_are_right():
    """At y = 0 the slope of max(y, 2y) is 1, 2 or anything between, as rounding has it: none of them is wrong."""

    @eqx.filter_jit
    def solve(slope):
        jacobian = lambda y, _: lx.MatrixLinearOperator(jnp.diag(jnp.where(y > 0, 2.0, jnp.where(y < 0, 1.0, slope))))
        problem = sp.RootProblem(lambda y, _: jnp.maximum(y, 2 * y), jacobian=jacobian, guess=jnp.zeros(2))
        return sp.solve(problem, method=sp.implicit.Newton(least_steps=1), throw=False)

    for slope in (1.0, 1.4, 2.0):
        assert solve(jnp.asarray(slope)).result == RESULTS.successful
    assert solve(jnp.asarray(5.0)).result == RESULTS.tangent_wrong


@pytest.mark.slow
def test_a_function_that_cannot_be_differentiated_may_have_a_jacobian():
    def host(y, _):
        return jax.pure_callback(lambda y: y**3 - 8, jax.ShapeDtypeStruct((1,), float), y, vmap_method="sequential")

    jacobian = lambda y, _: lx.MatrixLinearOperator(jnp.diag(3 * y**2))
    found = sp.solve(sp.RootProblem(host, jacobian=jacobian, guess=jnp.array([3.0])))
    assert found.value == pytest.approx(2.0) and jnp.isnan(found.certificate.tangent_defect)


def test_no_row_is_small_by_chance():
    """Of J v a row may cancel; its size is what its own number makes of it at least."""
    y = jnp.array([1.0, -2.0, 0.5])
    v = direction(y)
    rows, columns = np.divmod(np.arange(9), 3)
    pattern, places = SparsityPattern.from_entries(rows, columns, 3)
    dense = jnp.eye(3).at[0, 1].set(-v[0] / v[1])
    data = jnp.zeros(9).at[places].set(dense.ravel())
    operator = SparseOperator(pattern, data, jax.ShapeDtypeStruct((3,), y.dtype))
    assert abs(operator.mv(v)[0]) < 1e-15
    np.testing.assert_allclose(row_sizes(operator, y, None), 2.0)
