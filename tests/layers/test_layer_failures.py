"""Every way in which a fixed point, or its gradient, can fail: it has a name, and no plausible number comes back."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import RESULTS, Implicit, Newton, RootProblem
from simphys.implicit import MismatchedTolerances
from simphys.layers import (
    Anderson,
    Broyden,
    Damped,
    FixedPoint,
    branch,
    branch_jump,
    newton_krylov,
    spectral_radius,
)
from simphys.linalg import FGMRES


RNG = np.random.default_rng(0)
W = jnp.asarray(0.9 * np.linalg.qr(RNG.standard_normal((8, 8)))[0])
X = jnp.asarray(RNG.standard_normal(8))
ZERO = jnp.zeros(8)


def network(W, x, method, adjoint=None, throw=False):
    return FixedPoint(lambda z, x: jnp.tanh(W @ z + x), method, adjoint, throw=throw)(x, ZERO)


def refused(method, adjoint=None, W=W):
    """Status of the solve, value and gradient, and the gradient's certificate, without throwing; then that it throws."""

    def loss(W, throw=False):
        solution = network(W, X, method, adjoint, throw)
        return jnp.sum(solution.value**2), solution.result

    (_, result), gradient, certificate = eqx.filter_jit(sp.value_and_grad(loss, has_aux=True))(W)
    assert jnp.all(jnp.isnan(gradient))
    loud = eqx.filter_jit(eqx.filter_grad(lambda W: loss(W, throw=True)[0]))
    with pytest.raises(eqx.EquinoxRuntimeError) as caught:
        jax.block_until_ready(loud(W))
    return result, certificate, str(caught.value)


@pytest.mark.slow
def test_forward_not_converged():
    result, certificate, told = refused(Anderson(rtol=1e-10, max_steps=3))
    assert result == RESULTS.nonlinear_max_steps_reached
    assert certificate.result == RESULTS.not_a_root and certificate.not_roots == 1
    assert "maximum number of steps" in told


@pytest.mark.slow
def test_adjoint_not_converged():
    result, certificate, told = refused(Anderson(), Implicit(FGMRES(max_steps=2), rtol=1e-8))
    assert result == RESULTS.successful
    assert certificate.result == RESULTS.adjoint_failed and certificate.residual > 1e-8
    assert "not solved to its tolerance" in told


@pytest.mark.slow
def test_contraction_lost():
    """In training, W has become a rotation by 1.5: z runs around in circles, and no iteration of the plain kind ends."""
    turned = jnp.kron(jnp.eye(4), jnp.array([[0.0, -1.5], [1.5, 0.0]]))
    result, certificate, told = refused(Damped(), W=turned)
    assert result == RESULTS.contraction_lost and certificate.result == RESULTS.not_a_root
    assert "contracts no longer" in told
    good = network(turned, X, newton_krylov())
    assert good.result == RESULTS.successful
    f = lambda z, x: jnp.tanh(turned @ z + x)
    assert spectral_radius(f, good.value, X) > 1.0 > spectral_radius(lambda z, x: jnp.tanh(W @ z + x), ZERO, X)


@pytest.mark.slow
@pytest.mark.parametrize("guess, wanted", [(1.0, RESULTS.nearly_singular), (0.0, RESULTS.adjoint_failed)])
def test_double_root(guess, wanted):
    """y² = t at t = 0, where dy/dt is infinite: Newton's method ends near 0, with a residual as small as you like."""
    problem = RootProblem(lambda y, t: y**2 - t, guess=jnp.asarray(guess))
    adjoint = Implicit(trust=0.1)
    root = lambda t, **options: sp.solve(problem, args=t, adjoint=adjoint, **options).value
    value, gradient, certificate = sp.value_and_grad(lambda t: root(t, throw=False))(jnp.zeros(()))
    assert abs(value) < 1e-4 and jnp.isnan(gradient)
    assert certificate.result == wanted
    assert jnp.isnan(jax.jvp(lambda t: root(t, throw=False), (jnp.zeros(()),), (jnp.ones(()),))[1])
    with pytest.raises(eqx.EquinoxRuntimeError, match="singular|not solved"):
        eqx.filter_jit(eqx.filter_grad(root))(jnp.zeros(()))
    if guess:
        np.testing.assert_allclose(jax.grad(root)(jnp.asarray(4.0)), 0.25, rtol=1e-9)


