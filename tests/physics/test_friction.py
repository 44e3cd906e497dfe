"""Friction: a block on an incline sticks or slides as Coulomb says; derivatives by μ; bodies drag each other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys import fem, materials, physics
from simphys.contact import held_back
from simphys.physics import Contact, HalfSpace, Obstacle, contact


LAW = materials.PlaneStrain(materials.LinearElastic(E=1e3, nu=0.3))
MU, SLIP, WEIGHT = 0.5, 1e-3, 1.0


def _incline(tangent, friction=MU):
    """A block on a slope, in the axes of the slope; its weight is 1, of slope `tangent`."""
    space = fem.FunctionSpace(fem.rectangle((3, 2), (1.0, 0.5)), 1, 2)
    ground = Obstacle(
        "bottom", HalfSpace((0.0, -5e-3), (0.0, 1.0)), stiffness=10.0, reach=0.01, friction=friction, slip=SLIP
    )
    pull = WEIGHT / 0.5 / np.hypot(1.0, tangent)
    return physics.Solid(space, LAW, (), [physics.BodyForce((pull * tangent, -pull)), ground])


@pytest.mark.slow
def test_a_block_sticks_below_the_angle_of_friction():
    """tan θ < μ: it creeps by ε (1 − √(1 − tan θ/μ)) < ε; above there is no equilibrium."""
    body = _incline(0.3)
    value = sp.solve(body).value
    expected = SLIP * (1 - np.sqrt(1 - 0.3 / MU))
    bottom = np.asarray(value)[np.asarray(body.space.nodes_on("bottom"))]
    assert np.mean(bottom[:, 0]) == pytest.approx(expected, rel=2e-2)
    assert bottom[:, 0].max() < SLIP
    again = sp.solve(physics.stepped(body, value), value).value
    assert 0 < float(jnp.mean(again[:, 0] - value[:, 0])) < SLIP
    steep = sp.solve(_incline(0.6), throw=False)
    assert steep.result != sp.RESULTS.successful


def _dragged(friction, *, slip=SLIP, **more):
    """A block, its top pushed down and along, on the ground."""
    space = fem.FunctionSpace(fem.rectangle((3, 2), (1.0, 0.5)), 1, 2)
    ground = Obstacle(
        "bottom", HalfSpace((0.0, -5e-3), (0.0, 1.0)), stiffness=10.0, reach=0.01, friction=friction, slip=slip, **more
    )
    return physics.Solid(space, LAW, [fem.Dirichlet("top", (0.02, -0.004))], [ground])


@pytest.mark.slow
def test_what_slides_is_held_back_by_the_coefficient():
    """Pulled far enough, the force along is μ times that across; its derivative by μ and by the push passes Taylor."""
    body = _dragged(0.2)
    value = sp.solve(body).value
    along, across = body.resultant(value, "top")
    assert float(along) == pytest.approx(-0.2 * float(across), rel=1e-6)
    np.testing.assert_allclose(contact(body, value).force, [-along, -across], rtol=1e-8)

    def drag(x):
        where = lambda b: (b.loads[0].friction, b.constraints[0].value)
        changed = eqx.tree_at(where, body, (0.2 * x[0], jnp.stack([0.02 * x[1], -0.004 + 0 * x[0]])))
        return changed.resultant(sp.solve(changed).value, "top")[0]

    assert check_gradient(drag, jnp.array([1.0, 1.0])).passed
    assert check_gradient(drag, jnp.array([1.0, 0.01])).passed


def _pair(friction):
    """A block that is pressed on another one and pushed along it."""
    lower, upper = fem.rectangle((5, 1), (2.0, 0.5)), fem.rectangle((2, 1), (0.7, 0.5))
    upper = eqx.tree_at(lambda m: m.points, upper, upper.points + jnp.array([[0.4, 0.5005]]))
    mesh = fem.join({"lower": lower, "upper": upper})
    ends = [fem.Dirichlet("lower_bottom", 0.0), fem.Dirichlet("upper_top", (0.02, -0.002))]
    options = {} if friction is None else dict(friction=friction, slip=SLIP)
    touch = Contact(("lower_top", "upper_bottom"), stiffness=100.0, reach=1e-3, **options)
    return physics.Solid(fem.FunctionSpace(mesh, 1, 2), LAW, ends, touch)


@pytest.mark.parametrize("bodies", [False, True])
def test_what_is_read_off_a_failed_solve_has_no_derivative(bodies):
    """It was 0 between bodies: nothing is near what is nowhere."""
    body = _pair(0.3) if bodies else _dragged(0.2)
    slope = jax.grad(lambda value: contact(body, value).force[1])
    assert bool(jnp.all(jnp.isnan(slope(jnp.full(body.space.shape, jnp.nan)))))


@pytest.mark.slow
def test_bodies_drag_each_other():
    """The force along is μ times that across, to the tilt of the surface; both bodies feel the same; Taylor by μ."""
    body = _pair(0.2)
    value = sp.solve(body).value
    lower, upper = (body.resultant(value, where) for where in ("lower_bottom", "upper_top"))
    np.testing.assert_allclose(lower, -upper, rtol=1e-6)
    assert float(upper[0]) == pytest.approx(-0.2 * float(upper[1]), rel=0.03)

    def drag(x):
        changed = eqx.tree_at(lambda b: b.loads[0].friction, body, 0.2 * x[0])
        return changed.resultant(sp.solve(changed).value, "upper_top")[0]

    assert check_gradient(drag, jnp.array([1.0])).passed


@pytest.mark.slow
def test_bodies_drag_each_other_in_space():
    """A block pressed on a plate and pushed askew: the force along is μ times that across, against the push."""
    lower, upper = fem.box((2, 2, 1), (1.0, 1.0, 0.4)), fem.box((1, 1, 1), (0.5, 0.5, 0.4))
    upper = eqx.tree_at(lambda m: m.points, upper, upper.points + jnp.array([[0.23, 0.26, 0.4005]]))
    mesh = fem.join({"lower": lower, "upper": upper})
    push = jnp.array([0.012, 0.016, -0.002])
    ends = [fem.Dirichlet("lower_bottom", 0.0), fem.Dirichlet("upper_top", push)]
    touch = Contact(("lower_top", "upper_bottom"), stiffness=100.0, reach=1e-3, friction=0.2, slip=SLIP)
    body = physics.Solid(fem.FunctionSpace(mesh, 1, 3), materials.LinearElastic(E=1e3, nu=0.3), ends, touch)

    force = np.asarray(body.resultant(sp.solve(body).value, "upper_top"))
    along = np.linalg.norm(force[:2])
    assert along == pytest.approx(-0.2 * force[2], rel=0.03)
    assert force[:2] @ np.array([0.6, 0.8]) > 0.999 * along


def test_misuse_of_friction():
    shape, options = HalfSpace((0.0, 0.0), (0.0, 1.0)), dict(stiffness=1.0, reach=0.1)
    with pytest.raises(ValueError, match="`friction` needs `slip`"):
        Obstacle("bottom", shape, friction=0.3, **options)
    with pytest.raises(ValueError, match="`friction` needs `slip`"):
        Contact("bottom", slip=0.3, **options)
    with pytest.raises(ValueError, match="`friction` must be 0 or more|`friction` must be"):
        Contact("bottom", friction=-0.1, slip=0.1, **options)
    with pytest.raises(ValueError, match="`slip` must be positive"):
        Obstacle("bottom", shape, friction=0.1, slip=0.0, **options)
    with pytest.raises(ValueError, match="this one has none of them"):
        physics.stepped(_pair(None), jnp.zeros(()))


@pytest.mark.slow
def test_static_friction_is_overcome_once():
    """It holds up to μ_s = .5; once it slides by 2 ε the force along is μ = .2 times that across; derivatives by both."""
    body = _dragged(0.2, static_friction=0.5, slip=20 * SLIP)

    def drag(x):
        where = lambda b: (b.loads[0].friction, b.loads[0].static_friction, b.constraints[0].value)
        along = jnp.stack([x[2], -0.004 + 0 * x[2]])
        changed = eqx.tree_at(where, body, (0.2 * x[0], 0.5 * x[1], along))
        return changed.resultant(sp.solve(changed).value, "top")

    slid, held = drag(jnp.array([1.0, 1.0, 0.06])), drag(jnp.array([1.0, 1.0, 0.022]))
    assert float(slid[0] / -slid[1]) == pytest.approx(0.2, rel=1e-6)
    assert 0.45 < float(held[0] / -held[1]) < 0.5
    # In the fall from μ_s to μ.
    assert check_gradient(lambda x: drag(x)[0], jnp.array([1.0, 1.0, 0.035])).passed


def test_static_friction_falls_smoothly():
    """2y/ε − y²/ε² up to ε, then down to μ at 2 ε, with a continuous slope; not below μ."""
    size = lambda y: float(held_back(jnp.array([y, 0.0]), 0.1, 0.2, 0.5)[0])
    found = [size(y) for y in (0.05, 0.1, 0.15, 0.2, 3.0)]
    np.testing.assert_allclose(found, [0.375, 0.5, 0.35, 0.2, 0.2], rtol=1e-12)
    for y in (0.1, 0.2):
        slopes = [(size(y + s) - size(y)) / s for s in (-1e-6, 1e-6)]
        np.testing.assert_allclose(slopes, 0.0, atol=2e-4)
    shape, options = HalfSpace((0.0, 0.0), (0.0, 1.0)), dict(stiffness=1.0, reach=0.1, slip=0.1)
    with pytest.raises(ValueError, match="`static_friction` must be `friction` or more, got 0.1 and 0.3"):
        Obstacle("bottom", shape, friction=0.3, static_friction=0.1, **options)
    with pytest.raises(ValueError, match="give both"):
        Contact("bottom", static_friction=0.1, stiffness=1.0, reach=0.1)
