"""Slip along inclined and curved walls."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import newton_step

import simphys as sp
from simphys import fem, materials, physics
from simphys.fem import Dirichlet, FunctionSpace, Slip


def turned(mesh, seed=0):
    """The mesh, turned in space, and by what."""
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(mesh.dim,) * 2))[0]
    Q[:, -1] *= np.linalg.det(Q)
    Q = jnp.asarray(Q)
    return eqx.tree_at(lambda m: m.points, mesh, mesh.points @ Q.T), Q


def law(dim):
    elastic = materials.LinearElastic(E=2.0, nu=0.3)
    return materials.PlaneStrain(elastic) if dim == 2 else elastic


@pytest.mark.slow
@pytest.mark.parametrize(("cell_type", "degree"), [("quadrilateral", 2), ("hexahedron", 1)])
def test_a_body_between_walls_in_any_direction(cell_type, degree):
    """Uniaxial tension between symmetry planes of a turned box: exact, whatever the directions of edges and corners."""
    flat = cell_type in ("triangle", "quadrilateral")
    mesh = fem.rectangle((2, 2), cell_type=cell_type) if flat else fem.box((2, 2, 2), cell_type=cell_type)
    mesh, Q = turned(mesh)
    space = FunctionSpace(mesh, degree, mesh.dim)
    walls = Slip(("left", "bottom") if flat else ("left", "bottom", "front"))
    pulled = physics.Solid(space, law(mesh.dim), [walls], [physics.Traction("right", Q[:, 0] * 0.1)])
    u = newton_step(pulled)
    E, nu = (2.0 / (1 - 0.3**2), 0.3 / 0.7) if flat else (2.0, 0.3)
    stretch = 0.1 / E * jnp.diag(jnp.array([1.0, *(-nu,) * (mesh.dim - 1)]))
    np.testing.assert_allclose(u, space.nodes() @ (Q @ stretch @ Q.T).T, atol=1e-12)


def ring(n, degree=2):
    """A quarter of a ring of radii 1 and 2."""
    square = fem.rectangle((n, n), degree=degree)
    r, angle = 1 + square.points[:, 0], square.points[:, 1] * np.pi / 2
    return eqx.tree_at(lambda m: m.points, square, jnp.stack([r * jnp.cos(angle), r * jnp.sin(angle)], axis=1))


def pressed(mesh, value):
    """A ring around a rigid shaft that is too thick by -value."""
    space = FunctionSpace(mesh, 2, 2)
    return physics.Solid(space, law(2), [Slip(("left", "bottom", "top"), jnp.array([value, 0.0, 0.0]))])


@pytest.mark.slow
def test_a_shaft_pressed_into_a_ring():
    """Lamé: u_r = A r + B / r with u_r(1) = 0.01 and σ_r(2) = 0. Derivative by nodes, which normals follow."""
    ratio = 1 / (1 - 2 * 0.3)
    # σ_r(2) = 0:  A ratio = B / 4.
    A = 0.01 / (1 + 4 * ratio)
    outer, inner = A * 2 + 4 * ratio * A / 2, 0.01
    problem = pressed(ring(2), -0.01)

    @jax.jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def moved(t):
        points = problem.space.mesh.points
        bump = t * 0.1 * jnp.sin(3 * points[:, ::-1]) * points
        other = eqx.tree_at(lambda p: p.space.mesh.points, problem, points + bump)
        u = sp.solve(other, method=sp.Newton(rtol=1e-12)).value
        return jnp.sum(u**2), u

    chord = (moved(0.3 + 1e-4)[0][0] - moved(0.3 - 1e-4)[0][0]) / 2e-4
    np.testing.assert_allclose(moved(0.3)[1], chord, rtol=1e-6)
    errors, finer = [], pressed(ring(4), -0.01)
    for n, each, u in ((2, problem, moved(0.0)[0][1]), (4, finer, newton_step(finer))):
        on = each.space.nodes_on("left")
        x = each.space.nodes()
        radial = jnp.sum(u * x, axis=1) / jnp.linalg.norm(x, axis=1)
        np.testing.assert_allclose(radial[on], inner, rtol=2e-2 / n**2)
        errors.append(float(jnp.abs(radial[each.space.nodes_on("right")] - outer).max()))
    assert errors[1] < 0.002 * outer and errors[0] / errors[1] > 6, errors


@pytest.mark.slow
def test_walls_given_apart_and_values_that_are_prescribed():
    """Walls along the axes may be conditions of their own; where all of a vector is prescribed a wall has to agree."""
    mesh = fem.rectangle((2, 2))
    space = FunctionSpace(mesh, 1, 2)
    pull = [physics.Traction("right", (0.1, 0.0))]
    together, apart = (physics.Solid(space, law(2), walls, pull) for walls in
                       ([Slip(("left", "bottom"))], [Slip("left"), Slip("bottom")]))  # fmt: skip
    np.testing.assert_allclose(newton_step(together), newton_step(apart), atol=1e-14)
    held = physics.Solid(space, law(2), [Slip("left"), Dirichlet("bottom", 0.0)], pull)
    assert np.all(newton_step(held)[space.nodes_on("bottom")] == 0)
    with pytest.raises(ValueError, match="slip along 'left' are decided by other conditions, and not as it says"):
        physics.Solid(space, law(2), [Slip("left"), Dirichlet("bottom", (0.1, 0.0))], pull)


@pytest.mark.slow
def test_half_of_a_flow_between_plates():
    """A wall without friction is a plane of symmetry: half of Poiseuille's flow in an inclined channel, which is exact."""
    mesh, Q = turned(fem.rectangle((3, 2), (2.0, 1.0), cell_type="triangle"))
    profile = lambda x: Q[:, 0] * ((y := jnp.vdot(Q[:, 1], x)) * (2 - y))
    held = [Dirichlet("left", profile), Dirichlet("right", profile), Dirichlet("bottom", 0.0), Slip("top")]
    spaces = fem.taylor_hood(mesh)
    u, p = newton_step(physics.Stokes(spaces, 1.5, held))
    np.testing.assert_allclose(u, jax.vmap(profile)(spaces[0].nodes()), atol=1e-10)
    along = spaces[1].nodes() @ Q[:, 0]
    np.testing.assert_allclose(p - p[0], -3.0 * (along - along[0]), atol=1e-9)


def test_what_is_no_wall_is_refused():
    mesh = fem.rectangle((2, 2))
    vector, scalar = FunctionSpace(mesh, 1, 2), FunctionSpace(mesh)
    for slip, space, words in [
        (Slip("all"), vector, "'all' has an edge: give the walls on both sides"),
        (Slip("left"), scalar, "needs a vector field"),
        (Slip("lefd"), vector, "Did you mean 'left'"),
    ]:
        with pytest.raises(ValueError, match=words):
            slip.resolved(space)
    with pytest.raises(ValueError, match="`value` must be a number or one for each wall"):
        Slip("left", [1.0, 2.0])
    with pytest.raises(ValueError, match="name of a facet group"):
        Slip([1, 2])
