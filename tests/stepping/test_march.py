"""The time loop: derivatives, checkpoints, observables, failures."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _compilations import compilations
from _taylor import check_gradient, program

import simphys as sp
from simphys.stepping import ODE, SDIRK2, BackwardEuler, GeneralisedAlpha, Newmark, StepFailed, Theta, march


def plate(n=4, **options):
    """A square that conducts the better the hotter it is, its left side held at 0."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((n, n)))
    law = sp.materials.IsotropicConduction(k=sp.materials.Polynomial([1.0, 0.0, 1.0]))
    return sp.physics.Heat(space, law, [sp.fem.Dirichlet("left", 0.0)], capacity=1.0, **options)


def start_of(heat):
    return heat.space.interpolate(lambda x: jnp.sin(jnp.pi * x[0] / 2) * (1 + 0.3 * x[1]))


TIMES = jnp.linspace(0.0, 0.5, 8)


@functools.cache
def exactly(**options):
    """By backward Euler; what is solved with a factor of another step differs by the solver's tolerance."""
    fresh = sp.linalg.Direct(patience=0)
    anew = dict(method=sp.Newton(linear_solver=fresh), adjoint=sp.Implicit(linear_solver=fresh))
    return misfit(BackwardEuler(), **anew, **options)


def misfit(stepper, **options):
    heat = plate()

    def loss(parameters):
        start, k, capacity, end = parameters
        leaves = lambda h: (h.material.k.coefficients, h.capacity.c.value)
        changed = eqx.tree_at(leaves, heat, (k, capacity))
        found = march(
            stepper, changed, start, TIMES * end, observe=lambda t, u, now: jnp.sqrt(jnp.sum(u**2)), **options
        )
        return (
            jnp.sum(found.values**2)
            + jnp.sum(found.observed)
            + jnp.sum(found.final.u * jnp.arange(found.final.u.size, dtype=float))
        )

    return loss, (start_of(heat), jnp.array([1.0, 0.0, 1.0]), jnp.asarray(1.0), jnp.asarray(1.0))


@pytest.mark.slow
@pytest.mark.parametrize("make", [exactly, lambda: misfit(SDIRK2())], ids=["BackwardEuler", "SDIRK2"])
def test_gradient_of_a_march(make):
    """With respect to the initial state, the law, the capacity and the times themselves."""
    loss, at = make()
    assert check_gradient(loss, at).order > 1.9


@pytest.mark.slow
def test_gradient_with_inertia():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((3, 1), (3.0, 1.0)), components=2)
    law = sp.materials.PlaneStrain(sp.materials.NeoHooke(mu=1.0, lam=2.0))
    body = sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], density=1.0)
    start = 0.05 * space.interpolate(lambda x: jnp.stack([0 * x[0], x[0] ** 2]))

    def loss(parameters):
        mu, density, u, v = parameters
        moved = eqx.tree_at(lambda b: (b.material.material.mu, b.density), body, (mu, density))
        found = march(GeneralisedAlpha(0.7), moved, (u, v), jnp.linspace(0.0, 2.0, 6))
        return jnp.sum(found.values[1:] ** 2) + jnp.sum(found.final.v)

    at = (jnp.asarray(1.0), jnp.asarray(1.0), start, 0.1 * start)
    assert check_gradient(loss, at).order > 1.9


@pytest.mark.slow
def test_checkpoints_change_no_gradient():
    loss, at = exactly()
    checked, _ = exactly(checkpoints=3)
    found = jax.jit(jax.grad(checked))(at)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13), found, program(loss)(at)[1])


@pytest.mark.slow
def test_forward_mode_agrees():
    loss, at = exactly()
    rng = np.random.default_rng(0)
    along = jax.tree.map(lambda a: jnp.asarray(rng.standard_normal(a.shape)), at)
    _, forward = jax.jit(lambda at, along: jax.jvp(loss, (at,), (along,)))(at, along)
    reverse = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, program(loss)(at)[1], along)))
    np.testing.assert_allclose(forward, reverse, rtol=1e-8)


@pytest.mark.slow
def test_what_is_saved_and_observed_and_lanes_of_a_batch():
    heat = plate()
    seen = lambda t, u, problem: {"time": t, "hottest": jnp.max(u)}
    found = march(BackwardEuler(), heat, start_of(heat), TIMES, observe=seen, save=3)
    np.testing.assert_allclose(found.times, TIMES[jnp.array([0, 3, 6, 7])])
    np.testing.assert_allclose(found.observed["time"], TIMES)
    whole = march(BackwardEuler(), heat, start_of(heat), TIMES)
    np.testing.assert_allclose(found.values, whole.values[jnp.array([0, 3, 6, 7])])
    np.testing.assert_allclose(found.observed["hottest"], jnp.max(whole.values, axis=1))
    last = march(BackwardEuler(), heat, start_of(heat), TIMES, save=None)
    np.testing.assert_allclose(last.values[0], whole.values[-1])
    assert int(whole.newton_steps.min()) >= 1
    starts = jnp.stack([start_of(heat), 2 * start_of(heat)])
    run = lambda start: march(BackwardEuler(), heat, start, TIMES).values
    np.testing.assert_allclose(jax.vmap(run)(starts), jnp.stack([whole.values, run(starts[1])]), atol=1e-9)


def blow_up(t, u, args):
    """u̇ = u²: from 1, infinite at t = 1; no root of a backward Euler step that is too large."""
    return u**2


