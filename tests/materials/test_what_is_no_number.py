"""Constants that are no numbers are named where they are given."""

import jax
import jax.numpy as jnp
import pytest

import simphys as sp


@pytest.mark.parametrize("make, text", [
    (lambda: sp.materials.LinearElastic(E="2e5", nu=0.3), "`E` must be numbers, got '2e5'"),
    (lambda: sp.materials.LinearElastic(E={"steel": "stiff"}, nu=0.3), "`E` must be numbers, got 'stiff'"),
    (lambda: sp.materials.IsotropicConduction(k=lambda T: 1.0), "must be numbers, got <function"),
    (lambda: sp.physics.Traction("right", lambda x: x), "`value` must be numbers, got <function"),
    (lambda: sp.fem.Dirichlet("left", "fast"), "must be"),
])  # fmt: skip
def test_is_named(make, text):
    with pytest.raises(ValueError) as error:
        make()
    assert text in str(error.value)


MESH = sp.fem.rectangle((2, 2))
PLANE, SCALAR = sp.fem.FunctionSpace(MESH, 1, components=2), sp.fem.FunctionSpace(MESH, 1)
HELD = [sp.fem.Dirichlet("left", 0.0)]
TWO = [1.0, 2.0]
"""In a plane it would be multiplied with vectors, entry by entry, and nothing would tell."""


@pytest.mark.parametrize("make, name", [
    (lambda a: sp.physics.Solid(PLANE, sp.materials.PlaneStrain(sp.materials.LinearElastic(E=a, nu=0.3)), HELD), "E"),
    (lambda a: sp.physics.Solid(PLANE, sp.materials.PlaneStrain(sp.materials.NeoHooke(mu=1.0, lam=a)), HELD), "lam"),
    (lambda a: sp.physics.Solid(PLANE, sp.materials.PlaneStress(sp.materials.LinearElastic(E=1.0, nu=0.3)), HELD,
                                thickness=a), "thickness"),
    (lambda a: sp.physics.Heat(SCALAR, sp.materials.IsotropicConduction(k=a), HELD), "k"),
    (lambda a: sp.physics.Heat(SCALAR, sp.materials.IsotropicConduction(k=1.0), HELD, capacity=a), "c"),
    (lambda a: sp.physics.Stokes(sp.fem.taylor_hood(MESH), a, HELD), "viscosity"),
    (lambda a: sp.physics.NavierStokes(sp.fem.taylor_hood(MESH), 1.0, 1.0, HELD, resistance=a), "resistance"),
])  # fmt: skip
def test_an_array_in_the_place_of_a_number_is_named(make, name):
    """Where a problem is made of it, traced or not; members of an ensemble have a number each."""
    with pytest.raises(ValueError, match=f"`{name}` of .* must be a number or a field, got an array of shape .2,."):
        make(TWO)
    with pytest.raises(ValueError, match=f"`{name}` of .* must be a number or a field"):
        jax.eval_shape(lambda a: make(a), jnp.asarray(TWO))
    jax.eval_shape(jax.vmap(lambda a: jnp.sum(jax.tree.leaves(make(a).system.reduction)[0])), jnp.asarray(TWO))
    make(sp.fem.CellField([1.0, 2.0, 3.0, 4.0]))


def test_several_where_several_belong():
    """Moduli of Ogden, shares and times of Prony, stiffnesses by direction."""
    law = sp.materials.Viscoelastic(sp.materials.NeoHooke(mu=1.0, lam=1.0), shares=[0.1, 0.2], times=[1.0, 2.0])
    support = sp.physics.ElasticSupport("right", [1.0, 2.0])
    body = sp.physics.Solid(PLANE, sp.materials.PlaneStrainHistory(law), HELD, [support])
    assert body.material.material.shares.shape == (2,) and body.loads[0].stiffness.shape == (2,)
    ogden = sp.materials.Ogden(mu=[0.4, 0.05], alpha=[1.6, 3.0], kappa=1.5)
    assert sp.physics.Solid(PLANE, sp.materials.PlaneStrain(ogden), HELD).material.material.mu.shape == (2,)


def test_a_function_is_told_how_to_be_given():
    with pytest.raises(ValueError, match=r"NodalField\(space.interpolate\(function\)\)"):
        sp.physics.Traction("right", lambda x: x)
