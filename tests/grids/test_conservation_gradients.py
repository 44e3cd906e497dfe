"""Derivatives of conservation laws: where nothing slopes, across shocks, through many steps; Jacobians."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _riemann import gas
from _taylor import check_gradient

import simphys as sp
from simphys import grids
from simphys.grids import HLLC, MUSCL, WENO5Z, ConservationLaw, Dirichlet, Euler, Grid, Outflow, Periodic, Rusanov, Wall
from simphys.stepping import SDIRK2, SSPRK3, BackwardEuler, march


KINDS = [
    (grids.LinearAdvection(1.0), Periodic(), Rusanov(), [(1.0,), (0.0,)]),
    (grids.Burgers(), Outflow(), Rusanov(), [(1.0,), (0.0,)]),
    (grids.ShallowWater(), Wall(), HLLC(), [(1.0, 0.0), (0.0, 0.0)]),
    (Euler(), Wall(), HLLC(), [(1.0, 0.0, 1.0), (1e-12, 0.0, 1e-12), (0.0, 0.0, 0.0), (1.0, np.sqrt(1.4), 1.0)]),
    (grids.ShallowWater(), Wall(), Rusanov(), [(1.0, 0.0), (0.0, 0.0)]),
    (Euler(), Wall(), Rusanov(), [(1.0, 0.0, 1.0), (1.0, np.sqrt(1.4), 1.0)]),
]
"""Law, sides, flux, and uniform states: at rest, in a vacuum, at the speed of sound; the last two differ by the flux."""


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("scheme", [grids.FirstOrder(), MUSCL(), WENO5Z()])
def test_derivatives_are_finite_where_nothing_slopes_and_where_it_ends(scheme):
    """Uniform states, one jump to another state (a dry bed, a tie of limiters), an extremum of one cell."""

    @eqx.filter_jit
    def both(problem, values):
        length = lambda values: jnp.sum(problem.rate(grids.CellState(values)).values ** 2)
        step = lambda values: problem.largest_step(grids.CellState(values))
        forward = jax.jvp(length, (values,), (jnp.cos(values),))[1]
        return jax.value_and_grad(length)(values), jax.grad(step)(values), forward

    # What laws and fluxes do at such states has nothing to do with how they were reconstructed.
    for law, sides, flux, states in KINDS if scheme == grids.FirstOrder() else KINDS[1:2]:
        problem = ConservationLaw(Grid.uniform((8,)), law, sides, scheme, flux)
        uniform = [problem.state(*state).values for state in states]
        jump = jnp.where(jnp.arange(8)[None] < 4, uniform[0], uniform[-1])
        for values in (*uniform, jump, uniform[0].at[:, 3].multiply(1.5)):
            for leaf in jax.tree.leaves(both(problem, values)):
                assert bool(jnp.all(jnp.isfinite(leaf))), (law, flux, values)


@pytest.mark.slow
def test_where_a_shock_goes_follows_the_exact_derivative():
    """Sod's shock by the pressure on the left: within 2 %, and the differences of the march itself."""
    n, t, right, d = 200, 0.2, (0.125, 0.0, 0.1), 1e-5
    problem = ConservationLaw(Grid.uniform((n,)), Euler(), Outflow(), MUSCL())

    @jax.jit
    def place(pressure):
        start = problem.state(
            lambda x: jnp.where(x < 0.5, 1.0, 0.125), 0.0, lambda x: jnp.where(x < 0.5, pressure, 0.1)
        )
        times = jnp.linspace(0.0, t, n + 1)
        found = march(SSPRK3(), problem, start, times, save=None, checkpoints=14, throw=False)
        p = problem.primitives(found.final.u)["pressure"].values[150:]
        # All that lies above the pressure ahead, at the height of the plateau behind the shock.
        return 0.75 + jnp.sum(p - 0.1) / n / (jnp.mean(p[:10]) - 0.1)

    both = jax.jit(jax.value_and_grad(place))
    value, slope = both(jnp.asarray(1.0))
    speed = lambda p: gas((1.0, 0.0, p), right)[4]
    np.testing.assert_allclose(value, 0.5 + t * speed(1.0), atol=0.2 / n)
    np.testing.assert_allclose(slope, t * (speed(1 + d) - speed(1 - d)) / (2 * d), rtol=0.01)
    np.testing.assert_allclose(slope, (both(1.0 + d)[0] - both(1.0 - d)[0]) / (2 * d), rtol=1e-5)


@pytest.mark.slow
def test_hundreds_of_steps_by_parameters_and_the_initial_state():
    """Water in a box, 400 steps with 20 checkpoints: Taylor test by gravity, the inflow and the whole initial state."""
    sides = {"left": (Dirichlet(1.1), Dirichlet(0.3)), "right": Wall()}
    problem = ConservationLaw(Grid.uniform((24,)), grids.ShallowWater(2.0), sides, MUSCL(), HLLC())
    start = problem.state(lambda x: 1 + 0.2 * jnp.exp(-60 * (x - 0.5) ** 2), 0.1)
    times = jnp.linspace(0.0, 1.5, 401)

    def misfit(both):
        problem, start = both
        found = march(SSPRK3(), problem, start, times, save=None, checkpoints=20, throw=False)
        return jnp.sum(jnp.sin(7 * problem.grid.centres(0)) * found.final.u.values[0])

    report = check_gradient(misfit, (problem, start))
    assert report.passed, report


RING = {"left": Periodic(), "right": Periodic(), "bottom": Wall(), "top": Outflow()}


