"""Friction in time: what slides comes to rest where closed forms say, by every stepper; momentum; rolling; derivatives."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys import fem, materials, physics
from simphys.physics import Contact, HalfSpace, Obstacle
from simphys.stepping import BDF2, Equilibrium, GeneralisedAlpha, Newmark, diffrax_term, march


LAW = materials.PlaneStrain(materials.LinearElastic(E=1e3, nu=0.3))
MU, SPEED = 0.3, 0.3


def _block(tangent=0.0, *, density=1.0, slip_speed=1e-3):
    """A block on a slope, in the axes of the slope, under a gravity of 1."""
    space = fem.FunctionSpace(fem.rectangle((3, 2), (1.0, 0.5)), 1, 2)
    flat, rubs = HalfSpace((0.0, -5e-3), (0.0, 1.0)), dict(friction=MU, slip=1e-3, slip_speed=slip_speed)
    ground = Obstacle("bottom", flat, stiffness=10.0, reach=0.01, **rubs)
    weight = physics.BodyForce(np.array([tangent, -1.0]) / np.hypot(1.0, tangent))
    return physics.Solid(space, LAW, (), [weight, ground], density=density)


def _pushed(body, speed=SPEED):
    """It lies on the ground and begins to slide."""
    lying = jnp.zeros(body.space.shape).at[:, 1].set(3.7e-3)
    return lying, jnp.broadcast_to(jnp.stack([jnp.asarray(speed), jnp.zeros(())]), lying.shape)


@pytest.mark.slow
def test_a_block_slides_to_rest():
    """After v²/2a with a = μ cos θ − sin θ, θ = 0 and tan θ = .2 < μ; beyond μ it runs away by v t − a t²/2."""
    for tangent, end in ((0.0, 1.2), (0.2, 4.0), (0.5, 1.0)):
        body, angle = _block(tangent), np.arctan(tangent)
        found = march(GeneralisedAlpha(0.5), body, _pushed(body), jnp.linspace(0.0, end, 61), save=None)
        slowing = MU * np.cos(angle) - np.sin(angle)
        time = min(end, SPEED / slowing) if slowing > 0 else end
        way, speed = SPEED * time - slowing * time**2 / 2, SPEED - slowing * time
        assert float(jnp.mean(found.final.u[:, 0])) == pytest.approx(way, rel=1e-2)
        assert float(jnp.mean(found.final.v[:, 0])) == pytest.approx(speed, rel=1e-2, abs=6e-3)


@pytest.mark.slow
def test_derivatives_while_it_slides_and_after():
    """By μ, the first velocity and time itself, of where the block is: sliding, and at rest."""
    body = _block()

    def place(x):
        rough = eqx.tree_at(lambda b: b.loads[1].friction, body, MU * x[0])
        found = march(Newmark(), rough, _pushed(body, SPEED * x[1]), jnp.linspace(0, x[2], 26), save=None)
        return jnp.mean(found.final.u[:, 0])

    for time in (0.5, 1.2):
        check_gradient(place, jnp.array([1.0, 1.0, time]))


@pytest.mark.slow
def test_a_block_takes_another_along():
    """Sliding on a plate that is free to move, until both move as one: by momentum at v m/(m + M)."""
    lower, upper = fem.rectangle((5, 1), (2.0, 0.3)), fem.rectangle((2, 1), (0.7, 0.3))
    upper = eqx.tree_at(lambda m: m.points, upper, upper.points + jnp.array([[0.2, 0.3045]]))
    space = fem.FunctionSpace(fem.join({"lower": lower, "upper": upper}), 1, 2)
    rubs = dict(friction=MU, slip=1e-3, slip_speed=2e-3)
    touch = Contact(("lower_top", "upper_bottom"), stiffness=10.0, reach=5e-3, **rubs)
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=1e3, nu=0.3))
    loads = [physics.BodyForce((0.0, -1.0)), touch]
    body = physics.Solid(space, law, fem.Dirichlet("lower_bottom", (None, 0.0)), loads, density=1.0)
    above = np.asarray(space.nodes())[:, 1] > 0.302
    speed = jnp.where(above[:, None], jnp.array([[0.5, 0.0]]), 0.0)
    found = march(GeneralisedAlpha(0), body, (jnp.zeros(space.shape), speed), jnp.linspace(0.0, 2.0, 41), save=None)
    common = 0.5 * 0.21 / 0.81
    for part in (above, ~above):
        assert float(jnp.mean(found.final.v[part, 0])) == pytest.approx(common, rel=1e-3)
    way = jnp.mean(found.final.u[above, 0]) - jnp.mean(found.final.u[~above, 0])
    assert float(way) == pytest.approx(0.5 * 0.5 * 0.6 / 0.81 / (2 * MU), rel=0.02)


@pytest.mark.slow
def test_load_steps_are_those_of_a_march():
    """`Equilibrium` begins each step of friction where the one before ended, as `stepped` does by hand."""
    body = _block(0.2, density=None)
    pull = body.loads[0].value
    at = lambda t: eqx.tree_at(lambda b: b.loads[0].value, body, pull * jnp.stack([t, jnp.ones(())]))
    start = jnp.zeros(body.space.shape).at[:, 1].set(3e-3)
    drive = lambda b, t: eqx.tree_at(lambda b: b.loads[0].value, b, pull * jnp.stack([t, jnp.ones(())]))
    found = march(Equilibrium(), body, start, jnp.array([0.9, 1.0, 1.1]), drive=drive)
    first = sp.solve(at(jnp.asarray(1.0)), start).value
    second = sp.solve(physics.stepped(at(jnp.asarray(1.1)), first), first).value
    np.testing.assert_allclose(found.values[1:], jnp.stack([first, second]), rtol=1e-6, atol=1e-10)
    assert 2e-4 < float(jnp.mean(second[:, 0] - first[:, 0])) < 1e-3


def test_friction_is_observed_as_of_its_step():
    """What is held by friction alone balances at each load step, as `observe` sees it, also where it only creeps."""
    body = _block(0.2, density=None)
    start = jnp.zeros(body.space.shape).at[:, 1].set(3e-3)
    total = lambda t, u, now: now.resultant(u, "bottom")
    found = march(Equilibrium(), body, start, jnp.arange(4.0), observe=total)
    assert float(found.values[3, 0, 0] - found.values[1, 0, 0]) > 4e-4
    np.testing.assert_allclose(found.observed[1:], 0.0, atol=1e-9)


@pytest.mark.slow
def test_friction_in_motion_is_observed_against_the_velocity():
    """μ times the weight while a block slides, nothing once it rests."""
    body = _block()
    weight, total = 0.5, lambda t, u, now: jnp.sum(now.forces((u,))[0][0], axis=0)[0]
    found = march(GeneralisedAlpha(0.5), body, _pushed(body), jnp.linspace(0.0, 2.0, 61), observe=total, save=None)
    # It rocks a little on its barrier: so does its friction.
    assert abs(float(jnp.mean(found.observed[5:27]))) == pytest.approx(MU * weight, rel=0.03)
    assert abs(float(jnp.mean(found.observed[45:]))) < 0.1 * MU * weight


def test_what_friction_in_motion_needs_is_named():
    body = _block()
    begin, times = _pushed(body), jnp.linspace(0.0, 1.0, 3)
    with pytest.raises(ValueError, match="In motion friction acts against a velocity: give Obstacle a `slip_speed`"):
        march(Newmark(), _block(slip_speed=None), begin, times)
    with pytest.raises(ValueError, match="`BDF2` does not tell loads with friction what .* has Obstacle: take"):
        march(BDF2(), body, begin[0], times)
    with pytest.raises(ValueError, match="Diffrax's solvers do not tell what has friction .* has Obstacle"):
        diffrax_term(body)
    with pytest.raises(ValueError, match="`slip_speed` is of `friction` in motion: give both"):
        Obstacle("bottom", HalfSpace((0.0, 0.0), (0.0, 1.0)), stiffness=1.0, reach=0.1, slip_speed=1.0)


def test_bodies_of_several_fields_are_told_their_displacement():
    """`stepped` of a `MixedSolid` at its own state takes all friction away, and leaves what pushes."""
    mesh = fem.rectangle((2, 1), (1.0, 0.5))
    spaces = fem.FunctionSpace(mesh, 2, 2), fem.FunctionSpace(mesh, 1)
    flat, rubs = HalfSpace((0.0, -5e-3), (0.0, 1.0)), dict(friction=MU, slip=1e-3)
    ground = Obstacle("bottom", flat, stiffness=10.0, reach=0.01, **rubs)
    rubber = materials.PlaneStrain(materials.NeoHooke.from_young(E=10.0, nu=0.49))
    body = physics.MixedSolid(spaces, rubber, [fem.Dirichlet("top", 0.0)], ground)
    moved = jnp.broadcast_to(jnp.array([0.01, 0.0]), spaces[0].shape), jnp.zeros(spaces[1].shape)
    force = lambda body: physics.AbstractBalance.forces(body, moved)[0][0].sum(axis=0)
    before, after = force(body), force(physics.stepped(body, moved))
    assert float(before[0]) == pytest.approx(-MU * float(before[1]), rel=1e-9) and abs(float(before[0])) > 0.1
    np.testing.assert_allclose(after, [0.0, before[1]], rtol=1e-9, atol=1e-12)
