"""Incompressible flow on grids: exact decay, orders, energy, published values, derivatives, failures."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _kinds import random_field, spacings
from _taylor import check_gradient, program
from scipy.interpolate import CubicSpline

import simphys as sp
from simphys import grids
from simphys.stepping import BDF2, SDIRK2, ImplicitMidpoint, march


NU = 0.05
VORTICES = (lambda x, y: jnp.cos(x) * jnp.sin(y), lambda x, y: -jnp.sin(x) * jnp.cos(y))


def _vortices(n):
    return grids.NavierStokes(grids.Grid.uniform((n, n), upper=2 * np.pi), NU, grids.Periodic())


def _last(found):
    return jax.tree.map(lambda a: a[-1], found.values)


@pytest.mark.slow
def test_taylor_green_vortices_decay_with_the_order_in_time_and_space():
    """The discrete vortices decay with the discrete Laplacian's eigenvalue, 2 − h²/6 + …; advection is a gradient."""
    n, steps = 16, 4
    problem, h = _vortices(n), 2 * np.pi / n
    rate = 2 * NU * (2 - 2 * np.cos(h)) / h**2
    start, errors = problem.space.field(VORTICES), []
    for step in (0.5, 0.25):
        found = march(SDIRK2(), problem, start, np.linspace(0.0, steps * step, steps + 1), save=None)
        flow, decay = _last(found), np.exp(-rate * steps * step)
        assert float(jnp.max(jnp.abs(problem.space.divergence(flow.velocity).values))) < 1e-12
        errors.append(float(jnp.max(jnp.abs(flow.velocity.components[0] - decay * start.components[0]))))
        assert found.linear_steps.max() <= 10
    # So many steps of half the length: an order less of error for the shorter time.
    assert errors[0] < 1e-3 and np.log2(errors[0] / errors[1]) > 2.8, errors
    np.testing.assert_allclose(rate / (2 * NU), 1 - h**2 / 12, rtol=h**4 / 300)


@pytest.mark.slow
def test_advection_neither_makes_energy_nor_destroys_it():
    """20 steps of the midpoint rule without viscosity, any periodic flow, steps of any size."""
    problem = grids.NavierStokes(grids.Grid(spacings(2)), 0.0, grids.Periodic())
    start = random_field(problem.space, 5)
    found = march(
        ImplicitMidpoint(), problem, start, np.linspace(0.0, 4.0, 21), observe=lambda t, u, p: p.kinetic_energy(u)
    )
    np.testing.assert_allclose(found.observed, found.observed[0], rtol=1e-9)
    moved = found.values.velocity.components[0]
    assert float(jnp.max(jnp.abs(moved[-1] - moved[0]))) > 0.1


def _cavity(n, reynolds, strength=1.5):
    line = grids.stretched(n, strength=strength)
    walls = dict.fromkeys(("left", "right", "bottom"), grids.Wall())
    walls["top"] = grids.Wall((1.0, 0.0))
    return grids.NavierStokes(grids.Grid.from_faces(line, line), 1 / reynolds, walls)


def _shear(problem, flow):
    """What the lid does."""
    rate = problem.space.curl(flow.velocity).values[:, -1]
    return problem.viscosity * jnp.sum(rate[:-1] * problem.space.grid.spacings[0])


@pytest.mark.slow
def test_drag_of_a_lid_by_every_leaf():
    """Steady cavity: residual, divergence, Taylor test by viscosity, the lid's speed and the steps of the grid."""
    problem = _cavity(6, 40.0)
    drag = lambda problem: _shear(problem, sp.solve(problem).value)
    value, gradient, certificate = program(drag)(problem)
    assert certificate.residual < 1e-8 and abs(float(gradient.viscosity)) > 0.1
    report = check_gradient(drag, problem)
    assert report.passed, report


