"""What solves and gradients say about themselves, and that it is true."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _problems import CASES, THETA

import simphys as sp
from simphys import RESULTS, Implicit, Newton, RootProblem
from simphys.fem import Dirichlet, FunctionSpace, rectangle
from simphys.implicit import relative_norm
from simphys.linalg import ConjugateGradients
from simphys.materials import IsotropicConduction
from simphys.physics import Heat, Source


DENSE, MESH = CASES["dense"], CASES["mesh"]


@pytest.mark.breadth
@pytest.mark.parametrize("name, rtol", [("dense", 1e-11), ("two fields", 1e-3), ("mesh", 1e-11)])
def test_residual_is_that_of_the_value_returned(name, rtol):
    problem = CASES[name].problem(THETA)
    solution = sp.solve(problem, method=Newton(rtol=rtol))
    y = problem.unknowns(solution.value)
    at = problem.evaluate(y, None)
    found, told = relative_norm(at.residual, at.scale), solution.certificate.residual
    # Rounding of a small residual aside.
    np.testing.assert_allclose(told, found, rtol=1e-3, atol=1e-13)
    assert told <= rtol == float(solution.certificate.tolerance)
    history = solution.certificate.history
    steps = int(solution.stats.newton_steps)
    np.testing.assert_allclose(history[steps], told, rtol=1e-3, atol=1e-14)
    assert jnp.all(jnp.isnan(history[steps + 1 :]))


def plate(k=1.0):
    """Constant conductivity: a symmetric positive definite sparse tangent with 60 unknowns."""
    space = FunctionSpace(rectangle((10, 5), (2.0, 1.0)))
    return Heat(space, IsotropicConduction(k=k), [Dirichlet("left", 0.0)], [Source(1.0)])


PLATE = plate()


def plate_loss(source, scale=1.0, **options):
    heat = eqx.tree_at(lambda h: h.loads[0].value, PLATE, source)
    return scale * jnp.sum(sp.solve(heat, **options).value ** 2)


SOURCE = jnp.asarray(2.0)


@pytest.mark.slow
def test_loose_adjoint_is_caught():
    solver = ConjugateGradients(rtol=1e-2)
    options = dict(adjoint=Implicit(solver), throw=False)
    run = eqx.filter_jit(sp.value_and_grad(lambda s: plate_loss(s, **options)))
    value, gradient, certificate = run(SOURCE)
    assert jnp.isfinite(value) and jnp.isnan(gradient)
    assert certificate.result == RESULTS.adjoint_failed
    assert certificate.solves == certificate.failures == 1 and certificate.not_roots == 0
    assert certificate.residual > 1e-8
    with pytest.raises(eqx.EquinoxRuntimeError, match="adjoint"):
        loud = eqx.filter_jit(eqx.filter_grad(lambda s: plate_loss(s, adjoint=Implicit(solver))))
        jax.block_until_ready(loud(SOURCE))


@functools.cache
def plate_gradient():
    """The gradient by a direct solver, compiled, and its report."""
    return eqx.filter_jit(sp.value_and_grad(plate_loss))


@pytest.mark.slow
@pytest.mark.parametrize(
    "solver", [ConjugateGradients(rtol=1e-11), lx.GMRES(1e-11, 0.0, restart=60)], ids=["CG", "GMRES"]
)
def test_tight_iterative_adjoint_and_its_report(solver):
    """As by the direct solver; and a loss times a tiny number has that times the gradient."""
    adjoint = Implicit(solver)
    run = eqx.filter_jit(sp.value_and_grad(lambda s, scale: plate_loss(s, scale, adjoint=adjoint)))
    _, gradient, certificate = run(SOURCE, jnp.asarray(1.0))
    np.testing.assert_allclose(gradient, plate_gradient()(SOURCE, jnp.asarray(1.0))[1], rtol=1e-9)
    assert certificate.result == RESULTS.successful
    assert 0 < certificate.residual < 1e-8 and certificate.linear_steps > 0
    for scale in (1e-8, 1e-60, 1e30):
        for each in (run, plate_gradient()):
            unit = each(SOURCE, jnp.asarray(1.0))[1]
            np.testing.assert_allclose(each(SOURCE, jnp.asarray(scale))[1], scale * unit, rtol=1e-12)


@pytest.mark.slow
def test_a_tolerance_that_is_asked_for_is_kept_to():
    run = eqx.filter_jit(
        sp.value_and_grad(lambda s: plate_loss(s, adjoint=Implicit(ConjugateGradients(1e-3), rtol=1e-2)))
    )
    _, gradient, certificate = run(SOURCE)
    _, reference, direct = plate_gradient()(SOURCE, jnp.asarray(1.0))
    np.testing.assert_allclose(gradient, reference, rtol=1e-2)
    assert certificate.result == RESULTS.successful and certificate.residual > 1e-5
    # The factor of Newton's last step serves the adjoint.
    assert direct.solves == 1 and direct.factorisations == 0


@pytest.mark.slow
def test_forward_effect_predicts_the_error_of_a_loose_solve():
    """f(y) − f(y*) ≈ λᵀF(y) for the loss f, to first order in the error."""
    exact = MESH.loss(THETA, method=Newton(rtol=1e-13))
    run = eqx.filter_jit(sp.value_and_grad(lambda t: MESH.loss(t, method=Newton(rtol=1e-2))))
    value, _, certificate = run(THETA)
    error = value - exact
    assert abs(error) > 1e-6
    np.testing.assert_allclose(certificate.forward_effect, error, rtol=0.05)


@pytest.mark.slow
def test_reports_of_several_solves_add_up():
    def f(theta):
        return DENSE.loss(theta) + DENSE.loss(2 * theta) + MESH.loss(theta)

    _, _, certificate = eqx.filter_jit(sp.value_and_grad(f))(THETA)
    assert certificate.solves == 3 and certificate.failures == 0
    assert certificate.residual < 1e-8


@pytest.mark.slow
def test_solves_inside_jit_are_checked_though_not_reported():
    bad = Implicit(ConjugateGradients(max_steps=3))
    f = lambda s, adjoint: jax.jit(lambda s: plate_loss(s, adjoint=adjoint, throw=False))(s)
    _, gradient, certificate = sp.value_and_grad(lambda s: f(s, bad))(SOURCE)
    assert jnp.isnan(gradient) and certificate.solves == 0
    _, gradient, certificate = eqx.filter_jit(sp.value_and_grad(lambda s: f(s, Implicit())))(SOURCE)
    np.testing.assert_allclose(gradient, plate_gradient()(SOURCE, jnp.asarray(1.0))[1], rtol=1e-9)
    assert certificate.solves == 0


@pytest.mark.slow
def test_a_compiled_function_keeps_no_stale_probe():
    """The same jitted loss within and outside `value_and_grad`, in any order, any number of times."""
    inner = jax.jit(DENSE.loss)
    outer = sp.value_and_grad(lambda t: inner(t) + DENSE.loss(t))
    compiled = eqx.filter_jit(outer)
    expected = 2 * jax.grad(inner)(THETA)
    for _ in range(2):
        for run in (outer, compiled):
            _, gradient, certificate = run(THETA)
            np.testing.assert_allclose(gradient, expected, rtol=1e-9)
            assert certificate.solves == 1
        np.testing.assert_allclose(jax.grad(inner)(THETA), expected / 2, rtol=1e-9)
        inner(2 * THETA)


@pytest.mark.slow
def test_probe_passed_on_by_hand_reports_from_within_vmap():
    def f(theta_and_probe):
        theta, probe = theta_and_probe
        return jnp.sum(jax.vmap(lambda s: DENSE.loss(s * theta, probe=probe))(jnp.array([0.5, 1.0, 1.5])))

    _, report = jax.jit(jax.grad(f))((THETA, jnp.zeros(10)))
    certificate = sp.implicit._certificate.adjoint_certificate(report)
    assert certificate.solves == 3 and certificate.result == RESULTS.successful


def test_gradient_that_does_not_depend_on_the_solution():
    _, gradient, certificate = sp.value_and_grad(lambda t: jnp.sum(t**2) + 0 * DENSE.loss(t))(THETA)
    np.testing.assert_allclose(gradient, 2 * THETA)
    assert certificate.solves == 0 and certificate.result == RESULTS.successful


SKEWED = jnp.array([[2.0, 1.0, 0.0], [-0.7, 3.0, 0.5], [0.3, 0.0, 1.5]])


def wrong_tag(theta, skewed=SKEWED, **options):
    """An unsymmetric matrix that is said to be symmetric: its solution is right, its adjoint would not be."""
    jacobian = lambda y, _: lx.MatrixLinearOperator(skewed, lx.symmetric_tag)
    problem = RootProblem(lambda y, t: skewed @ y - t, jacobian=jacobian, guess=jnp.zeros(3))
    return jnp.sum(jnp.arange(1.0, 4.0) * sp.solve(problem, args=theta, **options).value)


NEARLY = (SKEWED + SKEWED.T) / 2 + 1e-7 * (SKEWED - SKEWED.T)


@pytest.mark.breadth
@pytest.mark.parametrize(
    "solver, skewed",
    [(lx.LU(), NEARLY), (lx.GMRES(1e-10, 1e-10), SKEWED)],
    ids=["nearly symmetric", "unsymmetric"],
)
def test_wrong_symmetric_tag_is_caught(solver, skewed):
    method = Newton(linear_solver=solver)
    options = dict(adjoint=Implicit(solver), method=method, throw=False, skewed=skewed)
    _, gradient, certificate = eqx.filter_jit(sp.value_and_grad(lambda t: wrong_tag(t, **options)))(THETA)
    assert jnp.all(jnp.isnan(gradient))
    assert certificate.result == RESULTS.adjoint_failed


@pytest.mark.slow
def test_symmetry_defect():
    rng, symmetry_defect = np.random.default_rng(0), eqx.filter_jit(sp.implicit.symmetry_defect)
    A = jnp.asarray(rng.standard_normal((50, 50)))
    assert symmetry_defect(lx.MatrixLinearOperator(A)) > 1e-3
    assert symmetry_defect(lx.MatrixLinearOperator(A + A.T)) < 1e-14
    # Its size is that of the asymmetry, for any seed, in any units.
    skew = (A - A.T) / jnp.linalg.norm(A)
    for seed in range(2):
        for unit in (1e-12, 1.0, 1e12):
            slightly = unit * (A + A.T + 1e-4 * skew)
            assert 1e-8 < symmetry_defect(lx.MatrixLinearOperator(slightly), seed) < 1e-4
    for name, symmetric in (("dense", False), ("two fields", False), ("mesh", False)):
        problem = CASES[name].problem(THETA)
        y = jax.tree.map(lambda x: x + jnp.sin(jnp.arange(float(x.size))).reshape(x.shape), problem.unknowns(None))
        assert (symmetry_defect(problem.jacobian(y, None)) < 1e-12) == symmetric
    assert symmetry_defect(PLATE.jacobian(PLATE.unknowns(None))) < 1e-14