@pytest.mark.slow
def test_a_step_that_fails_is_named_and_keeps_what_came_before():
    times = jnp.array([0.0, 0.1, 0.2, 2.0, 3.0])
    with pytest.raises(StepFailed, match=r"Step 2 from t = 0.2 to 2 failed") as caught:
        march(BackwardEuler(), ODE(blow_up), jnp.asarray(1.0), times)
    kept = caught.value.trajectory
    assert np.all(np.isfinite(kept.values[:3])) and np.all(np.isnan(kept.values[3:]))
    good = march(BackwardEuler(), ODE(blow_up), jnp.asarray(1.0), times[:3])
    np.testing.assert_array_equal(kept.values[:3], good.values)
    found = march(BackwardEuler(), ODE(blow_up), jnp.asarray(1.0), times, throw=False)
    assert int(found.failed_step) == 2 and found.result != sp.RESULTS.successful
    gradient = jax.grad(lambda u: jnp.sum(march(BackwardEuler(), ODE(blow_up), u, times, throw=False).values))
    assert np.isnan(gradient(jnp.asarray(1.0)))


def test_misuse_raises():
    heat = plate()
    u = start_of(heat)
    with pytest.raises(ValueError, match="must increase: number 1 is 1 and number 2 is 1"):
        march(BackwardEuler(), heat, u, [0.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="two or more times"):
        march(BackwardEuler(), heat, u, [0.0])
    with pytest.raises(ValueError, match="`Newmark` is for problems of the second order"):
        march(Newmark(), heat, u, TIMES)
    with pytest.raises(ValueError, match="stores nothing"):
        march(BackwardEuler(), sp.physics.Heat(heat.space, heat.material, heat.constraints), u, TIMES)
    with pytest.raises(ValueError, match="`problem` must be a balance law"):
        march(BackwardEuler(), blow_up, u, TIMES)
    with pytest.raises(ValueError, match="`checkpoints` must be"):
        march(BackwardEuler(), heat, u, TIMES, checkpoints=0)
    with pytest.raises(ValueError, match="same structure"):
        march(BackwardEuler(), heat, u, TIMES, drive=lambda heat, t: heat.loads)
    with pytest.raises(ValueError, match="`theta` must lie"):
        Theta(0.4)
    with pytest.raises(ValueError, match="`spectral_radius`"):
        GeneralisedAlpha(1.2)


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("save", [1, None])
def test_what_failed_has_no_derivative_and_what_is_masked_has_none_to_give(save):
    """A rod, and the same folded: its derivatives are NaN by every parameter, and 0 where it does not count."""
    held = [sp.fem.Dirichlet("left", 1.0)]
    rod = sp.physics.Heat(
        sp.fem.FunctionSpace(sp.fem.line(3)), sp.materials.IsotropicConduction(k=1.0), held, capacity=2.0
    )
    leaves = lambda h: (h.material.k.value, h.capacity.c.value, h.constraints[0].value, h.space.mesh.points)

    def last(parameters):
        options = dict(save=save, throw=False)
        return march(BackwardEuler(), eqx.tree_at(leaves, rod, parameters), 0.6, TIMES[:3], **options).values[-1]

    def counted(pair, weights):
        return jnp.sum(jax.vmap(last)(pair) * weights[:, None])

    k, c, end, points = leaves(rod)
    pair = jax.tree.map(lambda *both: jnp.stack(both), (k, c, end, points), (k, c, end, points[::-1]))
    both = jax.jit(jax.value_and_grad(counted))
    for slope in both(pair, jnp.asarray([1.0, 0.0]))[1]:
        assert np.all(np.isfinite(slope[0])) and np.all(slope[1] == 0)
    value, slopes = both(pair, jnp.asarray([0.0, 1.0]))
    assert np.isnan(value)
    for slope in slopes:
        assert np.all(slope[0] == 0) and np.all(np.isnan(slope[1]))


@pytest.mark.slow
def test_a_program_that_keeps_only_a_gradient_raises_where_the_march_fails():
    """Its compiler drops the trajectory with whatever is checked there; what is left of the failed march has gradient 0."""

    def last(k):
        ode = ODE(lambda t, u, k: -1e3 * k * (1 + u**2), k)
        return march(BackwardEuler(), ode, jnp.asarray(0.0), jnp.linspace(0.0, 1.0, 3)).final.u

    only = eqx.filter_jit(jax.grad(last))
    with pytest.raises(Exception, match="nonlinear solver|Newton direction"):
        only(1.0)
    with pytest.raises(Exception, match="nonlinear solver|Newton direction"):
        eqx.filter_jit(lambda k: jax.jvp(last, (k,), (1.0,))[1])(1.0)
    exact = (last(1.001e-4) - last(0.999e-4)) / 2e-7
    np.testing.assert_allclose(only(1e-4), exact, rtol=1e-5)


def test_another_number_to_begin_with_is_no_other_program():
    decay = ODE(lambda t, u, k: -k * u, jnp.array(2.0))
    times = jnp.linspace(0.0, 0.1, 3)
    begin = lambda u: march(BackwardEuler(), decay, u, times).final.u
    adapt = lambda u, atol: sp.stepping.march_adaptively(SDIRK2(), decay, u, (0.0, 0.1), atol=atol).final.u
    first = begin(0.5), adapt(0.5, 1e-6)
    with compilations() as seen:
        again = begin(0.25), adapt(0.25, 2e-6)
    assert not seen
    np.testing.assert_allclose(np.array(again), np.array(first) / 2, rtol=1e-3)
