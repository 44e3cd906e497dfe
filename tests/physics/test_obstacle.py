"""Contact with rigid obstacles: Hertz, balance of forces, derivatives on both sides of the onset, misuse."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root

import simphys as sp
from simphys import fem, materials, physics
from simphys.physics import (
    Box,
    Cylinder,
    Distance,
    HalfSpace,
    Inverted,
    Obstacle,
    SampledDistance,
    Sphere,
    contact,
)


def _graded(mesh, sizes, power):
    """Points crowd towards x = 0 and y = the top."""
    x = mesh.points
    graded = jnp.stack([sizes[0] * x[:, 0] ** power, sizes[1] * (1 - (1 - x[:, 1]) ** power)], axis=1)
    return eqx.tree_at(lambda m: m.points, mesh, graded)


E, NU, R = 200.0, 0.3, 50.0


def _half_space(cells, reach):
    """A symmetric half of a block under a rigid cylinder."""
    size = 60.0
    mesh = _graded(fem.rectangle((cells, cells), (1.0, 1.0)), (size, size), 3.0)
    space = fem.FunctionSpace(mesh, 2, 2)
    ends = [fem.Dirichlet("bottom", 0.0), fem.Dirichlet("left", (0.0, None))]
    roller = Obstacle("top", Sphere((0.0, size + R), R), stiffness=E, reach=reach)
    return physics.Solid(space, materials.PlaneStrain(materials.LinearElastic(E=E, nu=NU)), ends, [roller])


@pytest.mark.slow
def test_hertz_line_contact():
    """a = √(4 F R/(π E*)), p₀ = 2F/(π a), E* = E/(1 − ν²)."""
    body = _half_space(24, 2e-3)
    away = eqx.tree_at(lambda b: b.loads[0].shape.centre, body, jnp.array([0.0, 60.0 + R + 0.01]))
    body = eqx.tree_at(lambda b: b.loads[0].shape.centre, body, jnp.array([0.0, 60.0 + R - 0.05]))
    value = sp.solve(body, jnp.zeros(body.space.shape), start=away).value
    found = contact(body, value)
    force, modulus = 2 * float(found.force[1]), E / (1 - NU**2)
    a = np.sqrt(4 * -force * R / (np.pi * modulus))
    assert float(jnp.max(found.pressure)) == pytest.approx(2 * -force / (np.pi * a), rel=0.015)
    peak = 2 * -force / (np.pi * a)
    expected = peak * np.sqrt(np.maximum(1 - np.asarray(found.position[..., 0]) ** 2 / a**2, 0.0))
    near = np.asarray(found.position[..., 0]) < 2 * a
    assert np.mean(np.abs(found.pressure - expected)[near]) < 0.05 * peak
    np.testing.assert_allclose(found.force[1], -body.resultant(value, "bottom")[1], rtol=1e-6)
    assert float(found.smallest) > 0


def _block(gap=0.02, pull=0.05):
    """A block that is pulled down on a sphere."""
    space = fem.FunctionSpace(fem.box((2, 2, 2)), 1, 3)
    ends = [fem.Dirichlet("top", (0.0, 0.0, -pull))]
    ball = Obstacle("bottom", Sphere((0.5, 0.5, -2.0 - gap), 2.0), stiffness=10.0, reach=0.01)
    return physics.Solid(space, materials.NeoHooke.from_young(E=10.0, nu=0.3), ends, [ball])


@pytest.mark.slow
def test_derivatives():
    """By E, the sphere's place and radius, δ and the nodes, in contact and before it."""
    block = _block()

    def pressed(body, radius, height, E, move, pull):
        where = lambda b: (
            b.loads[0].shape.radius,
            b.loads[0].shape.centre,
            b.material.mu,
            b.spaces[0].mesh.points,
            b.constraints[0].value,
        )
        points = body.spaces[0].mesh.points
        moved = points.at[:, 2].add(move * points[:, 0] * (1 - points[:, 2]))
        there = (
            radius,
            jnp.array([0.5, 0.5, height]),
            body.material.mu * E,
            moved,
            jnp.stack([0.0 * pull, 0.0 * pull, -pull]),
        )
        body = eqx.tree_at(where, body, there)
        value = sp.solve(body).value
        return contact(body, value).force[2], value

    at = jnp.array([2.0, -2.02, 1.0, 0.0, 0.05])
    program = eqx.filter_jit(lambda block, x: jax.value_and_grad(lambda x: pressed(block, *x)[0])(x))
    both = lambda x: program(block, x)
    found, slope = both(at)
    assert float(found) > 0.01
    steps = 1e-5 * np.eye(5)
    numeric = [(float(both(at + d)[0]) - float(both(at - d)[0])) / 2e-5 for d in steps]
    np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-7)
    apart, none = both(at.at[4].set(0.005))
    assert float(apart) == 0 and not np.any(none)


SHAPES = [
    HalfSpace((0.1, 0.2, 0.3), (0.0, 1.0, 2.0)),
    Sphere((0.1, 0.2, 0.3), 0.5),
    Cylinder((0.1, 0.2, 0.3), (1.0, 1.0, 0.0), 0.5),
    Box((0.1, 0.2, 0.3), (0.5, 0.4, 0.3), 0.1),
    Inverted(Sphere((0.1, 0.2, 0.3), 0.5)),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: type(s).__name__)
