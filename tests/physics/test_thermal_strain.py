"""Bodies whose temperature is given, against closed forms."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root
from _taylor import check_gradient

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace, Mesh, NodalField, RigidTie, box, rectangle, taylor_hood
from simphys.materials import (
    Axisymmetric,
    Eigenstrain,
    FinitePlasticity,
    J2Plasticity,
    LinearElastic,
    NeoHooke,
    PlaneStrain,
    PlaneStress,
    ThermalStrain,
)
from simphys.physics import MixedSolid, Solid
from simphys.stepping import Equilibrium, march


E, NU, ALPHA, RISE = 200.0, 0.3, 1e-3, 40.0
HOOKE, RUBBER = LinearElastic(E=E, nu=NU), NeoHooke(mu=2.0, lam=3.0)
SIDES = [("left", 0), ("bottom", 1)], [("left", 0), ("front", 1), ("bottom", 2)]


def warm(law, temperature=60.0, alpha=ALPHA):
    return ThermalStrain(law, alpha, temperature=temperature, reference=20.0)


def rollers(dim):
    return [Dirichlet(side, 0.0, components=c) for side, c in SIDES[dim - 2]]


FREE = {
    "plane strain": (PlaneStrain(HOOKE), 2, (1 + NU) * ALPHA),
    "finite, space": (RUBBER, 3, ALPHA),
    "plastic, finite": (Axisymmetric(FinitePlasticity(E=E, nu=NU, yield_stress=1.0)), 2, ALPHA),
}


@pytest.mark.slow
@pytest.mark.parametrize("law, dim, rate", FREE.values(), ids=FREE)
def test_free_expansion(law, dim, rate):
    """u = α ΔT x, without stress in the plane; under plane strain (1 + ν) α ΔT x."""
    mesh = rectangle((2, 1)) if dim == 2 else box((1, 1, 1))
    body = Solid(FunctionSpace(mesh, 1, dim), warm(law), rollers(dim))
    u = root(body)
    np.testing.assert_allclose(u, rate * RISE * np.asarray(mesh.points), atol=1e-11)
    np.testing.assert_allclose(np.asarray(body.stress(u))[:, :2, :2], 0.0, atol=1e-9)


@pytest.mark.slow
def test_a_temperature_that_is_linear_stresses_no_free_body():
    """T = x under plane stress: u_x = α (x² − y²)/2, u_y = α x y, which quadratic elements hold."""
    space = FunctionSpace(rectangle((1, 1)), 2, 2)
    x, y = np.asarray(space.nodes()).T
    exact = ALPHA * np.stack([(x**2 - y**2) / 2, x * y], axis=1)
    ends = np.flatnonzero((x < 1e-9) & (np.abs(y - 0.5) > 0.1))
    law = warm(PlaneStress(HOOKE), NodalField(20.0 + x))
    np.testing.assert_allclose(root(Solid(space, law, [Dirichlet(ends, exact[ends])])), exact, atol=1e-13)


@pytest.mark.slow
def test_a_clamped_bar():
    """Under plane strain σ_xx = −E α ΔT/(1 − ν), free sideways: u_y = (1 + ν)/(1 − ν) α ΔT y."""
    stress, rise = -E * ALPHA * RISE / (1 - NU), (1 + NU) / (1 - NU) * ALPHA * RISE
    mesh = rectangle((2, 1))
    space = FunctionSpace(mesh, 1, 2)
    given = NodalField(np.full(space.n_nodes, 60.0))
    held = [*rollers(2), Dirichlet("right", 0.0, components=0)]
    body = Solid(space, warm(PlaneStrain(HOOKE), given), held)
    u = root(body)
    np.testing.assert_allclose(body.stress(u), np.broadcast_to(np.diag([stress, 0.0]), (2, 2, 2)), atol=1e-10)
    np.testing.assert_allclose(u[:, 1], rise * np.asarray(mesh.points)[:, 1], atol=1e-13)
    np.testing.assert_allclose(body.resultant(u, "right")[0], stress, rtol=1e-10)


@pytest.mark.slow
def test_a_tube_that_is_hot_inside():
    """Timoshenko and Goodier, Theory of Elasticity, section 151: T = T_i ln(b/r)/ln(b/a), held along the axis."""
    a, b, rise = 1.0, 2.0, 30.0

    def moment(r):
        """∫ₐʳ T r dr."""
        inner = lambda r: (r**2 / 2 * np.log(b / r) + r**2 / 4) / np.log(b / a)
        return rise * (inner(r) - inner(a))

    def exact(r):
        T, whole = rise * np.log(b / r) / np.log(b / a), moment(b) / (b**2 - a**2)
        factor = ALPHA * E / (1 - NU) / r**2
        radial = factor * ((r**2 - a**2) * whole - moment(r))
        hoop = factor * ((r**2 + a**2) * whole + moment(r) - T * r**2)
        return (1 + NU) * r * (((1 - NU) * hoop - NU * radial) / E + ALPHA * T), hoop

    errors = []
    for n in (4, 8):
        mesh = rectangle((n, 1), (b - a, 0.2))
        mesh = Mesh(mesh.points + jnp.array([[a, 0.0]]), mesh.cells, mesh.cell_type, facet_groups=mesh.facet_groups)
        space = FunctionSpace(mesh, 2, 2)
        r = np.asarray(space.nodes())[:, 0]
        law = Axisymmetric(ThermalStrain(HOOKE, ALPHA, temperature=NodalField(rise * np.log(b / r) / np.log(b / a))))
        body = Solid(space, law, [Dirichlet(side, 0.0, components=1) for side in ("bottom", "top")])
        u = root(body)
        errors.append(np.abs(u[:, 0] - exact(r)[0]).max() / np.abs(exact(r)[0]).max())
        middle = a + (np.arange(n) + 0.5) / n
        hoop = np.sort(np.asarray(body.stress(u))[:, 2, 2])
        errors.append(np.abs(hoop - exact(middle)[1]).max() / np.abs(hoop).max())
    assert errors[0] < 2e-4 and errors[2] < errors[0] / 7 and errors[3] < errors[1] / 3.4 and errors[3] < 5e-3


@pytest.mark.slow
def test_a_strip_of_two_metals():
    """S. Timoshenko, J. Opt. Soc. Am. 11 (1925) 233: its curvature, thicknesses a₁, a₂ and moduli E₁, E₂."""
    length, h, share, first, second = 4.0, 1.0, 0.25, 100.0, 300.0
    mesh = rectangle((2, 4), (length, h))
    lower = np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)[:, 1] < share * h
    pick = lambda one, two: CellField(np.where(lower, one, two))
    expansion = CellField(np.where(lower, 1e-3, 3e-3)[:, None] * np.array([1.0, 0.0, 0.0]))
    law = ThermalStrain(LinearElastic(E=pick(first, second), nu=0.0), expansion, temperature=10.0)
    space = FunctionSpace(mesh, 2, 2)
    corner = np.flatnonzero(np.abs(space.nodes()).sum(axis=1) < 1e-9)
    held = [Dirichlet("left", 0.0, components=0), Dirichlet(corner, 0.0), RigidTie("right", rotation=True)]
    m, n = share / (1 - share), first / second
    curvature = 6 * (1e-3 - 3e-3) * 10 * (1 + m) ** 2 / (h * (3 * (1 + m) ** 2 + (1 + m * n) * (m**2 + 1 / (m * n))))
    u = root(Solid(space, PlaneStress(law), held))
    tip = np.flatnonzero(np.abs(space.nodes() - jnp.array([[length, 0.0]])).sum(axis=1) < 1e-9)[0]
    np.testing.assert_allclose(u[tip, 1], curvature * length**2 / 2, rtol=1e-9)


@pytest.mark.slow
def test_a_bar_that_yields_as_it_is_heated_and_cooled():
    """Held at both ends, perfectly plastic: −E α ΔT down to −σ_y, and σ_y in the end."""
    law = warm(J2Plasticity(E=E, nu=NU, yield_stress=5.0), temperature=20.0)
    held = [*rollers(3), Dirichlet("right", 0.0, components=0)]
    bar = Solid(FunctionSpace(box((1, 1, 1)), 1, 3), law, held)
    times, rises = jnp.arange(5.0), jnp.array([0.0, 20.0, 40.0, 20.0, -15.0])
    heat = lambda b, t: eqx.tree_at(lambda b: b.material.free.temperature, b, 20.0 + jnp.interp(t, times, rises))
    right = bar.space.nodes_on("right")
    observe = lambda t, u, now: now.resultant(u, right)[0]
    force = march(Equilibrium(), bar, 0.0, times, drive=heat, observe=observe).observed
    np.testing.assert_allclose(force, [0.0, -4.0, -5.0, -1.0, 5.0], atol=1e-9)


@pytest.mark.slow
def test_nearly_incompressible_bodies_expand_freely():
    law = Axisymmetric(warm(LinearElastic(E=E, nu=0.4999)))
    body = MixedSolid(taylor_hood(rectangle((1, 1))), law, rollers(2))
    u, p = root(body)
    np.testing.assert_allclose(u, ALPHA * RISE * np.asarray(body.space[0].nodes()), atol=1e-9)
    np.testing.assert_allclose(p, 0.0, atol=1e-6)


@pytest.mark.slow
def test_gradients():
    """By α, the temperatures of the nodes and the reference."""
    law = Axisymmetric(RUBBER)
    space = FunctionSpace(rectangle((2, 1)), 1, 2)
    field = NodalField(jnp.asarray(20.0 + 40 * np.random.default_rng(0).uniform(size=space.n_nodes)))
    body = Solid(space, warm(law, field), [*rollers(2), Dirichlet("right", 0.0, components=0)])
    pick = lambda b: (b.material.material.expansion, b.material.material.temperature, b.material.material.reference)

    def measured(parameters):
        moved = eqx.tree_at(pick, body, parameters)
        u = sp.solve(moved).value
        return jnp.sum(u**3) + 1e-3 * moved.resultant(u, "right")[0]

    assert check_gradient(measured, pick(body), halvings=3, verbose=False).order > 1.9


@pytest.mark.slow
def test_residual_strain_of_a_body_that_was_made_elsewhere():
    """A body on another mesh: grown by F*, it is the undeformed one, and bears the same forces."""
    grown = np.array([[0.1, 0.05, 0.0], [0.02, -0.06, 0.0], [0.0, 0.0, 0.0]])
    mesh = rectangle((2, 1))
    moved = eqx.tree_at(lambda m: m.points, mesh, mesh.points @ (jnp.eye(2) + grown[:2, :2].T))
    pull = lambda mesh: np.array([[0.0, 0.0], [0.1, 0.02], [0.3, -0.05], [0.0, 0.1], [0.1, 0.12], [0.3, 0.05]])
    forces = []
    for where, law in ((mesh, Eigenstrain(RUBBER, grown)), (moved, RUBBER)):
        placed = np.asarray(moved.points) + pull(where)
        body = Solid(FunctionSpace(where, 1, 2), PlaneStrain(law), [Dirichlet("left", 0.0)])
        forces.append(body.reactions(jnp.asarray(placed - np.asarray(where.points))))
    np.testing.assert_allclose(*forces, atol=1e-12)
