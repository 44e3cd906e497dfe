"""Constraints and loads as they are stated: one, several, by names; and other values for one of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, rectangle
from simphys.physics import BodyForce, Flux, Heat, Solid, Traction


SPACE = FunctionSpace(rectangle((3, 3)), components=2)
LAW = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=2.0, nu=0.3))
PULL = jnp.array([1.0, 0.0])


def body(constraints, loads):
    return Solid(SPACE, LAW, constraints, loads)


def named():
    return body(
        {"clamp": Dirichlet("left", 0.0), "lift": Dirichlet("right", 0.01, components=1)},
        {"pull": Traction("right", PULL), "weight": BodyForce([0.0, -0.1])},
    )


@pytest.mark.slow
def test_one_a_list_or_by_name():
    clamp, pull = Dirichlet("left", 0.0), Traction("right", PULL)
    ways = [
        body([clamp], [pull]),
        body(clamp, pull),
        body({"clamp": clamp}, {"pull": pull}),
        body((clamp,), {"pull": pull}),
    ]
    values = [root(each) for each in ways]
    for value in values[1:]:
        np.testing.assert_array_equal(value, values[0])
    law = sp.materials.IsotropicConduction(k=1.0)
    scalar = FunctionSpace(SPACE.mesh)
    heat = [Heat(scalar, law, *parts) for parts in ((clamp, Flux("right", -1.0)), ([clamp], [Flux("right", -1.0)]))]
    np.testing.assert_array_equal(root(heat[0]), root(heat[1]))
    form = sp.fem.Energy(lambda u, at, k: k * jnp.sum(u.gradient**2) / 2 - u.value, 1.0)
    own = [sp.physics.Balance(scalar, *parts) for parts in ((form, clamp), ([form], [clamp]))]
    np.testing.assert_array_equal(root(own[0]), root(own[1]))


def test_names_find_their_parts():
    solid = named()
    assert solid.loads["pull"] is solid.loads[0] and len(solid.constraints) == 2
    assert "load 'weight': BodyForce" in repr(solid) and "constraint 'clamp': Dirichlet" in repr(solid)
    with pytest.raises(KeyError, match="no 'push'; there are 'pull', 'weight'"):
        solid.loads["push"]


@pytest.mark.slow
def test_other_values_are_those_of_another_body():
    changed = named().replace("pull", value=3 * PULL).replace("lift", value=0.05)
    other = body(
        [Dirichlet("left", 0.0), Dirichlet("right", 0.05, components=1)],
        [Traction("right", 3 * PULL), BodyForce([0.0, -0.1])],
    )
    np.testing.assert_allclose(root(changed), root(other), atol=1e-14)


@pytest.mark.slow
def test_replacing_is_differentiated():
    solid = named()
    tip = lambda t: sp.solve(solid.replace("pull", value=t * PULL)).value[-1, 0]
    both = jax.jit(jax.value_and_grad(tip))
    (once, slope), (twice, _) = both(1.0), both(2.0)
    assert float(slope) == pytest.approx(float(twice - once), rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.replace("push", value=1.0),
            "No constraint or load 'push'; there are 'clamp', 'lift', 'pull', 'weight'",
        ),
        (
            lambda s: s.replace("pull", where="left"),
            r"'pull' is a `Traction`, which has no values 'where', but \['value'\]",
        ),
        (lambda s: s.replace("pull", value=jnp.ones(3)), r"'value' of 'pull' has shape \(2,\), got \(3,\)"),
        (lambda s: s.replace("pull", value=[jnp.nan, 0.0]), "must be finite"),
        (
            lambda s: body(s.constraints[0], s.loads).replace("clamp", value=1.0),
            "No constraint or load 'clamp'; there are 'pull', 'weight'",
        ),
        (
            lambda s: body(list(s.constraints), list(s.loads)).replace("clamp", value=1.0),
            "have names where they are given as dictionaries",
        ),
        (lambda s: body({"pull": s.constraints[0]}, s.loads).replace("pull", value=1.0), "both called 'pull'"),
        (lambda s: body({1: s.constraints[0]}, ()), "must have texts as names, got 1"),
        (lambda s: body([s.constraints[0], 3], ()), "`constraints` must be `Dirichlet`.*got 3"),
        (lambda s: body(s.constraints, s.constraints[0]), "`loads` must be loads.*got a `Dirichlet`"),
    ],
)
def test_misuse_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        change(named())


@pytest.mark.slow
def test_a_path_of_loads_keeps_the_names():
    """What is not linear is led from its unloaded state, which must have the structure of the loaded one."""
    scalar = FunctionSpace(SPACE.mesh)
    law = sp.materials.IsotropicConduction(k=sp.materials.Polynomial([1.0, 1.0]))
    parts = {"cold": Dirichlet("left", 0.0), "warm": Dirichlet("right", 1.0)}, {"lamp": Flux("top", -0.1)}
    assert sp.solve(Heat(scalar, law, *parts)).certificate.residual < 1e-9


def test_flows_take_one_or_names_as_well():
    """The level of an enclosed pressure is one more constraint."""
    spaces = sp.fem.taylor_hood(rectangle((2, 2)))
    walls = Dirichlet("all", 0.0)
    one, named_ = sp.physics.Stokes(spaces, 1.0, walls), sp.physics.NavierStokes(spaces, 1.0, 1.0, {"walls": walls})
    assert len(one.constraints) == 2 and named_.constraints.names == ("walls", "level of the pressure 1")
    assert named_.replace("walls", value=0.5).constraints["walls"].value == 0.5
