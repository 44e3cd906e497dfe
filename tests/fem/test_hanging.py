"""Nodes that hang between larger cells: fields stay continuous, and every balance law works as on conforming meshes."""

import basix
import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _manufactured import Poisson, newton_step, root

import simphys as sp
from simphys import fem, materials, physics
from simphys.fem import Dirichlet, FunctionSpace, Periodic


def marked(kind, rounds=2, seed=0, degree=1, bend=0.05, n=None):
    """A mesh of bent cells of several sizes."""
    mesh = (
        fem.rectangle(n or (3, 2), degree=degree) if kind == "quadrilateral" else fem.box(n or (2, 2, 1), degree=degree)
    )
    x = mesh.points
    if bend:
        mesh = eqx.tree_at(lambda m: m.points, mesh, x + bend * jnp.sin(3 * x[:, ::-1]))
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        mesh = mesh.refined(rng.choice(mesh.n_cells, mesh.n_cells // 6 + 1, replace=False))
    return mesh


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("kind", ["quadrilateral", "hexahedron"])
def test_values_that_follow_are_those_of_polynomials(kind, degree):
    """Polynomials of the degree, in coordinates that are affine, are reproduced; forces do the same work either way."""
    space = FunctionSpace(marked(kind, rounds=3, bend=0), degree)
    hanging, x = space.hanging, np.asarray(space.nodes())
    u = jnp.asarray((x[:, 0] + 2 * x[:, 1] + 0.3) ** degree - x[:, -1] ** degree)
    lost = u.at[hanging.nodes].set(99.0)
    assert len(hanging.nodes) > 5
    np.testing.assert_allclose(hanging.conformed(lost), u, rtol=1e-12, atol=1e-12)
    assert not np.isin(np.asarray(hanging.leaders), np.asarray(hanging.nodes)).any()
    force = jnp.asarray(np.random.default_rng(0).normal(size=u.shape))
    folded = hanging.folded(force)
    assert jnp.all(folded[hanging.nodes] == 0)
    np.testing.assert_allclose(jnp.vdot(folded, u), jnp.vdot(force, u), rtol=1e-12)


@pytest.mark.parametrize("degree", [1, 2])
def test_fields_are_continuous(degree):
    """On both sides of every split facet the field is the same."""
    mesh = marked("hexahedron")
    space = FunctionSpace(mesh, degree)
    u = space.hanging.conformed(jnp.asarray(np.random.default_rng(1).normal(size=space.shape)))
    for split in mesh.forest.splits:
        coarse, fine, corners = (np.asarray(part) for part in (split.coarse, split.fine, split.corners))
        mixed = np.random.default_rng(2).dirichlet(np.ones(corners.shape[2]), size=3)
        element, at = space.element, np.einsum("pv,sqvd->sqpd", mixed, corners / 2)
        large = element.tabulate(at.reshape(-1, 3), 0)[0][..., 0].reshape(*at.shape[:3], -1)
        values = np.einsum("sqpa,sa->sqp", large, np.asarray(u)[np.asarray(space.cells)[coarse[:, 0]]])
        entities = basix.topology(basix.CellType.hexahedron)[corners.shape[2].bit_length() - 1]
        ends = fem.reference_nodes("hexahedron", 1)[np.array(entities)[fine[..., 1]]]
        where = np.einsum("pv,sqvd->sqpd", mixed, ends)
        small = element.tabulate(where.reshape(-1, 3), 0)[0][..., 0].reshape(*where.shape[:3], -1)
        there = np.einsum("sqpa,sqa->sqp", small, np.asarray(u)[np.asarray(space.cells)[fine[..., 0]]])
        np.testing.assert_allclose(values, there, atol=1e-12)


def elastic(mesh, degree, held, loads=(), E=1.0):
    law = materials.LinearElastic(E=E, nu=0.3)
    space = FunctionSpace(mesh, degree, mesh.dim)
    return physics.Solid(space, materials.PlaneStrain(law) if mesh.dim == 2 else law, held, loads)


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("kind", "degree", "geometry"),
    [
        ("quadrilateral", 2, 2),
        pytest.param("hexahedron", 2, 1, marks=pytest.mark.slow),
    ],
)
def test_patch_test(kind, degree, geometry):
    """Linear displacements are found exactly in bent cells of several sizes; forces are at the boundary alone."""
    mesh = marked(kind, degree=geometry)
    gradient = jnp.asarray(np.random.default_rng(0).normal(size=(mesh.dim, mesh.dim)))
    problem = elastic(mesh, degree, [Dirichlet("all", lambda x: gradient @ x)])
    u = root(problem)
    np.testing.assert_allclose(u, problem.space.nodes() @ gradient.T, atol=1e-12)
    inside = np.setdiff1d(np.arange(problem.space.n_nodes), problem.space.nodes_on("all"))
    np.testing.assert_allclose(problem.reactions(u)[inside], 0, atol=1e-12)
    np.testing.assert_allclose(problem.resultant(u, "all"), 0, atol=1e-12)


@pytest.mark.slow
def test_what_pulls_at_one_side_is_held_at_the_other():
    """Nodes that hang next to the boundary take nothing of the reaction away."""
    mesh = fem.rectangle((3, 3)).refined([0, 4])
    pulled = elastic(mesh, 1, [Dirichlet("left", 0.0)], [physics.Traction("right", (0.3, 0.1))])
    np.testing.assert_allclose(pulled.resultant(root(pulled), "left"), [-0.3, -0.1], atol=1e-12)


@pytest.mark.slow
def test_tangent_is_the_symmetric_derivative_of_the_residual():
    """With periodicity and prescribed values on nodes that hang, at finite strain."""
    mesh = fem.rectangle((2, 2)).refined([0, 1]).with_point_group("corner", lambda x: jnp.sum(x) < 1e-9)
    space = FunctionSpace(mesh, 1, 2)
    law = materials.PlaneStrain(materials.NeoHooke(mu=1.0, lam=2.0))
    solid = physics.Solid(space, law, [Periodic("left", "right", (0.1, 0.0)), Dirichlet("bottom", lambda x: 0.1 * x)])
    y = jnp.asarray(0.02 * np.random.default_rng(0).normal(size=solid.system.reduction.size))
    u = solid.value(y)
    np.testing.assert_allclose(space.hanging.conformed(u), u, atol=1e-14)

    @eqx.filter_jit
    def everything(y):
        residual = lambda y: solid.residual(y, None)
        gradient = jax.grad(lambda y: solid.evaluate(y, None).energy)(y)
        return solid.jacobian(y), jax.jacfwd(residual)(y), gradient, residual(y)

    operator, dense, gradient, residual = everything(y)
    assert lx.is_symmetric(operator)
    np.testing.assert_allclose(operator.as_matrix(), dense, atol=1e-12)
    np.testing.assert_allclose(gradient, residual, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "degree"), [("quadrilateral", 2), ("hexahedron", 1)])
