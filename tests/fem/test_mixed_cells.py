"""Meshes of several cell types, and of prisms and pyramids: patch tests, orders, loads, gradients, fields per cell."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import newton_step
from _tiled import CENTRE, CUBE, SIDES, bar, square, tiled

import simphys as sp
from simphys.fem import (
    CellField,
    Dirichlet,
    FunctionSpace,
    Integral,
    Mesh,
    Weak,
    cells_of,
    density_at_points,
    facets_of,
    taylor_hood,
)
from simphys.fem._facets import other_side


def linear(dim):
    """A linear displacement with a constant stress."""
    slope = np.random.default_rng(1).uniform(-1, 1, (dim, dim))
    return lambda x: jnp.asarray(slope) @ x + 0.3


def pyramids(n, moved=0.0):
    """The unit cube in blocks of six pyramids."""
    at = np.stack(np.meshgrid(*[range(n)] * 3), -1).reshape(-1, 1, 3).astype(float)
    parts = [at + np.concatenate([CUBE[list(side)], CENTRE]) for side in SIDES]
    return tiled({"pyramid": np.concatenate(parts)}, n, 1, moved, 0)


PATCHES = {
    "square 2": lambda: (square(4, 2, 0.2, 0.02), 2),
    "square 3 on 1": lambda: (square(4, 1, 0.2), 3),
    "bar 2": lambda: (bar(3, 2, 0.15), 2),
    "pyramids": lambda: (pyramids(2, 0.2), 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PATCHES)
def test_a_constant_stress_is_exact_on_distorted_cells(name):
    mesh, degree = PATCHES[name]()
    space = FunctionSpace(mesh, degree, mesh.dim)
    law = sp.materials.LinearElastic(E=1.0, nu=0.3)
    law = sp.materials.PlaneStrain(law) if mesh.dim == 2 else law
    solid = sp.physics.Solid(space, law, [Dirichlet("all", linear(mesh.dim))])
    u = newton_step(solid)
    assert jnp.abs(u - jax.vmap(linear(mesh.dim))(space.nodes())).max() < 1e-12
    stress = np.asarray(solid.stress(u))
    assert stress.shape[0] == mesh.n_cells and np.ptp(stress, axis=0).max() < 1e-11


def wave(x):
    return jnp.sin(2 * x[0] + 1) * jnp.cos(1.5 * x[1]) * (1 + x[2] ** 2)


def _distance(fields, point, parameters):
    return (fields[0].value - wave(point.position)) ** 2


def distance(space, u):
    term = Integral(cells_of(space, degree=2 * space.degree + 4), _distance, None, _distance, slots=("value",))
    squares, measure = density_at_points(term, (space,), (u,))
    return float(jnp.sqrt(jnp.sum(squares * measure)))


@pytest.mark.slow
def test_order_of_convergence():
    """Over hexahedra, pyramids, tetrahedra and prisms; in the plane: `test_mixed_families`."""
    found, degree = [], 2
    for n in (2, 4):
        space = FunctionSpace(bar(n), degree)
        pde = sp.physics.Balance(
            space,
            [Weak(lambda u, at, p: (jnp.trace(jax.hessian(wave)(at.position)), u.gradient), degree=2 * degree + 2)],
            [Dirichlet("all", wave)],
        )
        found.append(distance(space, newton_step(pde)))
    assert np.log2(found[0] / found[1]) > degree + 0.8


def sheet():
    """A sheet of both types under loads on groups over both, its stiffness a field by cells."""
    mesh = square(4, 1, 0.2).with_cell_group("half", lambda x: x[1] < 0.6)
    law = sp.materials.LinearElastic(E=CellField(jnp.linspace(1.0, 2.0, mesh.n_cells)), nu=0.3)
    loads = [
        sp.physics.Traction("high", (0.1, 0.2)),
        sp.physics.Pressure("right", 0.3),
        sp.physics.BodyForce((0.0, -0.1), "half"),
    ]
    space = FunctionSpace(mesh, 1, 2)
    return sp.physics.Solid(space, sp.materials.PlaneStress(law), [Dirichlet("left", 0.0)], loads)


@pytest.mark.slow
def test_loads_on_groups_over_both_types_and_derivatives_by_a_field_of_cells_and_by_nodes():
    """Forces are in balance; slopes against differences."""
    solid = sheet()
    moved = lambda s: (s.material.material.E.values, s.space.mesh.points)
    start = moved(solid)

    @eqx.filter_jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def goal(arrays):
        u = sp.solve(eqx.tree_at(moved, solid, arrays)).value
        return jnp.sum(u**2), u

    way = jax.tree.map(lambda z: np.random.default_rng(2).uniform(-1, 1, z.shape) * 1e-2, start)
    (_, u), slopes = goal(start)
    half = float(jnp.sum(cells_of(solid.space, "half").geometry(solid.space.mesh).measure))
    assert solid.resultant(u, "left") == pytest.approx([-0.1 + 0.3, -0.2 + 0.1 * half], abs=1e-12)
    found = sum(float(jnp.vdot(s, w)) for s, w in zip(slopes, way, strict=True))
    value = lambda h: float(goal(jax.tree.map(lambda a, w: a + h * w, start, way))[0][0])
    assert (value(1e-3) - value(-1e-3)) / 2e-3 == pytest.approx(found, rel=1e-6)


@pytest.mark.slow
def test_memory_of_cells_with_fewer_points_is_padded():
    """A plastic bar of both types under uniform strain: its stress is uniform, and so is what it remembers."""
    mesh = square(2, 1)
    space = FunctionSpace(mesh, 1, 2)
    law = sp.materials.PlaneStrain(sp.materials.J2Plasticity(E=100.0, nu=0.3, yield_stress=1.0, hardening=10.0))
    solid = sp.physics.Solid(space, law, [Dirichlet("all", lambda x: jnp.stack([0.05 * x[0], 0.0 * x[1]]))])
    u = space.interpolate(lambda x: jnp.stack([0.05 * x[0], 0.0 * x[1]]))
    state = jax.tree.leaves(solid.updated_state(u))
    assert all(leaf.shape[:2] == (mesh.n_cells, 6) and np.ptp(leaf, axis=(0, 1)).max() < 1e-12 for leaf in state)
    assert np.ptp(solid.stress(u), axis=0).max() < 1e-11


def test_what_is_not_offered_says_so():
    mesh = square(2)
    with pytest.raises(ValueError, match="cells of several types .triangle, quadrilateral."):
        print(mesh.cells)
    with pytest.raises(ValueError, match="must name different cells of one dimension"):
        Mesh(mesh.points, [mesh.blocks[0].nodes] * 2, ["triangle", "triangle"])
    with pytest.raises(ValueError, match="quality"):
        sp.fem.cell_quality(mesh)


@pytest.mark.slow
def test_fields_are_read_anywhere():
    mesh = bar(3, 1, 0.1)
    space = FunctionSpace(mesh, 2)
    points = np.concatenate([np.random.default_rng(3).uniform(0, 1, (40, mesh.dim)), np.asarray(mesh.points)])
    u = space.interpolate(lambda x: 2 * x[0] + 1)
    read = eqx.filter_jit(
        eqx.filter_value_and_grad(lambda s: (lambda v: (jnp.sum(v), v))(space.evaluate(u, s)), has_aux=True)
    )
    (_, values), slope = read(space.locate(points))
    np.testing.assert_allclose(values, 2 * points[:, 0] + 1, atol=1e-9)
    assert not space.contains(points + 1.5).any()
    assert np.all(np.isfinite(slope.positions))
    np.testing.assert_allclose(slope.positions[:40], np.tile([2.0, 0.0, 0.0], (40, 1)), atol=1e-7)


@pytest.mark.slow
def test_discontinuous_functions_on_all_types_by_interior_penalty():
    """A linear solution is exact: facets between cells of any two types see the same points from both."""
    mesh = bar(3, 1, 0.1)
    space, exact = FunctionSpace(mesh, 1, continuous=False), lambda x: x[0] - 2 * x[1] + 1

    def jumps(u, at, p):
        slope = jnp.dot(u.mean_gradient, at.normal)
        return p / at.size * u.jump - slope, -u.jump * at.normal

    def edge(u, at, p):
        gap = u.value - exact(at.position)
        return p / at.size * gap - jnp.dot(u.gradient, at.normal), -gap * at.normal

    forms = [
        Weak(lambda u, at, p: (None, u.gradient)),
        Weak(jumps, 10.0, "interior"),
        Weak(edge, 10.0, "all"),
    ]
    u = newton_step(sp.physics.Balance(space, forms))
    assert np.abs(u - jax.vmap(exact)(space.nodes())).max() < 1e-11


def test_facets_between_types_have_two_sides():
    mesh = square(2)
    cells, types = [block.nodes for block in mesh.blocks], mesh.cell_types
    triangles = np.argwhere(np.ones((mesh.starts[1], 3), bool))
    behind = other_side(cells, types, triangles)
    wall = triangles[behind[:, 0] >= mesh.starts[1]]
    groups = dict(facet_groups={"wall": wall}, unsided=("wall",))
    sides = {"right": np.arange(mesh.starts[1]), "left": np.arange(*mesh.starts[1:])}
    space = FunctionSpace(Mesh(mesh.points, cells, list(types), cell_groups=sides, **groups))
    for side, sign in (("right", -1), ("left", 1)):
        seen = facets_of(space, "wall", side=side).geometry(space.mesh)
        assert np.allclose(seen.normal, [sign, 0.0]) and float(seen.measure.sum()) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="name the cell group on the side that is meant"):
        facets_of(space, "wall").check_sided()


@pytest.mark.slow
def test_flow_over_both_types_is_exact():
    velocity, pressure = taylor_hood(square(2, 1, 0.1))
    profile = lambda x: jnp.stack([x[1] ** 2, 0 * x[0]])
    problem = sp.physics.Stokes((velocity, pressure), 1.0, [Dirichlet("all", profile)])
    v, p = newton_step(problem)
    assert np.abs(v - jax.vmap(profile)(velocity.nodes())).max() < 1e-12
    assert np.ptp(p - 2 * pressure.nodes()[:, 0]) < 1e-11


@pytest.mark.slow
def test_multigrid_over_all_types():
    space = FunctionSpace(bar(3, 1, 0.1), 1, 3)
    loads = [sp.physics.Traction("right", (0.0, 0.0, 0.1))]
    solid = sp.physics.Solid(space, sp.materials.LinearElastic(E=1.0, nu=0.3), [Dirichlet("left", 0.0)], loads)
    by_factors, by_cycles = newton_step(solid), sp.solve(solid.with_multigrid()).value
    assert np.abs(by_cycles - by_factors).max() < 1e-8 * np.abs(by_factors).max()
