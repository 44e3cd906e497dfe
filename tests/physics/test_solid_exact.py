"""Solids whose answer is known: patch tests, Lamé's cylinder, Timoshenko's beam, Cook's membrane."""

import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import Poisson, errors, grid, irregular, newton_step

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, Mesh, NodalField, rectangle
from simphys.materials import LinearElastic, NeoHooke, PlaneStrain, PlaneStress, SimoTaylor
from simphys.physics import BodyForce, Pressure, Solid, Traction


DATA = pathlib.Path(__file__).parents[1] / "data"
PATCHES = [("triangle", 1, 2), ("quadrilateral", 3, 2), ("triangle", 3, 1), ("hexahedron", 2, 1), ("tetrahedron", 2, 2)]


def in_dimension(material, dim):
    return PlaneStrain(material) if dim == 2 else material


def patch(cell_type, degree, mesh_degree, material):
    """A body with irregular (curved, if quadratic) cells whose boundary moves by u = G x."""
    # Linear elements on curved cells do not contain linear functions: those cells stay straight.
    amount = 0.1 if mesh_degree == 1 else 0.03 * (degree >= mesh_degree)
    mesh = irregular(grid(cell_type, 2, mesh_degree), amount)
    space = FunctionSpace(mesh, degree, mesh.dim)
    G = jnp.asarray(np.random.default_rng(0).uniform(-0.2, 0.2, (mesh.dim, mesh.dim)))
    solid = Solid(space, in_dimension(material, mesh.dim), [Dirichlet("all", lambda x: G @ x)])
    return solid, space.interpolate(lambda x: G @ x)


@pytest.mark.breadth
@pytest.mark.parametrize(("cell_type", "degree", "mesh_degree"), PATCHES)
def test_patch_of_a_linear_solid(cell_type, degree, mesh_degree):
    solid, exact = patch(cell_type, degree, mesh_degree, LinearElastic(E=1.0, nu=0.3))
    assert jnp.abs(newton_step(solid) - exact).max() < 1e-12


@pytest.mark.slow
def test_patch_of_a_line():
    space = FunctionSpace(irregular(grid("interval", 4), 0.1), 3)
    u = newton_step(Poisson(space, [Dirichlet("all", lambda x: 2 * x[0] - 1)]))
    assert jnp.abs(u - space.interpolate(lambda x: 2 * x[0] - 1)).max() < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(("cell_type", "degree"), [("quadrilateral", 2), ("tetrahedron", 2), ("hexahedron", 1)])
