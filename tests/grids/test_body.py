"""Bodies within a flow, explicit steps, openings that fluid enters by, Fourier axes: closed forms, orders, derivatives."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import grids
from simphys.grids._lines import cells_along
from simphys.stepping import RK3, SDIRK2, march


NU = 0.05
VORTICES = (lambda x, y: jnp.cos(x) * jnp.sin(y), lambda x, y: -jnp.sin(x) * jnp.cos(y))


def _last(found):
    return jax.tree.map(lambda a: a[-1], found.values)


def test_distances_are_those_of_points_to_surfaces():
    ball, box = grids.Ball([1.0, 2.0], 0.5), grids.Box([0.0, 0.0], [1.0, 0.5])
    np.testing.assert_allclose(ball(jnp.array([1.0, 4.0]), jnp.array([2.0, 6.0])), [-0.5, 4.5])
    np.testing.assert_allclose(box(jnp.array([4.0, 0.0, 0.9]), jnp.array([4.5, 0.0, 0.0])), [5.0, -0.5, -0.1])
    # With two entries in three dimensions: a cylinder.
    np.testing.assert_allclose(ball(1.0, 2.75, 17.0), 0.25)
    body = grids.Body(lambda x: x, 3.0, 0.5)
    np.testing.assert_allclose(body.fraction(jnp.array([-1.0, -0.5, 0.0, 0.25, 0.5])), [1, 1, 0.5, 0.15625, 0])
    for shape in (ball, box):
        slopes = jax.jacfwd(lambda d: d(jnp.array([1.0, 0.0]), jnp.array([2.0, 0.0])))(shape)
        assert all(bool(jnp.all(jnp.isfinite(s))) for s in jax.tree.leaves(slopes))


def test_bodies_that_are_none_are_refused():
    grid = grids.Grid.uniform((4, 4))
    with pytest.raises(ValueError, match="`body` must be a `Body`"):
        grids.NavierStokes(grid, 1.0, grids.Periodic(), body=grids.Ball([0.5, 0.5], 0.1))
    with pytest.raises(ValueError, match="`distance` must be a function"):
        grids.Body(0.3, 1.0, 0.1)
    with pytest.raises(ValueError, match="`width`"):
        grids.Body(grids.Ball([0.5, 0.5], 0.1), 1.0, 0.0)
    flow = grids.NavierStokes(grid, 1.0, grids.Periodic())
    with pytest.raises(ValueError, match="no `body`"):
        flow.force_on_body(flow.consistent(None))


def test_fourier_axes_invert_what_they_stand_for():
    """One axis of equal periodic steps beside a stretched one with walls, against the Laplacian by differences."""
    grid = grids.Grid((jnp.full(40, 0.1), jnp.asarray([0.1, 0.3, 0.2, 0.25])))
    sides = dict.fromkeys(("left", "right"), grids.Periodic())
    space = grids.CellSpace(grid, sides | dict.fromkeys(("bottom", "top"), grids.Dirichlet(0.0)))
    solver = grids.Separable([space.line(a) for a in range(2)], space.sides.pairs)
    assert solver.fourier == (0,)
    b = jnp.asarray(np.random.default_rng(0).normal(size=grid.shape))
    x = solver.solve(b, 0.7, 1.3)
    back = grid.volumes * (0.7 * x - 1.3 * space.laplacian(grids.CellField(x)).values)
    np.testing.assert_allclose(back, b, atol=1e-11)
    unequal = cells_along(jnp.full(40, 0.1).at[3].set(0.1001), True)
    assert grids.Separable([unequal], [(grids.Periodic(), grids.Periodic())]).fourier == ()


@pytest.mark.slow
def test_a_resistance_everywhere_slows_down_as_its_stages_say():
    """v' = f − α v for a uniform stream: each stage is a step of backward Euler; at last α v = f, all of f on the body."""
    alpha, f, h = 3.0, 0.8, 0.5
    body = grids.Body(lambda x, y: -1 - 0 * x, alpha, 0.1, (0.25, 0.0))
    flow = grids.NavierStokes(grids.Grid.uniform((4, 3), upper=(2.0, 1.0)), 0.01, grids.Periodic(), (f, 0.0), body=body)
    found = march(RK3(), flow, (1.0, 0.0), np.arange(61) * h)
    u = 1.0
    for part in (8 / 15, 2 / 15, 1 / 3):
        u = (u + part * h * (f + alpha * 0.25)) / (1 + part * h * alpha)
    np.testing.assert_allclose(found.values.velocity.components[0][1], u, rtol=1e-9)
    np.testing.assert_allclose(found.values.velocity.components[0][-1], 0.25 + f / alpha, rtol=1e-9)
    np.testing.assert_allclose(flow.force_on_body(_last(found)), (2 * f, 0.0), atol=1e-8)


