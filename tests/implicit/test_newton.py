"""Globalised Newton: where it gets to, at what order, and every way in which it ends."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import optimistix as optx
import pytest
from _manufactured import newton_step

import simphys as sp
from simphys import RESULTS, Newton, NotConverged, RootProblem
from simphys.implicit import AbstractRootProblem, Evaluated


def scalar(function, guess, **options):
    return RootProblem(function, guess=jnp.asarray(guess), **options)


def test_arctangent_from_afar():
    """Plain Newton diverges from beyond 1.39."""
    solved = eqx.filter_jit(lambda guess: sp.solve(scalar(lambda y, _: jnp.arctan(y - 0.25), guess)))
    for guess in (2.0, 20.0, -1e3):
        solution = solved(jnp.asarray(guess))
        np.testing.assert_allclose(solution.value, 0.25, atol=1e-8)
        assert solution.stats.newton_steps < 30


def test_quadratic_convergence():
    solution = sp.solve(scalar(lambda y, _: y**3 - 2 * y - 5, 2.5), method=Newton(rtol=2e-14))
    history = solution.certificate.history
    history = np.asarray(history[~np.isnan(history)])
    assert len(history) >= 4
    assert np.all(history[1:4] < 2 * history[:3] ** 2)
    np.testing.assert_allclose(solution.value, 2.0945514815423265, rtol=1e-15)  # Wallis 1685


def test_energy_guards_the_step():
    """Φ = √(1 + y²): a full Newton step leads from y to −y³."""
    energy = lambda y, _: jnp.sqrt(1 + y**2)
    force = lambda y, _: y / jnp.sqrt(1 + y**2)
    solved = jax.jit(lambda guess: sp.solve(scalar(force, guess, energy=energy)).value)
    for guess in (2.0, 20.0):
        np.testing.assert_allclose(solved(guess), 0.0, atol=1e-8)


def test_energy_never_rises_along_accepted_points():
    """Rosenbrock's valley, stationary point by Newton with its energy as guard."""
    energy = lambda y, _: 100 * (y[1] - y[0] ** 2) ** 2 + (1 - y[0]) ** 2
    force = lambda y, _: jax.grad(energy)(y, None)
    problem = RootProblem(force, energy=energy, guess=jnp.array([-1.2, 1.0]), tags=lx.symmetric_tag)
    np.testing.assert_allclose(sp.solve(problem).value, [1, 1], rtol=1e-8)


class Loaded(AbstractRootProblem):
    """law(y) = load, from y = 0 without load."""

    load: jax.Array
    law: callable = eqx.field(static=True)
    linear = False

    def residual(self, y, args):
        return self.law(y) - self.load

    def jacobian(self, y, args):
        return lx.JacobianLinearOperator(self.residual, y, args)

    def evaluate(self, y, args):
        residual = self.residual(y, args)
        return Evaluated(residual, jnp.ones(()), None)

    def unknowns(self, guess):
        return jnp.zeros(()) if guess is None else guess

    def value(self, y):
        return y

    def unloaded(self):
        return Loaded(jnp.zeros_like(self.load), self.law)


def test_small_strains_in_single_precision(load=-1e-3):
    """The energy of a strain of 1e-3 is rounding in float32, the stresses are not: a step that they praise is taken."""
    square = sp.fem.rectangle((4, 2), (2.0, 1.0))
    mesh = sp.fem.Mesh(
        square.points.astype(jnp.float32), square.cells, square.cell_type, facet_groups=square.facet_groups
    )
    space = sp.fem.FunctionSpace(mesh, components=2)
    law = sp.materials.PlaneStrain(sp.materials.MooneyRivlin(c10=0.5, c01=0.1, kappa=4.0))
    pull = sp.physics.Traction("right", jnp.array([0.0, load], jnp.float32))
    solution = sp.solve(sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], [pull]))
    assert solution.value.dtype == jnp.float32 and int(solution.stats.newton_steps) <= 4
    linear = sp.materials.PlaneStrain(
        sp.materials.LinearElastic(E=9 * 4.0 * 1.2 / (3 * 4.0 + 1.2), nu=(12 - 2.4) / (24 + 2.4))
    )
    small = newton_step(sp.physics.Solid(space, linear, [sp.fem.Dirichlet("left", 0.0)], [pull]))
    np.testing.assert_allclose(solution.value, small, atol=0.02 * float(jnp.abs(small).max()))


def soft(y):
    return y * jnp.exp(-y)