def test_homogeneous_finite_deformation_is_in_equilibrium(cell_type, degree):
    solid, exact = patch(cell_type, degree, degree, NeoHooke(mu=1.0, lam=2.0))
    residual = eqx.filter_jit(lambda p, u: p.residual(p.unknowns(u), None))
    assert jnp.abs(residual(solid, exact)).max() < 1e-13
    dim = exact.shape[1]
    F = jnp.eye(dim) + jnp.asarray(np.random.default_rng(0).uniform(-0.2, 0.2, (dim, dim)))
    assert jnp.allclose(solid.stress(exact), solid.material.first_piola(F)[None], atol=1e-12)
    bent = exact.at[solid.system.reduction.representative[0] // exact.shape[1], 0].add(1e-3)
    assert jnp.abs(residual(solid, bent)).max() > 1e-5


@pytest.mark.slow
def test_rates_of_a_linear_solid(degree=2):
    """u = (sin 2x₀ cos 2x₁, x₀ x₁²) under the body force −div σ(u), given at the nodes."""
    E, nu = 1.0, 0.3
    lam, mu = E * nu / (1 + nu) / (1 - 2 * nu), E / 2 / (1 + nu)

    def exact(x):
        return jnp.stack([jnp.sin(2 * x[0]) * jnp.cos(2 * x[1]), x[0] * x[1] ** 2])

    def stress(x):
        strain = (jax.jacfwd(exact)(x) + jax.jacfwd(exact)(x).T) / 2
        return lam * jnp.trace(strain) * jnp.eye(x.shape[0]) + 2 * mu * strain

    force = lambda x: -jnp.trace(jax.jacfwd(stress)(x), axis1=1, axis2=2)
    found = []
    for size in (4, 8):
        space = FunctionSpace(irregular(grid("triangle", size), 0.08 / size), degree, 2)
        load = BodyForce(NodalField(space.interpolate(force)))
        u = newton_step(Solid(space, PlaneStrain(LinearElastic(E=E, nu=nu)), [Dirichlet("all", exact)], [load]))
        found.append(errors(space, u, exact))
    l2, h1 = np.log2(np.divide(*found))
    assert degree + 0.75 < l2 < degree + 1.6 and degree - 0.2 < h1 < degree + 0.6


def mapped(n, function, degree=2):
    """The unit square in n cells, mapped."""
    mesh = rectangle(n, degree=degree)
    return Mesh(jax.vmap(function)(mesh.points), mesh.cells, "quadrilateral", degree, facet_groups=mesh.facet_groups)


@pytest.mark.slow
def test_thick_cylinder_under_inner_pressure():
    """u_r = (1+ν)/E p a²/(b²−a²) ((1−2ν) r + b²/r); S. Timoshenko, J. Goodier, Theory of Elasticity, §28."""
    a, b, E, nu, p = 1.0, 2.0, 10.0, 0.3, 0.7
    ring = lambda x: (a + (b - a) * x[0]) * jnp.array([jnp.cos(jnp.pi / 2 * x[1]), jnp.sin(jnp.pi / 2 * x[1])])
    space = FunctionSpace(mapped((6, 6), ring), 2, 2)
    held = [Dirichlet("bottom", (None, 0.0)), Dirichlet("top", (0.0, None))]
    solid = Solid(space, PlaneStrain(LinearElastic(E=E, nu=nu)), held, [Pressure("left", p)])
    u = newton_step(solid)
    r = jnp.linalg.norm(space.nodes(), axis=1)
    radial = jnp.sum(u * space.nodes(), axis=1) / r
    exact = (1 + nu) / E * p * a**2 / (b**2 - a**2) * ((1 - 2 * nu) * r + b**2 / r)
    worst = float(jnp.abs(radial / exact - 1).max())
    print(f"Lamé: largest relative error {worst:.1e}")
    assert worst < 2e-4
    # The bottom edge carries the hoop force, the pressure on the projected inner radius.
    assert jnp.allclose(solid.resultant(u, "bottom")[1], -p * a, rtol=1e-6)


@pytest.mark.slow
def test_timoshenko_beam_is_exact_with_cubic_elements():
    """A cantilever under parabolic shear; S. Timoshenko, J. Goodier, Theory of Elasticity, §21: u is a cubic."""
    L, D, P, E, nu, t = 4.0, 1.0, 0.1, 100.0, 0.25, 0.5
    moment = t * D**3 / 12

    def exact(x):
        x, y = x[0], x[1] - D / 2
        along = y * ((6 * L - 3 * x) * x + (2 + nu) * (y**2 - D**2 / 4))
        down = 3 * nu * y**2 * (L - x) + (4 + 5 * nu) * D**2 * x / 4 + (3 * L - x) * x**2
        return P / (6 * E * moment) * jnp.stack([along, -down])

    shear = lambda x: jnp.stack([0.0 * x[0], -P / (2 * moment) * (D**2 / 4 - (x[1] - D / 2) ** 2)])
    space = FunctionSpace(rectangle((4, 2), (L, D)), 3, 2)
    load = Traction("right", NodalField(space.interpolate(shear)))
    solid = Solid(space, PlaneStress(LinearElastic(E=E, nu=nu)), [Dirichlet("left", exact)], [load], thickness=t)
    u = newton_step(solid)
    assert jnp.allclose(u, space.interpolate(exact), atol=1e-11)
    assert jnp.allclose(solid.resultant(u, "left"), jnp.array([0.0, P]), atol=1e-12)


@pytest.mark.slow
def test_cooks_membrane():
    """Tip displacement 23.97; R. D. Cook, Int. J. Numer. Meth. Eng. 10 (1974). Here: 8 × 8 nine-node cells."""
    taper = lambda x: jnp.array([48 * x[0], 44 * x[0] + x[1] * (44 - 28 * x[0])])
    space = FunctionSpace(mapped((8, 8), taper), 2, 2)
    material = PlaneStress(LinearElastic(E=1.0, nu=1 / 3))
    solid = Solid(space, material, [Dirichlet("left", 0.0)], [Traction("right", (0.0, 1 / 16))])
    tip = float(space.evaluate(newton_step(solid), np.array([[48.0, 52.0]]))[0, 1])
    print(f"Cook: tip {tip:.3f}")
    assert abs(tip / 23.97 - 1) < 0.002


@pytest.mark.slow
def test_second_order_cook():
    """Value, gradient and Hessian by E and ν of u·u, 12 nine-node cells: the numbers are those of AutoPDEx's test."""
    data = json.loads((DATA / "second_order_cook.json").read_text())
    cells = np.array(data["cells"])[:, [0, 1, 3, 2, 4, 7, 5, 6, 8]]
    mesh = Mesh(np.array(data["nodes"]), cells, "quadrilateral", 2)
    mesh = mesh.with_facet_group("left", lambda x: x[0] < 1e-6).with_facet_group("right", lambda x: x[0] > 48 - 1e-6)
    law = NeoHooke(mu=1.0, lam=1.0, volumetric=SimoTaylor())
    base = Solid(
        FunctionSpace(mesh, 2, 2),
        PlaneStrain(law),
        [Dirichlet("left", 0.0)],
        [Traction("right", (0.0, 20.0))],
    )

    def loss(p):
        lam, mu = p[0] * p[1] / ((1 + p[1]) * (1 - 2 * p[1])), p[0] / 2 / (1 + p[1])
        solid = eqx.tree_at(lambda s: (s.material.material.mu, s.material.material.lam), base, (mu, lam))
        return jnp.sum(sp.solve(solid).value ** 2)

    def slopes(p):
        value, gradient = jax.value_and_grad(loss)(p)
        return gradient, (value, gradient)

    hessian, (value, gradient) = jax.jit(jax.jacfwd(slopes, has_aux=True))(jnp.array([100.0, 0.3]))
    assert jnp.isclose(value, 19390.35027108, rtol=1e-9)
    assert jnp.allclose(gradient, jnp.array([-216.0310416, -1859.43760286]), rtol=1e-8)
    wanted = jnp.array([[4.17157824, -51.42695], [-51.42695, -45854.7002]])
    assert jnp.allclose(hessian, wanted, rtol=1e-6)
    assert jnp.allclose(hessian, hessian.T, rtol=1e-9)