@pytest.mark.slow
def test_a_channel_half_filled_with_a_porous_bed():
    """ν u″ = α χ u − f, creeping: parabola above, hyperbolic functions below, joined with equal slopes."""
    alpha, errors = 100.0, []
    for n in (20, 40):
        grid = grids.Grid.uniform((3, n), upper=(3 / n, 1.0))
        sides = dict.fromkeys(("left", "right"), grids.Periodic()) | dict.fromkeys(("bottom", "top"), grids.Wall())
        bed = grids.Body(lambda x, y: y - 0.5, alpha, 1e-9)
        flow = grids.NavierStokes(grid, 1.0, sides, (1.0, 0.0), inertia=False, body=bed)
        u = sp.solve(flow).value.velocity.components[0][0]
        y, k = np.asarray(grid.centres(1)), np.sqrt(alpha)
        # u = 1/α (1 − cosh k y) + A sinh k y below; −(y−1)²/2 + B (y − 1) above.
        lines = np.array([[np.sinh(k / 2), 0.5], [k * np.cosh(k / 2), -1.0]])
        known = np.array([-1 / 8 - (1 - np.cosh(k / 2)) / alpha, 0.5 + np.sinh(k / 2) * k / alpha])
        A, B = np.linalg.solve(lines, known)
        below = (1 - np.cosh(k * y)) / alpha + A * np.sinh(k * y)
        exact = np.where(y < 0.5, below, -((y - 1) ** 2) / 2 + B * (y - 1))
        errors.append(float(np.max(np.abs(u - exact))) / exact.max())
    assert errors[1] < 0.01 and np.log2(errors[0] / errors[1]) > 1.6, errors


