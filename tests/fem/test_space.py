"""Function spaces: numbering on cells of any orientation, nodes of groups, evaluation anywhere."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import CELLS, grid, irregular

from simphys.fem import (
    CellField,
    Domain,
    FunctionSpace,
    Integral,
    Mesh,
    cells_of,
    density_at_points,
    facets_of,
    rectangle,
)
from simphys.fem._element import tabulate
from simphys.fem._facets import row_ids
from simphys.fem._mesh_checks import lagrange, orientation, reference_nodes
from simphys.fem._quadrature import facet_quadrature


def scrambled(cell_type, n, degree=1, seed=0, moved=0.1):
    """A mesh in which every cell starts at a random one of its corners and nodes are numbered at random."""
    mesh = irregular(grid(cell_type, n, degree), moved / n / degree**2)
    generator = np.random.default_rng(seed)
    number = generator.permutation(mesh.n_points)
    points = np.empty(mesh.points.shape)
    points[number] = mesh.points
    cells = number[np.asarray(mesh.cells)]
    upright = lambda p: orientation(points, cells[:1, p], cell_type, degree)[0] == 1
    turns = [p for p in _symmetries(cell_type, degree) if upright(p)]
    cells = np.stack([row[turns[generator.integers(len(turns))]] for row in cells])
    return Mesh(points, cells, cell_type, degree).with_facet_group("all", lambda x: x[0] < jnp.inf)


def _symmetries(cell_type, degree):
    """Node permutations that the affine symmetries of the reference cell bring about."""
    corners, nodes = reference_nodes(cell_type, 1), reference_nodes(cell_type, degree)
    shape, _ = tabulate(cell_type, 1, nodes)
    found = []
    for p in itertools.permutations(range(len(corners))) if len(corners) < 8 else _cube_turns(corners):
        moved = shape @ corners[list(p)]
        distance = np.linalg.norm(moved[:, None] - nodes[None], axis=-1)
        _, gradients = tabulate(cell_type, 1, nodes)
        jacobians = np.einsum("qar,ad->qdr", gradients, corners[list(p)])
        if np.allclose(jacobians, jacobians[0]) and np.allclose(distance.min(axis=1), 0):
            found.append(distance.argmin(axis=1))
    return found


def _cube_turns(corners):
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((0, 1), repeat=3):
            image = np.abs(corners[:, axes] - np.asarray(flips))
            yield tuple(np.linalg.norm(image[:, None] - corners, axis=-1).argmin(axis=1))


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("cell_type", CELLS)
def test_fields_are_continuous_whatever_the_orientation_of_cells(cell_type, degree):
    """A random field has one value at a facet point, whichever of the two cells it is evaluated from."""
    space = FunctionSpace(scrambled(cell_type, 2 if cell_type != "interval" else 5), degree)
    mesh, local = space.mesh, space.mesh.dim
    u = np.random.default_rng(1).normal(size=space.shape)
    points, _, _ = facet_quadrature(cell_type, 4)
    basis = np.stack([tabulate(cell_type, degree, p)[0] for p in points])
    shape = np.stack([tabulate(cell_type, 1, p)[0] for p in points])
    where = np.einsum("fqg,egd->efqd", shape, np.asarray(mesh.points)[np.asarray(mesh.cells)]).reshape(-1, local)
    value = np.einsum("fqa,ea->efq", basis, u[np.asarray(space.cells)]).ravel()
    # Facet rules are symmetric, so that both cells have the same points.
    ids = row_ids(np.round((where - where.min(axis=0)) * 1e7).astype(np.int64) + 3)
    order = np.argsort(ids, kind="stable")
    pairs = np.flatnonzero(np.diff(ids[order]) == 0)
    assert len(pairs) >= 4
    assert np.allclose(value[order[pairs]], value[order[pairs + 1]], atol=1e-5 if local > 1 else 1e-12)


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("cell_type", "degree", "mesh_degree"),
    [
        ("triangle", 2, 2),
        ("interval", 3, 1),
        ("quadrilateral", 3, 2),
        ("tetrahedron", 3, 1),
        ("tetrahedron", 1, 2),
        ("hexahedron", 2, 1),
    ],
)
def test_polynomials_of_its_degree_are_reproduced(cell_type, degree, mesh_degree):
    """On straight cells: a polynomial of the space's degree is found again at any point, from sensors."""
    mesh = scrambled(cell_type, 2, mesh_degree) if mesh_degree == 1 else grid(cell_type, 2, 2)
    if mesh.cell_type in ("quadrilateral", "hexahedron"):
        mesh = grid(cell_type, 2, mesh_degree)
    space = FunctionSpace(mesh, degree)
    polynomial = lambda x: (x @ jnp.arange(1.0, 1 + mesh.dim) - 0.3) ** degree
    points = np.random.default_rng(2).uniform(size=(40, mesh.dim))
    found = space.evaluate(space.interpolate(polynomial), points)
    assert jnp.allclose(found, jax.vmap(polynomial)(points), atol=1e-10)


