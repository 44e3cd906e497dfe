"""Bodies that are not held are refused, and the motions left to them are named."""

import functools
import tracemalloc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import grid, root

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, Mesh, Periodic, RigidTie, rectangle, taylor_hood
from simphys.materials import LinearElastic, NeoHooke, PlaneStrain, PlaneStress
from simphys.physics import BodyForce, Closure, ElasticSupport, MixedSolid, NodalForces, Pressure, Solid, Traction


STEEL = LinearElastic(E=210e3, nu=0.3)


@functools.cache
def plane():
    corner = lambda i, j: lambda x: (jnp.abs(x[0] - i) < 1e-9) & (jnp.abs(x[1] - j) < 1e-9)
    mesh = grid("quadrilateral", 3)
    for name, (i, j) in {"a": (0, 0), "b": (1, 0), "d": (0, 1)}.items():
        mesh = mesh.with_point_group(name, corner(i, j))
    return FunctionSpace(mesh, 1, 2)


@functools.cache
def cube():
    mesh = grid("tetrahedron", 2)
    for name, at in {"o": (0, 0, 0), "x": (1, 0, 0), "y": (0, 1, 0)}.items():
        mesh = mesh.with_point_group(name, lambda p, at=at: jnp.sum(jnp.abs(p - jnp.array(at, float))) < 1e-9)
    return FunctionSpace(mesh, 1, 3)


def held(space, constraints):
    return Solid(space, PlaneStrain(STEEL) if space.components == 2 else STEEL, constraints)


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("constraints", "motions"),
    [
        ([], "translation along x, translation along y, rotation in the plane"),
        ([Dirichlet("a", 0.0)], "rotation in the plane"),
        ([Dirichlet("left", (0.0, None))], "translation along y"),
        ([Dirichlet("bottom", (None, 0.0))], "translation along x"),
        ([Dirichlet("a", (None, 0.0))], "translation along x, rotation in the plane"),
        ([Dirichlet("a", 0.0), Dirichlet("b", (0.0, None))], "rotation in the plane"),
        ([Periodic("left", "right")], "translation along x, translation along y"),
        ([RigidTie("left")], "translation along x, translation along y"),
        (
            [RigidTie("left", rotation=True)],
            "translation along x, translation along y, rotation in the plane",
        ),
        ([RigidTie("left", rotation=True), Dirichlet("b", 0.0)], "rotation in the plane"),
    ],
)
def test_missing_restraints_in_the_plane_are_named(constraints, motions):
    with pytest.raises(ValueError, match=f"The body is not held against {motions}: add constraints"):
        held(plane(), constraints)


@pytest.mark.parametrize(
    ("constraints", "motions"),
    [
        ([Dirichlet("o", 0.0)], "rotation about x, rotation about y, rotation about z"),
        ([Dirichlet("o", 0.0), Dirichlet("x", 0.0)], "rotation about x"),
        (
            [Dirichlet("left", (0.0, None, None))],
            "translation along y, translation along z, rotation about x",
        ),
        (
            [Dirichlet("front", (None, 0.0, None))],
            "translation along x, translation along z, rotation about y",
        ),
        ([Dirichlet("bottom", (0.0, 0.0, None))], "translation along z, rotation about x, rotation about y"),
        ([Periodic("left", "right"), Dirichlet("o", 0.0)], "rotation about x"),
    ],
)
def test_missing_restraints_in_space_are_named(constraints, motions):
    with pytest.raises(ValueError, match=f"The body is not held against {motions}: add constraints"):
        held(cube(), constraints)


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("space", "constraints"),
    [
        (plane, [Dirichlet("a", 0.0), Dirichlet("b", (None, 0.0))]),
        (plane, [RigidTie("left"), Dirichlet("b", 0.0)]),
        (plane, [Periodic("left", "right"), Periodic("bottom", "top"), Dirichlet("a", 0.0)]),
        (cube, [Dirichlet("o", 0.0), Dirichlet("x", (None, 0.0, 0.0)), Dirichlet("y", (None, None, 0.0))]),
        (cube, [Periodic("left", "right"), Periodic("front", "back"), Dirichlet("o", 0.0)]),
    ],
)
def test_bodies_that_are_just_held_pass(space, constraints):
    """And held they are: no motion is free of energy."""
    solid = held(space(), constraints)
    stiffness = np.asarray(eqx.filter_jit(lambda s: s.jacobian(s.unknowns(None)).as_matrix())(solid))
    energies = np.linalg.eigvalsh(stiffness)
    assert energies[0] > 1e-6 * energies[-1]