@pytest.mark.slow
def test_double_fixed_point():
    """z = z − (z² − t) / 2: a fixed-point layer refuses the gradient at t = 0 by itself."""
    layer = FixedPoint(lambda z, t: z - (z**2 - t) / 2, newton_krylov(), throw=False)
    run = sp.value_and_grad(lambda t: layer(t, jnp.ones(1)).value[0])
    value, gradient, certificate = run(jnp.zeros(1))
    assert abs(value) < 1e-6 and jnp.isnan(gradient[0]) and certificate.result == RESULTS.nearly_singular
    np.testing.assert_allclose(run(jnp.array([0.25]))[1], 1.0, rtol=1e-8)


@pytest.mark.slow
def test_mismatched_tolerances_are_told_with_the_error_they_cost():
    """The estimate is of the order of the true error, whatever the forward tolerance."""
    exact = eqx.filter_grad(lambda W: jnp.sum(network(W, X, Anderson(rtol=1e-13)).value ** 2))(W)
    for rtol in (1e-2, 1e-4):
        run = lambda W: jnp.sum(network(W, X, Damped(rtol=rtol), Implicit(FGMRES(), rtol=1e-10, trust=0.9)).value ** 2)
        with pytest.warns(MismatchedTolerances) as caught:
            _, gradient, certificate = sp.value_and_grad(run)(W)
        messages = [str(w.message) for w in caught]
        assert any("Tighten the method's `rtol`" in m for m in messages)
        assert any(f"estimated relative error of {float(certificate.error):.1e}" in m for m in messages)
        error = float(jnp.linalg.norm(gradient - exact) / jnp.linalg.norm(exact))
        assert error / 5 < certificate.error < 20 * error
        assert certificate.residual < 1e-9 and certificate.result == RESULTS.successful


@pytest.mark.slow
def test_tolerances_that_fit_are_not_warned_about():
    """Warnings are errors here."""
    _, _, certificate = sp.value_and_grad(lambda W: jnp.sum(network(W, X, Anderson(rtol=1e-6)).value))(W)
    assert certificate.mismatched == 0 and 0 < certificate.error < 1e-4


# -u'' = λ exp(u), u = 0 at both ends: two solutions below λ = 3.513830719, none above (Bratu; U. Ascher, R. Mattheij,
# R. Russell, Numerical Solution of Boundary Value Problems, SIAM 1995, example 3.4).
FOLD = 3.513830719
CELLS = 40
GRID = jnp.linspace(0.0, 1.0, CELLS + 1)[1:-1]
LAPLACE = CELLS**2 * (2 * np.eye(CELLS - 1) - np.eye(CELLS - 1, k=1) - np.eye(CELLS - 1, k=-1))
GREEN = jnp.asarray(np.linalg.inv(LAPLACE))
# Each method, and what it calls the absence of a solution.
BRATU = {
    "damped": (Damped(), RESULTS.diverged),
    "anderson": (Anderson(), RESULTS.diverged),
    "broyden": (Broyden(), RESULTS.contraction_lost),
    "newton_krylov": (newton_krylov(), RESULTS.line_search_failed),
    "newton": (Newton(), RESULTS.line_search_failed),
}


