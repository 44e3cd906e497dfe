"""Essential conditions: what they prescribe, the lift/reduce map, contradictions, and tangents that carry them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _manufactured import Poisson, grid, newton_step

from simphys.assembly import System, build_reduction
from simphys.fem import Dirichlet, FunctionSpace, Integral, Mesh, MultiPoint, Periodic, RigidTie, cells_of
from simphys.materials import NeoHooke, PlaneStrain
from simphys.physics import AbstractBalance, Solid, Terms
from simphys.physics._terms import build


def square(degree=1, components=2, n=3):
    mesh = grid("quadrilateral", n).with_point_group("corner", lambda x: jnp.sum(x) < 1e-9)
    return FunctionSpace(mesh, degree, components)


def lifted(space, constraints, seed=None):
    """The field u = T û + g of unknowns that are 0, or random."""
    spaces = space if isinstance(space, tuple) else (space,)
    constraints = tuple(c.resolved(spaces[c.field]) for c in constraints)
    reduction = build_reduction(spaces, constraints)
    y = jnp.zeros(reduction.size) if seed is None else _random(reduction.size, seed)
    fields = reduction.lift(y, spaces, constraints)
    return fields if isinstance(space, tuple) else fields[0]


def _random(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize(
    ("value", "components", "expected"),
    [
        (2.0, None, [2.0, 2.0]),
        (2, None, [2.0, 2.0]),
        (np.int32(2), None, [2.0, 2.0]),
        (jnp.asarray(2), None, [2.0, 2.0]),
        ((1.0, 3.0), None, [1.0, 3.0]),
        ((None, 3.0), None, [None, 3.0]),
        ((1.0, None), None, [1.0, None]),
        (np.array([1.0, 3.0]), None, [1.0, 3.0]),
        (4.0, 1, [None, 4.0]),
        (4.0, (0,), [4.0, None]),
        ([3.0, 1.0], (1, 0), [1.0, 3.0]),
        ((None, jnp.asarray(3.0)), None, [None, 3.0]),
    ],
)
def test_dirichlet_values(value, components, expected):
    space = square()
    u = lifted(space, [Dirichlet("left", value, components)], seed=1)
    for c, wanted in enumerate(expected):
        on = np.unique(u[space.nodes_on("left"), c])
        assert len(on) == 4 if wanted is None else on == [wanted]


def test_dirichlet_arrays_and_functions_follow_the_nodes():
    space = square(degree=2)
    nodes = space.nodes_on("top")
    x = space.nodes()[nodes]
    for value in (lambda x: jnp.array([x[0] ** 2, -x[0]]), jnp.stack([x[:, 0] ** 2, -x[:, 0]], axis=1)):
        u = lifted(space, [Dirichlet("top", value)])
        assert jnp.array_equal(u[nodes], jnp.stack([x[:, 0] ** 2, -x[:, 0]], axis=1))
    for value in (lambda x: 3 * x[0], 3 * x[:, 0]):
        u = lifted(space, [Dirichlet("top", value, 1)])
        assert jnp.array_equal(u[nodes, 1], 3 * x[:, 0])
    u = lifted(space, [Dirichlet(nodes[:2], 5.0)])
    assert np.array_equal(np.flatnonzero(u[:, 0]), nodes[:2])
    scalar = square(components=None)
    assert jnp.all(lifted(scalar, [Dirichlet("left", lambda x: x[1] + 1)])[scalar.nodes_on("left")] >= 1)


def test_later_conditions_win_where_they_overlap():
    space = square()
    corner = space.nodes_on("corner")[0]
    for order, wanted in ((("left", "bottom"), 2.0), (("bottom", "left"), 1.0)):
        value = {"left": 1.0, "bottom": 2.0}
        assert lifted(space, [Dirichlet(name, value[name]) for name in order])[corner, 0] == wanted
    # Only the components that a condition speaks of are overruled.
    u = lifted(space, [Dirichlet("left", 1.0), Dirichlet("bottom", (None, 2.0))])
    assert u[corner].tolist() == [1.0, 2.0]


@pytest.mark.slow
def test_periodic_fields_jump_by_the_jump():
    for dim, n in ((2, 3), (3, 2)):
        mesh = grid("quadrilateral" if dim == 2 else "tetrahedron", n).with_point_group(
            "o", lambda x: jnp.sum(x) < 1e-9
        )
        space = FunctionSpace(mesh, 2, dim)
        strain = _random((dim, dim))
        pairs = (
            [("left", "right"), ("bottom", "top")]
            if dim == 2
            else [("left", "right"), ("front", "back"), ("bottom", "top")]
        )
        conditions = [Periodic(a, b, strain[:, k]) for k, (a, b) in enumerate(pairs)]
        for order in (conditions, conditions[::-1]):
            u = lifted(space, [*order, Dirichlet("o", 0.0)], seed=3)
            periodic = np.asarray(u - space.nodes() @ strain.T)
            # Wherever nodes agree up to whole periods (at corners too), so do the values.
            x = np.round(np.asarray(space.nodes()) % 1.0, 6) % 1.0
            _, first, same = np.unique(x, axis=0, return_index=True, return_inverse=True)
            assert len(first) < len(x)
            assert np.allclose(periodic, periodic[first[same.ravel()]], atol=1e-14)
            assert len(np.unique(np.round(periodic[:, 0], 9))) == len(first)


def test_periodic_boundary_with_prescribed_source():
    space = square()
    u = lifted(space, [Periodic("left", "right", (1.0, 0.0)), Dirichlet("left", 0.5)])
    assert jnp.allclose(u[space.nodes_on("right")], jnp.array([1.5, 0.5])[None])


def test_jumps_add_up_along_a_chain():
    """d follows c, c follows a: whatever the order in which they are given, d jumps by both."""
    mesh = grid("quadrilateral", 2)
    for name, x in {"a": 0.0, "c": 0.5, "d": 1.0}.items():
        mesh = mesh.with_point_group(name, lambda p, x=x: jnp.abs(p[0] - x) < 1e-9)
    space = FunctionSpace(mesh, 1)
    chain = [Periodic("c", "d", 1.0), Periodic("a", "c", 2.0)]
    for order in (chain, chain[::-1]):
        u = lifted(space, order, seed=0)
        at = {name: u[space.nodes_on(name)] for name in "acd"}
        assert jnp.allclose(at["c"], at["a"] + 2, atol=1e-14) and jnp.allclose(at["d"], at["a"] + 3, atol=1e-14)


def test_whoever_is_prescribed_leads():
    """A periodicity turns round where its target is prescribed, and a rigid tie follows the one value that is."""
    space = square()
    right = Dirichlet("right", lambda x: jnp.array([x[1], 1 - x[1]]))
    u = lifted(space, [Periodic("left", "right", (1.0, 0.0)), right], seed=0)
    assert jnp.allclose(u[space.nodes_on("left")], u[space.nodes_on("right")] - jnp.array([[1.0, 0.0]]))
    assert jnp.allclose(u[space.nodes_on("right"), 0], space.nodes()[space.nodes_on("right"), 1])
    nodes = space.nodes_on("right")
    u = lifted(space, [RigidTie("right"), Dirichlet(nodes[2:3], (None, 0.7))], seed=0)[nodes]
    assert jnp.all(u[:, 1] == 0.7) and jnp.all(u[:, 0] == u[0, 0]) and u[0, 0] != 0
    u = lifted(space, [RigidTie("right", rotation=True), Dirichlet(nodes[1:3], (0.2, None))], seed=0)[nodes]
    assert jnp.allclose(u[:, 0], 0.2) and jnp.allclose(u[:, 1], u[0, 1])
    hinge = lifted(space, [RigidTie("right", rotation=True), RigidTie("bottom", rotation=True)], seed=0)
    x = space.nodes()
    for name in ("right", "bottom"):
        own = space.nodes_on(name)
        apart, moved = jnp.diff(x[own], axis=0), jnp.diff(hinge[own], axis=0)
        assert jnp.allclose(jnp.sum(apart * moved, axis=1), 0, atol=1e-13) and jnp.abs(moved).max() > 0.1


def test_circles_that_agree_are_open_ones():
    space = square()
    u = lifted(space, [Periodic("left", "right", 0.3), Periodic("right", "left", -0.3)], seed=2)
    assert jnp.allclose(u[space.nodes_on("right")], u[space.nodes_on("left")] + 0.3)


def test_followers_of_followers_carry_weights_and_constants():
    """u₁ = 2 u₀ + 1, u₂ = u₁ − 3 u₅ + 0.5, u₃ = u₂, u₀ = 0.25: whatever the order, T and g are the substituted ones."""
    space = square(components=None)
    rows = [
        MultiPoint([1], [[0]], [[2.0]], 1.0),
        MultiPoint([2], [[1, 5]], [[1.0, -3.0]], [0.5]),
        MultiPoint([3], [[2]], [[1.0]]),
    ]
    for order in (rows, rows[::-1]):
        u = lifted(space, order, seed=4)
        assert jnp.allclose(u[1], 2 * u[0] + 1) and jnp.allclose(u[2], u[1] - 3 * u[5] + 0.5) and u[3] == u[2]
        u = lifted(space, [*order, Dirichlet([0], 0.25)], seed=4)
        assert jnp.allclose(u[jnp.array([0, 1, 2, 3])], jnp.array([0.25, 1.5, 2 - 3 * u[5], 2 - 3 * u[5]]))


def test_gradients_run_through_chains():
    space = square(components=None)

    def last(p):
        rows = [
            MultiPoint([2], [[1, 5]], p[None, :2], p[2]),
            MultiPoint([1], [[0]], p[None, 3:4]),
            Dirichlet([0], p[4]),
        ]
        return lifted(space, rows, seed=1)[2]

    p = jnp.array([0.3, -0.4, 0.1, 1.7, 0.9])
    w, v, c, s, g = p
    other = lifted(space, [], seed=1)
    at = lifted(space, [MultiPoint([2], [[1, 5]], p[None, :2]), MultiPoint([1], [[0]], p[None, 3:4]), Dirichlet([0], 1.0)],
                seed=1)[5]  # fmt: skip
    assert other.shape == (16,)
    assert jnp.allclose(jax.grad(last)(p), jnp.array([s * g, at, 1.0, w * g, w * s]))


@pytest.mark.slow
def test_rigid_ties_move_as_bodies():
    for cell_type in ("quadrilateral", "hexahedron"):
        mesh = grid(cell_type, 2)
        space = FunctionSpace(mesh, 2, mesh.dim)
        nodes = space.nodes_on("right")
        moved = lifted(space, [RigidTie("right")], seed=1)[nodes]
        assert jnp.array_equal(moved, jnp.broadcast_to(moved[:1], moved.shape)) and jnp.abs(moved).max() > 0
        u = lifted(space, [RigidTie("right", rotation=True)], seed=1)[nodes]
        x = space.nodes()[nodes]
        best = np.linalg.lstsq(np.c_[x, np.ones(len(x))], u, rcond=None)[0]
        spin = best[:-1]
        assert np.allclose(np.c_[x, np.ones(len(x))] @ best, u, atol=1e-12)
        # On the face x = 1 the spin is only seen through y (and z).
        seen = spin[1:, 1:]
        assert np.allclose(seen + seen.T, 0, atol=1e-12) and np.abs(spin[1:]).max() > 0.1


CONDITIONS = {
    "periodic": [
        Periodic("left", "right", (0.1, 0.0)),
        Periodic("bottom", "top", 0.05),
        Dirichlet("corner", 0.0),
    ],
    "two ties": [RigidTie("right", rotation=True), RigidTie("left"), Dirichlet((5, 6), 0.0)],
    "chain": [
        MultiPoint([[5, 0]], [[[6, 0], [9, 1]]], [[0.4, 0.5]], 0.02),
        MultiPoint([[9, 1]], [[[15, 1], [10, 0]]], [[0.3, 0.6]]),
        Periodic("bottom", "top", (0.0, 0.1)),
        Dirichlet("corner", 0.05),
    ],
    "periodic and tie": [
        Periodic("bottom", "top", (0.0, 0.1)),
        RigidTie("middle", rotation=True),
        Dirichlet("corner", 0.0),
    ],
}


def middle(mesh):
    """A mesh that names some interior nodes, and its corner."""
    inside = lambda x: (jnp.abs(x[0] - 0.5) < 0.2) & (jnp.abs(x[1] - 0.5) < 0.2)
    return mesh.with_point_group("corner", lambda x: jnp.sum(x) < 1e-9).with_point_group("middle", inside)


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("name", CONDITIONS)
def test_tangent_is_the_symmetric_derivative_of_the_residual(name):
    """⟨T y, r⟩ = ⟨y, Tᵀ r⟩;  J = ∂F/∂y, entry by entry, and symmetric;  F = ∂Π/∂y;  û of u is û."""
    space = FunctionSpace(middle(grid("quadrilateral", 3)), 1, 2)
    solid = Solid(space, PlaneStrain(NeoHooke(mu=1.0, lam=2.0)), CONDITIONS[name])
    reduction, conditions = solid.system.reduction, solid.constraints
    y, r = 0.03 * _random(reduction.size), _random(space.shape, 1)

    @eqx.filter_jit
    def everything(solid, y, r):
        dead, moved = solid.value(jnp.zeros_like(y)), solid.value(y)
        products = jnp.vdot(moved - dead, r), jnp.vdot(y, reduction.reduce((r,), (space,), conditions))
        residual = lambda y: solid.residual(y, None)
        gradient = jax.grad(lambda y: solid.evaluate(y, None).energy)(y)
        return (
            products,
            solid.unknowns(moved),
            residual(y),
            gradient,
            jax.jacfwd(residual)(y),
            solid.jacobian(y),
        )

    (left, right), again, residual, gradient, dense, operator = everything(solid, y, r)
    assert jnp.isclose(left, right, atol=1e-14)
    assert jnp.allclose(again, y, atol=1e-14)
    assert jnp.allclose(gradient, residual, atol=1e-12)
    assert lx.is_symmetric(operator)
    matrix = operator.as_matrix()
    assert jnp.allclose(matrix, dense, atol=1e-11 * jnp.abs(dense).max())
    assert jnp.allclose(matrix, matrix.T, atol=1e-12 * jnp.abs(dense).max())


class Stokes(AbstractBalance):
    """∫ 2μ sym ∇u:∇v − p div v = ∫ b·v,  −∫ q div u = 0;  Taylor–Hood."""

    space: tuple[FunctionSpace, ...]
    mu: jax.Array
    body: jax.Array
    constraints: tuple
    loads: tuple
    system: System

    def __init__(self, mesh, constraints, mu, body):
        self.space = (FunctionSpace(mesh, 2, mesh.dim), FunctionSpace(mesh, 1))
        self.mu, self.body, self.loads = mu, body, ()
        self.constraints, self.system = build(self.space, constraints, self.terms())

    def terms(self):
        """Viscous flow, held together by pressure."""
        domain = cells_of(self.space[0])
        inner = Integral(domain, _stokes, self.mu, None, fields=(0, 1), slots=("gradient", "value"))
        outer = Integral(domain, _push, self.body, None, fields=(0,), slots=("value",), constant=True)
        return Terms((inner, outer))


def _stokes(fields, point, mu):
    flow, pressure = fields
    H, p = flow.gradient, pressure.value
    # A cubic viscosity keeps the tangent from being constant.
    thickened = mu * (1 + jnp.sum(H * H))
    return (None, thickened * (H + H.T) - p * jnp.eye(H.shape[0], dtype=H.dtype)), (-jnp.trace(H), None)


def _push(fields, point, body):
    return ((-body, None),)


@pytest.mark.slow
def test_mixed_problem():
    """Two fields of different degree: F is split by field, J = ∂F/∂y, and a linear flow is exact."""
    mesh = grid("triangle", 2).with_point_group("corner", lambda x: jnp.sum(x) < 1e-9)
    conditions = [Dirichlet("all", lambda x: jnp.array([x[1], x[0]])), Dirichlet("corner", 1.5, field=1)]
    flow = Stokes(mesh, conditions, jnp.asarray(0.3), jnp.zeros(2))
    y = flow.unknowns(None)
    assert [leaf.size for leaf in y] == list(flow.system.reduction.sizes)
    y = jax.tree.map(lambda leaf: _random(leaf.shape), y)
    flat, unravel = jax.flatten_util.ravel_pytree(y)
    residual = lambda flat: jax.flatten_util.ravel_pytree(flow.residual(unravel(flat), None))[0]
    # u = (y, x), p = 1.5: the stress is constant, and div u = 0.
    exact = flow.unknowns((flow.space[0].interpolate(lambda x: x[::-1]), 1.5 * jnp.ones(flow.space[1].shape)))
    both = lambda y, exact: (jax.jacfwd(residual)(flat), flow.jacobian(y), flow.residual(exact, None))
    dense, operator, balanced = eqx.filter_jit(both)(y, exact)
    assert jnp.allclose(operator.as_matrix(), dense, atol=1e-11)
    assert all(jnp.abs(leaf).max() < 1e-13 for leaf in jax.tree.leaves(balanced))


def test_contradictions_and_misuse_raise():
    space = square()
    mesh = space.mesh
    scalar = FunctionSpace(mesh, 1)
    wide = Mesh(
        mesh.points,
        mesh.cells,
        "quadrilateral",
        facet_groups={**mesh.facet_groups, "part": mesh.facets("left")[:2]},
    )
    for conditions, message in [
        (
            [Dirichlet("left", lambda x: x), RigidTie("left")],
            "rigid tie 'left' are decided by other conditions, and not as it says",
        ),
        (
            [Periodic("left", "right"), RigidTie("right")],
            "6 values on the rigid tie 'right' follow others than it says",
        ),
        (
            [Dirichlet("corner", 0.0), Dirichlet("top", 0.0), MultiPoint([[0, 1]], [[[5, 1]]], [[1.0]])],
            "1 values that follow others by the multi-point condition on 1 values are prescribed, those others not",
        ),
        (
            [Periodic("left", "right"), Periodic("right", "left", 1.0)],
            "periodicity of 'left' with 'right' are decided by",
        ),
        (
            [MultiPoint([[1, 0], [2, 0]], [[[2, 0]], [[1, 0]]], 2 * np.ones((2, 1)))],
            "1 values on the multi-point condition on 2 values follow others than it says",
        ),
        ([Periodic("left", "top")], "are not those of 'left' shifted"),
        (
            [Periodic("left", "right", (1.0, 2.0, 3.0))],
            r"`jump` must be a number or have shape \(2,\), got \(3,\)",
        ),
        ([Dirichlet("all", 0.0, 0), Dirichlet("all", 0.0, 2)], "`components` must lie in 0 … 1, got"),
        ([Dirichlet("left", (0.0, 1.0, 2.0))], "must list 2 components .* got 3"),
        ([Dirichlet("left", (0.0,))], "must list 2 components .* got 1"),
        ([Dirichlet("left", np.zeros((3, 2)))], r"shape \(2,\) or \(4, 2\), got \(3, 2\)"),
        ([Dirichlet((99,), 0.0)], "`where` must have entries in 0 … 15, got 99"),
        ([Dirichlet((-1,), 0.0)], "`where` must have entries in 0 … 15, got -1"),
        ([Dirichlet("lefd", 0.0)], "Did you mean 'left'"),
        ([Dirichlet("left", 0.0, field=1)], "`field` must lie in 0 … 0, got 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            constraints = tuple(c.resolved(space) for c in conditions)
            build_reduction((space,), constraints)
    with pytest.raises(ValueError, match="'left' has 4 nodes, 'part' 3"):
        Periodic("left", "part").resolved(FunctionSpace(wide, 1))
    with pytest.raises(ValueError, match="needs a displacement field"):
        RigidTie("left", rotation=True).resolved(scalar)
    with pytest.raises(ValueError, match="too few nodes, or nodes in one line"):
        build_reduction((space,), (RigidTie("corner", rotation=True),))
    with pytest.raises(ValueError, match="`value` must be finite"):
        Dirichlet("left", jnp.array([0.0, jnp.nan]))


def test_no_number_of_the_topology_is_a_parameter():
    """A gradient has one entry for each array a user gave, and none for weights that only count."""
    solid = Solid(square(), PlaneStrain(NeoHooke(mu=1.0, lam=2.0)), CONDITIONS["two ties"])
    assert not jax.tree.leaves(eqx.filter(solid.system, eqx.is_inexact_array))


@pytest.mark.slow
def test_periodic_problem_is_solved_exactly():
    """A scalar field with a mean gradient in a homogeneous periodic cell is linear."""
    mesh = grid("triangle", 3).with_point_group("corner", lambda x: jnp.sum(x) < 1e-9)
    space = FunctionSpace(mesh, 2)
    conditions = [Periodic("left", "right", 0.7), Periodic("bottom", "top", -0.2), Dirichlet("corner", 0.1)]
    u = newton_step(Poisson(space, conditions))
    assert jnp.allclose(u, space.interpolate(lambda x: 0.1 + 0.7 * x[0] - 0.2 * x[1]), atol=1e-12)