def two_squares(gap=0.5):
    one = rectangle((2, 2))
    points = np.concatenate([one.points, np.asarray(one.points) + [1 + gap, 0]])
    cells = np.concatenate([one.cells, np.asarray(one.cells) + one.n_points])
    names = {"first": lambda x: x[0] < 1e-9, "last": lambda x: x[0] > 2 + gap - 1e-9}
    names |= {"near": lambda x: jnp.abs(x[0] - 1) < 1e-9, "far": lambda x: jnp.abs(x[0] - 1 - gap) < 1e-9}
    mesh = Mesh(points, cells, "quadrilateral")
    for name, predicate in names.items():
        mesh = mesh.with_facet_group(name, predicate)
    pin = lambda x: (jnp.abs(x[0] - 1 - gap) < 1e-9) & (x[1] < 1e-9)
    near = lambda x: (jnp.abs(x[0] - 1) < 1e-9) & (x[1] < 1e-9)
    return FunctionSpace(mesh.with_point_group("pin", pin).with_point_group("hinge", near), 1, 2)


def test_each_of_several_bodies_must_be_held():
    space = two_squares()
    with pytest.raises(
        ValueError, match="Body 2 of 2 .* against translation along x, translation along y, rotation in"
    ):
        held(space, [Dirichlet("first", 0.0)])
    with pytest.raises(ValueError, match="Body 1 of 2 .* against rotation in the plane"):
        held(space, [Dirichlet("last", 0.0), Dirichlet("hinge", 0.0)])
    held(space, [Dirichlet("first", 0.0), Dirichlet("last", 0.0)])
    # Coupled along a face the second body follows the first; coupled in one point it can turn about it.
    held(space, [Dirichlet("first", 0.0), Periodic("near", "far")])
    with pytest.raises(ValueError, match="Body 2 of 2 .* against rotation in the plane"):
        held(space, [Dirichlet("first", 0.0), Periodic("hinge", "pin")])


def spring(local, point):
    return -0.5 * local.value


def floor(local, point):
    """Pushes back what sinks below where it was, and holds it sideways by next to nothing."""
    return jnp.stack([-1e-3 * local.value[0], 100.0 * jnp.maximum(-local.value[1], 0.0)])


def wind(local, point):
    """What does not look at where the body is, only at how it strains."""
    return jnp.stack([local.gradient[0, 0], jnp.sin(point.position[0])])


HELD_BY_LOADS = {
    "springs": [ElasticSupport("left", 2.0)],
    "two springs": [ElasticSupport("left", (2.0, 0.0)), ElasticSupport("bottom", (0.0, 2.0))],
    "a field of forces": [Closure(spring)],
    "contact": [Closure(floor)],
}


@pytest.mark.breadth
@pytest.mark.parametrize("loads", HELD_BY_LOADS.values(), ids=HELD_BY_LOADS.keys())
def test_what_loads_hold_is_held(loads):
    Solid(plane(), PlaneStrain(STEEL), [], loads)


@pytest.mark.parametrize(
    ("loads", "motions"),
    [
        ([ElasticSupport("left", (2.0, 0.0))], "translation along y"),
        ([ElasticSupport("left", (0.0, 2.0))], "translation along x, rotation in the plane|translation along x"),
        ([ElasticSupport("left", 0.0)], "translation along x, translation along y, rotation in the plane"),
        ([Closure(wind)], "translation along x, translation along y, rotation in the plane"),
        ([Traction("right", (1.0, 0.0))], "translation along x, translation along y, rotation in the plane"),
    ],
)
def test_what_no_load_holds_is_named(loads, motions):
    with pytest.raises(ValueError, match=f"The body is not held against ({motions}): add constraints"):
        Solid(plane(), PlaneStrain(STEEL), [], loads)
    if isinstance(loads[0], Traction):
        law = PlaneStrain(NeoHooke(mu=1.0, lam=1.0))
        with pytest.raises(ValueError, match=f"not held against {motions}"):
            Solid(plane(), law, [], [Pressure("right", 0.1, follower=True)])