@pytest.mark.breadth
@pytest.mark.parametrize(
    "shape, law, sides, scheme",
    [
        ((7,), grids.ShallowWater(), Wall(), MUSCL()),
        ((7,), Euler(), Wall(), WENO5Z()),
        ((5, 4), grids.ShallowWater(), RING, MUSCL()),
        ((5, 5, 3), grids.Burgers(), Periodic(), grids.FirstOrder()),
    ],
)
def test_the_sparse_jacobian_is_that_of_the_balance(shape, law, sides, scheme):
    problem = ConservationLaw(Grid.uniform(shape), law, sides, scheme, implicit=True)
    random = np.random.default_rng(0)
    y = problem.unknowns(problem.state(*(random.uniform(0.5, 1.0, shape) for _ in problem.names)))
    flat, back = jax.flatten_util.ravel_pytree(y)
    dense = jax.jit(jax.jacfwd(lambda flat: jax.flatten_util.ravel_pytree(problem.residual(back(flat)))[0]))(flat)
    found = jax.jit(lambda y: problem.jacobian(y).as_matrix())(y)
    assert float(jnp.max(jnp.abs(dense))) > 0.1
    np.testing.assert_allclose(found, dense, atol=1e-12)


def test_a_shock_at_rest_is_found_at_once():
    """Burgers' equation between 1 and −1 with a source that holds it in place; steady, by Newton's method."""
    sides = {"left": (Dirichlet(1.0),), "right": (Dirichlet(-1.0),)}
    law = ConservationLaw(
        Grid.uniform((20,), lower=-1.0), grids.Burgers(), sides, grids.FirstOrder(),
        source=lambda u, x: -2.0 * (u + jnp.tanh(20 * x[0])[None]), implicit=True,
    )  # fmt: skip
    found = sp.solve(law, guess=law.state(lambda x: -x))
    u = found.value.values[0]
    assert bool(found.certificate.converged) and bool(jnp.all(jnp.diff(u) <= 1e-9))
    np.testing.assert_allclose(u, -u[::-1], atol=1e-9)


@pytest.mark.slow
def test_low_mach_numbers_with_steps_that_sound_does_not_bound():
    """Density carried at a hundredth of the speed of sound, 50 times the explicit step: pressure stays, order 2."""
    speed, errors = 0.01 * np.sqrt(1.4), []
    for side in (2, 1):  # of 48 cells: 24 to a wave, or all; and 12 steps or 24
        grid = Grid.uniform((48,), upper=side)
        problem = ConservationLaw(grid, Euler(), Periodic(), MUSCL(), HLLC(), implicit=True)
        wave = lambda shift: problem.state(lambda x: 1 + 0.2 * jnp.sin(2 * jnp.pi * (x - shift)), speed, 1.0)
        times = np.linspace(0.0, 0.25 / speed * side, 25)
        assert times[1] > 40 * float(problem.largest_step(wave(0.0)))
        saved = march(SDIRK2(), problem, wave(0.0), times, save=12).values
        found = grids.CellState(saved.values[3 - side])
        assert float(jnp.ptp(problem.primitives(found)["pressure"].values)) < 1e-10
        np.testing.assert_allclose(problem.content(found), problem.content(wave(0.0)), rtol=1e-9)
        errors.append(float(jnp.mean(jnp.abs(found.values[0] - wave(0.25).values[0]))))
    assert errors[1] < 2.5e-3 and np.log2(errors[0] / errors[1]) > 1.5, errors


@pytest.mark.slow
def test_stiff_sources_and_derivatives_through_implicit_steps():
    """A reaction a thousand times faster than a step: its front stays one, derivative by its rate and by the inflow."""

    class Reaction(eqx.Module):
        rate: jax.Array

        def __call__(self, u, x):
            return -self.rate * u * (u - 0.4) * (u - 1)

    sides = {"left": (Dirichlet(1.0),), "right": Outflow()}
    problem = ConservationLaw(
        Grid.uniform((20,)), grids.LinearAdvection(1.0), sides, source=Reaction(jnp.asarray(1e4)), implicit=True
    )  # fmt: skip
    start = problem.state(lambda x: jnp.where(x < 0.3, 1.0, 0.0))
    with pytest.raises(sp.stepping.StepFailed):
        march(SSPRK3(), problem, start, np.linspace(0.0, 2.0, 50))
    found = march(BackwardEuler(), problem, start, np.linspace(0.0, 1.0, 11)).final.u.values[0]
    assert float(jnp.min(found)) > -1e-9 and float(jnp.max(found)) < 1 + 1e-9 and int(jnp.sum(found > 0.5)) >= 6
    mild = eqx.tree_at(lambda p: p.source.rate, problem, jnp.asarray(3.0))
    smooth = problem.state(lambda x: 0.5 + 0.3 * jnp.cos(5 * x))

    def misfit(problem):
        found = march(SDIRK2(), problem, smooth, jnp.linspace(0.0, 1.0, 9), save=None, throw=False)
        return jnp.sum(jnp.sin(7 * problem.grid.centres(0)) * found.final.u.values[0])

    report = check_gradient(misfit, mild)
    assert report.passed, report


@pytest.mark.slow
def test_implicit_steps_from_what_means_nothing_are_a_named_failure():
    """A cell of negative pressure."""
    problem = ConservationLaw(Grid.uniform((8,)), Euler(), Outflow(), grids.FirstOrder(), implicit=True)
    start = problem.state(1.0, 0.0, 1.0)
    bad = start.values.at[2, 3].set(-1.0)
    found = march(BackwardEuler(), problem, bad, [0.0, 0.1], throw=False)
    assert found.result != sp.RESULTS.successful and int(found.failed_step) == 0
