"""Every goal: a value that is known, and a gradient that agrees with finite differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _design_problems import mbb
from _manufactured import newton_step, root

import simphys as sp
from simphys import design
from simphys.design._evaluate import evaluate


def strip(law, loads, n=(8, 3), density=None):
    mesh = sp.fem.rectangle(n, (8.0, 3.0))
    space = sp.fem.FunctionSpace(mesh, components=2)
    return sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], loads, density=density)


LINEAR = sp.materials.PlaneStress(sp.materials.LinearElastic(E=10.0, nu=0.3))
RUBBER = sp.materials.PlaneStrain(sp.materials.NeoHooke(mu=4.0, lam=8.0))
WARM = sp.materials.ThermalStrain(LINEAR, [1e-3, 0.0, 0.0], temperature=5.0)
PULL = sp.physics.Traction("right", jnp.array([0.0, -0.05]))
FIRM = design.SIMP(least=1e-3)


def heater():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((8, 3), (8.0, 3.0)))
    k = sp.materials.IsotropicConduction(k=2.0)
    return sp.physics.Heat(space, k, [sp.fem.Dirichlet("left", 0.0)], [sp.physics.Source(0.3)])


def graded(mesh):
    """One kind of layout, so one program for each kind of goal. It leaves designs of 0 and 1 as they are."""
    return design.Layout(mesh, design.ConeFilter(mesh, 1.6), design.Heaviside(2.0))


GOALS = {
    "stress": lambda: design.StressNorm(strip(LINEAR, [PULL]), 6.0, FIRM),
    "force and heat": lambda: design.WeightedSum(
        [design.Compliance(strip(LINEAR, [PULL]), FIRM), design.Compliance(heater(), FIRM)], [1.0, 3.0]
    ),
    "frequency": lambda: design.Maximise(design.Eigenfrequency(strip(LINEAR, [], density=2.0), 2, FIRM)),
    "displacement": lambda: design.Displacement(strip(LINEAR, [PULL]), "right", (0.0, -1.0), FIRM),
    "robust": lambda: design.Robust(design.Compliance(strip(LINEAR, [PULL]), FIRM)),
    "warm": lambda: design.Compliance(strip(WARM, [PULL]), FIRM),
    "work": lambda: design.Compliance(strip(RUBBER, [PULL]), design.SIMP(least=1e-2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GOALS)
def test_gradient_against_finite_differences(name):
    goal = GOALS[name]()
    layout = graded(strip(LINEAR, [PULL]).space.mesh)
    random = np.random.default_rng(4)
    x, direction = random.uniform(0.4, 0.9, layout.size), random.standard_normal(layout.size)
    found = evaluate(goal, layout, x, goal.begin())
    assert found.status == "successful"
    assert found.adjoint_solves == {"stress": 1, "displacement": 1, "work": 1, "warm": 1}.get(name, 0)
    # From the solution just found, which is what an iteration begins with.
    at = lambda x: evaluate(goal, layout, x, found.memory).value
    slope = found.gradient @ direction
    errors = [abs((at(x + h * direction) - at(x - h * direction)) / (2 * h * slope) - 1) for h in (1e-3, 1e-4, 1e-5)]
    assert min(errors) <= 1e-6, errors


@pytest.mark.slow
def test_the_meaning_of_the_gradient_can_be_chosen():
    """Derivatives of the last two steps of the same solve: of as many adjoint solves, the same numbers."""
    implicit = GOALS["displacement"]()
    stepped = eqx.tree_at(lambda g: g.adjoint, implicit, sp.OneStep(2))
    layout, x = graded(strip(LINEAR, [PULL]).space.mesh), np.full(24, 0.7)
    wanted, found = (evaluate(goal, layout, x, goal.begin()) for goal in (implicit, stepped))
    assert (wanted.adjoint_solves, found.adjoint_solves) == (1, 2)
    np.testing.assert_allclose(found.gradient, wanted.gradient, rtol=1e-6)


@pytest.mark.slow
def test_compliance_at_finite_strain_is_the_work_of_the_loads():
    goal, solid = GOALS["work"](), strip(RUBBER, [PULL])
    found = evaluate(goal, graded(solid.space.mesh), np.ones(24), goal.begin())
    u = root(solid)
    np.testing.assert_allclose(found.value, jnp.vdot(-solid.reactions(solid.space.zeros()), u), rtol=1e-8)


def test_a_problem_that_is_not_linear_needs_a_dead_load():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((2, 1)))
    loads = (sp.physics.Closure(lambda local, point: 1.0 + 0 * local.value),)
    held = (sp.fem.Dirichlet("left", 0.0),)
    heat = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=1.0), held, loads)
    with pytest.raises(ValueError, match="has none: got Closure"):
        design.Compliance(heat)


@pytest.mark.slow
def test_compliance_of_a_warm_body_is_the_work_of_the_loads():
    """Not of what it does by itself; graded cells strain as the full ones do."""
    goal, solid = GOALS["warm"](), strip(WARM, [PULL])
    found = evaluate(goal, graded(solid.space.mesh), np.ones(24), goal.begin())
    u, cold = root(solid), strip(LINEAR, [PULL])
    np.testing.assert_allclose(found.value, jnp.vdot(-cold.reactions(cold.space.zeros()), u), rtol=1e-6)
    with pytest.raises(ValueError, match="Nothing loads the body"):
        design.Compliance(strip(WARM, []))


@pytest.mark.slow
def test_compliance_is_the_work_of_forces_and_of_sources():
    goal, bodies = GOALS["force and heat"](), (strip(LINEAR, [PULL]), heater())
    found = evaluate(goal, graded(bodies[0].space.mesh), np.ones(24), goal.begin())
    works = [jnp.vdot(-body.reactions(body.space.zeros()), newton_step(body)) for body in bodies]
    np.testing.assert_allclose(found.value, works[0] + 3 * works[1], rtol=1e-8)


def test_frequencies_of_a_clamped_bar():
    """Longitudinal modes of a bar without lateral strain: f_n = (2n − 1) √(E'/ρ) / 4L."""
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=10.0, nu=0.0))
    mesh = sp.fem.rectangle((60, 1), (6.0, 0.1))
    space = sp.fem.FunctionSpace(mesh, components=2)
    held = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("bottom", 0.0, components=1)]
    bar = sp.physics.Solid(space, law, [*held, sp.fem.Dirichlet("top", 0.0, components=1)], density=2.0)
    goal = design.Eigenfrequency(bar, 1)
    found = evaluate(goal, design.Layout(mesh), np.ones(60), goal.begin())
    np.testing.assert_allclose(found.value, np.sqrt(10.0 / 2.0) / 24.0, rtol=1e-3)
    assert found.forward_residual < 1e-8


