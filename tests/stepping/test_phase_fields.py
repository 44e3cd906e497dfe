"""Allen–Cahn and Cahn–Hilliard in time: energies that fall, matter that is kept, closed forms, orders."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root
from _taylor import check_gradient

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, Periodic
from simphys.materials import DoubleWell, FreeEnergy, Polynomial
from simphys.physics import AllenCahn, CahnHilliard
from simphys.stepping import (
    SDIRK2,
    SDIRK3,
    AverageVectorField,
    BackwardEuler,
    ConvexSplitting,
    march,
    march_adaptively,
)


def noise(space, size=0.1, mean=0.1):
    return jnp.asarray(mean + size * np.random.default_rng(0).standard_normal(space.shape))


def mixture(n=8, cell_type="triangle", degrees=(1, 1), length=0.1, **options):
    mesh = sp.fem.rectangle((n, n), cell_type=cell_type)
    spaces = tuple(FunctionSpace(mesh, degree=d) for d in degrees)
    return CahnHilliard(spaces, DoubleWell(), gradient_energy=length**2, **options)


def periodic(fields=1):
    pairs = (("left", "right"), ("bottom", "top"))
    return [Periodic(*pair, field=f) for pair in pairs for f in range(fields)]


@pytest.mark.slow
def test_mixtures_lose_energy_in_every_step_and_keep_what_they_are_made_of():
    """Triangles of degrees 2 and 1, periodic, with a mobility of c."""
    problem = mixture(4, degrees=(2, 1), constraints=periodic(2), mobility=Polynomial([2.0, 0.0, -1.0]))
    start = noise(problem.space[0]), 0.0
    for h in (1e-3, 0.1, 10.0, 1e5):
        found = march(ConvexSplitting(), problem, start, h * jnp.arange(9.0))
        energy, content = (np.asarray(jax.vmap(f)(found.values)) for f in (problem.energy, problem.content))
        assert np.diff(energy).max() < 0
        assert np.ptp(content) < 1e-13
    # With the longest steps all is over at once.
    assert energy[-1] < 0.8 * energy[0]


@pytest.mark.slow
def test_order_parameters_lose_energy_in_every_step():
    space = FunctionSpace(sp.fem.rectangle((8, 8), cell_type="quadrilateral"))
    problem = AllenCahn(space, DoubleWell(3.0), gradient_energy=0.01, mobility=0.5)
    for h in (1e-3, 0.1, 10.0, 1e5):
        found = march(ConvexSplitting(), problem, noise(space), h * jnp.arange(9.0))
        energy = np.asarray(jax.vmap(problem.energy)(found.values))
        # Once in a pure phase only rounding is left to lose.
        assert np.diff(energy).max() < 1e-14 * energy[0] and energy[-1] < energy[0]


@pytest.mark.slow
def test_backward_euler_is_not_so_faithful():
    """What the splitting is for: a long step of backward Euler may end at a maximum."""
    space = FunctionSpace(sp.fem.rectangle((8, 8)))
    problem = AllenCahn(space, DoubleWell(3.0), gradient_energy=0.01, mobility=0.5)
    start = noise(space, size=0.1, mean=0.0)
    found = march(BackwardEuler(), problem, start, jnp.array([0.0, 1e3]))
    assert float(jnp.abs(found.final.u).max()) < 1e-3
    assert problem.energy(found.final.u) > 0.99 * problem.law.height / 4


@pytest.mark.slow
def test_average_vector_field_dissipates_just_what_it_should():
    """E₁ − E₀ = −h ∫ M |∇μ|² dV: to the tolerance of the solves."""
    space, mobility = FunctionSpace(sp.fem.rectangle((6, 6))), 0.7
    problem = CahnHilliard(space, DoubleWell(), gradient_energy=0.01, mobility=mobility)
    times = jnp.array([0.0, 0.01, 0.05, 0.15])
    found = march(AverageVectorField(), problem, (noise(space, 0.3), 0.0), times, method=sp.Newton(rtol=1e-12))
    energy = jax.vmap(problem.energy)(found.values)
    stiff = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=1.0), capacity=1.0)
    for i, h in enumerate(np.diff(times)):
        mu = found.values[1][i + 1]
        lost = h * mobility * jnp.vdot(mu, stiff.forces((mu,))[0][0])
        np.testing.assert_allclose(energy[i] - energy[i + 1], lost, rtol=1e-8)


@pytest.mark.slow
def test_interface():
    """c = tanh(x/(√2 ε)), with the energy 2√2/3 h ε."""
    height, kappa = 2.0, 0.02
    width = np.sqrt(kappa / height)
    space = FunctionSpace(sp.fem.line(80, 16 * width), degree=2)
    x = space.nodes()[:, 0] - 8 * width
    ends = [Dirichlet("left", -1.0), Dirichlet("right", 1.0)]
    problem = AllenCahn(space, DoubleWell(height), ends, gradient_energy=kappa)
    c = root(problem, jnp.clip(x / width, -1.0, 1.0))
    np.testing.assert_allclose(c, np.tanh(x / (np.sqrt(2) * width)), atol=1e-4)
    np.testing.assert_allclose(problem.energy(c), 2 * np.sqrt(2) / 3 * height * width, rtol=1e-5)


@pytest.mark.slow
def test_shrinking_circle():
    """Ṙ = −M κ/R, hence R² = R₀² − 2 M κ t; and E₁ − E₀ = −∫ (c₁ − c₀)²/(M h) dV, to the tolerance of the solves."""
    width, mobility, radius = 0.03, 2.0, 0.6
    space = FunctionSpace(sp.fem.rectangle((28, 28)), degree=2)
    problem = AllenCahn(space, DoubleWell(), gradient_energy=width**2, mobility=mobility)
    start = space.interpolate(lambda x: jnp.tanh((radius - jnp.linalg.norm(x)) / (np.sqrt(2) * width)))
    times = jnp.linspace(0.0, 0.1 / (mobility * width**2), 41)
    weighed = lambda problem, c: sp.assembly.assemble((space,), (problem.terms().stored,), (c,))[0][0]
    stored = lambda t, c, problem: jnp.sum(weighed(problem, 1 + c))
    found = march(AverageVectorField(), problem, start, times, observe=stored, method=sp.Newton(rtol=1e-12))
    energy = jax.vmap(problem.energy)(found.values)
    moved = jnp.diff(found.values, axis=0)
    lost = jax.vmap(lambda step: jnp.vdot(step, weighed(problem, step)))(moved) / jnp.diff(times)
    np.testing.assert_allclose(-jnp.diff(energy), lost, rtol=1e-8)
    squares = 4 / np.pi * found.observed * mobility / 2
    expected = squares[0] - 2 * mobility * width**2 * times
    print("R² at the end", float(squares[-1]), "expected", float(expected[-1]))
    np.testing.assert_allclose(squares, expected, rtol=0.03)


STEPPERS = {
    "convex splitting": ConvexSplitting(),
    "average vector field": AverageVectorField(),
}


MOBILITY = Polynomial([2.0, 0.0, -1.0])


@functools.cache
def separating():
    space = FunctionSpace(sp.fem.line(8), degree=2)
    return CahnHilliard(space, DoubleWell(), gradient_energy=0.01, mobility=MOBILITY)


def led(stepper, start, end):
    """The concentration on a line at the start, after 40 steps and after 80."""
    return march(stepper, separating(), (start, 0.0), jnp.linspace(0.0, end, 81), save=40).values[0]


@functools.cache
def separated(stepper, end):
    """The concentration after 40 steps and after 80: those are half of 80 to twice as far."""
    start = separating().space[0].interpolate(lambda x: 0.3 * jnp.cos(2 * jnp.pi * x[0]))
    return led(stepper, start, 2 * end)[1], led(stepper, start, end)[2]


@pytest.mark.slow
@pytest.mark.parametrize("stepper", STEPPERS.values(), ids=STEPPERS.keys())
def test_order_in_time(stepper):
    """The potential at the first time is not given: it follows."""
    # Methods that hardly damp what they do not resolve take longer until only their own error is left.
    end = 0.03 if stepper.order == 1 else 0.1
    exact = separated(SDIRK3(), end)[1]
    errors = [float(jnp.abs(c - exact).max()) for c in separated(stepper, end)]
    assert abs(np.log2(errors[0] / errors[1]) - stepper.order) < 0.2
    assert errors[1] < 0.02


@pytest.mark.slow
def test_growth_of_small_waves():
    """a ∝ exp(λ t), λ = −M k² (ψ''(c₀) + κ k²): growth about one mean, decay about another."""
    k = 2 * np.pi
    shape = separating().space[0].interpolate(lambda x: jnp.cos(k * x[0]))
    for mean in (0.2, 0.6):
        rate = -float(MOBILITY(mean)) * k**2 * (3 * mean**2 - 1 + 0.01 * k**2)
        end = led(SDIRK3(), mean + 1e-5 * shape, 1.0 / abs(rate))[2] - mean
        grown = float(jnp.vdot(end, shape) / jnp.vdot(shape, shape)) / 1e-5
        np.testing.assert_allclose(np.log(grown) * abs(rate), rate, rtol=3e-3)


@pytest.mark.slow
def test_the_potential_follows_from_the_concentration():
    """μ = ψ'(c) − κ Δc, for c = a cos(2πx) in weak form; what is stored is not changed by finding it."""
    space = FunctionSpace(sp.fem.line(24), degree=3)
    problem = CahnHilliard(space, DoubleWell(), gradient_energy=0.05)
    c = space.interpolate(lambda x: 0.5 * jnp.cos(2 * jnp.pi * x[0]))
    found, mu = sp.physics.settled(problem, (c, jnp.ones_like(c)))
    np.testing.assert_allclose(found, c, atol=1e-13)
    np.testing.assert_allclose(mu, c**3 - c + 0.05 * (2 * np.pi) ** 2 * c, atol=2e-3)


