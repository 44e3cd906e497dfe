"""Flow that carries heat and is lifted by it: published cavities, what advection keeps, gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import grid, irregular
from _taylor import check_gradient

import simphys as sp
from simphys.assembly import assemble
from simphys.fem import Dirichlet, FunctionSpace, Mesh, rectangle, taylor_hood
from simphys.physics import Boussinesq, Convection, Pressure, Source, settled


WALLS = ("left", "right", "bottom", "top")
PRANDTL = 0.71


def heated_from_the_left(mesh, rayleigh):
    held = [*(Dirichlet(w, 0.0) for w in WALLS), Dirichlet("left", 1.0, field=2), Dirichlet("right", 0.0, field=2)]
    buoyancy = dict(expansion=rayleigh * PRANDTL, gravity=[0.0, -1.0], reference=0.5)
    return Boussinesq(mesh, PRANDTL, 1.0, 1.0, 1.0, held, **buoyancy)


@pytest.mark.slow
def test_natural_convection():
    """Mean Nusselt numbers by the residual, those of G. de Vahl Davis (1983), whose last is known to within 1 %."""
    mesh = rectangle((20, 20))
    even = np.asarray(mesh.points)
    points = 0.2 * even + 0.4 * (1 - np.cos(np.pi * even))
    mesh = Mesh(points, mesh.cells, mesh.cell_type, 1, facet_groups=mesh.facet_groups)

    @eqx.filter_jit
    def heat(problem):
        value = sp.solve(problem).value
        return jnp.stack([problem.resultant(value, "left", 2), -problem.resultant(value, "right", 2)])

    found = np.array([heat(heated_from_the_left(mesh, rayleigh)) for rayleigh in (1e3, 1e4, 1e5, 1e6)])
    print(found)
    np.testing.assert_allclose(found[:3], np.array([[1.118], [2.243], [4.519]]) * np.ones((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(found[3], 8.800, rtol=4e-3)
    np.testing.assert_allclose(found[3, 0], found[3, 1], rtol=5e-4)


def test_advection_keeps_squares():
    """∫ T² and ∫ v² of the skew form, for any v that is 0 on the boundary, whatever its divergence."""
    mesh = irregular(grid("triangle", 3), 0.05)
    problem = Boussinesq(mesh, 1e-30, 2.0, 1e-30, 3.0, [Dirichlet("all", 0.0)])
    v, _, T = (jax.random.normal(jax.random.key(k), s.shape) for k, s in enumerate(problem.space))
    value = problem.value(problem.unknowns((v, problem.space[1].zeros(), T)))
    force, size, _ = assemble(problem.space, problem.integrals(), value)
    for f in (0, 2):
        assert abs(jnp.vdot(force[f], value[f])) < 1e-13 * size[f] * jnp.linalg.norm(value[f])


@pytest.mark.slow
def test_gradients_and_where_a_march_begins():
    """By all numbers of a heated box with an inlet; a first state has no divergence, and its temperature stays."""
    start = Boussinesq(
        rectangle((3, 2)),
        0.1,
        1.2,
        0.2,
        1.5,
        [Dirichlet("left", lambda x: jnp.stack([x[1] * (1 - x[1]), 0 * x[0]])), Dirichlet("left", 1.0, field=2)]
        + [Dirichlet(w, 0.0) for w in WALLS[2:]],
        [Convection("top", 0.7, 0.2, field=2), Source(0.3, field=2)],
        expansion=2.0,
        gravity=[0.3, -1.0],
        reference=0.1,
    )
    numbers = lambda p: (p.viscosity, p.density, p.conductivity, p.capacity, p.expansion, p.gravity, p.loads[0].h)

    def goal(x):
        problem = eqx.tree_at(numbers, start, x)
        v, _, T = value = sp.solve(problem).value
        return problem.resultant(value, "left", 2) + jnp.sum(v[:, 1] ** 2) + jnp.mean(T**2)

    assert check_gradient(goal, numbers(start), verbose=False).passed

    given = tuple(jax.random.normal(jax.random.key(k), s.shape) for k, s in enumerate(start.space))
    value = start.value(start.unknowns(given))
    state = jax.jit(settled)(start, value)
    np.testing.assert_allclose(state[2], value[2], atol=1e-12)
    reduced = start.split(start.system.reduction.reduce(start.forces(state)[0], start.space, start.constraints))
    assert jnp.max(jnp.abs(reduced[1])) < 1e-13


def test_misuse_raises():
    mesh = rectangle((2, 2))
    with pytest.raises(ValueError, match="three spaces"):
        Boussinesq(taylor_hood(mesh), 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="scalar space"):
        Boussinesq((*taylor_hood(mesh), FunctionSpace(mesh, 1, 2)), 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="`gravity` must have shape"):
        Boussinesq(mesh, 1.0, 1.0, 1.0, 1.0, gravity=[0.0, 0.0, -1.0])
    with pytest.raises(ValueError, match="conductivity"):
        Boussinesq(mesh, 1.0, 1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match="net volume"):
        Boussinesq(mesh, 1.0, 1.0, 1.0, 1.0, [Dirichlet("all", lambda x: x)])
    with pytest.raises(ValueError, match="follower"):
        Boussinesq(mesh, 1.0, 1.0, 1.0, 1.0, [], [Pressure("left", 1.0, follower=True)])


def test_an_enclosed_fluid_may_have_a_temperature_prescribed():
    """What flows in is looked at whenever it is solved; constraints of the temperature are no part of it."""
    (holds,) = heated_from_the_left(rectangle((2, 2)), 1e3).relations()["what flows in flows out"]
    assert bool(holds)