def square_plate():
    """A free square with the symmetries of a square: its bending-like modes come in pairs."""
    mesh = sp.fem.rectangle((4, 4), (1.0, 1.0))
    space = sp.fem.FunctionSpace(mesh, components=2)
    mesh_ring = [sp.fem.Dirichlet(side, 0.0) for side in ("left", "right", "bottom", "top")]
    return sp.physics.Solid(space, LINEAR, mesh_ring, density=1.0)


@pytest.mark.slow
def test_multiple_eigenvalues_are_flagged_and_a_soft_minimum_of_all_copies_is_not():
    plate = square_plate()
    layout = design.Layout(plate.space.mesh)
    x = np.ones(layout.size)
    single = design.Eigenfrequency(plate, 1)
    assert evaluate(single, layout, x, single.begin()).status == "eigenvalue_not_simple"
    both = design.Eigenfrequency(plate, 2)
    found = evaluate(both, layout, x, both.begin())
    assert found.status == "successful"
    symmetric = found.gradient.reshape(4, 4)
    np.testing.assert_allclose(symmetric, symmetric.T, rtol=1e-7)
    goal, x = design.Eigenfrequency(strip(LINEAR, [], density=2.0)), jnp.full(24, 0.7)
    layout = design.Layout(strip(LINEAR, []).space.mesh)
    gradient = jax.grad(lambda x: goal(layout, x, goal.begin())[0])
    first, second = jax.jit(lambda x: jax.jvp(gradient, (x,), (x,)))(x)
    assert np.all(np.isfinite(first)) and np.any(np.isnan(second))


@pytest.mark.slow
def test_stress_of_a_pulled_strip_is_uniform():
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=10.0, nu=0.0))
    solid = strip(law, [sp.physics.Traction("right", jnp.array([0.7, 0.0]))])
    goal, layout = design.StressNorm(solid, 6.0, FIRM), graded(solid.space.mesh)
    found = evaluate(goal, layout, np.ones(24), goal.begin())
    np.testing.assert_allclose(found.value, 0.7, rtol=1e-8)
    density = float(layout(jnp.full(24, 0.4))[0])
    assert 0.1 < density < 0.5
    thin = evaluate(goal, layout, np.full(24, 0.4), goal.begin())
    left = 1e-3 + (1 - 1e-3) * density**3
    np.testing.assert_allclose(thin.value, 0.7 / left * density**0.5, rtol=1e-6)


