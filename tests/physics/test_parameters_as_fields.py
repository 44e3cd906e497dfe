"""Fields in the places of numbers: laws of several fields, memories, and a user's forms on one of several spaces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import materials, physics
from simphys.fem import CellField, Dirichlet, FunctionSpace, NodalField, Weak, line, rectangle


MESH = rectangle((1, 1), cell_type="triangle")
MOVED, SCALAR = FunctionSpace(MESH, 2, components=2), FunctionSpace(MESH, 1)
RANDOM = np.random.default_rng(0)
U = jnp.asarray(0.02 * RANDOM.normal(size=MOVED.shape))
T = jnp.asarray(1 + 0.3 * RANDOM.normal(size=SCALAR.shape))
HELD = [Dirichlet("left", 0.0)]


def as_cells(number):
    return CellField(jnp.full(MESH.n_cells, number))


def as_nodes(number):
    return NodalField(jnp.full(MOVED.n_nodes, number))


def same(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), found, expected)


def test_density_expansion_and_conductivity_of_a_warm_fluid():
    def seen(density, expansion, k):
        spaces, gravity = (MOVED, SCALAR, SCALAR), [0.0, -1.0]
        fluid = physics.Boussinesq(spaces, 1.0, density, k, 1.0, HELD, expansion=expansion, gravity=gravity)
        value = (U, T, T)
        return fluid.reactions(value), fluid.quantities()[-1].values(fluid, value)

    expected = seen(2.0, 0.1, 3.0)
    assert float(jnp.max(jnp.abs(expected[1]))) > 1
    same(seen(as_cells(2.0), as_cells(0.1), as_nodes(3.0)), expected)


def test_a_body_with_a_map_of_stiffness_takes_heat_by_either_number_of_its_field():
    def seen(E, field):
        law = materials.Thermoelastic(
            materials.PlaneStrain(materials.LinearElastic(E=E, nu=0.3)),
            expansion=0.01,
            capacity=1.0,
            reference=1.0,
            zero=-1.0,
        )
        heat = [physics.Flux("top", 1.0, field=field)]
        body = physics.ThermoSolid((MOVED, SCALAR), law, materials.IsotropicConduction(k=1.0), HELD, heat)
        return body.reactions((U, T))

    same(seen(as_nodes(2.0), 1), seen(2.0, 0))


def test_branches_that_vary_in_space():
    bar = FunctionSpace(sp.fem.box((1, 1, 1)), components=3)
    moved = jnp.asarray(0.02 * RANDOM.normal(size=bar.shape))
    each = lambda values: CellField(jnp.asarray([values]))
    lengths = NodalField(jnp.broadcast_to(jnp.array([1.0, 2.0]), (bar.n_nodes, 2)))

    def seen(shares, times):
        law = materials.Viscoelastic(materials.NeoHooke(mu=1.0, lam=1.0), shares=shares, times=times)
        body = physics.Solid(bar, law, [Dirichlet("bottom", 0.0)])
        return body.reactions(moved)

    same(seen(each([0.2, 0.3]), lengths), seen([0.2, 0.3], [1.0, 2.0]))
    with pytest.raises(ValueError, match="less than 1, got 1.1"):
        materials.Viscoelastic(
            materials.NeoHooke(mu=1.0, lam=1.0), shares=CellField(jnp.array([[0.5, 0.6]])), times=[1.0, 2.0]
        )
    with pytest.raises(ValueError, match="one entry for each branch"):
        seen(CellField(jnp.array([0.2])), [1.0])


def test_nodes_are_those_of_the_first_field_that_a_form_looks_at():
    mesh = line(3)
    rich, plain, one = FunctionSpace(mesh, 2), FunctionSpace(mesh, 1), FunctionSpace(mesh, "real")
    field = lambda space: NodalField(1 + space.nodes()[:, 0])

    def second(u, at, k):
        return None, (u[1].value - k, None)

    def beside_a_constant(u, at, k):
        return (u[0].value - k, None), (u[1].value - k, None)

    for spaces, function in (((rich, plain), second), ((one, plain), beside_a_constant)):
        pde = physics.Balance(spaces, [Weak(function, field(plain))])
        start = (jnp.zeros(spaces[0].shape), 1 + plain.nodes()[:, 0])
        assert float(jnp.max(jnp.abs(pde.reactions(start)[1]))) < 1e-15
    with pytest.raises(ValueError, match="leading shape"):
        physics.Balance((rich, plain), [Weak(second, field(rich))])
