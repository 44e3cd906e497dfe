"""Fixed points: what they are, at what rate they are found, what their derivatives are, and how a search for one ends."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import RESULTS, Implicit, NotConverged, OneStep, Unrolled
from simphys.implicit import relative_norm
from simphys.layers import (
    Anderson,
    Broyden,
    Damped,
    FixedPoint,
    FixedPointProblem,
    Iterated,
    Relaxation,
    newton_krylov,
)


METHODS = {"damped": Damped, "anderson": Anderson, "broyden": Broyden, "newton_krylov": newton_krylov}
RNG = np.random.default_rng(0)
N = 6


def matrix(radius, seed=1):
    A = np.random.default_rng(seed).standard_normal((N, N))
    return jnp.asarray(A * radius / np.max(np.abs(np.linalg.eigvals(A))))


class Affine(eqx.Module):
    """f(z, x) = A z + x, its fixed point (1 − A)⁻¹ x."""

    A: jax.Array

    def __call__(self, z, x):
        return self.A @ z + x


class Wave(eqx.Module):
    """Two leaves of different shapes that drive each other: a = ½ sin(W b) + x, b = ½ cos(a) as a square."""

    W: jax.Array

    def __call__(self, z, x):
        return dict(a=0.5 * jnp.sin(self.W @ z["b"].ravel()) + x, b=0.5 * jnp.cos(z["a"]).reshape(2, 2))


X = jnp.asarray(RNG.standard_normal(N))
WAVE = Wave(jnp.asarray(0.3 * RNG.standard_normal((4, 4))))
WAVE_X, WAVE_Z = jnp.asarray(RNG.standard_normal(4)), dict(a=jnp.zeros(4), b=jnp.zeros((2, 2)))


def test_affine_map_has_its_closed_form():
    """By Newton's method; the other methods' are below."""
    f = Affine(matrix(0.7))
    solution = FixedPoint(f, newton_krylov(rtol=1e-12))(X, jnp.zeros(N))
    np.testing.assert_allclose(solution.value, jnp.linalg.solve(jnp.eye(N) - f.A, X), rtol=1e-10)
    assert solution.result == RESULTS.successful and solution.certificate.converged


@pytest.mark.breadth
@pytest.mark.parametrize(
    "name, rtol", [("anderson", 1e-10), ("damped", 1e-3), ("broyden", 1e-3), ("newton_krylov", 1e-10)]
)
def test_certificate_is_of_the_point_returned(name, rtol):
    problem = FixedPointProblem(WAVE, WAVE_Z)
    solution = sp.solve(problem, args=WAVE_X, method=METHODS[name](rtol=rtol))
    at = problem.evaluate(solution.value, WAVE_X)
    np.testing.assert_allclose(solution.certificate.residual, relative_norm(at.residual, at.scale), rtol=1e-3)
    assert solution.certificate.residual <= rtol == float(solution.certificate.tolerance)
    history = np.asarray(solution.certificate.history)
    history = history[~np.isnan(history)]
    np.testing.assert_allclose(history[-1], solution.certificate.residual, rtol=1e-3)
    assert history[0] > history[-1]


def test_plain_iteration_contracts_by_the_spectral_radius():
    f = Affine(jnp.diag(jnp.array([0.8, 0.3, -0.5, 0.1, 0.0, 0.2])))
    solution = FixedPoint(f, Damped(rtol=1e-12))(X, jnp.zeros(N))
    np.testing.assert_allclose(solution.value, jnp.linalg.solve(jnp.eye(N) - f.A, X), rtol=1e-10)
    history = solution.certificate.history
    np.testing.assert_allclose(history[40:60] / history[39:59], 0.8, rtol=1e-3)


def test_relaxation_tames_a_negative_eigenvalue():
    """−2 is turned to −½ by β = ½; without, the iteration runs away."""
    f = Affine(jnp.diag(jnp.array([-2.0, 0.3, -0.5, 0.1, 0.0, 0.2])))
    history = FixedPoint(f, Damped(rtol=1e-12, relaxation=0.5))(X, jnp.zeros(N)).certificate.history
    slowest = 0.5 + 0.5 * 0.3
    np.testing.assert_allclose(history[45:55] / history[44:54], slowest, rtol=1e-2)
    failed = FixedPoint(f, Damped(), throw=False)(X, jnp.zeros(N))
    assert failed.result == RESULTS.diverged and not failed.certificate.converged


def test_anderson_does_what_gmres_does_on_an_affine_map():
    """With as many differences as unknowns it ends after one step more, whatever the spectral radius."""
    f = Affine(matrix(3.0))
    solution = FixedPoint(f, Anderson(rtol=1e-10, memory=N))(X, jnp.zeros(N))
    assert solution.stats.newton_steps <= N + 2
    np.testing.assert_allclose(solution.value, jnp.linalg.solve(jnp.eye(N) - f.A, X), rtol=1e-8)


def test_broyden_ends_within_twice_the_unknowns_on_an_affine_map():
    f = Affine(matrix(3.0))
    solution = FixedPoint(f, Broyden(rtol=1e-10, memory=3 * N))(X, jnp.zeros(N))
    assert solution.stats.newton_steps <= 2 * N + 3
    np.testing.assert_allclose(solution.value, jnp.linalg.solve(jnp.eye(N) - f.A, X), rtol=1e-8)


@pytest.mark.slow
def test_acceleration_near_a_radius_of_one():
    """Plain iteration takes about ln 1e-8 / ln 0.99 = 1,800 steps; with 10 differences a tenth of it and less."""
    n = 200
    f = Affine(jnp.diag(jnp.linspace(-0.99, 0.99, n)))
    x = jnp.asarray(np.random.default_rng(3).standard_normal(n))
    steps = {}
    for method in (Damped(max_steps=3_000), Anderson(), Anderson(memory=40), Broyden(memory=60)):
        solution = FixedPoint(f, method)(x, jnp.zeros(n))
        np.testing.assert_allclose(solution.value, x / (1 - jnp.diagonal(f.A)), rtol=1e-4)
        steps[f"{type(method).__name__}{getattr(method, 'memory', '')}"] = int(solution.stats.newton_steps)
    assert 1_000 < steps["Damped"] < 2_000
    assert max(steps["Anderson10"], steps["Broyden60"]) < 250 and steps["Anderson40"] < 150


def test_anderson_steps_though_rounding_leaves_products_of_no_columns():
    """Products of nearly parallel differences, kept up to date in float32, need not be definite: no NaN comes of that."""
    gram = jnp.array([[1.0, 1.001, 0.0], [1.001, 1.0, 0.0], [0.0, 0.0, 0.0]], jnp.float32)
    found = Anderson(memory=3)._coefficients(gram, jnp.array([1.0, 1.0, 0.0], jnp.float32))
    assert jnp.all(jnp.isfinite(found)) and float(jnp.sum(found)) == pytest.approx(1.0, abs=2e-3)


def test_anderson_regularises_differences_that_vanish():
    """A map of one dimension leaves differences that are multiples of each other."""
    f = lambda z, x: 0.5 * z + x
    solution = FixedPoint(f, Anderson(rtol=1e-12, memory=30))(jnp.ones(5), jnp.zeros(5))
    np.testing.assert_allclose(solution.value, 2.0, rtol=1e-11)


def loss(f, x, method, adjoint):
    z = FixedPoint(f, method, adjoint)(x, WAVE_Z).value
    return jnp.sum(jnp.arange(1.0, 5.0) * z["a"] ** 2) + jnp.sum(z["b"] ** 3)


PAIRS = {
    "implicit": (Anderson, None),
    "own solver": (Broyden, Implicit(Iterated(Damped(rtol=1e-11)), rtol=1e-10)),
    "unrolled": (Anderson, Unrolled()),
}


@pytest.mark.slow
@pytest.mark.parametrize("method, policy", PAIRS.values(), ids=PAIRS)
def test_derivative_agrees_with_finite_differences(method, policy):
    both = jax.jit(jax.value_and_grad(lambda p: loss(*p, method(rtol=1e-11), policy)))
    _, gradient = both((WAVE, WAVE_X))
    way = (Wave(jnp.asarray(RNG.standard_normal((4, 4)))), jnp.asarray(RNG.standard_normal(4)))
    ends = [both(jax.tree.map(lambda a, d: a + h * d, (WAVE, WAVE_X), way))[0] for h in (-1e-5, 1e-5)]
    slope = sum(float(jnp.vdot(g, d)) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(way)))
    np.testing.assert_allclose(slope, (ends[1] - ends[0]) / 2e-5, rtol=2e-8)


@pytest.mark.slow
def test_forward_mode_and_second_derivatives():
    """Along a way: the slope by forward mode, and its gradient; both against differences."""
    f = lambda p: loss(Wave(p[:16].reshape(4, 4)), p[16:], Anderson(rtol=1e-12), None)
    p = jnp.concatenate([WAVE.W.ravel(), WAVE_X])
    way = jnp.asarray(RNG.standard_normal(p.size))
    all_of = jax.jit(jax.value_and_grad(lambda p: jax.jvp(f, (p,), (way,))[::-1], has_aux=True))
    (slope, _), rate = all_of(p)
    ahead, behind = (all_of(p + h * way)[0] for h in (1e-5, -1e-5))
    np.testing.assert_allclose(slope, (ahead[1] - behind[1]) / 2e-5, rtol=2e-8)
    np.testing.assert_allclose(rate @ way, (ahead[0] - behind[0]) / 2e-5, rtol=1e-6)


@pytest.mark.slow
def test_phantom_gradient_is_off_by_the_contraction_of_its_steps():
    """z = ρ z + θ: k steps give (1 − ρᵏ) / (1 − ρ) for 1 / (1 − ρ)."""
    rho = 0.6
    for k in (1, 4):
        adjoint = OneStep(k, linear_solver=Relaxation())
        layer = lambda t: FixedPoint(lambda z, x: rho * z + x, Damped(), adjoint)(t, jnp.zeros(1)).value[0]
        np.testing.assert_allclose(jax.jit(jax.grad(layer))(jnp.ones(1)), (1 - rho**k) / (1 - rho), rtol=1e-12)


@pytest.mark.slow
def test_values_that_a_function_closes_over_are_parameters():
    def f(theta):
        z = FixedPoint(lambda z, _: jnp.cos(theta * z), Anderson(rtol=1e-12))(None, jnp.zeros(2)).value
        return jnp.sum(z), z

    theta = jnp.array([0.5, 0.8])
    slope, z = jax.jit(jax.grad(f, has_aux=True))(theta)
    s = jnp.sin(theta * z)
    np.testing.assert_allclose(slope, -z * s / (1 + theta * s), rtol=1e-9)


def test_a_guess_near_by_saves_steps_and_changes_nothing():
    layer, moved = FixedPoint(WAVE), FixedPoint(Wave(WAVE.W * 1.001))
    first = layer(WAVE_X, WAVE_Z)
    cold, warm = moved(WAVE_X, WAVE_Z), moved(WAVE_X, first.value)
    assert warm.stats.newton_steps <= cold.stats.newton_steps - 3
    np.testing.assert_allclose(warm.value["a"], cold.value["a"], rtol=1e-6)
    at_root = layer(WAVE_X, first.value)
    assert at_root.stats.newton_steps == 1


@pytest.mark.slow
def test_batches_together_and_each_for_itself():
    x = jnp.asarray(RNG.standard_normal((5, N)))
    f = Affine(matrix(0.7))
    together = FixedPoint(f, batched=True)(x, jnp.zeros((5, N)))
    apart = jax.vmap(FixedPoint(f))(x, jnp.zeros((5, N)))
    expected = jnp.linalg.solve(jnp.eye(N) - f.A, x.T).T
    np.testing.assert_allclose(together.value, expected, rtol=1e-6)
    np.testing.assert_allclose(apart.value, expected, rtol=1e-6)
    assert together.certificate.residual.shape == () and apart.certificate.residual.shape == (5,)


def test_each_lane_of_vmap_has_its_own_status_and_gradient():
    f = lambda z, x: x * z + 1.0
    layer = FixedPoint(f, Damped(), throw=False)
    x = jnp.array([[0.5], [3.0], [-0.2]])
    solution = jax.vmap(layer)(x, jnp.zeros((3, 1)))
    assert list(np.asarray(solution.certificate.converged)) == [True, False, True]
    assert list(np.asarray(solution.result == RESULTS.diverged)) == [False, True, False]
    gradient = jax.grad(lambda x: jnp.sum(jax.vmap(layer)(x, jnp.zeros((3, 1))).value))(x)
    np.testing.assert_allclose(gradient[:, 0], [4.0, jnp.nan, 1 / 1.44], rtol=1e-6)


@pytest.mark.slow
def test_single_precision():
    f, x = Affine(matrix(0.7).astype(jnp.float32)), X.astype(jnp.float32)
    for method in (Broyden(), newton_krylov()):
        run = lambda x, method=method: jnp.sum(FixedPoint(f, method)(x, jnp.zeros(N, jnp.float32)).value)
        value, gradient = jax.jit(jax.value_and_grad(run))(x)
        inverse = jnp.linalg.inv(jnp.eye(N) - f.A.astype(float))
        np.testing.assert_allclose(value, jnp.sum(inverse @ X), rtol=2e-3)
        np.testing.assert_allclose(gradient, jnp.sum(inverse, axis=0), rtol=5e-3)
        assert gradient.dtype == jnp.float32


def test_as_tight_as_single_precision_allows():
    """The adjoint's own solver, which is held to half of the forward tolerance, asks for no more than there is."""
    f, x = Affine(matrix(0.5).astype(jnp.float32)), X.astype(jnp.float32)
    run = lambda x: jnp.sum(FixedPoint(f, Anderson(rtol=8e-6))(x, jnp.zeros(N, jnp.float32)).value)
    expected = jnp.sum(jnp.linalg.inv(jnp.eye(N) - f.A.astype(float)), axis=0)
    np.testing.assert_allclose(jax.grad(run)(x), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["anderson", "broyden"])