def test_load_path_follows_a_stiffening_law():
    """sinh has slope 1 at rest and 1e4 at the end: one full step from rest overflows."""
    solution = sp.solve(Loaded(jnp.array(1e4), jnp.sinh), method=Newton(smallest_increment=1e-5))
    np.testing.assert_allclose(solution.value, np.arcsinh(1e4), rtol=1e-8)
    assert solution.certificate.load_factor == 1


def test_load_path_ends_at_the_limit_point():
    """y e^−y has its largest value 1/e at y = 1; beyond it there is no equilibrium."""
    solution = sp.solve(Loaded(jnp.array(1.0), soft), throw=False)
    assert solution.result == RESULTS.load_limit
    factor = solution.certificate.load_factor
    np.testing.assert_allclose(factor, np.exp(-1), atol=2e-3)
    assert factor < np.exp(-1)
    # What was reached is an equilibrium at the factor reached, and the certificate speaks of that.
    np.testing.assert_allclose(soft(solution.reached), factor, rtol=1e-5)
    assert jnp.isnan(solution.value)
    assert solution.certificate.residual < 1e-5 and not solution.certificate.converged
    np.testing.assert_allclose(sp.solve(Loaded(jnp.array(0.36), soft)).value, 0.8060843159708178, rtol=1e-8)


def staircase(y, args):
    """A residual that rounding makes coarse."""
    return jnp.round(y * 1e5) / 1e5 - args + 0.4e-5


def unit(y, args):
    return lx.DiagonalLinearOperator(jnp.ones_like(y))


FAILURES = {
    "diverged": (scalar(lambda y, a: -(y**2) - a, -1e-6, energy=lambda y, a: -(y**3) / 3 - a * y), {}),
    "line_search_failed": (scalar(lambda y, a: y**2 + a, 3.0), {}),
    "stagnated": (RootProblem(staircase, guess=jnp.array([3.0]), jacobian=unit), {}),
    "inadmissible_guess": (scalar(lambda y, a: jnp.log(y) - a, -1.0), {}),
    "tangent_singular": (scalar(lambda y, a: y**2 - a, 0.0), {}),
    "nonlinear_max_steps_reached": (
        scalar(lambda y, a: y**2 - 1e9 * a, 1.0),
        dict(method=Newton(max_steps=6)),
    ),
    "load_limit": (Loaded(jnp.array(1.0), soft), {}),
}


@pytest.mark.breadth
@pytest.mark.parametrize("status", FAILURES)
def test_failure_has_its_name_and_no_gradient(status):
    problem, options = FAILURES[status]

    def f(theta, throw):
        problem_, a = theta
        solution = sp.solve(problem_, args=a, throw=throw, **options)
        return jnp.sum(solution.value), (solution.result, solution.reached)

    theta = (problem, jnp.ones(()))
    silent = eqx.filter_jit(sp.value_and_grad(lambda theta: f(theta, False), has_aux=True))
    (value, (result, reached)), gradient, certificate = silent(theta)
    assert result == getattr(RESULTS, status), RESULTS[result]
    assert jnp.isnan(value) and jnp.all(jnp.isfinite(reached))
    leaves = [leaf for leaf in jax.tree.leaves(gradient) if leaf.size]
    assert any(jnp.any(jnp.isnan(leaf)) for leaf in leaves)
    # What did not go through the solve may be 0, but nothing is a plausible number.
    assert all(jnp.all(jnp.isnan(leaf) | (leaf == 0)) for leaf in leaves)
    assert certificate.result == RESULTS.not_a_root
    assert certificate.not_roots == 1
    if status == "load_limit":  # (what is said aloud is one place's: a program more for each would hold no more)
        with pytest.raises(eqx.EquinoxRuntimeError):
            jax.block_until_ready(eqx.filter_jit(eqx.filter_grad(lambda theta: f(theta, True)[0]))(theta))


def test_failure_raises_outside_jit():
    status = "line_search_failed"
    problem, options = FAILURES[status]
    with pytest.raises(NotConverged) as caught:
        sp.solve(problem, args=jnp.ones(()), **options)
    assert caught.value.solution.result == getattr(RESULTS, status)
    assert "steps" in str(caught.value) and len(str(caught.value)) > 60
    with pytest.raises((NotConverged, eqx.EquinoxRuntimeError)):
        jax.grad(lambda a: sp.solve(problem, args=a, **options).value.sum())(jnp.ones(()))
    with pytest.raises((NotConverged, eqx.EquinoxRuntimeError)):
        jax.jvp(lambda a: sp.solve(problem, args=a, **options).value.sum(), (jnp.ones(()),), (jnp.ones(()),))


