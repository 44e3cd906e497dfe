"""Steady conduction of heat: closed forms, published numbers, rates, gradients, balance, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _manufactured import root
from _taylor import check_gradient, program
from scipy.integrate import simpson

import simphys as sp
from simphys.fem import (
    CellField,
    Dirichlet,
    FunctionSpace,
    Mesh,
    NodalField,
    QuadratureField,
    cells_of,
    line,
    rectangle,
)
from simphys.materials import AnisotropicConduction, IsotropicConduction, Polynomial
from simphys.physics import (
    BodyForce,
    Convection,
    Flux,
    Heat,
    LateralConvection,
    NodalForces,
    Radiation,
    Source,
)


SIGMA = 5.670374419e-8


def steel(k=52.0):
    return IsotropicConduction(k=k)


@pytest.mark.slow
def test_slab_between_two_fluids_is_three_resistances_in_series():
    L, k, h, hot, cold = 0.2, 1.7, (8.0, 25.0), 21.0, -10.0
    space = FunctionSpace(line(3, L))
    heat = Heat(space, steel(k), loads=[Convection("left", h[0], hot), Convection("right", h[1], cold)], thickness=3.0)
    value = root(heat)
    q = (hot - cold) / (1 / h[0] + L / k + 1 / h[1])
    exact = hot - q / h[0] - q / k * space.nodes()[:, 0]
    np.testing.assert_allclose(value, exact, rtol=1e-12)
    np.testing.assert_allclose(heat.flux(value), np.full((3, 1), q), rtol=1e-11)


@pytest.mark.slow
def test_a_poor_conductor_beside_a_good_one_is_solved_to_its_own_fluxes():
    """Radiating into the cold; its fluxes are nothing beside those of the other, held apart from it by T = 0."""
    loads = [Flux("left", -1.0), Convection("right", 1.0, 2.0), Radiation("right", 1.0, 0.0, sigma=1.0)]
    law = IsotropicConduction(k=CellField(jnp.ones(4)))
    heat = Heat(FunctionSpace(line(4, 2.0)), law, [Dirichlet(np.array([2]), 0.0)], loads)
    poor_parts = lambda heat: (heat.material.k.value.values, heat.loads[1].h, heat.loads[2].emissivity)

    @jax.jit
    def radiating_end(heat, poor, guess):
        k = jnp.stack([jnp.ones_like(poor), jnp.ones_like(poor), poor, poor])
        solution = sp.solve(eqx.tree_at(poor_parts, heat, (k, poor, poor)), guess, throw=False)
        return solution.value, solution.certificate.converged

    # T + (T - 2) + T⁴ = 0
    exact = np.roots([1.0, 0.0, 0.0, 2.0, -2.0])
    exact = exact[(exact.imag == 0) & (exact.real > 0)].real[0]
    for poor in (1e-3, 1e-6, 1e-9, 1e-12):
        for stale in (0.0, 0.5):
            value, converged = radiating_end(heat, jnp.asarray(poor), jnp.array([1.0, 0.5, 0.0, stale / 2, stale]))
            np.testing.assert_allclose(value, [1.0, 0.5, 0.0, exact / 2, exact], rtol=1e-8)
            assert converged


@pytest.mark.slow
def test_slab_with_a_source_and_a_flux():
    L, k, s, q = 2.0, 3.0, 5.0, 1.5
    space = FunctionSpace(line(4, L), 2)
    heat = Heat(space, steel(k), [Dirichlet("left", 7.0)], [Source(s), Flux("right", q)], thickness=0.3)
    x = space.nodes()[:, 0]
    value = root(heat)
    np.testing.assert_allclose(value, 7.0 + (s * (L * x - x**2 / 2) - q * x) / k, rtol=1e-12)
    # What enters on the left leaves on the right, less what the source makes.
    np.testing.assert_allclose(heat.resultant(value, "left"), 0.3 * (q - s * L), rtol=1e-12)


def fin(space, h=12.0, k=200.0, a=0.01, ambient=20.0, base=90.0):
    loads = [LateralConvection(h, ambient, 4 * a), Convection("right", h, ambient)]
    return Heat(space, steel(k), [Dirichlet("left", base)], loads, thickness=a * a)


def fin_temperature(x, L, h=12.0, k=200.0, a=0.01, ambient=20.0, base=90.0):
    """Incropera et al., table 3.4, case A: convection at the tip."""
    m = np.sqrt(4 * h / (k * a))
    ratio = h / (m * k)
    bottom = np.cosh(m * L) + ratio * np.sinh(m * L)
    theta = (np.cosh(m * (L - x)) + ratio * np.sinh(m * (L - x))) / bottom
    heat = np.sqrt(h * 4 * a * k * a * a) * (base - ambient)
    return ambient + (base - ambient) * theta, heat * (np.sinh(m * L) + ratio * np.cosh(m * L)) / bottom


@pytest.mark.slow
def test_fin_and_its_rate(degree=2):
    L, errors = 0.5, []
    for n in (8, 16):
        space = FunctionSpace(line(n, L), degree)
        heat = fin(space)
        value = root(heat)
        x = np.linspace(0, L, 201)
        exact, power = fin_temperature(x, L)
        errors.append(np.sqrt(np.mean((space.evaluate(value, x[:, None]) - exact) ** 2)))
        # The reaction is a functional of the residual and converges twice as fast.
        np.testing.assert_allclose(heat.resultant(value, "left"), power, rtol=3 * n ** (-2.0 * degree))
    assert abs(np.log2(errors[0] / errors[1]) - degree - 1) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("zero, ambient, guess", [(0.0, 300.0, None), (-273.15, 300.0, None), (0.0, 4.0, 350.0)])
def test_wall_heated_from_behind_radiates(zero, ambient, guess):
    """With absolute temperatures, q = ε σ (θ⁴ − θ∞⁴) at the far face and a straight line behind."""
    q, k, emissivity, L = 1000.0, 2.0, 0.8, 0.1
    space = FunctionSpace(line(4, L))
    load = Radiation("right", emissivity, ambient + zero, zero)
    guess = None if guess is None else jnp.full(space.shape, guess)
    solution = sp.solve(Heat(space, steel(k), loads=[Flux("left", -q), load]), guess)
    face = (q / (emissivity * SIGMA) + ambient**4) ** 0.25
    exact = face + zero + q / k * (L - space.nodes()[:, 0])
    np.testing.assert_allclose(solution.value, exact, rtol=1e-8)


@pytest.mark.slow
def test_radiating_rod_nafems_t2():
    """NAFEMS T2: L = .1, k = 55.6, 1000 K at A; B radiates to 300 K with ε = .98: 927.0 K at B."""
    space = FunctionSpace(line(10, 0.1))
    heat = Heat(space, steel(55.6), [Dirichlet("left", 1000.0)], [Radiation("right", 0.98, 300.0, sigma=5.67e-8)])
    np.testing.assert_allclose(root(heat)[-1], 927.0, atol=0.05)


@pytest.mark.slow
def test_nafems_t4():
    """NAFEMS T4: 18.25 °C at (.6, .2). Q2 on 18 × 30 cells: 18.254; the value is converged to five digits.

    All heat that enters at the bottom leaves by convection, to rounding on any mesh.
    """
    space = FunctionSpace(rectangle((18, 30), (0.6, 1.0)), 2)
    loads = [Convection("right", 750.0, 0.0), Convection("top", 750.0, 0.0)]
    heat = Heat(space, steel(), [Dirichlet("bottom", 100.0)], loads)
    value = root(heat)
    found = space.evaluate(value, np.array([[0.6, 0.2]]))[0]
    np.testing.assert_allclose(found, 18.25, atol=0.005)
    np.testing.assert_allclose(found, 18.2538, atol=5e-4)
    left = 0.0
    for side, along in (("right", 1), ("top", 0)):
        nodes = space.nodes_on(side)
        position = np.asarray(space.nodes())[nodes, along]
        order = np.argsort(position)
        left += 750.0 * simpson(np.asarray(value)[nodes][order], x=position[order])
    entered = heat.resultant(value, "bottom")
    np.testing.assert_allclose(entered, left, rtol=1e-10)
    assert entered > 1000


@pytest.mark.slow
def test_kirchhoff_transformation():
    """∫k dT is harmonic: between two temperatures in a rod it is a straight line."""
    a, b, hot = 0.4, 0.02, 10.0
    theta = lambda T: T + a * T**2 / 2 + b * T**3 / 3
    space = FunctionSpace(line(40), 3)
    ends = [Dirichlet("left", 0.0), Dirichlet("right", hot)]
    heat = Heat(space, IsotropicConduction(k=Polynomial([1.0, a, b])), ends)
    value = root(heat)
    np.testing.assert_allclose(theta(value), theta(hot) * space.nodes()[:, 0], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(heat.resultant(value, "right"), theta(hot), rtol=1e-8)
    assert not lx.is_symmetric(heat.jacobian(heat.unknowns(None)))


@pytest.mark.slow
def test_manufactured_conductivity_of_temperature(degree=2):
    """−div((1 + T²) ∇T) = s with T = sin(2x) cos(y) + x y: L2 error of order p + 1."""
    exact = lambda x: jnp.sin(2 * x[0]) * jnp.cos(x[1]) + x[0] * x[1]
    flow = lambda x: (1 + exact(x) ** 2) * jax.grad(exact)(x)
    source = lambda x: -jnp.trace(jax.jacfwd(flow)(x))
    errors = []
    for n in (4, 8):
        mesh = rectangle((n, n), cell_type="triangle")
        space = FunctionSpace(mesh, degree, quadrature_degree=2 * degree + 2)
        points = cells_of(space, None, 2 * degree).geometry(mesh).position
        load = Source(QuadratureField(jax.jit(jax.vmap(jax.vmap(source)))(points)))
        sides = [Dirichlet(side, exact) for side in ("left", "right", "bottom", "top")]
        heat = Heat(space, IsotropicConduction(k=Polynomial([1.0, 0.0, 1.0])), sides, [load])
        sensors = np.random.default_rng(0).uniform(0, 1, (400, 2))
        error = space.evaluate(root(heat), sensors) - jax.vmap(exact)(jnp.asarray(sensors))
        errors.append(np.sqrt(np.mean(error**2)))
    assert abs(np.log2(errors[0] / errors[1]) - degree - 1) < 0.25


@pytest.mark.slow
def test_anisotropic_conduction():
    """A quadratic temperature is exact on Q2: −K:∇∇T = s."""
    K = jnp.array([[3.0, 1.0], [1.0, 2.0]])
    A = jnp.array([[1.0, -0.4], [-0.4, 0.7]])
    exact = lambda x: 5 + x @ A @ x
    space = FunctionSpace(rectangle((3, 2), (1.0, 0.8)), 2)
    sides = [Dirichlet(side, exact) for side in ("left", "bottom", "top")]
    # q·n on the right varies along the side: −K∇T·n = −2 (K A x)_x.
    flux = NodalField(-2 * space.nodes() @ A @ K[:, 0])
    heat = Heat(space, AnisotropicConduction(k=K), sides, [Source(-2 * jnp.vdot(K, A)), Flux("right", flux)])
    np.testing.assert_allclose(root(heat), space.interpolate(exact), rtol=1e-12)
    assert lx.is_symmetric(heat.jacobian(heat.unknowns(None)))


def everything():
    """A plate with each load, numbers and fields, and a k of the temperature."""
    space = FunctionSpace(rectangle((4, 3), (0.4, 0.3)))
    loads = [
        Flux("left", CellField(-300.0 - jnp.arange(12.0))),
        Source(400.0),
        Convection("top", NodalField(9.0 + space.nodes()[:, 0]), 25.0),
        LateralConvection(4.0, 25.0, 2.0),
        Radiation("right", 0.7, NodalField(jnp.full(20, -40.0)), -273.15),
        NodalForces(0.1 * jnp.arange(20.0)),
    ]
    law = IsotropicConduction(k=Polynomial([2.0, 0.01, 1e-5]))
    return Heat(space, law, [Dirichlet("bottom", 80.0)], loads, thickness=0.05)


NUMBERS = {
    "k": lambda p: p.material.k.coefficients,
    "source": lambda p: p.loads[1].value,
    "ambient": lambda p: p.loads[2].ambient,
    "h of the faces": lambda p: p.loads[3].h,
    "faces": lambda p: p.loads[3].perimeter,
    "emissivity": lambda p: p.loads[4].emissivity,
    "zero": lambda p: p.loads[4].zero,
    "sigma": lambda p: p.loads[4].sigma,
    "wall": lambda p: p.constraints[0].value,
    "thickness": lambda p: p.thickness,
}


@pytest.mark.slow
def test_gradient_with_respect_to_everything():
    """Each number against differences; all of them, fields and the positions of nodes by a Taylor test."""
    mean_square, heat = lambda heat: jnp.mean((sp.solve(heat).value / 100) ** 2), everything()
    value, gradient, _ = program(mean_square)(heat)
    for name, at in NUMBERS.items():
        leaf = at(heat)
        for i in np.ndindex(leaf.shape):
            step = 1e-5 * jnp.abs(leaf[i])
            moved = (eqx.tree_at(at, heat, leaf.at[i].add(sign * step)) for sign in (1, -1))
            up, down = (program(mean_square)(each)[0] for each in moved)
            slope = (up - down) / (2 * step)
            np.testing.assert_allclose(at(gradient)[i], slope, rtol=2e-5, atol=1e-9 * value, err_msg=name)
            assert slope != 0, name
    assert check_gradient(mean_square, heat, step=1e-3, verbose=False).passed


@pytest.mark.slow
def test_heated_aluminium_rod():
    """R. C. Smith, Uncertainty Quantification (2014), example 3.5: the published estimate fits its data to 0.3 °C."""
    x = np.array([10, 14, 18, 22, 26, 30, 34, 38, 42, 46, 50, 54, 58, 62, 66.0])
    measured = [
        96.14,
        80.12,
        67.66,
        57.96,
        50.9,
        44.84,
        39.75,
        36.16,
        33.31,
        31.15,
        29.28,
        27.88,
        27.18,
        26.4,
        25.86,
    ]
    a, h, k, flux, ambient = 0.95, 0.00191, 2.37, -18.41, 21.29
    space = FunctionSpace(line(35, 70.0), 2)
    loads = [Flux("left", flux), LateralConvection(h, ambient, 4 * a), Convection("right", h, ambient)]
    heat = Heat(space, steel(k), loads=loads, thickness=a * a)
    found = space.evaluate(root(heat), x[:, None])
    # The book's own solution.
    gamma, L = np.sqrt(4 * h / (a * k)), 70.0
    up, down = np.exp(gamma * L) * (h + k * gamma), np.exp(-gamma * L) * (h - k * gamma)
    c1 = -flux / (k * gamma) * up / (down + up)
    c2 = flux / (k * gamma) + c1
    np.testing.assert_allclose(found, c1 * np.exp(-gamma * x) + c2 * np.exp(gamma * x) + ambient, rtol=1e-6)
    assert np.sqrt(np.mean((found - np.asarray(measured)) ** 2)) < 0.3


def two_bodies():
    points = np.array([[0.0], [1.0], [2.0], [3.0]])
    return Mesh(points, np.array([[0, 1], [2, 3]]), "interval", 1, point_groups={"end": np.array([0])})


@pytest.mark.parametrize(
    "build, match",
    [
        (
            lambda: Heat(FunctionSpace(line(3)), steel(), [], [Flux("left", 1.0)]),
            "Nothing fixes the temperature of the body",
        ),
        (lambda: Heat(FunctionSpace(two_bodies()), steel(), [Dirichlet("end", 0.0)]), "body 2 of 2"),
        (lambda: Heat(FunctionSpace(line(3), 1, 1), steel(), [Dirichlet("left", 0.0)]), "components"),
        (lambda: Heat(FunctionSpace(line(3)), 52.0, [Dirichlet("left", 0.0)]), "conduction law"),
        (lambda: Heat(FunctionSpace(line(3)), steel(), [], [BodyForce((1.0,))]), "thermal loads"),
        (lambda: Heat(FunctionSpace(line(3)), steel(), [Dirichlet("left", 0.0)], thickness=0.0), "thickness"),
        (lambda: Convection("left", -1.0, 0.0), "`h`"),
        (lambda: Radiation("left", 0.9, -5.0), "absolute zero"),
        (lambda: Flux("left", [1.0, 2.0]), "number or a field"),
        (lambda: Source(jnp.nan), "finite"),
    ],
)
def test_misuse_raises(build, match):
    with pytest.raises(ValueError, match=match):
        build()


@pytest.mark.slow
def test_exchange_alone_fixes_the_temperature():
    space = FunctionSpace(line(3))
    for load in (Convection("right", 3.0, 10.0), LateralConvection(1.0, 5.0, 1), Radiation("right", 0.5, 300.0)):
        heat = Heat(space, steel(), [], [load])
    np.testing.assert_allclose(root(heat, jnp.full(space.shape, 280.0)), 300.0, rtol=1e-8)


@pytest.mark.slow
def test_float32():
    with jax.enable_x64(False):
        space = FunctionSpace(line(6, 0.5), 2)
        value = sp.solve(fin(space)).value
        assert value.dtype == jnp.float32
        exact, _ = fin_temperature(np.asarray(space.nodes()[:, 0]), 0.5)
        np.testing.assert_allclose(value, exact, rtol=2e-4)