@pytest.mark.slow
def test_derivatives_through_steps_with_inflow_and_outflow():
    """By the profile that enters, through steps of BDF2."""
    grid = grids.Grid.uniform((5, 4), upper=(2.0, 1.0))
    sides = dict(left=grids.Inflow(np.ones(4)), right=grids.Outflow(), bottom=grids.Wall(), top=grids.Slip())
    problem = grids.NavierStokes(grid, 0.1, sides)
    profile = lambda p: p.space.sides[0].pairs[0][0].value
    times = jnp.linspace(0.0, 0.5, 5)

    def passed(values):
        flow = _last(march(BDF2(), eqx.tree_at(profile, problem, values), (0.0, 0.0), times, save=None))
        return jnp.sum(flow.velocity.components[0][-1] ** 2) + flow.pressure.values[0, 0]

    values, way = profile(problem), jnp.arange(4.0).reshape(1, 4)
    both = jax.jit(jax.value_and_grad(passed))
    slope = jnp.vdot(both(values)[1], way)
    difference = both(values + 1e-5 * way)[0] - both(values - 1e-5 * way)[0]
    np.testing.assert_allclose(difference / 2e-5, slope, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_uniform_stream_in_three_dimensions_is_exact(dtype):
    grid = grids.Grid(tuple(h.astype(dtype) for h in spacings(3)))
    sides = dict.fromkeys(("bottom", "top"), grids.Slip()) | dict.fromkeys(("front", "back"), grids.Symmetry())
    sides |= dict(left=grids.Inflow(1.5), right=grids.Outflow(2.0))
    found = sp.solve(grids.NavierStokes(grid, 0.1, sides))
    tolerance = 1e-9 if dtype == jnp.float64 else 1e-3
    np.testing.assert_allclose(found.value.velocity.components[0], 1.5, rtol=tolerance)
    np.testing.assert_allclose(found.value.velocity.components[2], 0.0, atol=tolerance)
    np.testing.assert_allclose(found.value.pressure.values, 2.0, rtol=tolerance)


@pytest.mark.slow
def test_lid_driven_cavity_at_100():
    """Marchi, Suero, Araki 2009: u_min −.2140417 on x = ½, v_max .1795728 and v_min −.2538030 on y = ½."""
    n = 160
    problem = _cavity(n, 100.0)
    flow, centres = sp.solve(problem).value, np.asarray(problem.space.grid.centres(0))
    u = CubicSpline(np.r_[0, centres, 1], np.r_[0, flow.velocity.components[0][n // 2], 1])
    v = CubicSpline(np.r_[0, centres, 1], np.r_[0, flow.velocity.components[1][:, n // 2], 0])
    fine = np.linspace(0, 1, 20001)
    found = [u(fine).min(), v(fine).max(), v(fine).min()]
    np.testing.assert_allclose(found, [-0.2140417, 0.1795728, -0.2538030], rtol=1e-3)


def test_a_box_without_sides_is_made_within_a_program():
    """Its net flux is 0 whatever is traced; where the sides are known, what they let in is refused within, too."""
    box = grids.Grid.uniform((6, 6))
    flow = eqx.filter_eval_shape(lambda nu: grids.NavierStokes(box, nu, grids.Periodic()), jnp.asarray(0.1))
    assert flow.space.grid.shape == (6, 6)
    sides = dict(left=grids.Inflow(1.0), right=grids.Wall(), bottom=grids.Wall(), top=grids.Wall())
    with pytest.raises(ValueError, match="a net 1 "):
        eqx.filter_eval_shape(lambda nu: grids.NavierStokes(box, nu, sides), jnp.asarray(0.1))


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda g: grids.NavierStokes(g, -1.0, grids.Wall()), "0 or more"),
        (lambda g: grids.NavierStokes(g, np.ones(3), grids.Wall()), "one number"),
        (lambda g: grids.NavierStokes(g, 1.0, grids.Wall(), (1.0,)), "one for each component"),
        (lambda g: grids.NavierStokes(g, 1.0, grids.Wall(), (np.ones(3), 0.0)), "shape"),
        (lambda g: grids.NavierStokes(g, 1.0, grids.Inflow(1.0)), "must leave"),
        (lambda g: grids.NavierStokes(4, 1.0, grids.Wall()), "must be a `Grid`"),
    ],
)
def test_what_does_not_fit_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make(grids.Grid.uniform((4, 5)))


def _channel():
    sides = dict(left=grids.Inflow(1.0), right=grids.Inflow(-1.0), bottom=grids.Wall(), top=grids.Wall())
    return grids.NavierStokes(grids.Grid.uniform((6, 5)), 0.1, sides)


@pytest.mark.slow
def test_what_cannot_leave_and_what_is_no_number_end_as_failures():
    """A profile that is replaced until the box overflows, and a NaN at the start: the step is named."""
    value = lambda p: p.space.sides[0].pairs[0][0].value
    full = eqx.tree_at(value, _channel(), jnp.array(2.0))
    still = (jnp.zeros((7, 5)), 0.0)
    found = march(sp.stepping.BackwardEuler(), full, still, [0.0, 0.1, 0.2], throw=False)
    assert found.result == sp.RESULTS.parameters_inadmissible and int(found.failed_step) == 0
    start = (jnp.full((7, 5), jnp.nan), 0.0)
    found = march(sp.stepping.BackwardEuler(), _channel(), start, [0.0, 0.1, 0.2], throw=False)
    assert found.result != sp.RESULTS.successful and int(found.failed_step) == 0


@pytest.mark.slow
def test_steps_are_chosen_by_the_velocity_alone():
    """The pressure of the first time says nothing: from rest, steps grow all the same."""
    found = sp.stepping.march_adaptively(SDIRK2(), _channel(), (0.0, 0.0), (0.0, 0.5), rtol=1e-3, max_steps=60)
    assert int(found.steps) < 60 and float(found.times[-1]) == 0.5
