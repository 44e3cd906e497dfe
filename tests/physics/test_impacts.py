"""Bodies that meet in motion: waves in a bar, thin bodies and long steps, a disc that begins to roll, hops."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial
from _taylor import check_gradient
from benchmarks.impact import bar, hopped, hopping, struck

import simphys as sp
from simphys import fem, materials, physics
from simphys.physics import Contact, HalfSpace, Obstacle
from simphys.stepping import GeneralisedAlpha, Newmark, evolution_of, march, march_adaptively
from simphys.stepping._until_touch import until_touch


@pytest.mark.slow
def test_a_bar_leaves_a_wall_as_it_came():
    """Waves: a force of ρ c v A during 2 L/c, then the speed and the energy it came with."""
    found = struck(bar(), Newmark(), 2e-3)
    assert found["energy"] == pytest.approx(1.0, abs=2e-3)
    assert found["restitution"] == pytest.approx(1.0, abs=5e-3)
    assert found["force"] == pytest.approx(1.0, abs=4e-3)
    assert 1.0 < found["duration"] < 1.08


@pytest.mark.slow
def test_a_step_longer_than_a_body_does_not_pass_it():
    """Steps that would end on the surface to rounding, beyond it, and beyond both bodies: it is thrown back."""
    lower, upper = fem.rectangle((4, 1), (1.0, 0.1)), fem.rectangle((2, 1), (0.4, 0.1))
    upper = eqx.tree_at(lambda m: m.points, upper, upper.points + jnp.array([[0.3, 0.2]]))
    space = fem.FunctionSpace(fem.join({"lower": lower, "upper": upper}), 1, 2)
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=1e3, nu=0.3))
    touch = Contact(("lower_top", "upper_bottom"), stiffness=100.0, reach=4e-3)
    body = physics.Solid(space, law, fem.Dirichlet("lower_bottom", 0.0), touch, density=1.0)
    above = np.asarray(space.nodes())[:, 1] > 0.15
    for speed, h in ((1.0, 0.05), (1.0, 0.1), (4.0, 0.1)):
        flying = jnp.where(above[:, None], jnp.array([[0.0, -speed]]), 0.0)
        found = march(Newmark(), body, (jnp.zeros(space.shape), flying), h * jnp.arange(8.0))
        lowest = np.asarray(found.values)[:, above, 1].min(axis=1)
        assert lowest.min() > -0.1 and lowest[-1] > 0


def _disc(rings, radius):
    """Rings of points about a centre, as triangles."""
    x = [np.zeros((1, 2))]
    for k in range(1, rings + 1):
        angle = np.pi / 3 / k * np.arange(6 * k)
        x.append(radius * k / rings * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    x = np.concatenate(x)
    cells = scipy.spatial.Delaunay(x).simplices
    a, b = x[cells[:, 1]] - x[cells[:, 0]], x[cells[:, 2]] - x[cells[:, 0]]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    cells[area < 0] = cells[area < 0][:, ::-1]
    mesh = fem.Mesh(x, cells[np.abs(area) > 1e-9 * radius**2], "triangle")
    return mesh.with_facet_group("rim", lambda x: x[0] > -2 * radius)


@pytest.mark.slow
def test_a_disc_that_slides_begins_to_roll():
    """Whatever μ: it rolls from t = v/(3 μ g) on, at two thirds of the speed it began with, turning by ω = −v/R."""
    space = fem.FunctionSpace(_disc(4, 0.5), 1, 2)
    rubs = dict(friction=0.3, slip=1e-3, slip_speed=5e-3)
    ground = Obstacle("rim", HalfSpace((0.0, -0.506), (0.0, 1.0)), stiffness=50.0, reach=0.01, **rubs)
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=1e3, nu=0.3))
    disc = physics.Solid(space, law, (), [physics.BodyForce((0.0, -1.0)), ground], density=1.0)
    x = space.nodes()
    sliding = jnp.broadcast_to(jnp.array([1.0, 0.0]), x.shape)
    found = march(GeneralisedAlpha(0), disc, (jnp.zeros(x.shape), sliding), jnp.linspace(0.0, 2.5, 101), save=20)
    at, speed = x + found.final.u, found.final.v
    arm, turns = at - at.mean(axis=0, keepdims=True), speed - speed.mean(axis=0, keepdims=True)
    spin = jnp.sum(arm[:, 0] * turns[:, 1] - arm[:, 1] * turns[:, 0]) / jnp.sum(arm**2)
    assert float(speed[:, 0].mean()) == pytest.approx(2 / 3, rel=0.01)
    assert float(spin) == pytest.approx(-4 / 3, rel=0.01)
    # Half a second after the start it still slides, slowed down by μ g.
    way = np.asarray(found.values)[1, :, 0].mean()
    assert way == pytest.approx(0.5 - 0.3 * 0.5**2 / 2, rel=0.01)


@pytest.mark.slow
def test_derivatives_through_hops():
    """A block that falls, hops and slides: its place by friction and speed, states between checkpoints made again."""
    body = hopping()
    place = lambda x: hopped(x, body, 80, 1.0, 9)
    _, push = place(jnp.ones(2))
    landed = np.diff((np.asarray(push) > 1e-9).astype(int))
    assert np.count_nonzero(landed == 1) >= 2
    check_gradient(lambda x: place(x)[0], jnp.ones(2), step=1e-3)


def test_accelerations_are_held_back_by_nothing():
    """What is solved for where a march begins is large, and no displacement: no surface goes through another by it."""
    lower, upper = fem.rectangle((2, 1), (1.0, 0.2)), fem.rectangle((1, 1), (0.4, 0.2))
    upper = eqx.tree_at(lambda m: m.points, upper, upper.points + jnp.array([[0.33, 0.202]]))
    space = fem.FunctionSpace(fem.join({"lower": lower, "upper": upper}), 1, 2)
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=1e3, nu=0.3))
    touch = Contact(("lower_top", "upper_bottom"), stiffness=100.0, reach=4e-3)
    evolution = evolution_of(physics.Solid(space, law, [], touch, density=1.0))
    now, rest = jnp.zeros(()), jnp.zeros(space.shape)
    down = jnp.where(space.nodes()[:, 1:] > 0.201, jnp.array([[0.0, -100.0]]), 0.0).ravel()
    found = {}
    for flowing in (False, True):
        stage = evolution.resting().stage(now, jnp.ones(()), evolution.flow(rest, now), flowing=flowing)
        y = stage.unknowns(rest)
        found[flowing] = stage.longest(y, stage, y + down), stage.touching(y)
    assert found[False] == (None, None)
    assert float(found[True][0]) < 1e-4 and int(found[True][1].pairs) > 0


@pytest.mark.slow
def test_steps_end_where_a_ball_touches():
    """A stiff ball falls from .09 above the reach with .1: it touches at √(.01 + .18) − .1, and leaves as it came.

    One step ends there, whatever its length before; the derivative by the speed is that of the steps taken, and what is
    left of the energy, v²/2 + u, changes by v.
    """
    space, fall, reach = fem.FunctionSpace(fem.rectangle((1, 1), (0.1, 0.1)), 1, 2), 0.1, 0.01
    ground = Obstacle("bottom", HalfSpace((0.0, -fall), (0.0, 1.0)), stiffness=5.0, reach=reach)
    law = materials.PlaneStrain(materials.LinearElastic(E=1e5, nu=0.3))
    ball = physics.Solid(space, law, (), [physics.BodyForce((0.0, -1.0)), ground], density=1.0)
    begun = lambda speed: (jnp.zeros(space.shape), jnp.broadcast_to(jnp.stack([0 * speed, -speed]), space.shape))
    stepper, end = GeneralisedAlpha(0.5), 0.9

    def energy(found):
        return jnp.mean(found.final.u[:, 1]) + jnp.mean(found.final.v[:, 1]) ** 2 / 2

    def led(speed):
        options = dict(rtol=1e-5, atol=1e-7, max_steps=200)
        found = march_adaptively(stepper, ball, begun(speed), (0.0, end), **options)
        return energy(found), found

    (last, found), slope = jax.value_and_grad(led, has_aux=True)(jnp.array(0.1))
    times, heights = np.asarray(found.times), np.asarray(found.values)[:, :, 1].mean(axis=1)
    gap = fall + np.asarray(found.values)[:, :, 1].min(axis=1)
    touched = int(np.argmax(gap < reach))
    # By a fiftieth of the reach it is entered.
    speed = np.sqrt(0.01 + 2 * (fall - 0.98 * reach))
    assert times[touched] == pytest.approx(speed - 0.1, abs=1e-6) and gap[touched] == pytest.approx(
        0.98 * reach, rel=1e-4
    )
    assert np.diff(times)[:touched].max() > 5 * np.diff(times)[touched] and len(times) < 70
    again = np.sqrt(2 * (heights[touched:].max() + fall - reach))
    assert again == pytest.approx(np.sqrt(0.01 + 2 * (fall - reach)), rel=2e-3)
    assert float(last) == pytest.approx(0.1**2 / 2, rel=0.01) and float(slope) == pytest.approx(0.1, rel=0.15)

    def through(speed):
        return energy(march(stepper, ball, begun(speed), found.times, save=None))

    check = sp.check_gradient(eqx.filter_jit(through), jnp.array(0.1), known=(last, slope), step=4e-3)
    assert check.order >= 1.9, check


@pytest.mark.parametrize("kind", ["obstacle", "bodies"])
def test_where_a_step_ends_for_a_touch(kind):
    """Of a fall by the speed 1 through a gap of .2: at .2 − .98 δ; never where it is not reached, or touches already."""
    block, reach = fem.rectangle((1, 1), (0.1, 0.1)), 0.01
    law = materials.PlaneStrain(materials.LinearElastic(E=1e3, nu=0.3))
    if kind == "obstacle":
        touch, mesh, ends = (
            Obstacle("bottom", HalfSpace((0.0, -0.2), (0.0, 1.0)), stiffness=5.0, reach=reach),
            block,
            (),
        )
        falls = jnp.ones(4)
    else:
        floor = fem.rectangle((3, 1), (0.4, 0.1))
        floor = eqx.tree_at(lambda m: m.points, floor, floor.points - jnp.array([[0.15, 0.3]]))
        mesh, ends = fem.join({"block": block, "floor": floor}), fem.Dirichlet("floor_bottom", 0.0)
        touch = Contact(("floor_top", "block_bottom"), stiffness=5.0, reach=reach)
        falls = jnp.where(jnp.arange(mesh.n_points) < 4, 1.0, 0.0)
    body = physics.Solid(fem.FunctionSpace(mesh, 1, 2), law, ends, touch, density=1.0)
    end = eqx.filter_jit(
        lambda body, begin, h: until_touch(body, lambda t: jnp.stack([0 * falls, -falls], axis=1) * (begin + t), h)
    )
    found = 0.0
    for _ in range(2):  # between bodies, a tenth of the gap may be left
        found = found + float(end(body, jnp.asarray(found), jnp.asarray(5.0)))
        if kind == "obstacle":
            break
    assert found == pytest.approx(0.2 - 0.98 * reach, abs=2e-6)
    assert float(end(body, jnp.asarray(0.0), jnp.asarray(0.15))) == 0.15
    assert float(end(body, jnp.asarray(0.195), jnp.asarray(4e-3))) == 4e-3