@pytest.mark.slow
def test_gradient():
    problem = CahnHilliard(FunctionSpace(sp.fem.line(6)), DoubleWell(), gradient_energy=0.1)
    start, times = noise(problem.space[0], 0.3), jnp.linspace(0.0, 0.2, 4)

    def final(parameters):
        kappa, mobility, height, start = parameters
        leaves = lambda p: (p.gradient_energy, p.mobility.value, p.law.height)
        moved = eqx.tree_at(leaves, problem, (kappa, mobility, height))
        found = march(AverageVectorField(), moved, (start, 0.0), times, checkpoints=2)
        return jnp.sum(jnp.sin(3 * found.final.u[0])) + moved.energy(found.final.u)

    parameters = problem.gradient_energy, problem.mobility.value, problem.law.height, start
    assert check_gradient(final, parameters).passed


@pytest.mark.slow
def test_gradient_of_an_order_parameter():
    space = FunctionSpace(sp.fem.line(5))
    problem = AllenCahn(space, DoubleWell(), gradient_energy=0.05)

    def final(parameters):
        problem, start = parameters
        return jnp.sum(march(ConvexSplitting(), problem, start, jnp.linspace(0.0, 2.0, 4)).final.u ** 3)

    arrays, rest = eqx.partition((problem, noise(space, 0.3)), eqx.is_inexact_array)
    assert check_gradient(lambda arrays: final(eqx.combine(arrays, rest)), arrays).passed