def test_errors_fall_at_the_orders_of_conforming_meshes(kind, degree):
    exact = lambda x: jnp.sin(2 * x[0] + 0.4) * jnp.cos(1.5 * x[1]) * (1 + x[-1])
    source = lambda x: -jnp.trace(jax.hessian(exact)(x))
    mesh, found = marked(kind, rounds=2, n=(2, 2) if kind == "quadrilateral" else (2, 1, 1)), []
    for _ in range(3 if mesh.dim == 2 else 2):
        space = FunctionSpace(mesh, degree)
        problem = physics.Balance(
            space,
            [fem.Weak(lambda u, at, p: (-source(at.position), u.gradient), symmetric=True)],
            [Dirichlet("all", exact)],
        )
        u = root(problem)
        rule = 2 * degree + 3
        at = fem.cells_of(space, degree=rule).geometry(mesh)
        table = jnp.asarray(space.element.tabulate(fem.quadrature(kind, rule)[0], 0)[0][:, :, 0])
        values = jnp.einsum("qa,ea->eq", table, u[space.cells])
        off = values - jax.vmap(jax.vmap(exact))(at.position)
        found.append(float(jnp.sqrt(jnp.sum(at.measure * off**2))))
        mesh = mesh.refined()
    orders = np.log2(np.array(found[:-1]) / found[1:])
    assert orders[-1] > degree + 1 - (0.15 if mesh.dim == 2 else 0.4), orders


@pytest.mark.slow
def test_multigrid_transients_and_batches():
    """Whatever stands on the reduced equations works: multigrid, implicit steps, lanes of `vmap`, gradients."""
    mesh = marked("hexahedron", rounds=2)
    body = elastic(mesh, 1, [Dirichlet("left", 0.0)], [physics.Traction("right", (0.0, 0.1, 0.0))])
    direct, iterated = root(body), sp.solve(body.with_multigrid()).value
    np.testing.assert_allclose(direct, iterated, atol=1e-7 * np.abs(direct).max())
    flat = marked("quadrilateral")
    end = lambda E: jnp.sum(
        sp.solve(elastic(flat, 1, [Dirichlet("left", 0.0)], [physics.Traction("right", (0.0, 0.1))], E)).value[-1]
    )
    rows, slopes = jax.jit(jax.vmap(jax.value_and_grad(end)))(E := jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(rows[0], 2 * rows[1], rtol=1e-9)
    np.testing.assert_allclose(slopes, -rows / E, rtol=1e-8)
    space = FunctionSpace(flat, 2)
    heat = physics.Heat(space, materials.IsotropicConduction(k=1.0), [], capacity=2.0)
    start = space.hanging.conformed(space.interpolate(lambda x: jnp.cos(3 * x[0]) * x[1]))
    ended = sp.stepping.march(sp.stepping.BackwardEuler(), heat, start, jnp.linspace(0.0, 0.2, 6), save=None).final.u
    cells = fem.cells_of(space, degree=6)
    table = jnp.asarray(space.element.tabulate(fem.quadrature("quadrilateral", 6)[0], 0)[0][:, :, 0])
    weight = jnp.einsum("eq,qa->ea", cells.geometry(flat).measure, table)
    stored = lambda T: float(jnp.sum(weight * T[space.cells]))
    assert float(jnp.ptp(ended)) < 0.9 * float(jnp.ptp(start))
    np.testing.assert_allclose(stored(ended), stored(start), rtol=1e-9)


def test_what_is_not_offered_is_refused():
    mesh = fem.rectangle((2, 2)).refined([0])
    hanging = np.asarray(FunctionSpace(mesh).hanging.nodes)
    with pytest.raises(ValueError, match="1 values are prescribed on nodes that hang"):
        newton_step(Poisson(FunctionSpace(mesh), [Dirichlet(hanging[:1], 0.0)]))
    with pytest.raises(ValueError, match="cells of several sizes"):
        FunctionSpace(mesh, ("RT", 1))
    jumps = fem.Weak(lambda u, at, p: (u.jump, None), where="interior")
    with pytest.raises(ValueError, match="cells of several sizes"):
        physics.Balance(FunctionSpace(mesh, degree=0, continuous=False), [jumps], [])