@pytest.mark.slow
def test_a_body_on_springs_sinks():
    """Its foot by load over stiffness: 0.2/2; a body that the springs have let go has no equilibrium."""
    loads = [ElasticSupport("bottom", (5.0, 2.0)), Traction("top", (0.0, -0.2))]
    body = Solid(plane(), PlaneStrain(STEEL), [], loads)
    u = root(body)
    foot = body.space.nodes_on("bottom")
    np.testing.assert_allclose(np.asarray(u)[foot, 1].mean(), -0.1, rtol=1e-5)
    loose = eqx.tree_at(lambda b: b.loads[0].stiffness, body, jnp.zeros(2))
    assert not bool(sp.solve(loose, throw=False).certificate.converged)
    mixed = MixedSolid(taylor_hood(rectangle((1, 1))), PlaneStrain(STEEL), [], loads)
    u, _ = root(mixed)
    np.testing.assert_allclose(np.asarray(u)[:, 1], -0.1, rtol=1e-4)


@pytest.mark.slow
def test_a_block_of_rubber_stands_on_a_floor():
    """A load of one's own, a contact, bears the weight from a touch on."""
    law = PlaneStrain(NeoHooke(mu=50.0, lam=50.0))
    block = Solid(plane(), law, [], [Closure(floor), BodyForce((0.0, -1.0))])
    found = sp.solve(block, block.space.zeros(), throw=False)
    assert bool(found.certificate.converged)
    np.testing.assert_allclose(np.asarray(found.value)[:, 1].mean(), -0.01, rtol=0.05)


def test_many_restraints_need_little_memory():
    """A thousand clamped nodes cost a thousand small rows, not a square matrix of them."""
    space = FunctionSpace(grid("quadrilateral", 60), 1, 2)
    tracemalloc.start()
    try:
        held(space, [Dirichlet(range(space.n_nodes - 1), 0.0)])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A square matrix of all restraints would hold n² numbers of 8 bytes.
    assert peak < 8 * space.n_dofs**2 / 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: Solid(FunctionSpace(s.mesh, 1), PlaneStrain(STEEL)), "needs `components=2`, got None"),
        (lambda s: Solid(s, STEEL), "wrap it in `PlaneStrain` or `PlaneStress`"),
        (lambda s: Solid(cube(), PlaneStress(STEEL)), "without the plane wrapper"),
        (lambda s: Solid(s, "steel"), "`material` must be a solid law, got str"),
        (lambda s: fixed(s, Traction("right", 1.0)), r"`Traction` must have shape \(2,\), got \(\)"),
        (
            lambda s: fixed(s, Traction("right", (1.0, 2.0, 3.0))),
            r"`Traction` must have shape \(2,\), got \(3,\)",
        ),
        (lambda s: fixed(s, Traction("rihgt", (1.0, 2.0))), "Did you mean 'right'"),
        (lambda s: fixed(s, BodyForce(9.81)), r"`BodyForce` must have shape \(2,\), got \(\)"),
        (
            lambda s: fixed(s, Pressure("right", (1.0, 2.0))),
            r"a `Pressure` must be a number, got shape \(2,\)",
        ),
        (lambda s: fixed(s, Pressure("right", 1.0, follower=True)), "needs a finite-strain law"),
        (
            lambda s: fixed(s, NodalForces(np.zeros(2))),
            r"`NodalForces` must have shape \(16, 2\), got \(2,\)",
        ),
        (lambda s: Traction("right", (np.nan, 0.0)), "`value` must be finite"),
        (
            lambda s: Solid(s, PlaneStrain(STEEL), [Dirichlet("left", 0.0)], thickness=0.0),
            "`thickness` must be positive",
        ),
    ],
)
def test_misuse_raises(make, message):
    with pytest.raises(ValueError, match=message):
        make(plane())


def fixed(space, load):
    return Solid(space, PlaneStrain(STEEL), [Dirichlet("left", 0.0)], [load])


def test_a_follower_pressure_on_a_finite_solid_is_accepted():
    law = PlaneStrain(NeoHooke(mu=1.0, lam=1.0))
    load = Pressure("right", 0.1, follower=True)
    assert Solid(plane(), law, [Dirichlet("left", 0.0)], [load]).integrals()[1].symmetric is False