@pytest.mark.slow
def test_steps_found_by_their_error():
    problem = mixture(6)
    start = noise(problem.space[0]), 0.0
    found = march_adaptively(SDIRK2(), problem, start, (0.0, 2.0), rtol=1e-2, atol=(1e-3, 1e-2), first_step=1e-3)
    energy = np.asarray(jax.vmap(problem.energy)(found.values))
    steps = np.diff(found.times)
    assert np.diff(energy).max() < 0 and steps.max() > 20 * steps.min()
    with pytest.raises(ValueError, match="no estimate"):
        march_adaptively(ConvexSplitting(), problem, start, (0.0, 1.0))


@pytest.mark.slow
def test_supplies_add_up_under_jit():
    """∫ c dV grows by what comes in: a source, and a flux through one side."""
    loads = [sp.physics.Source(0.5), sp.physics.Flux("left", -0.2)]
    problem = mixture(4, loads=loads)

    @eqx.filter_jit
    def amounts(problem):
        found = march(BackwardEuler(), problem, (0.1, 0.0), jnp.linspace(0.0, 0.02, 5))
        return jax.vmap(problem.content)(found.values)

    np.testing.assert_allclose(amounts(problem), 0.1 + 0.7 * jnp.linspace(0.0, 0.02, 5), rtol=1e-12)


@pytest.mark.slow
def test_single_precision():
    single = lambda tree: jax.tree.map(
        lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, tree, is_leaf=eqx.is_array
    )
    problem = single(mixture(5))
    start = noise(problem.space[0]).astype(jnp.float32), jnp.zeros((), jnp.float32)
    found = march(ConvexSplitting(), problem, start, jnp.arange(5, dtype=jnp.float32))
    energy, content = (np.asarray(jax.vmap(f)(found.values)) for f in (problem.energy, problem.content))
    assert energy.dtype == np.float32
    assert np.diff(energy).max() < 0 and np.ptp(content) < 1e-5


@pytest.mark.slow
def test_misuse():
    mesh = sp.fem.rectangle((2, 2))
    one, two = FunctionSpace(mesh), FunctionSpace(mesh, degree=2)
    for make, text in (
        (lambda: CahnHilliard((one, two), DoubleWell(), gradient_energy=1.0), "degree"),
        (lambda: CahnHilliard((one, one, one), DoubleWell(), gradient_energy=1.0), "one space or two"),
        (lambda: CahnHilliard(FunctionSpace(mesh, components=2), DoubleWell(), gradient_energy=1.0), "scalar"),
        (lambda: CahnHilliard(one, DoubleWell(), gradient_energy=1.0, mobility=-1.0), "mobility"),
        (lambda: AllenCahn(one, DoubleWell(), gradient_energy=0.0), "gradient_energy"),
        (lambda: AllenCahn(one, 3.0, gradient_energy=1.0), "function"),
        (
            lambda: AllenCahn(one, DoubleWell(), (), [sp.physics.Traction("left", [1.0, 0.0])], gradient_energy=1.0),
            "loads",
        ),
        (lambda: AverageVectorField(points=0), "points"),
    ):
        with pytest.raises(ValueError, match=text):
            make()
    unknown = AllenCahn(one, FreeEnergy(lambda c: c**4), gradient_energy=1.0)
    with pytest.raises(ValueError, match="curvature"):
        march(ConvexSplitting(), unknown, 0.1, [0.0, 1.0])
    heat = sp.physics.Heat(one, sp.materials.IsotropicConduction(k=1.0), capacity=1.0)
    with pytest.raises(ValueError, match="convex"):
        march(ConvexSplitting(), heat, 0.1, [0.0, 1.0])