def test_distances(shape):
    """Slope 1; the point of the surface nearest to x is x − d n; the derivative is finite at the centre."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(40, 3)))
    d, n = jax.vmap(shape.distance)(x), jax.vmap(shape.normal)(x)
    np.testing.assert_allclose(jnp.linalg.norm(n, axis=1), 1.0, rtol=1e-12)
    outside = np.asarray(d) > 0 if not isinstance(shape, Inverted) else np.ones(40, bool)
    np.testing.assert_allclose(jax.vmap(shape.distance)(x - d[:, None] * n)[outside], 0.0, atol=1e-12)
    assert np.all(np.isfinite(shape.normal(jnp.array([0.1, 0.2, 0.3]))))


def test_sampled_distance():
    axes = np.linspace(-1.0, 1.0, 41)
    grid = np.stack(np.meshgrid(axes, axes, indexing="ij"), axis=-1)
    shape = SampledDistance((-1.0, -1.0), 0.05, np.linalg.norm(grid, axis=-1) - 0.5)
    x = jnp.asarray(np.random.default_rng(0).uniform(0.3, 0.9, size=(40, 2)))
    np.testing.assert_allclose(jax.vmap(shape.distance)(x), jnp.linalg.norm(x, axis=1) - 0.5, atol=2e-5)
    np.testing.assert_allclose(jax.vmap(shape.normal)(x), x / jnp.linalg.norm(x, axis=1, keepdims=True), atol=2e-3)
    assert float(shape.distance(jnp.array([3.0, 0.0]))) == pytest.approx(2.5, rel=1e-6)


@pytest.mark.slow
def test_plane_by_samples_holds_a_body():
    """Under its weight: the force of the ground is the weight."""
    space = fem.FunctionSpace(fem.rectangle((3, 2)), 1, 2)
    axes = np.linspace(-2.0, 2.0, 9)
    ground = SampledDistance((-2.0, -2.0), 0.5, np.broadcast_to(axes + 0.0, (9, 9)))
    holds = [fem.Dirichlet("left", (0.0, None))]
    law = materials.PlaneStrain(materials.LinearElastic(E=10.0, nu=0.3))
    loads = [physics.BodyForce((0.0, -0.1)), Obstacle("bottom", ground, stiffness=100.0, reach=0.05, law="penalty")]
    body = physics.Solid(space, law, holds, loads)
    lowered = jnp.zeros(space.shape).at[:, 1].set(-1e-4)
    value = root(body, lowered)
    np.testing.assert_allclose(contact(body, value).force, [0.0, 0.1], atol=1e-8)


def test_misuse_raises():
    space = fem.FunctionSpace(fem.rectangle((1, 1)), 1, 2)
    law = materials.PlaneStrain(materials.LinearElastic(E=1.0, nu=0.3))
    options = dict(stiffness=1.0, reach=0.1)
    with pytest.raises(ValueError, match="slope 1, that of this Distance is 2"):
        steep = Obstacle("top", Distance(lambda x, _: 2 * (3 - x[1])), **options)
        physics.Solid(space, law, [fem.Dirichlet("bottom", 0.0)], [steep])
    with pytest.raises(ValueError, match="`law` must be one of 'barrier', 'penalty'"):
        Obstacle("top", Sphere((0.0, 3.0), 1.0), law="glue", **options)
    with pytest.raises(ValueError, match="`reach` must be positive"):
        Obstacle("top", Sphere((0.0, 3.0), 1.0), stiffness=1.0, reach=0.0)
    with pytest.raises(ValueError, match="`shape` must be a body"):
        Obstacle("top", lambda x: x[0], **options)
    with pytest.raises(ValueError, match="the problem has 0"):
        contact(physics.Solid(space, law, [fem.Dirichlet("bottom", 0.0)]), jnp.zeros((4, 2)))


@pytest.mark.slow
def test_where_a_guess_is_no_number_is_said():
    space = fem.FunctionSpace(fem.rectangle((8, 4), (2.0, 1.0)), degree=1, components=2)
    law = materials.PlaneStrain(materials.NeoHooke(mu=1e3, lam=1e3))
    ball = physics.Obstacle("top", physics.Sphere((1.0, 1.98), 1.0), stiffness=1e2, reach=0.01)
    deep = physics.Solid(space, law, [fem.Dirichlet("bottom", 0.0)], [ball])
    said = r"'top' is 0\.0196 deep in its obstacle, a Sphere, at \((0\.972|1\.03), 1\) \(4 of 24 points\)"
    with pytest.raises(sp.NotConverged, match=said):
        sp.solve(deep)
    steps = dict(state=jnp.zeros(space.shape), times=jnp.array([0.0, 1.0]))
    with pytest.raises(sp.stepping.StepFailed, match=said):
        sp.stepping.march(sp.stepping.Equilibrium(), deep, **steps)
    folded = jnp.where(space.nodes()[:, :1] > 1.9, -1.0, jnp.zeros(space.shape))
    with pytest.raises(sp.NotConverged, match=r"4 of 32 items of 'all cells' .*the first at \(1\.88, 0\.125\)"):
        sp.solve(physics.Solid(space, law, [fem.Dirichlet("bottom", 0.0)]), guess=folded)
