"""Equations on elements of all families: orders against exact solutions, eigenvalues, a plate, global unknowns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from _manufactured import errors, grid, newton_step
from _taylor import check_gradient

import simphys as sp
from simphys.fem import Dirichlet, Energy, FunctionSpace, Weak, rectangle
from simphys.linalg import to_scipy
from simphys.physics import Balance


def hill(x):
    """sin πx sin πy …, which is 0 on the boundary."""
    return jnp.prod(jnp.sin(jnp.pi * x))


def order(found, coarse, fine):
    """Orders between two meshes, of each of several errors."""
    return np.log(np.array(found(coarse)) / np.array(found(fine))) / np.log(fine / coarse)


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("cell", "element", "expected"),
    [
        ("triangle", ("CR", 1), 2),
        ("quadrilateral", ("S", 2), 3),
        ("triangle", 4, 5),
    ],
    ids=lambda value: str(value).replace("'", ""),
)
def test_poisson(cell, element, expected):
    """−Δu = d π² u, in L2."""

    def density(u, at, p):
        return jnp.sum(u.gradient**2) / 2 - at.position.size * jnp.pi**2 * hill(at.position) * u.value

    def found(n):
        space = FunctionSpace(grid(cell, n), element)
        u = newton_step(Balance(space, [Energy(density, degree=2 * space.degree + 1)], [Dirichlet("all", 0.0)]))
        return errors(space, u, hill)[0]

    assert order(found, 3, 6) == pytest.approx(expected, abs=0.2)


def darcy(cell, element, n):
    mesh, degree = grid(cell, n), element[1]

    def flow(f, at, resistance):
        u, p = f
        return (resistance * u.value, -p.value * jnp.eye(2)), (2 * jnp.pi**2 * hill(at.position) - u.divergence, None)

    form = Weak(flow, jnp.array(1.0), degree=2 * degree + 2, symmetric=True, linear=True)
    return Balance((FunctionSpace(mesh, element), FunctionSpace(mesh, ("DG", degree - 1))), [form])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "element", "expected"),
    [
        ("triangle", ("RT", 2), (2, 2)),
        ("quadrilateral", ("BDM", 1), (2, 1)),
    ],
    ids=lambda value: str(value).replace("'", ""),
)
def test_darcy(cell, element, expected):
    """u + ∇p = 0, div u = s, p = 0 on the boundary: flux and pressure in L2."""

    def found(n):
        problem = darcy(cell, element, n)
        flux, pressure = problem.spaces
        u, p = newton_step(problem)
        return errors(flux, u, lambda x: -jax.grad(hill)(x))[0], errors(pressure, p, hill)[0]

    np.testing.assert_allclose(order(found, 3, 6), expected, atol=0.2)


def swirl(x):
    """A flow that is 0 on the boundary of the unit square, without divergence."""
    flux = lambda x: jnp.prod(x**2 * (1 - x) ** 2) * 10
    slope = jax.grad(flux)(x)
    return jnp.stack([slope[1], -slope[0]])


def stokes(u, at, viscosity):
    """∇·(μ ∇v − p) + f = 0, div v = 0, with f such that v swirls and p = x; the mean of p by a multiplier."""
    v, p, mean = u
    force = lambda x: -jnp.trace(jax.jacfwd(jax.jacfwd(swirl))(x), axis1=1, axis2=2) + jnp.array([1.0, 0.0])
    momentum = (-force(at.position), viscosity * v.gradient - p.value * jnp.eye(2))
    return momentum, (mean.value - v.divergence, None), (p.value, None)


def flow_of_mini(n):
    mesh = grid("triangle", n)
    spaces = (FunctionSpace(mesh, [1, ("bubble", 3)], 2), FunctionSpace(mesh, 1), FunctionSpace(mesh, "real"))
    form = Weak(stokes, jnp.array(1.0), degree=5, symmetric=True, linear=True)
    return Balance(spaces, [form], [Dirichlet("all", 0.0)])


@pytest.mark.slow
def test_stokes_by_mini():
    def found(n):
        problem = flow_of_mini(n)
        v, p, mean = newton_step(problem)
        assert abs(mean[0]) < 1e-9
        return errors(problem.spaces[0], v, swirl)[0], errors(problem.spaces[1], p, lambda x: x[0] - 0.5)[0]

    of_flow, of_pressure = order(found, 4, 8)
    assert of_flow == pytest.approx(2, abs=0.25)
    assert of_pressure > 1


def frequencies(mesh, element):
    """Eigenvalues / π² of curl curl E = λ E in a box of metal, and how many are 0."""
    space, metal = FunctionSpace(mesh, element), [Dirichlet("all", 0.0)]
    of = lambda density: to_scipy((b := Balance(space, [Energy(density)], metal)).jacobian(b.unknowns(None)))
    matrices = [of(lambda u, at, p, g=g: jnp.sum(g(u) ** 2) / 2).toarray() for g in (_curl, _value)]
    found = scipy.linalg.eigh(*matrices, eigvals_only=True) / np.pi**2
    return found[found > 1e-6], int(np.sum(found <= 1e-6))


def _curl(u):
    return u.curl


def _value(u):
    return u.value


@pytest.mark.slow
def test_a_square_cavity():
    """n² + m²; the kernel is the gradients of the functions that are 0 on the boundary."""
    found, kernel = frequencies(grid("triangle", 6), ("N1curl", 2))
    np.testing.assert_allclose(found[:8], [1, 1, 2, 4, 4, 5, 5, 8], rtol=5e-3)
    assert kernel == 11**2


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "n"), (("hexahedron", 3), ("tetrahedron", 2)))
def test_a_cubic_cavity_has_no_spurious_modes(cell, n):
    """2, 2, 2, 3, 3, 5 (six times), …, two each where no number is 0: 11 below 5.5."""
    found, kernel = frequencies(grid(cell, n), ("N1curl", 2))
    np.testing.assert_allclose(found[:11], [2, 2, 2, 3, 3, *[5] * 6], rtol=0.08)
    assert np.sum(found < 5.5) == 11
    assert kernel == {"hexahedron": 5**3, "tetrahedron": 3**3}[cell]


def plate(n):
    """D Δ²w = q on a square that is clamped, by continuous elements and interior penalty; D = q = 1."""

    def bending(w, at, stiffness):
        return stiffness * jnp.sum(w.hessian**2) / 2 - w.value

    def kink(turn, moment, at, stiffness):
        return stiffness * (20 / at.size * turn**2 / 2 - moment * turn)

    def joint(w, at, stiffness):
        return kink(w.jump_gradient @ at.normal, at.normal @ w.mean_hessian @ at.normal, at, stiffness)

    def rim(w, at, stiffness):
        return kink(w.gradient @ at.normal, at.normal @ w.hessian @ at.normal, at, stiffness)

    space = FunctionSpace(rectangle((n, n), cell_type="triangle"), 3)
    stiffness = jnp.array(1.0)
    terms = [
        Energy(bending, stiffness, linear=True),
        Energy(joint, stiffness, "interior", linear=True),
        Energy(rim, stiffness, "all", linear=True),
    ]
    return Balance(space, terms, [Dirichlet("all", 0.0)])


@pytest.mark.slow
def test_a_clamped_plate():
    """Timoshenko, Woinowsky-Krieger: 0.00126532 q a⁴ / D in the middle."""
    wrong = [abs(float(jnp.max(newton_step(plate(n)))) / 0.00126532 - 1) for n in (4, 8)]
    assert wrong[1] < 0.02
    assert wrong[1] < wrong[0] / 3


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("first", (0, 1))
def test_a_mean_value_by_a_multiplier(first):
    """−Δu = f without any boundary condition, ∫ u = 0 by one unknown of the whole mesh, wherever that stands."""
    exact = lambda x: jnp.prod(jnp.cos(jnp.pi * x))
    mesh = grid("triangle", 4)
    spaces = [FunctionSpace(mesh, 2), FunctionSpace(mesh, "real")]
    ordered = lambda pair: tuple(pair[::-1] if first else pair)

    def pure(both, at, p):
        u, mean = ordered(both)
        return ordered(
            ((mean.value - 2 * jnp.pi**2 * exact(at.position), u.gradient), (u.value - exact(at.position), None))
        )

    u, mean = ordered(newton_step(Balance(ordered(spaces), [Weak(pure, symmetric=True)])))
    assert mean.shape == (1,)
    assert errors(spaces[0], u, exact)[0] < 5e-3


def circuit():
    """A bar with a contact of conductance g on a source of 10 V behind a resistor: its potential is an unknown."""
    mesh = grid("triangle", 2)
    given = dict(source=jnp.array(10.0), resistance=jnp.array(0.5), contact=jnp.array(4.0), bar=jnp.array(2.0))

    def conduction(u, at, p):
        v, contact = u
        return (None, p["bar"] * v.gradient), ((contact.value - p["source"]) / p["resistance"], None)

    def contact(u, at, p):
        current = p["contact"] * (u[1].value - u[0].value)
        return (-current, None), (current, None)

    spaces = FunctionSpace(mesh, 1), FunctionSpace(mesh, "real")
    terms = [Weak(conduction, given, linear=True), Weak(contact, given, "right", linear=True)]
    return Balance(spaces, terms, [Dirichlet("left", 0.0)])


@pytest.mark.slow
def test_a_circuit_and_a_field():
    """I = U / (R + 1/g + 1/σ)."""
    v, contact = newton_step(circuit())
    current = 10 / (0.5 + 1 / 4 + 1 / 2)
    assert float(contact[0]) == pytest.approx(10 - current * 0.5, abs=1e-12)
    assert float(v.max()) == pytest.approx(current / 2, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "which"),
    [
        (lambda: plate(2), lambda p: [form.parameters for form in p.forms]),
        (circuit, lambda p: p.forms[1].parameters["contact"]),
    ],
    ids=["plate", "circuit"],
)
def test_derivatives_through_the_solve(problem, which):
    """Of a smooth function of every unknown, along a parameter."""
    problem = problem()
    start = which(problem)

    def loss(scale):
        moved = eqx.tree_at(which, problem, jax.tree.map(lambda p: p * scale, start))
        return sum(jnp.sum(jnp.sin(1 + u)) for u in jax.tree.leaves(sp.solve(moved).value))

    assert check_gradient(loss, jnp.array(1.3)).order > 1.9
