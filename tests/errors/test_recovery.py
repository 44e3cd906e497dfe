"""Gradients, stresses and fluxes recovered at nodes, against exact ones; the estimate of energy that follows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root

import simphys as sp
from simphys import errors, fem, inverse, materials, physics


def warped(mesh):
    return eqx.tree_at(lambda m: m.points, mesh, mesh.points + 0.04 * jnp.sin(5 * mesh.points[:, ::-1] + 1))


def cells(kind, n):
    dim = 3 if kind in ("tetrahedron", "hexahedron") else 2
    return warped((fem.box if dim == 3 else fem.rectangle)((n,) * dim, cell_type=kind))


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("kind", "degree"),
    [
        ("triangle", 1),
        ("quadrilateral", 2),
        ("tetrahedron", 1),
    ],
)
def test_polynomials_of_a_degree_more_are_recovered(kind, degree):
    """On irregular meshes, boundaries and corners included."""
    mesh = cells(kind, 3)
    recovery = fem.Recovery(mesh, degree, fem.Topology(mesh, np.zeros(mesh.n_cells, int)))
    turn = jnp.linspace(0.3, 1.0, mesh.dim)
    field = lambda x: (0.4 + jnp.vdot(turn, x)) ** (degree + 1) + x[0] * x[1] ** degree
    found = recovery.gradient(recovery.space.interpolate(field))
    np.testing.assert_allclose(found, jax.vmap(jax.grad(field))(recovery.space.nodes()), rtol=2e-5, atol=2e-5)


def test_a_body_of_one_layer_keeps_its_slope():
    """What a patch does not determine is the curvature across, not the slope."""
    mesh = fem.rectangle((4, 1), (4.0, 0.1))
    recovery = fem.Recovery(mesh, 1, fem.Topology(mesh, np.zeros(mesh.n_cells, int)))
    found = recovery.gradient(recovery.space.interpolate(lambda x: x[0] + 7 * x[1]))
    np.testing.assert_allclose(found, np.broadcast_to([1.0, 7.0], found.shape), rtol=1e-5)


def kirsch(x):
    """Displacement of a wide plate with a hole of radius 1 pulled by 1 along x, plane stress with E = 1, ν = .3."""
    r, t, nu = jnp.linalg.norm(x), jnp.arctan2(x[1], x[0]), 0.3
    k, mu = (3 - nu) / (1 + nu), 1 / 2 / (1 + nu)
    radial = (k - 1 + 2 / r**2) + (2 + 2 * (k + 1) / r**2 - 2 / r**4) * jnp.cos(2 * t)
    around = -(2 + 2 * (k - 1) / r**2 + 2 / r**4) * jnp.sin(2 * t)
    ur, ut = r / 8 / mu * radial, r / 8 / mu * around
    return jnp.stack([ur * jnp.cos(t) - ut * jnp.sin(t), ur * jnp.sin(t) + ut * jnp.cos(t)])


def plate(n, degree=2):
    """A quarter of a plate around its hole."""
    mesh = fem.rectangle((n, n))
    s, t = mesh.points.T
    r, a = 1 + 2 * s, t * jnp.pi / 2
    mesh = eqx.tree_at(lambda m: m.points, mesh, jnp.stack([r * jnp.cos(a), r * jnp.sin(a)], axis=1))
    law = materials.PlaneStress(materials.LinearElastic(E=1.0, nu=0.3))
    held = [fem.Dirichlet("bottom", [None, 0.0]), fem.Dirichlet("top", [0.0, None])]
    return physics.Solid(fem.FunctionSpace(mesh, degree, 2), law, held)


@pytest.mark.slow
def test_the_stress_at_a_hole_is_three_times_that_far_away():
    problem = plate(8)
    u = problem.space.interpolate(kirsch)
    found = errors.recovered(problem, u)
    top = np.array([[0.0, 1.0]])
    assert abs(float(found.at(top)[0, 0, 0]) / 3 - 1) < 0.03
    # Along the hole nothing acts on its surface.
    at = found.space.nodes()[found.space.nodes_on("left")]
    normal = found.on("left")[:, :2, :2] @ at[..., None]
    assert float(jnp.max(jnp.abs(normal))) < 0.25
    assert float(jnp.max(problem.stress(u)[:, 0, 0])) < 0.8 * 3


@pytest.mark.slow
def test_recovered_values_have_derivatives():
    """By displacement, moduli and nodes, under `jit`, of a maximum by a norm; the largest value is above it."""
    problem = plate(3)
    u = problem.space.interpolate(kirsch)
    recover = errors.Recoverer(problem, "von_mises")

    def norm(scale, modulus, stretch):
        moved = eqx.tree_at(
            lambda p: (p.material.material.E, p.space.mesh.points),
            problem,
            (modulus, problem.space.mesh.points * jnp.stack([1.0, stretch])[None]),
        )
        return recover(moved, scale * u).maximum(p=20)

    both = jax.jit(jax.value_and_grad(norm, argnums=(0, 1, 2)))
    value, slopes = both(*np.ones(3))
    for k, slope in enumerate(slopes):
        step = np.zeros(3)
        step[k] = 1e-5
        np.testing.assert_allclose((both(*(1 + step))[0] - both(*(1 - step))[0]) / 2e-5, slope, rtol=1e-6)
    found = recover(problem, u)
    assert 0.6 * float(found.maximum()) < float(value) < float(found.maximum())


@pytest.mark.slow
def test_materials_keep_their_stress():
    """Two of them side by side under one strain: E ε on either side of where they meet, and no mean of both."""
    mesh = fem.rectangle((4, 4)).with_cell_group("soft", lambda x: x[1] < 0.51)
    E = jnp.full(mesh.n_cells, 10.0).at[mesh.cells_in("soft")].set(1.0)
    law = materials.PlaneStress(materials.LinearElastic(E=fem.CellField(E), nu=0.0))
    problem = physics.Solid(fem.FunctionSpace(mesh, 1, 2), law, [fem.Dirichlet("left", 0.0)])
    u = problem.space.interpolate(lambda x: jnp.stack([0.1 * x[0], 0 * x[1]]))
    for within in (None, ("soft",)):
        found = errors.recovered(problem, u, lambda s: s[0, 0], within=within)
        np.testing.assert_allclose(found.at(np.array([[0.3, 0.499], [0.3, 0.501]])), [0.1, 1.0], rtol=1e-6)
    assert errors.zz(problem, u).relative < 1e-6


@pytest.mark.slow
def test_a_memory_is_read_at_its_own_points():
    """A body that yields under a uniform strain."""
    law = materials.PlaneStrain(materials.J2Plasticity(E=100.0, nu=0.3, yield_stress=0.5, hardening=1.0))
    problem = physics.Solid(fem.FunctionSpace(cells("quadrilateral", 2), 2, 2), law, [fem.Dirichlet("left", 0.0)])
    u = problem.space.interpolate(lambda x: jnp.stack([0.02 * x[0], 0.01 * x[0]]))
    found = errors.recovered(problem, u, "von_mises")
    mean = {q.name: q for q in problem.quantities()}["von_mises"].values(problem, u)
    np.testing.assert_allclose(found.values, mean[0], rtol=1e-6)


def test_a_pressure_of_its_own_is_part_of_the_stress():
    pair = fem.taylor_hood(cells("triangle", 2))
    law = materials.PlaneStrain(materials.NeoHooke(mu=1.0, lam=1000.0))
    problem = physics.MixedSolid(pair, law, [fem.Dirichlet("left", 0.0)])
    value = pair[0].interpolate(lambda x: jnp.stack([0.2 * x[1], 0 * x[1]])), jnp.full(pair[1].n_nodes, 3.0)
    stress = errors.recovered(problem, value).values
    np.testing.assert_allclose(jnp.trace(stress, axis1=1, axis2=2) / 3, stress[0].trace() / 3, rtol=1e-6)
    np.testing.assert_allclose(stress[:, 0, 1], 0.2, rtol=1e-6)


@pytest.mark.slow
def test_strain_gauges_are_data():
    problem = plate(3)
    u = problem.space.interpolate(kirsch)
    at = np.array([[0.5, 1.2], [1.5, 0.7]])
    gauges = inverse.RecoveredValues(problem, "strain_xx", at, [1.0, 2.0], 0.1)
    exact = [jax.jacfwd(kirsch)(jnp.asarray(x))[0, 0] for x in at]
    np.testing.assert_allclose(gauges.predict(problem, u, gauges.setting(0)), exact, atol=0.1)
    assert gauges.name == "strain_xx" and gauges.measured.shape == (1, 2)
    with pytest.raises(ValueError, match="must have shape \\(2,\\), got \\(3,\\)"):
        inverse.RecoveredValues(problem, "strain_xx", at, [1.0, 2.0, 3.0], 0.1)


SINE = lambda x: jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])


@pytest.mark.slow
def test_the_estimate_of_energy_is_the_error():
    space = fem.FunctionSpace(fem.rectangle((8, 8), cell_type="triangle"), 2)
    source = physics.Source(fem.NodalField(2 * jnp.pi**2 * space.interpolate(SINE)))
    held = [fem.Dirichlet(side, 0.0) for side in ("left", "right", "bottom", "top")]
    problem = physics.Heat(space, materials.IsotropicConduction(k=1.0), held, [source])
    u = root(problem)
    apart = lambda u, at, p: jnp.sum((u[0].gradient - jax.grad(SINE)(at.position)) ** 2)
    whole = fem.Integral(fem.cells_of(space, degree=8), apart, None, apart, slots=("gradient",))
    squares, measure = fem.density_at_points(whole, (space,), (u,))
    found = errors.zz(problem, u)
    assert 0.95 < found.error / float(jnp.sum(squares * measure)) ** 0.5 < 1.05
    np.testing.assert_allclose(found.indicators.sum() ** 0.5, found.error)


def test_bad_input_is_named():
    problem = plate(2, 1)
    u = problem.space.zeros()
    with pytest.raises(ValueError, match="no 'heat' to be recovered here, there are: stress, stress_xx"):
        errors.Recoverer(problem, "heat")
    with pytest.raises(ValueError, match="'displacement' to be recovered"):
        errors.Recoverer(problem, "displacement")
    with pytest.raises(ValueError, match="must be a name, a `Quantity` or a function"):
        errors.Recoverer(problem, 3)
    with pytest.raises(ValueError, match="overlap"):
        both = eqx.tree_at(lambda p: p.space.mesh, problem, problem.space.mesh.with_cell_group("all", lambda x: True))
        errors.Recoverer(both, within=("all", "all"))
    with pytest.raises(ValueError, match="A maximum is that of a scalar"):
        errors.recovered(problem, u).maximum()
    with pytest.raises(ValueError, match="runs on the host"):
        jax.jit(lambda points: errors.Recoverer(eqx.tree_at(lambda p: p.space.mesh.blocks[0].nodes, problem, points)))(
            problem.space.mesh.cells
        )


def estimated(error):
    return errors.Estimate(1.0, error, 1.0 + error, 1.0, np.zeros(1), 0.0, 2, 0.0)


def test_locking_is_named():
    """A stiff volume, and a thin body of linear elements, where the error is large; neither where it is small."""
    held, square = [fem.Dirichlet("left", 0.0)], fem.rectangle((2, 2))
    long = fem.rectangle((8, 1), (20.0, 1.0))
    hooke = lambda nu: materials.LinearElastic(E=1.0, nu=nu)
    body = lambda mesh, law, degree: physics.Solid(fem.FunctionSpace(mesh, degree, 2), law, held)
    stiff = body(square, materials.PlaneStrain(hooke(0.49998)), 2)
    (words,) = errors.remedies(stiff, estimated(-0.045))
    assert "κ/μ = 2.5e+04" in words and "4.5%" in words and "MixedSolid" in words
    (words,) = errors.remedies(body(long, materials.PlaneStrain(hooke(0.3)), 1), estimated(0.2))
    assert "20 times as long as thick" in words and "degree=2" in words and "shells" in words
    rubber = materials.PlaneStrain(materials.NeoHooke(mu=1.0, lam=200.0))
    assert "mixed" in errors.remedies(body(square, rubber, 1), errors.EnergyError(0.4, 1.0, np.zeros(4)))[0]
    fine = body(square, materials.PlaneStress(hooke(0.49998)), 2), body(square, materials.PlaneStrain(hooke(0.3)), 1)
    assert not errors.remedies(stiff, estimated(0.001)) and not any(errors.remedies(b, estimated(0.1)) for b in fine)
    with pytest.raises(ValueError, match="must be an `Estimate`"):
        errors.remedies(stiff, 0.1)


@pytest.mark.slow
def test_nafems_elliptic_membrane():
    """LE1: σ_yy = 92.7 MPa at D = (2, 0); means over cells read 42 % low on this mesh."""
    mesh = fem.rectangle((4, 8))
    s, t = mesh.points.T
    c, q = jnp.cos(t * jnp.pi / 2), jnp.sin(t * jnp.pi / 2)
    points = jnp.stack([(2 + 1.25 * s) * c, (1 + 1.75 * s) * q], axis=1)
    mesh = eqx.tree_at(lambda m: m.points, mesh, points)
    law = materials.PlaneStress(materials.LinearElastic(E=210e3, nu=0.3))
    held = [fem.Dirichlet("bottom", [None, 0.0]), fem.Dirichlet("top", [0.0, None])]
    problem = physics.Solid(fem.FunctionSpace(mesh, 2, 2), law, held, [physics.Pressure("right", -10.0)])
    u = root(problem)
    assert abs(float(errors.recovered(problem, u, "stress_yy").at(np.array([[2.0, 0.0]]))[0]) / 92.7 - 1) < 0.025
    assert float(jnp.max(problem.stress(u)[:, 1, 1])) < 0.6 * 92.7


@pytest.mark.slow
def test_a_corner_has_no_peak():
    """The flux at the corner of an L-shaped body grows without end."""
    whole = fem.rectangle((4, 4), (2.0, 2.0), cell_type="triangle")
    middle = np.asarray(whole.points)[np.asarray(whole.cells)].mean(axis=1)
    cells = np.asarray(whole.cells)[(middle[:, 0] < 1) | (middle[:, 1] > 1)]
    used, cells = np.unique(cells, return_inverse=True)
    mesh = fem.Mesh(np.asarray(whole.points)[used], cells.reshape(-1, 3), "triangle")
    law, held = materials.IsotropicConduction(k=1.0), [fem.Dirichlet("all", 0.0)]
    corner = physics.Heat(fem.FunctionSpace(mesh, 2), law, held, [physics.Source(1.0)])
    found = errors.peak(corner, root(corner), "heat_flux")
    assert found.grows and str(found).startswith("grows under refinement: no converged value at (1, 1) (0.5")


def test_a_peak_says_whether_it_has_a_value():
    at = jnp.array([0.0, 0.5])
    assert str(errors.Peak((0.3372, 0.3386), at, True, False)) == "0.3386 at (0, 0.5) (0.3372, 0.3386)"
    assert "1.2, not converged yet, at" in str(errors.Peak((0.5, 1.0, 1.2), at, False, False))


@pytest.mark.slow
def test_a_recovered_value_is_a_goal():
    """The estimate sees the richer space; the corrected flux is that of a finer mesh."""
    goal, law = errors.RecoveredValue(lambda q: q[0], (0.9, 0.4)), materials.IsotropicConduction(k=1.0)
    held = [fem.Dirichlet("all", 0.0)]
    heat = lambda n, degree: physics.Heat(
        fem.FunctionSpace(fem.rectangle((n, n)), degree), law, held, [physics.Source(1.0)]
    )
    coarse, finer = sp.estimate_error(goal)(heat(4, 1)), heat(8, 2)
    fine = goal.placed(finer)(finer, root(finer))
    assert abs(coarse.corrected - fine) < 0.2 * abs(coarse.error)
    with pytest.raises(ValueError, match="made for a mesh of 16 cells, got one of 64"):
        problem = heat(8, 1)
        goal.placed(heat(4, 1))(problem, problem.space.zeros())