def test_any_root_problem_may_be_iterated(name):
    """The methods are for root problems, not only for those that fixed points make."""
    problem = sp.RootProblem(lambda y, a: y - jnp.cos(a * y), guess=jnp.zeros(1))
    solution = sp.solve(problem, args=jnp.ones(1), method=METHODS[name](rtol=1e-12))
    np.testing.assert_allclose(solution.value, 0.7390851332151607, rtol=1e-11)  # Dottie's number


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: Anderson(memory=0), "`memory` must be 1 or more"),
        (lambda: Damped(relaxation=0.0), "`relaxation` must lie in"),
        (lambda: FixedPoint(lambda z, x: z[:-1])(X, X), "must have the structure, shapes and types of z"),
        (lambda: FixedPoint(lambda z, x: z)(X), "needs a `guess`"),
        (lambda: FixedPoint(lambda z, x: z, Anderson(rtol=1e-18))(X, X), "out of reach in float64"),
    ],
)
def test_misuse_is_told_at_once(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_failure_raises_with_what_was_reached():
    with pytest.raises(NotConverged, match="grows without bound") as caught:
        FixedPoint(lambda z, x: 3 * z + x, Damped())(X, jnp.zeros(N))
    assert caught.value.solution.result == RESULTS.diverged


@pytest.mark.breadth
@pytest.mark.parametrize("method", [Anderson(), Broyden()], ids=lambda m: type(m).__name__)
def test_small_numbers_beside_large_ones(method):
    """z₀ = C, z₁ = cos z₁: all together are converged at once, at C = 1e9 with z₁ off by .24 before; one leaf, and two."""
    array = FixedPoint(lambda z, C: jnp.stack([0.5 * z[0] + 0.5 * C, jnp.cos(z[1])]), method)
    leaves = FixedPoint(lambda z, C: dict(a=0.5 * z["a"] + 0.5 * C, b=jnp.cos(z["b"])), method)
    exact = 0.7390851332151607

    @jax.jit
    def both(C):
        apart = leaves(C, dict(a=C, b=jnp.asarray(0.5))).value["b"]
        return array(C, jnp.stack([C, 0.5])).value[1], apart

    for C in (1e3, 1e6, 1e9):
        together, apart = both(jnp.asarray(C))
        assert abs(together - exact) < 1e-4 and abs(apart - exact) < 2e-8