def test_numbers_of_nodes_are_those_of_the_conforming_element():
    counts = {
        ("triangle", 3): 7 * 7,
        ("quadrilateral", 3): 7 * 7,
        ("tetrahedron", 3): 7**3,
        ("hexahedron", 3): 7**3,
        ("interval", 3): 7,
        ("hexahedron", 2): 5**3,
        ("tetrahedron", 1): 3**3,
    }
    for (cell_type, degree), count in counts.items():
        for mesh_degree in (1, 2):
            space = FunctionSpace(grid(cell_type, 2, mesh_degree), degree)
            assert space.n_nodes == count
            distinct = np.unique(np.round(np.asarray(space.nodes()), 9), axis=0)
            assert len(distinct) == count


@pytest.mark.parametrize("mesh_degree", [1, 2])
@pytest.mark.parametrize("cell_type", CELLS)
def test_nodes_on_groups_of_every_kind(cell_type, mesh_degree):
    mesh = grid(cell_type, 2, mesh_degree)
    mesh = mesh.with_cell_group("half", lambda x: x[0] < 0.51).with_point_group("corner", lambda x: jnp.sum(x) < 1e-9)
    for degree in (1, 2, 3):
        space = FunctionSpace(mesh, degree)
        x = np.asarray(space.nodes())
        assert np.array_equal(space.nodes_on("left"), np.flatnonzero(x[:, 0] < 1e-9))
        assert np.array_equal(space.nodes_on("half"), np.flatnonzero(x[:, 0] < 0.5 + 1e-9))
        assert np.array_equal(space.nodes_on("corner"), np.flatnonzero(x.sum(axis=1) < 1e-9))
        on_boundary = np.any((x < 1e-9) | (x > 1 - 1e-9), axis=1)
        assert np.array_equal(space.nodes_on("all"), np.flatnonzero(on_boundary))


@pytest.mark.breadth
@pytest.mark.parametrize("cell_type", ["triangle", "hexahedron"])
def test_normals_point_outwards_and_the_divergence_theorem_holds_on_curved_cells(cell_type):
    """∫ F·n dA = ∫ div F dV for F = A x + b, on curved cells; the normals are unit vectors."""
    mesh = scrambled(cell_type, 2, 2)
    space = FunctionSpace(mesh, 1, mesh.dim)
    A = np.random.default_rng(0).normal(size=(mesh.dim, mesh.dim))
    facets = facets_of(space, "all", 6)
    geometry = facets.geometry(mesh)
    assert jnp.allclose(jnp.sum(geometry.normal**2, axis=-1), 1.0)
    through = jnp.einsum("eqd,dk,eqk,eq->", geometry.normal, A, geometry.position, geometry.measure)
    volume = jnp.sum(cells_of(space, None, 6).geometry(mesh).measure)
    assert abs(volume - 1) < 1e-12
    assert abs(through - np.trace(A) * volume) < 1e-12


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("cell_type", "degree"), [("triangle", 1), ("quadrilateral", 3), ("tetrahedron", 3), ("hexahedron", 2)]
)
def test_default_quadrature_balances_constant_stress_on_curved_cells(cell_type, degree):
    """Σ_q ∇N_a w = ∮ N_a n dA, cell by cell, whatever the degrees: the condition of the patch test."""
    mesh = irregular(grid(cell_type, 2, 2), 0.04)
    space, some = FunctionSpace(mesh, degree), jnp.arange(3)

    def integrated(domain):
        geometry = domain.geometry(mesh)
        return jnp.einsum("eqad,eq->ead", domain.basis(space, geometry, "gradient"), geometry.measure)

    coarse, fine = jax.jit(lambda: tuple(map(integrated, (cells_of(space, some), Domain(some, None, 12)))))()
    assert jnp.abs(coarse - fine).max() < 1e-13


def test_sensors_outside_are_counted_and_listed():
    space = FunctionSpace(grid("triangle", 3), 2)
    inside = np.array([[0.5, 0.5], [1.0, 1.0], [0.0, 0.3]])
    space.locate(inside)
    outside = np.array([[0.5, 1.1], [-0.2, 0.0]])
    with pytest.raises(ValueError, match=r"2 of 5 points lie outside the body, the first are 3: \[0\.5 1\.1\], 4:"):
        space.locate(np.concatenate([inside, outside]))
    with pytest.raises(ValueError, match="must be finite"):
        space.locate(np.array([[0.5, np.nan]]))
    with pytest.raises(ValueError, match=r"must have shape \(point, 2\), got \(3,\)"):
        space.locate(np.zeros(3))


def test_sensors_on_curved_cells_hit_their_positions():
    space = FunctionSpace(irregular(grid("hexahedron", 2, 2), 0.04), 2)
    points = np.random.default_rng(0).uniform(0.02, 0.98, size=(60, 3))
    for d in range(3):
        assert jnp.allclose(space.evaluate(space.nodes()[:, d], points), points[:, d], atol=1e-12)