@pytest.mark.slow
def test_robust_is_near_the_worst_of_three():
    goal = GOALS["robust"]()
    mesh = strip(LINEAR, []).space.mesh
    layout = design.Layout(mesh, design.ConeFilter(mesh, 1.6), design.Heaviside(4.0))
    x = np.full(layout.size, 0.6)
    parts = []
    for shift in (0.2, 0.0, -0.2):
        moved = eqx.tree_at(lambda l: l.projection.threshold, layout, jnp.asarray(0.5 + shift))
        parts.append(evaluate(goal.goal, moved, x, goal.goal.begin()).value)
    np.testing.assert_allclose(evaluate(goal, layout, x, goal.begin()).value, max(parts), rtol=1e-4)
    assert parts[0] > 1.5 * parts[2]


@pytest.mark.slow
def test_a_spring_bears_its_share():
    """A bar of stiffness EA/L against a spring kA under a force: u = F / (EA/L + kA)."""
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=10.0, nu=0.0))
    loads = [sp.physics.Traction("right", jnp.array([0.7, 0.0])), sp.physics.ElasticSupport("right", [0.5, 0.0])]
    u = root(strip(law, loads))
    np.testing.assert_allclose(jnp.max(u[:, 0]), 0.7 / (10.0 / 8.0 + 0.5), rtol=1e-9)
    with pytest.raises(ValueError, match="must be a number or have shape"):
        strip(law, [sp.physics.ElasticSupport("right", [0.5, 0.0, 1.0])])


@pytest.mark.slow
def test_ersatz_law_is_the_law_or_its_linearisation():
    law = sp.materials.NeoHooke(mu=4.0, lam=8.0)
    F = jnp.eye(3) + 0.2 * jax.random.normal(jax.random.key(0), (3, 3))
    whole, weak = (sp.materials.ErsatzFiniteStrain(law, 0.5, share) for share in (1.0, 0.0))
    energy, stress = (jax.jit(lambda law, F, of=of: getattr(law, of)(F)) for of in ("energy", "first_piola"))
    np.testing.assert_allclose(energy(whole, F), 0.5 * energy(law, F), rtol=1e-12)
    linear = jnp.einsum("ijkl,kl->ij", jax.jit(type(law).tangent)(law, jnp.eye(3)), F - jnp.eye(3))
    np.testing.assert_allclose(stress(weak, F), 0.5 * linear, rtol=1e-12)
    folded = jnp.diag(jnp.array([-1.0, 1.0, 1.0]))
    assert np.isnan(energy(whole, folded)) and np.isfinite(energy(weak, folded))


def test_any_stiffness_tensor():
    isotropic = sp.materials.LinearElastic(E=3.0, nu=0.3)
    C = isotropic.tangent(jnp.zeros((3, 3)))
    C = (C + C.swapaxes(0, 1)) / 2
    law = sp.materials.AnisotropicElastic((C + C.swapaxes(2, 3)) / 2, 0.5)
    strain = jnp.array([[0.1, 0.2, 0.0], [0.2, -0.1, 0.3], [0.0, 0.3, 0.2]])
    np.testing.assert_allclose(law.stress(strain), 0.5 * isotropic.stress(strain), rtol=1e-12)
    np.testing.assert_allclose(jax.grad(law.energy)(strain), law.stress(strain), rtol=1e-12)
    with pytest.raises(ValueError, match="lacks them"):
        sp.materials.AnisotropicElastic(C.at[0, 1, 0, 0].set(1.0))
    with pytest.raises(ValueError, match="positive definite"):
        sp.materials.AnisotropicElastic(-(C + C.swapaxes(2, 3)) / 2)


METAL = sp.materials.J2Plasticity(E=1.0, nu=0.3, yield_stress=1.0)
BAD = {
    "no load": (lambda: design.Compliance(strip(LINEAR, [])), "Nothing loads the body"),
    "a law with memory": (
        lambda: design.Compliance(
            strip(sp.materials.PlaneStrain(sp.materials.J2Plasticity(E=1.0, nu=0.3, yield_stress=1.0)), [PULL])
        ),
        "no way to grade",
    ),
    "plane strain": (
        lambda: design.StressNorm(strip(sp.materials.PlaneStrain(sp.materials.LinearElastic(E=1.0, nu=0.3)), [PULL])),
        "needs `PlaneStress`",
    ),
    "no density": (lambda: design.Eigenfrequency(mbb(4, 2)), "with a `density`"),
    "a group": (lambda: design.Displacement(mbb(4, 2), "nowhere", (1.0, 0.0)), "nowhere"),
    "a direction": (lambda: design.Displacement(mbb(4, 2), "tip", (0.0, 0.0)), "not all 0"),
    "stokes": (lambda: design.Compliance(1.0), "needs a `Solid` or a `Heat`"),
}


@pytest.mark.breadth
@pytest.mark.parametrize("name", BAD)
def test_goals_that_make_no_sense(name):
    make, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        make()