@pytest.mark.slow
def test_explicit_steps_are_of_order_three_and_free_of_divergence():
    n = 16
    flow, h = grids.NavierStokes(grids.Grid.uniform((n, n), upper=2 * np.pi), NU, grids.Periodic()), 2 * np.pi / n
    rate, start, errors = 2 * NU * (2 - 2 * np.cos(h)) / h**2, flow.space.field(VORTICES), []
    for steps in (8, 16):  # of 16 to twice as far, and of all
        saved = march(RK3(), flow, start, np.linspace(0.0, 1.6 * 16 / steps, 17), save=8).values
        at_last = jax.tree.map(lambda a, steps=steps: a[steps // 8], saved)
        assert float(jnp.max(jnp.abs(flow.space.divergence(at_last.velocity).values))) < 1e-12
        exact = np.exp(-1.6 * rate) * start.components[0]
        errors.append(float(jnp.max(jnp.abs(at_last.velocity.components[0] - exact))))
    assert errors[0] < 1e-7 and np.log2(errors[0] / errors[1]) > 2.8, errors


@pytest.mark.slow
def test_a_step_that_is_too_long_says_so():
    flow = grids.NavierStokes(grids.Grid.uniform((6, 6), upper=2 * np.pi), NU, grids.Periodic())
    start = flow.consistent(flow.space.field(VORTICES))
    longest = float(flow.longest_step(start))
    found = march(RK3(), flow, start, jnp.array([0.0, longest, 6 * longest]), throw=False)
    assert found.result == sp.RESULTS.step_too_long and int(found.failed_step) == 1
    with pytest.raises(ValueError, match="`RK3` is for `grids.NavierStokes` alone"):
        march(RK3(), grids.Diffusion(grids.Grid.uniform((4,)), 1.0, grids.Dirichlet(0.0)), 1.0, [0.0, 1.0])


@pytest.mark.slow
def test_a_stream_passes_openings_that_it_may_enter_by():
    """Uniform flow from one opening to the other goes on; out of a reservoir it would have to be sped up."""
    speeds = []
    for enters in (True, False):
        open_ = grids.Outflow(enters=enters)
        sides = dict.fromkeys(("left", "right"), open_) | dict.fromkeys(("bottom", "top"), grids.Slip())
        flow = grids.NavierStokes(grids.Grid.uniform((6, 4)), 0.1, sides)
        found = _last(march(RK3(), flow, (1.0, 0.0), np.linspace(0.0, 0.2, 5), save=None))
        speeds.append(float(jnp.mean(found.velocity.components[0])))
    np.testing.assert_allclose(speeds[0], 1.0, rtol=1e-12)
    # u' L = −u²/2
    np.testing.assert_allclose(speeds[1], 1 / (1 + 0.1), rtol=1e-2)


@pytest.mark.slow
def test_drag_is_differentiated_by_shape_place_viscosity_and_profile():
    n, h = 16, 1 / 16

    def drag(theta):
        radius, centre, nu, speed, alpha = theta
        body = grids.Body(grids.Ball(jnp.stack([centre, 0.5]), radius), alpha, 0.75 * h)
        sides = dict(left=grids.Inflow(speed * jnp.ones(n)), right=grids.Outflow())
        sides |= dict.fromkeys(("bottom", "top"), grids.Wall())
        flow = grids.NavierStokes(grids.Grid.uniform((n, n)), nu, sides, body=body)
        found = march(RK3(), flow, (0.5, 0.0), jnp.linspace(0.0, 0.2, 11), save=None, throw=False)
        return flow.force_on_body(found.final.u)[0]

    theta, both = jnp.array([0.12, 0.4, 0.01, 0.5, 500.0]), jax.jit(jax.value_and_grad(drag))
    slopes = both(theta)[1]
    for i, step in enumerate(1e-5 * theta):
        e = step * np.eye(5)[i]
        np.testing.assert_allclose((both(theta + e)[0] - both(theta - e)[0]) / (2 * step), slopes[i], rtol=1e-6)


@pytest.mark.slow
def test_implicit_steps_know_the_body_as_well():
    """The same flow by steps of SDIRK2 and by short explicit ones: the force on the body agrees."""
    n, h = 16, 1 / 16
    body = grids.Body(grids.Ball([0.45, 0.5], 0.12), 1e3, 0.5 * h)
    sides = dict(left=grids.Inflow(0.5), right=grids.Outflow()) | dict.fromkeys(("bottom", "top"), grids.Wall())
    flow = grids.NavierStokes(grids.Grid.uniform((n, n)), 0.02, sides, body=body)
    slow = march(SDIRK2(), flow, (0.5, 0.0), np.linspace(0.0, 2.0, 11), save=None)
    quick = march(RK3(), flow, (0.5, 0.0), np.linspace(0.0, 2.0, 161), save=None)
    forces = [flow.force_on_body(_last(found))[0] for found in (slow, quick)]
    np.testing.assert_allclose(forces[0], forces[1], rtol=1e-4)
    assert float(forces[0]) > 0.01 and int(slow.linear_steps.max()) < 300
    steady = eqx.tree_at(lambda f: f.viscosity, flow, jnp.asarray(0.02))
    assert float(jnp.max(jnp.abs(steady.space.divergence(_last(quick).velocity).values))) < 1e-9