def bratu(strength, method, throw=False):
    f = lambda u, strength: strength * GREEN @ jnp.exp(u)
    return FixedPoint(f, method, throw=throw)(strength, jnp.zeros(CELLS - 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", BRATU)
def test_no_solution_beyond_the_fold(name):
    method, status = BRATU[name]
    mean = lambda s: (lambda solution: (jnp.mean(solution.value), solution))(bratu(s, method))
    run = eqx.filter_jit(jax.grad(mean, has_aux=True))
    gradient, solution = run(jnp.asarray(1.05 * FOLD))
    assert solution.result == status
    assert not solution.certificate.converged
    assert jnp.isnan(gradient)
    if name == "damped":
        with pytest.raises(sp.NotConverged):
            bratu(jnp.asarray(1.05 * FOLD), method, throw=True)
    _, below = run(jnp.asarray(3.0))
    # θ = √(2λ) cosh(θ/4), u(½) = 2 ln cosh(θ/4): on the lower branch.
    theta = 3.0
    for _ in range(50):
        theta = np.sqrt(6.0) * np.cosh(theta / 4)
    np.testing.assert_allclose(jnp.max(below.value), 2 * np.log(np.cosh(theta / 4)), rtol=1e-3)


def test_branches_of_bratu_are_told_apart():
    """det J changes its sign at the fold, and J is nearly singular there."""
    problem = RootProblem(lambda u, s: jnp.asarray(LAPLACE) @ u - s * jnp.exp(u))
    strength = jnp.asarray(3.0)
    low = sp.solve(problem, jnp.zeros(CELLS - 1), strength).value
    high = sp.solve(problem, 4.0 * jnp.sin(jnp.pi * GRID), strength).value
    assert jnp.max(high) > 2 * jnp.max(low)
    assert branch(problem, low, strength).orientation == 1 and branch(problem, high, strength).orientation == -1
    near = sp.solve(problem, low, jnp.asarray(3.51)).value
    assert branch(problem, near, jnp.asarray(3.51)).conditioning < 0.2 * branch(problem, low, strength).conditioning
    with pytest.raises(ValueError, match="at most 2,000"):
        branch(problem, jnp.zeros(2_001), strength)


# z = tanh(2 z + b): three solutions for |b| < 0.533, one beyond.
BISTABLE = RootProblem(lambda z, b: z - jnp.tanh(2 * z + b))


def test_all_solutions_of_a_bistable_cell():
    b = jnp.array([0.1])
    found = [sp.solve(BISTABLE, jnp.array([g]), b).value for g in (-1.0, -0.1, 1.0)]
    assert [int(branch(BISTABLE, z, b).orientation) for z in found] == [1, -1, 1]
    assert found[0] < -0.8 < found[1] < 0 < 0.8 < found[2]


@pytest.mark.slow
def test_a_jump_between_branches_is_noticed_when_it_happens():
    """b falls through the fold at −0.533; warm starts follow the upper branch as long as it exists."""
    path = np.linspace(0.2, -0.8, 41)
    fold = -(2 * np.sqrt(0.5) - np.arctanh(np.sqrt(0.5)))
    layer = FixedPoint(lambda z, b: jnp.tanh(2 * z + b), Damped(max_steps=5_000, patience=5_000))
    z, jumps = jnp.array([0.9]), []
    for before, after in itertools.pairwise(path):
        z_after = layer(jnp.array([after]), z).value
        if before < 0.2:
            found = branch_jump(BISTABLE, z, BISTABLE, z_after, jnp.array([before]), jnp.array([after]))
            jumps += [(before, after)] if found.jumped else []
        z = z_after
    assert len(jumps) == 1
    assert jumps[0][0] > fold > jumps[0][1]


def test_the_defect_of_a_smooth_step_is_of_second_order():
    problem, b = BISTABLE, jnp.array([0.2])
    start = sp.solve(problem, jnp.array([0.9]), b).value
    defects = []
    for h in (0.1, 0.05, 0.025):
        end = sp.solve(problem, start, b - h).value
        found = branch_jump(problem, start, problem, end, b, b - h)
        assert not found.jumped
        defects.append(float(found.defect))
    assert np.all(np.log2(np.divide(defects[:-1], defects[1:])) > 1.7)
    other = sp.solve(problem, jnp.array([-1.0]), b).value
    assert branch_jump(problem, start, problem, other, b, b - 0.025).jumped
    assert not branch_jump(problem, start, problem, start, b, b).jumped
