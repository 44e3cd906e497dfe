"""Thermo-mechanics coupled both ways: closed forms, manufactured solutions, gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, NodalField
from simphys.materials import IsotropicConduction, LinearElastic, NeoHooke, PlaneStrain, PlaneStress, Thermoelastic
from simphys.physics import BodyForce, Flux, NodalForces, Pressure, Source, ThermoSolid, Traction
from simphys.stepping import SDIRK2, BackwardEuler, march, march_adaptively


E, NU, ALPHA, C, START, K = 100.0, 0.25, 0.01, 0.2, 1.0, 0.3
"""Coupled strongly: E α² θ_r/c = 0.05, 9Kα² θ_r/c = 0.3."""


def law(solid=None, linearised=True, alpha=ALPHA):
    solid = PlaneStrain(LinearElastic(E=E, nu=NU)) if solid is None else solid
    return Thermoelastic(solid, expansion=alpha, capacity=C, reference=START, linearised=linearised)


def body(mesh, constraints, loads=(), material=None, degrees=(2, 1)):
    spaces = FunctionSpace(mesh, degrees[0], components=mesh.dim), FunctionSpace(mesh, degrees[1])
    return ThermoSolid(spaces, law() if material is None else material, IsotropicConduction(k=K), constraints, loads)


ROLLERS = [Dirichlet("left", 0.0, components=0), Dirichlet("bottom", 0.0, components=1)]


@pytest.mark.slow
@pytest.mark.parametrize("linearised", [True, False])
def test_a_stretched_bar_cools(linearised):
    """ΔT = −α θ_r σ/c; to all orders θ = θ_r exp(−α σ/c). It is stiffer than at one temperature, E/(1 − E α² θ_r/c)."""
    stress = 2.0
    material = law(PlaneStress(LinearElastic(E=E, nu=NU)), linearised)
    bar = body(sp.fem.rectangle((2, 1)), ROLLERS, [Traction("right", [stress, 0.0])], material, degrees=(1, 1))
    found = march(BackwardEuler(), bar, (0.0, START), jnp.array([0.0, 1.0, 2.0]))
    u, T = found.final.u
    cooled = -ALPHA * START * stress / C if linearised else START * np.expm1(-ALPHA * stress / C)
    np.testing.assert_allclose(T - START, cooled, rtol=1e-8)
    stretch = float(u[:, 0].max())
    np.testing.assert_allclose(stretch, stress / E + ALPHA * cooled, rtol=1e-8)
    np.testing.assert_allclose(bar.stress((u, T))[:, 0, 0], stress, rtol=1e-8)
    if linearised:
        np.testing.assert_allclose(stress / stretch, E / (1 - E * ALPHA**2 * START / C), rtol=1e-8)


@pytest.mark.slow
def test_clamped_bar_that_is_heated():
    """σ = −E α ΔT/(1 − ν): under plane strain the third direction is clamped too. Its equilibrium is known."""
    warm = [Dirichlet(side, START + 3.0, field=1) for side in ("left", "right")]
    clamped = [*ROLLERS, Dirichlet("right", 0.0, components=0), *warm]
    bar = body(sp.fem.rectangle((2, 1)), clamped, material=law(PlaneStrain(LinearElastic(E=E, nu=NU))))
    height = bar.space[0].nodes()[:, 1]
    value = (
        jnp.stack([0 * height, ALPHA * 3.0 * (1 + NU) / (1 - NU) * height], axis=1),
        START + 3.0 + bar.space[1].zeros(),
    )
    for part in jax.tree.leaves(bar.residual(bar.unknowns(value))):
        np.testing.assert_allclose(part, 0.0, atol=1e-12 * E)
    stress = bar.stress(value)
    np.testing.assert_allclose(stress[:, 0, 0], -E * ALPHA * 3.0 / (1 - NU), rtol=1e-9)
    np.testing.assert_allclose(stress[:, 1, 1], 0.0, atol=1e-10)


@pytest.mark.slow
def test_thermal_bending():
    """A strip with T linear across it bends without stress: u = α ΔT/H (x y, (y² − x²)/2)."""
    across = [Dirichlet("bottom", START, field=1), Dirichlet("top", START + 0.5, field=1)]
    mesh = sp.fem.rectangle((4, 2), (3.0, 1.0), cell_type="triangle")
    space = FunctionSpace(mesh, 2, components=2)
    origin = [int(jnp.argmin(jnp.linalg.norm(space.nodes(), axis=1)))]
    strip = body(
        mesh,
        [ROLLERS[0], Dirichlet(origin, 0.0, components=1), *across],
        material=law(PlaneStress(LinearElastic(E=E, nu=NU))),
    )
    u, T = sp.solve(strip, (space.zeros(), START + strip.space[1].zeros())).value
    x, y = space.nodes().T
    exact = ALPHA * 0.5 * jnp.stack([x * y, (y**2 - x**2) / 2], axis=1)
    np.testing.assert_allclose(u, exact, atol=1e-10 * float(jnp.abs(exact).max()))
    np.testing.assert_allclose(T, START + 0.5 * strip.space[1].nodes()[:, 1], rtol=1e-10)


@pytest.mark.slow
def test_coupled_diffusion_of_a_layer():
    """A layer that can only move in y diffuses by k/[c_ε + (3Kα)² θ_r/(λ + 2μ)], c_ε = c − 9Kα² θ_r, not by k/c."""
    bulk, shear = E / (3 * (1 - 2 * NU)), E / (2 * (1 + NU))
    stiffness, push = bulk + 4 / 3 * shear, 3 * bulk * ALPHA
    effective = C - 9 * bulk * ALPHA**2 * START + push**2 * START / stiffness
    assert effective < 0.9 * C
    ends = [Dirichlet("bottom", START, field=1), Dirichlet("top", START, field=1)]
    sides = [Dirichlet("left", 0.0, components=0), Dirichlet("right", 0.0, components=0), ROLLERS[1]]
    material = law(PlaneStrain(LinearElastic(E=E, nu=NU)))
    layer = body(sp.fem.rectangle((1, 6)), [*sides, *ends], material=material, degrees=(3, 3))
    y = layer.space[0].nodes()[:, 1]
    lift = 0.1 * push / stiffness * (1 - jnp.cos(jnp.pi * y)) / jnp.pi
    shape = jnp.sin(jnp.pi * layer.space[1].nodes()[:, 1])
    start = jnp.stack([0 * y, lift], axis=1), START + 0.1 * shape
    rate = K / effective * np.pi**2
    end = 1.0 / rate

    stepper = SDIRK2()
    # After 10 steps, the first half of 20 to twice as far, and after 20: by one program.
    run = lambda end: march(stepper, layer, start, jnp.linspace(0.0, end, 21), save=10).values[1]
    error = lambda T: float(jnp.abs(T - START - 0.1 * np.exp(-1.0) * shape).max()) / 0.1
    errors = error(run(2 * end)[1]), error(run(end)[2])
    print(errors)
    assert errors[1] < 5e-4
    assert abs(np.log2(errors[0] / errors[1]) - stepper.order) < 0.2


def manufactured(n, degrees):
    """Errors of both fields on a square of side 1 and on its quarter, of as many cells: one program.

    u and T − θ_r are t times sin-waves: entropy and stress are linear in t, so backward Euler is exact in time.
    """
    mesh = sp.fem.rectangle((n, n), cell_type="triangle")
    sides = ("left", "right", "bottom", "top")
    spaces = FunctionSpace(mesh, degrees[0], components=2), FunctionSpace(mesh, degrees[1])
    fields = [NodalField(space.zeros()) for space in spaces]
    held = [Dirichlet(side, 0.0) for side in sides] + [Dirichlet(side, START, field=1) for side in sides]
    problem = body(mesh, held, [BodyForce(fields[0]), Source(fields[1])], degrees=degrees)
    move = lambda x, t: t * 0.1 * jnp.sin(2 * np.pi * x[0]) * jnp.sin(2 * np.pi * x[1]) * jnp.stack([1.0, x[0]])
    warm = lambda x, t: START + t * jnp.sin(2 * np.pi * x[0]) * jnp.sin(2 * np.pi * x[1])
    material = problem.material
    at = lambda x, t: (jax.jacfwd(move)(x, t), warm(x, t))
    force = lambda x, t: -jnp.trace(jax.jacfwd(lambda x: material.stress(*at(x, t)))(x), axis1=1, axis2=2)
    entropy_rate = lambda x, t: jax.jvp(lambda t: material.entropy(*at(x, t)), (t,), (jnp.ones(()),))[1]
    source = lambda x, t: START * entropy_rate(x, t) - K * jnp.trace(jax.hessian(warm)(x, t))

    def drive(problem, t):
        values = [jax.vmap(lambda x: f(x, t))(space.nodes()) for f, space in zip((force, source), problem.space)]
        return eqx.tree_at(lambda p: [load.value.values for load in p.loads], problem, values)

    @eqx.filter_jit
    def errors(side):
        points = lambda p: [space.mesh.points for space in p.space]
        scaled = eqx.tree_at(points, problem, [side * each for each in points(problem)])
        found = march(BackwardEuler(), scaled, (0.0, START), jnp.linspace(0.0, 1.0, 3), drive=drive, save=None)
        exact = [jax.vmap(lambda x: f(x, 1.0))(space.nodes()) for f, space in zip((move, warm), scaled.space)]
        return [jnp.sqrt(jnp.mean((a - b) ** 2)) for a, b in zip(found.final.u, exact)]

    return errors(jnp.asarray(1.0)), errors(jnp.asarray(0.5))


@pytest.mark.slow
def test_manufactured_solution():
    """Order p + 1 for both fields: 3 for degree 2 (nodal errors: 4 is allowed), 2 for degree 1."""
    coarse, fine = manufactured(6, (2, 2))
    rates = [np.log2(a / b) for a, b in zip(coarse, fine)]
    assert min(rates) > 2.7 and max(fine) < 2e-3


@pytest.mark.slow
def test_without_expansion_it_is_conduction():
    """The entropy form is the heat equation, θ η̇ = c Ṫ: a wave over a parabola dies as exp(−π² k t/c)."""
    ends = [Dirichlet("left", START, field=1), Dirichlet("right", START, field=1)]
    conducting = law(linearised=False, alpha=0.0)
    solid = body(sp.fem.rectangle((10, 1)), [*ROLLERS, *ends], [Source(0.5)], conducting, degrees=(1, 2))
    x = solid.space[1].nodes()[:, 0]
    wave, steady = jnp.sin(jnp.pi * x), START + 0.5 / (2 * K) * x * (1 - x)
    found = march(SDIRK2(), solid, (0.0, steady + wave), jnp.linspace(0.0, 0.1, 21), save=None).final.u[1]
    np.testing.assert_allclose(found, steady + wave * np.exp(-(np.pi**2) * K / C * 0.1), rtol=1e-4)


@pytest.mark.slow
def test_heat_that_comes_in_is_kept():
    """∫ θ_r η dV grows by the heat, whatever the body does; a linearised law."""
    bar = body(sp.fem.rectangle((3, 2)), ROLLERS, [Flux("right", -0.2), Traction("top", [0.0, 1.0])], degrees=(1, 1))
    evolution = sp.stepping.Semidiscrete(bar)
    content = lambda t, value, bar: jnp.sum(evolution.stored(value, t)[1])
    times = jnp.linspace(0.0, 0.3, 4)
    found = march(BackwardEuler(), bar, (0.0, START), times, observe=content)
    np.testing.assert_allclose(found.observed, 0.2 * times, atol=1e-12)


@pytest.mark.slow
def test_rubber_pulled_fast():
    """Finite strain: entropy stays what it was where no heat is exchanged, and the pressure follows the surface."""
    material = law(PlaneStrain(NeoHooke(mu=2.0, lam=4.0)), linearised=False)
    block = body(
        sp.fem.rectangle((1, 1)),
        ROLLERS,
        [Traction("right", [1.5, 0.0]), Pressure("top", 0.3, follower=True)],
        material,
        degrees=(1, 1),
    )
    found = march(BackwardEuler(), block, (0.0, START), jnp.linspace(0.0, 1.0, 3))
    u, T = found.final.u
    corner = int(jnp.argmax(block.space[0].nodes().sum(axis=1)))
    gradient = jnp.diag(u[corner])
    assert float(gradient[0, 0]) > 0.2 and abs(float(T[0]) - START) > 0.001
    np.testing.assert_allclose(material.entropy(gradient, T[0]), 0.0, atol=1e-9)
    expected = np.diag([1.5, -0.3 * (1 + float(gradient[0, 0]))])
    np.testing.assert_allclose(material.stress(gradient, T[0]), expected, atol=1e-7)


@pytest.mark.slow
def test_gradient():
    bar = body(
        sp.fem.rectangle((2, 1)),
        [*ROLLERS, Dirichlet("left", START, field=1)],
        [Traction("right", [1.0, 0.5])],
        law(linearised=False),
        degrees=(1, 1),
    )
    leaves = lambda b: (b.material.expansion, b.material.capacity, b.material.solid.material.E, b.conduction.k.value)
    start = START + 0.2 * bar.space[1].nodes()[:, 0]

    def final(parameters):
        values, start = parameters
        moved = eqx.tree_at(leaves, bar, values)
        u, T = march(BackwardEuler(), moved, (0.0, start), jnp.linspace(0.0, 0.1, 4)).final.u
        return jnp.sum(u * u) * 10 + jnp.sum(jnp.sin(3 * T))

    assert check_gradient(final, (leaves(bar), start)).passed


@pytest.mark.slow
def test_steps_found_by_their_error():
    bar = body(
        sp.fem.rectangle((2, 1)),
        [*ROLLERS, Dirichlet("left", START, field=1)],
        [Traction("right", [1.0, 0.0])],
        degrees=(1, 1),
    )
    found = march_adaptively(SDIRK2(), bar, (0.0, START), (0.0, 10.0), rtol=1e-4, atol=(1e-6, 1e-4))
    steps = np.diff(found.times)
    assert steps.max() > 20 * steps.min()
    np.testing.assert_allclose(found.final.u[1], START, rtol=1e-3)


@pytest.mark.slow
def test_a_body_at_rest_is_no_trouble():
    """Nothing acts and nothing is stored: the residual is judged by what rounding makes of it, at room temperature."""
    room = Thermoelastic(law().solid, expansion=1e-5, capacity=3.0, reference=20.0, zero=-273.15)
    found = march(
        BackwardEuler(), body(sp.fem.rectangle((2, 1)), ROLLERS, material=room, degrees=(1, 1)), (0.0, 20.0), [0.0, 1.0]
    )
    np.testing.assert_allclose(found.final.u[1], 20.0, rtol=1e-12)
    np.testing.assert_allclose(found.final.u[0], 0.0, atol=1e-12)


def test_misuse():
    mesh = sp.fem.rectangle((1, 1))
    pair = FunctionSpace(mesh, 2, components=2), FunctionSpace(mesh, 1)
    fourier = IsotropicConduction(k=1.0)
    heat = NodalForces(jnp.zeros(pair[1].shape), field=1)
    solid3 = Thermoelastic(LinearElastic(E=E, nu=NU), expansion=ALPHA, capacity=C, reference=START)
    for make, text in (
        (lambda: ThermoSolid(pair[0], law(), fourier), "pair"),
        (lambda: ThermoSolid((pair[1], pair[0]), law(), fourier), "components=2"),
        (lambda: ThermoSolid(pair, LinearElastic(E=E, nu=NU), fourier), "Thermoelastic"),
        (lambda: ThermoSolid(pair, solid3, fourier), "PlaneStrain"),
        (lambda: ThermoSolid(pair, law(), 3.0), "conduction"),
        (lambda: ThermoSolid(pair, law(), fourier, ROLLERS[:1]), "translation along y"),
        (lambda: ThermoSolid(pair, law(), fourier, ROLLERS, [heat]), "displacement"),
        (lambda: ThermoSolid(pair, law(), fourier, ROLLERS, [Pressure("top", 1.0, follower=True)]), "follower"),
    ):
        with pytest.raises(ValueError, match=text):
            make()
