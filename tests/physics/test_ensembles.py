"""Ensembles of bodies under `vmap`: what a loop over them gives, factors that are kept, programs of one size."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.linalg import _lane_factors


LANES = 5


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    """As many threads on every machine."""
    monkeypatch.setattr(_lane_factors, "cores", lambda: 2)
    sp.linalg.forget_factors()


def body(law):
    space = sp.fem.FunctionSpace(sp.fem.rectangle((6, 4)), components=2)
    ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", (0.2, None))]
    stiffness = sp.fem.CellField(jnp.ones(24))
    if law == "linear":
        material = sp.materials.LinearElastic(E=stiffness, nu=0.3)
    else:
        material = sp.materials.NeoHooke(mu=stiffness, lam=2.0)
    return sp.physics.Solid(space, sp.materials.PlaneStrain(material), ends)


def placed(solid, stiffness):
    own = lambda s: s.material.material
    field = "E" if isinstance(own(solid), sp.materials.LinearElastic) else "mu"
    return eqx.tree_at(lambda s: getattr(own(s), field).values, solid, stiffness)


def members(seed=0, lanes=LANES):
    return jnp.asarray(np.exp(0.4 * np.random.default_rng(seed).standard_normal((lanes, 24))))


def solved(stiffness, solid, pull=0.2):
    solid = eqx.tree_at(lambda s: s.constraints[1].value, solid, jnp.reshape(pull, 1))
    return sp.solve(placed(solid, stiffness), method=sp.Newton(rtol=1e-12))


def loss(stiffness, solid, pull=0.2):
    return jnp.sum(solved(stiffness, solid, pull).value ** 2)


def recorded(monkeypatch):
    """Record each call of the host: how many lanes it solves for, how many of them it factorises."""
    calls, solve = [], _lane_factors.LaneFactors.solve

    def spy(factors, jobs, *rest):
        found = solve(factors, jobs, *rest)
        calls.append((len(jobs), sum(count for _, count, *_ in found)))
        return found

    monkeypatch.setattr(_lane_factors.LaneFactors, "solve", spy)
    return calls


many = eqx.filter_jit(eqx.filter_vmap(eqx.filter_value_and_grad(loss), in_axes=(0, None)))
one = eqx.filter_jit(eqx.filter_value_and_grad(loss))


@pytest.mark.slow
def test_an_ensemble_is_what_a_loop_gives():
    solid, found = body("neo-Hooke"), members()
    values, gradients = many(found, solid)
    for lane in range(LANES):
        wanted, slope = one(found[lane], solid)
        np.testing.assert_allclose(values[lane], wanted, rtol=1e-10)
        np.testing.assert_allclose(gradients[lane], slope, rtol=0, atol=1e-10 * float(jnp.max(jnp.abs(slope))))


@pytest.mark.slow
def test_a_linear_lane_is_factorised_once(monkeypatch):
    """Forward, and by the same factor its adjoint."""
    calls = recorded(monkeypatch)
    jax.block_until_ready(many(members(), body("linear")))
    assert calls == [(LANES, LANES), (LANES, 0)]


@pytest.mark.slow
def test_lanes_that_are_done_leave(monkeypatch):
    """A lane under ten times the load takes more steps; nothing is factorised or solved for those that are done."""
    calls, solid, pulls = recorded(monkeypatch), body("neo-Hooke"), jnp.array([0.01, 0.02, 0.5, 0.02, 0.03])
    steps = lambda m, solid, pull: solved(m, solid, pull).stats.newton_steps
    taken = np.asarray(eqx.filter_jit(eqx.filter_vmap(steps, in_axes=(0, None, 0)))(members(), solid, pulls))
    assert taken.max() > taken.min() and taken.argmax() == 2
    assert sum(solves for solves, _ in calls) == taken.sum()


@pytest.mark.slow
def test_the_gradient_of_an_ensemble_passes_a_taylor_test():
    solid = body("neo-Hooke")

    def both(m):
        """Of the mean square of all losses."""
        values, slopes = many(m, solid)
        return jnp.mean(values**2), 2 / LANES * values[:, None] * slopes

    assert sp.check_gradient(lambda m: both(m)[0], members(), known=both(members())).passed


@pytest.mark.slow
def test_the_program_does_not_grow_with_lanes():
    size = lambda lanes: jax.jit(lambda m: many(m, solid)).lower(members(lanes=lanes)).as_text().count("\n")
    solid = body("linear")
    assert size(2) == size(33)
