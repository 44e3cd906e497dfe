"""Bodies in space whose meshes do not match, tied in the mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import newton_step
from _tied_blocks import joined, moved, shifted, turned, wedge
from _tiled import extruded

import simphys as sp
from simphys import fem, materials, physics
from simphys.fem import Dirichlet, FunctionSpace, Tie
from simphys.fem._clipping import area, common_parts
from simphys.fem._tied_pieces import flats_of, pieces_of
from simphys.fem._tied_sides import Side


SIDES = "left", "right", "front", "back", "bottom", "top"
HEXAHEDRA, TETRAHEDRA = ("hexahedron",) * 2, ("tetrahedron",) * 2


def blocks(kinds, n=2, m=3, moves=0.05, degree=1):
    """Two unit cubes on each other, of n² and m² cells (or twice as many triangles) where they touch."""
    low = moved(fem.box((n, n, 1), cell_type=kinds[0], degree=degree), moves)
    return joined(low, shifted(moved(fem.box((m, m, 1), cell_type=kinds[1], degree=degree), moves, 5)))


def mixed():
    """Hexahedra and prisms on each other: facets of both shapes on both sides."""
    low, high = (extruded(n, 1, 0.1) for n in (2, 4))
    ends = [("bottom", 0.0), ("top", 1.0)]
    for name, z in ends:
        low, high = (mesh.with_facet_group(name, lambda x, z=z: abs(x[2] - z) < 1e-9) for mesh in (low, high))
    return joined(low, shifted(high))


def test_what_polygons_have_in_common():
    """Squares turned against each other have a regular octagon in common; what is apart, or a neighbour, nothing."""
    square = np.array([[[-1, -1], [1, -1], [1, 1], [-1, 1]]]) / 2.0
    turn = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    _, parts = common_parts(square, square @ turn)
    assert area(parts).sum() == pytest.approx(2 * (np.sqrt(2) - 1), abs=1e-15)
    assert area(common_parts(square, square[:, ::-1] + 0.25)[1]).sum() == pytest.approx(9 / 16, abs=1e-15)
    assert len(common_parts(square, square + [1.0, 0.0])[0]) == 0
    triangle = square[:, [0, 1, 2, 2]]
    assert area(common_parts(triangle, square)[1]).sum() == pytest.approx(0.5, abs=1e-15)


@pytest.mark.parametrize(
    ("make", "degree"),
    [
        (lambda: blocks(HEXAHEDRA), 1),
        (lambda: blocks(TETRAHEDRA), 2),
        (mixed, 2),
        (lambda: blocks(("hexahedron", "tetrahedron")), 3),
    ],
    ids=["hexahedra", "tetrahedra 2", "prisms 2", "hex on tet 3"],
)
def test_pieces_tile_both_sides_exactly(make, degree):
    """∫ N_k over pieces is that over facets, on both sides: a constant traction is handed over without loss."""
    mesh, _ = turned(make())
    space = FunctionSpace(mesh, degree)
    sides = [Side(space, name) for name in ("high", "low")]
    flats = [flats_of(side) for side in sides]
    pieces = pieces_of(*sides, *flats, 2 * degree + 1)
    here, there = sides[0].nodes()[flats[0].facet[pieces.own]], sides[1].cell_nodes(flats[1].facet[pieces.other])
    for name, nodes, found in (("high", here, pieces.mass.sum(axis=1)), ("low", there, pieces.coupling.sum(axis=1))):
        total, expected = np.zeros((2, space.n_nodes))
        np.add.at(total, np.maximum(nodes, 0), np.where(nodes >= 0, found, 0))
        one = physics.Balance(space, [fem.Weak(lambda u, at, p: (1.0 + 0 * u.value, None), where=name, degree=8)])
        expected = np.asarray(one.residual(one.unknowns(None), None)).ravel()
        np.testing.assert_allclose(total, expected, atol=1e-10)


def rows(space, tie, held=()):
    """Followers, leaders and weights of a tie of a scalar field, where nodes of some groups are held."""
    fixed = np.zeros(space.n_nodes, bool)
    for name in held:
        fixed[space.nodes_on(name)] = True
    found = tie.resolved(space).follow(space, fixed)
    return found.values, found.leaders, np.asarray(tie.shares(space, *map(jnp.asarray, found.kept)))


@pytest.mark.parametrize(
    ("make", "degree", "held"),
    [
        (lambda: blocks(TETRAHEDRA), 1, SIDES[:4]),
        (lambda: blocks(HEXAHEDRA), 2, ()),
        (lambda: blocks(("tetrahedron", "hexahedron")), 3, ("left", "front")),
        (mixed, 3, ("left",)),
        (lambda: joined(wedge((2, 2, 1), 1.0, 1.5, degree=2), wedge((3, 3, 1), 1.5, 2.0, degree=2)), 2, ("left",)),
    ],
    ids=[
        "tetrahedra held",
        "hexahedra 2",
        "cubic",
        "prisms 3",
        "sphere 2",
    ],
)
def test_linear_fields_pass_whatever_the_gap(make, degree, held):
    """Values that follow are those of a linear field: across gaps of curved sides, and beside a rim that is held."""
    space = FunctionSpace(make(), degree)
    followers, leaders, weights = rows(space, Tie("high", "low", tolerance=0.1), held)
    x = np.asarray(space.nodes())
    np.testing.assert_allclose(np.einsum("nk,nkd->nd", weights, x[leaders]), x[followers], atol=2e-13)
    own = np.setdiff1d(space.nodes_on("high"), np.concatenate([[], *(space.nodes_on(name) for name in held)]))
    assert sorted(followers) == own.tolist()


def test_each_value_follows_few_others():
    """However large the side is: multipliers are dual."""
    for degree, most in ((1, 20), (2, 60), (3, 130)):
        space = FunctionSpace(blocks(TETRAHEDRA, 6, 9, 0.0), degree)
        _, leaders, _ = rows(space, Tie("high", "low"), ("left", "front"))
        assert leaders.shape[1] < most < len(space.nodes_on("low"))


def uniform(mesh, turn, degree, held):
    """A linear displacement held on some sides and pulled at all others, and the problem that it solves."""
    slope = np.array([[0.3, 0.1, -0.2], [0.0, -0.2, 0.15], [0.1, 0.05, 0.25]])
    strain = (slope + slope.T) / 2
    stress = 0.3 / (1.3 * 0.4) * np.trace(strain) * np.eye(3) + strain / 1.3
    normals = dict(zip(SIDES, np.repeat(turn.T, 2, axis=0) * np.tile([-1, 1], 3)[:, None], strict=True))
    loads = [physics.Traction(name, tuple(stress @ n)) for name, n in normals.items() if name not in held]
    space = FunctionSpace(mesh, degree, 3)
    sides = [Dirichlet(name, lambda x: jnp.asarray(slope) @ x) for name in held]
    law = materials.LinearElastic(E=1.0, nu=0.3)
    return physics.Solid(space, law, [*sides, Tie("high", "low")], loads), np.asarray(space.nodes()) @ slope.T


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "degree", "held"),
    [
        (("hexahedron", "tetrahedron"), 1, ("bottom", "left", "front")),
        (("tetrahedron", "hexahedron"), 3, ("bottom", "left")),
    ],
)
def test_patch_test(kinds, degree, held):
    """Uniform stress through irregular facets that do not match, turned in space, is exact."""
    mesh, turn = turned(blocks(kinds, n=2 if degree == 1 else 1, m=3 if degree == 1 else 2))
    problem, expected = uniform(mesh, turn, degree, held)
    np.testing.assert_allclose(newton_step(problem), expected, atol=1e-10)


def wave(x):
    return jnp.sin(2 * x[0] + 0.4) * jnp.cos(1.5 * x[1]) * jnp.exp(0.7 * x[2])


@pytest.mark.slow
def test_errors_fall_at_the_order_of_the_elements():
    found, kinds, degree = [], TETRAHEDRA, 2
    for n in (1, 2):
        low = moved(fem.box((2 * n, 2 * n, n), cell_type=kinds[0]), 0.1 / n)
        mesh = joined(low, shifted(moved(fem.box((3 * n, 3 * n, n), cell_type=kinds[1]), 0.07 / n, 5)))
        space = FunctionSpace(mesh, degree)
        force = lambda u, at, p: (-5.76 * wave(at.position), u.gradient)
        walls = [Dirichlet(name, wave) for name in SIDES]
        pde = physics.Balance(
            space, [fem.Weak(force, symmetric=True, degree=2 * degree + 2)], [*walls, Tie("high", "low")]
        )
        found.append(distance(space, newton_step(pde), wave))
    assert np.log2(found[0] / found[1]) > 2.7, found


def distance(space, u, exact):
    """‖u − exact‖ in L2, relative to the root of the volume."""
    off = lambda fields, at, p: jnp.sum((fields[0].value - exact(at.position)) ** 2)
    domain = fem.cells_of(space, degree=2 * space.degree + 4)
    squares, measure = fem.density_at_points(fem.Integral(domain, off, None, off, slots=("value",)), (space,), (u,))
    return float(jnp.sqrt(jnp.sum(squares * measure) / jnp.sum(measure)))


def swelling(x):
    """A hollow sphere, radii 1 and 2, under a pressure of 1 inside; E = 1, ν = 0.3 (Lamé)."""
    r = jnp.linalg.norm(x)
    return (0.4 * r + 1.3 * 8 / (2 * r**2)) / 7 * x / r


@pytest.mark.slow
def test_a_sphere_in_two_shells():
    """Facets stand apart by h²/8R: the error is that of the faceted sphere, of second order, and no larger than untied."""
    found = []
    for n, m in ((2, 3), (4, 6), (2, 2)):
        mesh = joined(wedge((n, n, n), 1.0, 1.5), wedge((m, m, n), 1.5, 2.0))
        walls = fem.Slip(("left", "right", "front", "back"))
        law = materials.LinearElastic(E=1.0, nu=0.3)
        ties = [walls, Tie("high", "low", tolerance=0.1)]
        shell = physics.Solid(FunctionSpace(mesh, 1, 3), law, ties, [physics.Pressure("bottom", 1.0)])
        found.append(distance(shell.space, newton_step(shell), swelling))
    assert np.log2(found[0] / found[1]) > 1.9
    assert found[0] < found[2] and found[1] < 0.02 * float(jnp.linalg.norm(swelling(jnp.array([0.0, 0.0, 1.5]))))


@pytest.mark.slow
def test_derivatives_pass_a_tie():
    """By the stiffness of one body and by the load, against differences."""
    mesh, turn = turned(blocks(("hexahedron", "tetrahedron")))
    upper = jnp.arange(mesh.n_cells) >= mesh.starts[1]
    held = [Dirichlet("bottom", 0.0), Tie("high", "low")]

    @jax.jit
    @jax.value_and_grad
    def goal(p):
        law = materials.LinearElastic(E=fem.CellField(jnp.where(upper, p[0], 2.0)), nu=0.3)
        body = physics.Solid(FunctionSpace(mesh, 1, 3), law, held, [physics.Traction("top", p[1:])])
        return jnp.sum(sp.solve(body).value ** 2)

    at, way = jnp.array([1.3, 0.1, -0.2, 0.3]), jnp.array([0.7, 0.05, 0.1, -0.1])
    value = lambda h: float(goal(at + h * way)[0])
    expected = (8 * (value(1e-2) - value(-1e-2)) - (value(2e-2) - value(-2e-2))) / 12e-2
    assert float(goal(at)[1] @ way) == pytest.approx(expected, rel=1e-7)


def test_what_cannot_be_tied_is_refused():
    low, high = fem.box((2, 2, 1)), fem.box((3, 3, 1))
    at = lambda *by: FunctionSpace(joined(low, shifted(high, by)))
    for space, words in [
        (at(0, 0, 1.1), "do not touch: 9 of 9 facets of 'high' are up to 1.00e-01 away"),
        (at(0, 0, 0.9), "9 of 9 facets of 'high' reach up to 1.00e-01 into the other body"),
        (at(5, 0, 1), "9 of 9 facets of 'high' are covered .* not at all .the least to 0%"),
        (at(0.5, 0, 1), "6 of 9 facets of 'high' are covered by it in part only"),
        (FunctionSpace(at(0, 0, 1).mesh, ("N1E", 1)), "degree 1 to 3 in 2-D or 3-D, got N1E.* in 3-D"),
        (FunctionSpace(fem.line(2)), "in 1-D"),
    ]:
        with pytest.raises(ValueError, match=words):
            Tie("high", "low").resolved(space)
    Tie("high", "low", tolerance=0.3).resolved(at(0, 0, 1.1))
    for tolerance in (0, 1, True, "small"):
        with pytest.raises(ValueError, match="between 0 and 0.5"):
            Tie("high", "low", tolerance=tolerance)


def test_a_tie_that_would_hold_nothing_is_refused():
    space = FunctionSpace(blocks(HEXAHEDRA), 1, 3)
    law, tie = materials.LinearElastic(E=1.0, nu=0.3), Tie("high", "low")
    for held, words in [
        ([Dirichlet("high", 0.0)], "would hold nothing: all of 'high' is prescribed or follows .* .component 0, 1, 2"),
        ([Dirichlet("high", 0.0), Dirichlet("low", 0.0)], "both sides are prescribed or follow other"),
        ([Dirichlet("high", [None, 0.0, None])], "all of 'high' is prescribed .*component 1"),
    ]:
        with pytest.raises(ValueError, match=words):
            physics.Solid(space, law, [*held, tie])
    # (In a plane of its own both bodies move as they are told.)
    physics.Solid(space, law, [Dirichlet("all", [None, 0.0, None]), Dirichlet("bottom", 0.0), tie])