def test_forward_mode_at_a_point_that_is_no_root():
    problem, options = FAILURES["line_search_failed"]
    f = lambda a: sp.solve(problem, args=a, throw=False, **options).value
    assert jnp.isnan(jax.jit(lambda a: jax.jvp(f, (a,), (a,))[1])(jnp.ones(())))


@pytest.mark.breadth
@pytest.mark.parametrize("method", [optx.Newton(1e-6, 1e-6), optx.Chord(1e-6, 1e-6)], ids=["Newton", "Chord"])
def test_methods_of_optimistix_are_not_believed(method):
    """They return a point that was never evaluated; what counts is the residual recomputed there."""
    if isinstance(method, optx.Newton):
        f = lambda a: sp.solve(scalar(lambda y, a: y**2 - a, 1.0), args=a, method=method).value
        np.testing.assert_allclose(jax.jit(jax.grad(f))(4.0), 0.25, rtol=1e-5)
    wild = sp.solve(scalar(lambda y, _: jnp.arctan(y), 2.0), method=method, throw=False)
    assert wild.result != RESULTS.successful and not wild.certificate.converged


@pytest.mark.breadth
@pytest.mark.parametrize("scale", ["one", "large"])
def test_small_numbers_beside_large_ones_in_one_field(scale):
    """Neither a residual nor a step that is small beside the large number tells of the small one; nor does a guess."""
    residual = lambda y, large: jnp.array([y[0] - large, y[1] ** 2 - 2])

    @jax.jit
    def found(large, guess):
        problem = RootProblem(residual, guess=guess, scale=large if scale == "large" else 1.0)
        solution = sp.solve(problem, args=large, throw=False)
        return solution.value, solution.certificate.converged

    for large in (1e4, 1e8, 1e12, 1e14):
        for first in (0.0, large):
            value, converged = found(jnp.asarray(large), jnp.array([first, 1.0]))
            np.testing.assert_allclose(value, [large, np.sqrt(2)], rtol=1e-11)
            assert converged


def test_a_singular_jacobian_at_a_guess_that_is_near_enough():
    """There is nothing to go on with, and the guess is a root to the tolerance."""
    solution = sp.solve(RootProblem(lambda y, _: jnp.array([y[0] * 0 + 1e-12, y[1] - 1]), guess=jnp.array([0.0, 1.0])))
    np.testing.assert_array_equal(solution.value, [0.0, 1.0])


def test_units_of_the_fields_do_not_end_the_iteration_early():
    """A step of 1e-9 is rounding beside a field of 1e9, but not in a field of 1e-9."""

    def residual(y, _):
        p, g = y["p"] / 1e9, y["g"] * 1e9
        return dict(p=p - 1, g=1e-9 * (g**3 + g - 10))

    guess = dict(p=jnp.array(1e9), g=jnp.array(0.0))
    solution = sp.solve(RootProblem(residual, guess=guess, scale=dict(p=jnp.array(1.0), g=jnp.array(1e-9))))
    np.testing.assert_allclose(solution.value["g"] * 1e9, 2.0, rtol=1e-8)
    assert solution.certificate.residual < 1e-9


def test_guess_that_is_the_root():
    solution = sp.solve(scalar(lambda y, _: y - 1.0, 1.0))
    assert solution.stats.newton_steps == 0 and solution.stats.residual_evaluations == 1
    np.testing.assert_array_equal(solution.value, 1.0)


@pytest.mark.parametrize("method", ["newton", sp.Newton, 3])
def test_a_method_is_a_root_finder(method):
    with pytest.raises(ValueError, match=r"`method` must be a root finder, `Newton\(...\)` or one of Optimistix, got"):
        sp.solve(scalar(lambda y, _: y, 1.0), method=method)


def test_misuse_raises():
    problem = scalar(lambda y, _: y, 1.0)
    with pytest.raises(ValueError, match="out of reach"):
        sp.solve(problem, method=Newton(rtol=1e-16))
    with pytest.raises(ValueError, match="root problem"):
        sp.solve(lambda y: y)
    with pytest.raises(ValueError, match="adjoint"):
        sp.solve(problem, adjoint=optx.ImplicitAdjoint())
    with pytest.raises(ValueError, match="guess"):
        sp.solve(RootProblem(lambda y, _: y))
    with pytest.raises(ValueError, match="guess"):
        sp.solve(problem, start=problem)
    with pytest.raises(ValueError, match="structure"):
        sp.solve(problem, jnp.ones(()), start=Loaded(jnp.ones(()), soft))