def test_sensors_follow_moving_nodes():
    """At a fixed position the field u = x does not change when the nodes move, and dragged u does: du/ds = −∇u·v."""
    space = FunctionSpace(irregular(grid("quadrilateral", 3), 0.05), 2)
    points = np.random.default_rng(0).uniform(0.1, 0.9, size=(9, 2))
    sensors = space.locate(points)
    inside = np.all((np.asarray(space.mesh.points) > 1e-9) & (np.asarray(space.mesh.points) < 1 - 1e-9), axis=1)
    move = np.random.default_rng(1).normal(size=space.mesh.points.shape) * inside[:, None]
    u = space.interpolate(lambda x: jnp.sin(3 * x[0]) * x[1])
    shifted = lambda s: eqx.tree_at(lambda f: f.mesh.points, space, space.mesh.points + s * move)
    _, rate = jax.jvp(lambda s: shifted(s).evaluate(u, sensors), (0.0,), (1.0,))
    h = 1e-4
    ahead, behind = (shifted(s).evaluate(u, shifted(s).locate(points)) for s in (h, -h))
    assert jnp.allclose(rate, (ahead - behind) / (2 * h), atol=1e-6)
    assert jnp.abs(rate).max() > 1e-2
    # Sensors that were located before the nodes moved are corrected once: the value itself is of second order.
    assert jnp.allclose(shifted(1e-3).evaluate(u, sensors), shifted(1e-3).evaluate(u, points), atol=1e-5)


def test_evaluation_at_bare_positions_of_a_traced_mesh_asks_for_sensors():
    space = FunctionSpace(grid("triangle", 2), 1)
    points = np.full((1, 2), 0.3)

    def value(p):
        moved = eqx.tree_at(lambda f: f.mesh.points, space, p)
        return jnp.sum(moved.evaluate(space.zeros(), points))

    with pytest.raises(ValueError, match=r"call `space.locate\(positions\)` before"):
        jax.grad(value)(space.mesh.points)


def test_a_cell_turned_inside_out_by_moved_nodes_has_no_volume():
    """A plausible volume of an inverted cell would be a plausible solution of no problem at all."""
    mesh = grid("quadrilateral", 2)
    space = FunctionSpace(mesh, 1)
    folded = eqx.tree_at(lambda s: s.mesh.points, space, mesh.points.at[4].set(jnp.array([1.6, 1.6])))
    volume = lambda s: jnp.sum(cells_of(s).geometry(s.mesh).measure)
    assert jnp.isclose(volume(space), 1.0) and jnp.isnan(volume(folded))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(element=-1), "The degree of an element must be 0 or more, got -1"),
        (dict(element=0), "A continuous space has `degree` 1 or more, got 0"),
        (dict(element=True), r"`element` must be a degree, a pair \(family, degree\)"),
        (dict(element=2, degree=2), "`degree` must be a whole number, in place of an `element`, got 2"),
        (dict(element=("Argyris", 5)), "names the family 'Argyris'; there are BDM, "),
        (dict(element=("RT", 0)), "Basix has no element RT of degree 0 on a triangle"),
        (dict(element=("RT", 1), components=2), "are vectors: `components` must be None, got 2"),
        (dict(element=[("P", 1), ("RT", 1)]), "Elements of these maps are not offered together"),
        (dict(components=0), "`components` must be None or a positive integer, got 0"),
        (dict(mesh="square"), "`mesh` must be a `simphys.fem.Mesh`, got str"),
    ],
)
def test_space_misuse(arguments, message):
    with pytest.raises(ValueError, match=message):
        FunctionSpace(**{"mesh": grid("triangle", 1), **arguments})


def test_field_misuse():
    space = FunctionSpace(grid("triangle", 1), 1, 2)
    with pytest.raises(ValueError, match=r"`field` must have shape \(4, 2\), got \(4,\)"):
        space.evaluate(jnp.zeros(4), np.full((1, 2), 0.3))
    assert lagrange("triangle", 3).dim == 10
    law = Integral(cells_of(space), None, CellField(jnp.ones(3)), lambda f, x, p: p, slots=("value",))
    with pytest.raises(ValueError, match=r"A `CellField` here needs leading shape \(2,\), got \(3,\)"):
        density_at_points(law, (space,), (space.zeros(),))


@pytest.mark.parametrize("far", (1e9, 1e154, 1e308, -1.7e308))
def test_a_point_as_far_away_as_numbers_go_is_outside(far):
    space = FunctionSpace(rectangle((3, 2)), 1)
    points = np.array([[0.4, 0.3], [far, 0.5], [0.25, far]])
    assert space.contains(points).tolist() == [True, False, False]
    with pytest.raises(ValueError, match="2 of 3 points lie outside"):
        space.locate(points)
    with pytest.raises(ValueError, match="2 points lie more than 1e"):
        space.locate(points, outside="nearest")


def test_the_nearest_of_a_point_far_away():
    space = FunctionSpace(rectangle((3, 2)), 1)
    found = space.locate(np.array([[3e5, 0.3], [0.25, -2e5]]), outside="nearest").positions
    np.testing.assert_allclose(found, [[1.0, 0.3], [0.25, 0.0]], atol=1e-6)
