"""Loads on "all", the whole boundary of a mesh that has no group of this name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.physics import Convection, ElasticSupport, Flux, HalfSpace, Obstacle, Pressure, Traction


LAW = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=100.0, nu=0.3))


def _mesh(mixed=False):
    mesh = sp.fem.rectangle((2, 2))
    if mixed:
        near, far = np.asarray(mesh.cells)[:2], np.asarray(mesh.cells)[2:]
        halves = np.concatenate([far[:, [0, 1, 3]], far[:, [0, 3, 2]]])
        mesh = sp.fem.Mesh(mesh.points, [near, halves], ["quadrilateral", "triangle"])
    return mesh.with_facet_group("outside", lambda x: x[0] > -1)


def _body(load, mesh):
    space = sp.fem.FunctionSpace(mesh, components=2)
    holds = [] if isinstance(load, ElasticSupport | Obstacle) else [sp.fem.Dirichlet("all", 0.0, components=[0])]
    return sp.physics.Solid(space, LAW, holds, [load, ElasticSupport("outside", 1.0)])


MECHANICAL = {
    "traction": lambda where: Traction(where, (0.0, -0.1)),
    "pressure": lambda where: Pressure(where, 0.1),
    "support": lambda where: ElasticSupport(where, 2.0),
    "obstacle": lambda where: Obstacle(where, HalfSpace((0.0, -0.03), (0.0, 1.0)), stiffness=10.0, reach=0.05),
}


@pytest.mark.parametrize(
    "name, mixed", [*((name, False) for name in MECHANICAL), ("traction", True), ("obstacle", True)]
)
def test_mechanical_loads(name, mixed):
    """The residual inside a program is that of a group which names the same facets; the problem prints without them."""
    mesh = _mesh(mixed)
    residual = jax.jit(lambda body, y: body.residual(y, None))
    found, wanted = (_body(MECHANICAL[name](where), mesh) for where in ("all", "outside"))
    y = jax.tree.map(lambda a: 0.01 * jnp.cos(jnp.arange(a.size)).reshape(a.shape), wanted.unknowns(None))
    np.testing.assert_allclose(residual(found, y), residual(wanted, y), atol=1e-12)
    assert "facets=" not in repr(found) and "outline" not in repr(found)


def _heat(load, mesh):
    space, law = sp.fem.FunctionSpace(mesh), sp.materials.IsotropicConduction(k=1.0)
    return sp.physics.Heat(space, law, [sp.fem.Dirichlet("bottom", 0.0)], [load], capacity=1.0)


@pytest.mark.slow
@pytest.mark.parametrize("load", [lambda w: Convection(w, 2.0, 1.0), lambda w: Flux(w, 1.0)])
def test_thermal_loads_in_time(load):
    march = lambda where: sp.stepping.march(
        sp.stepping.BackwardEuler(), _heat(load(where), _mesh()), 0.5, jnp.linspace(0.0, 0.1, 3)
    )
    np.testing.assert_allclose(march("all").final.u, march("outside").final.u, rtol=1e-10)


def test_thermal_loads_and_a_group_of_this_name_which_goes_first():
    residual = jax.jit(lambda heat: heat.residual(heat.unknowns(None), None))
    mesh = _mesh()
    on = lambda where, mesh: residual(_heat(Flux(where, 1.0), mesh))
    np.testing.assert_allclose(on("all", mesh), on("outside", mesh), atol=1e-12)
    named = mesh.with_facet_group("all", lambda x: x[1] == 1)
    np.testing.assert_allclose(on("all", named), on("top", named), atol=1e-12)
    assert np.abs(on("top", named) - on("outside", named)).max() > 0.1


class _Push(Traction):
    """A load of a user's own, whose `unloaded` makes another one."""

    def unloaded(self):
        return _Push(self.where, jnp.zeros(2))


@pytest.mark.parametrize("load", [_Push("all", (0.0, -0.1)), sp.physics.NodalForces(0.1 * np.ones((9, 2)))])
def test_an_unloaded_body_has_the_structure_of_the_loaded_one(load):
    space = sp.fem.FunctionSpace(_mesh(), components=2)
    body = sp.physics.Solid(space, LAW, [sp.fem.Dirichlet("bottom", 0.0)], [load, Traction("all", (0.0, 0.0))])
    assert jax.tree.structure(body) == jax.tree.structure(body.unloaded())
    value = sp.solve(body, guess=jnp.zeros(space.shape), start=body.unloaded()).value
    same = sp.fem.Dirichlet("bottom", 0.0)
    known = [Traction("outside", (0.0, -0.1))] if isinstance(load, _Push) else [load]
    np.testing.assert_allclose(value, sp.solve(sp.physics.Solid(space, LAW, [same], known)).value, atol=1e-14)


class _Default(sp.physics.AbstractLoad):
    """A load whose constructor says nothing of the fields that all loads have."""

    scale: jax.Array

    def __init__(self, scale):
        self.scale = jnp.asarray(scale)

    def integral(self, space):
        return None

    def unloaded(self):
        return self


def test_a_field_left_to_its_default_is_part_of_the_structure():
    load = _Default(1.0)
    again = jax.tree.unflatten(jax.tree.structure(load), jax.tree.leaves(load))
    assert vars(load).keys() == {"scale", "field", "outline"} == vars(again).keys()
