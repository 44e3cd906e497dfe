"""Bodies of revolution against Lamé, against the three-dimensional body, and mixed solids with a memory."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root

from simphys.fem import Dirichlet, FunctionSpace, Mesh, join, rectangle, taylor_hood
from simphys.materials import Axisymmetric, FinitePlasticity, LinearElastic, NeoHooke, PlaneStrain
from simphys.physics import (
    BodyForce,
    CohesiveZone,
    Contact,
    HalfSpace,
    MixedSolid,
    Obstacle,
    Pressure,
    Solid,
    contact,
    separation,
    stepped,
)
from simphys.stepping import Equilibrium, march


E, NU = 200.0, 0.3
FLAT = (Dirichlet("bottom", 0.0, components=1), Dirichlet("top", 0.0, components=1))


def tube(n=(12, 1)):
    mesh = rectangle(n)
    return Mesh(mesh.points + jnp.array([[1.0, 0.0]]), mesh.cells, mesh.cell_type, facet_groups=mesh.facet_groups)


@pytest.mark.parametrize("kind", [Obstacle, Contact])
def test_what_is_touched_pushes_all_around(kind):
    """As the reactions have it (the force was that of the meridian plane, 2πr times too small)."""
    parts = {"low": tube((2, 1)), "high": tube((3, 1))}
    high = parts["high"].points + jnp.array([[0.0, 1.002]])
    space = FunctionSpace(join(parts | {"high": eqx.tree_at(lambda m: m.points, parts["high"], high)}), components=2)
    numbers = dict(stiffness=1.0, reach=0.005)
    between = Contact(("low_top", "high_bottom"), **numbers)
    touch = between if kind is Contact else Obstacle("low_top", HalfSpace([0.0, 1.002], [0.0, -1.0]), **numbers)
    held = [Dirichlet("low_bottom", 0.0), Dirichlet("high_top", 0.0)]
    law, u = Axisymmetric(NeoHooke(mu=1.0, lam=1.0)), space.zeros()
    body = Solid(space, law, held, [touch])
    low = np.unique(np.asarray(space.cells)[np.asarray(space.mesh.cell_groups["low"])])
    found = contact(body, u)
    np.testing.assert_allclose(found.force, -jnp.sum(body.reactions(u)[low], axis=0), rtol=1e-12, atol=1e-15)
    assert found.force[1] < 0
    np.testing.assert_allclose(found.area, 3 * np.pi, rtol=1e-3)  # (samples lie beside vertices)


def test_what_is_broken_is_so_all_around():
    mesh = tube((2, 1))
    upper = eqx.tree_at(lambda m: m.points, mesh, mesh.points + jnp.array([[0.0, 1.0]]))
    space = FunctionSpace(join({"low": mesh, "high": upper}), components=2)
    zone = CohesiveZone(("low_top", "high_bottom"), strength=1.0, energy=0.1, stiffness=100.0, damage=1.0)
    held = [Dirichlet("low_bottom", 0.0), Dirichlet("high_top", 0.0)]
    body = Solid(space, Axisymmetric(LinearElastic(E=E, nu=NU)), held, [zone])
    np.testing.assert_allclose(separation(body, space.zeros()).area, 3 * np.pi, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("mixed", [False, True], ids=["plain", "mixed"])
def test_lame_s_tube(mixed):
    """Radii 1 and 2 under inner pressure p, plane strain: u = (1 + ν) p a²/(E (b² − a²)) ((1 − 2ν) r + b²/r)."""
    law, load = Axisymmetric(LinearElastic(E=E, nu=NU)), [Pressure("left", 3.0)]
    spaces = taylor_hood(tube())
    body = MixedSolid(spaces, law, FLAT, load) if mixed else Solid(spaces[0], law, FLAT, load)
    found = root(body)
    u, r = (found[0] if mixed else found)[:, 0], np.asarray(spaces[0].nodes())[:, 0]
    exact = (1 + NU) * 3.0 / (3 * E) * ((1 - 2 * NU) * r + 4 / r)
    np.testing.assert_allclose(u, exact, rtol=1e-5)
    hoop = np.asarray(body.stress(found))[:, 2, 2]
    middle = np.asarray(body.spaces[0].mesh.points)[np.asarray(body.spaces[0].mesh.cells)].mean(axis=1)[:, 0]
    np.testing.assert_allclose(hoop, 3.0 / 3 * (1 + 4 / middle**2), rtol=5e-3)


@pytest.mark.slow
def test_weight_is_that_of_the_whole_ring():
    body = Solid(
        FunctionSpace(tube((3, 2)), 2, 2), Axisymmetric(NeoHooke(mu=1e3, lam=1e3)), FLAT[:1], [BodyForce((0.0, -2.0))]
    )
    u = root(body)
    np.testing.assert_allclose(body.resultant(u, "bottom")[1], 2.0 * np.pi * (2**2 - 1**2), rtol=1e-9)


@pytest.mark.slow
def test_one_rigid_motion_is_left():
    law = Axisymmetric(LinearElastic(E=E, nu=NU))
    with pytest.raises(ValueError, match="not held against translation along y: add"):
        Solid(FunctionSpace(tube(), 2, 2), law)
    with pytest.raises(ValueError, match="reaches x = -1"):
        Solid(FunctionSpace(Mesh(tube().points - 2.0, tube().cells, "quadrilateral"), 2, 2), law)
    with pytest.raises(ValueError, match="no `thickness`"):
        Solid(FunctionSpace(tube(), 2, 2), law, FLAT, thickness=2.0)
    with pytest.raises(ValueError, match="dimension 3"):
        Axisymmetric(PlaneStrain(LinearElastic(E=E, nu=NU)))


@pytest.mark.slow
def test_mixed_plasticity_is_the_plain_one_where_nothing_locks():
    """A block in homogeneous plane strain: the same force, and p = −θ/c."""
    law = PlaneStrain(FinitePlasticity(E=200e3, nu=0.3, yield_stress=250.0, hardening=1e3))
    spaces = taylor_hood(rectangle((1, 1)))
    held = [Dirichlet("left", 0.0, components=0), *FLAT]
    drive = lambda b, t: eqx.tree_at(lambda b: b.constraints[2].value, b, 0.02 * t)
    top = spaces[0].nodes_on("top")
    observe = lambda t, u, now: now.resultant(u, top)[1]
    times = jnp.linspace(0.0, 1.0, 3)
    mixed = MixedSolid(spaces, law, held)
    found = march(Equilibrium(), mixed, (0.0, 0.0), times, drive=drive, observe=observe).observed
    body, u, forces = Solid(spaces[0], law, held), None, [0.0]
    for t in times[1:]:
        ahead = drive(body, t)
        u = root(ahead, u)
        forces.append(float(ahead.resultant(u, top)[1]))
        body = stepped(ahead, u)
    np.testing.assert_allclose(found, forces, rtol=1e-8, atol=1e-8)
    assert forces[-1] > 250
