"""Plasticity at finite strain against closed forms, in rotated frames, and where stretches repeat."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient, program

import simphys as sp
from simphys.materials import FinitePlasticity, J2Plasticity, uniaxial
from simphys.materials._tensor_functions import exponential, log_and_inverse_root


STEEL = dict(E=200e3, nu=0.3, yield_stress=250.0)
ALL = dict(STEEL, hardening=1e3, saturation=80.0, rate=15.0)
MOVING = dict(ALL, kinematic=3e3, recovery=20.0)
POINTS = {
    "unit": (1.0, 1.0, 1.0),
    "two equal": (1.3, 0.9, 0.9),
    "nearly equal": (1.3, 0.9, 0.9 + 1e-9),
    "near the switch": (1.0, 1.02, 1.05),
    "apart": (0.7, 1.1, 1.6),
}


def rotation(seed):
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    return jnp.asarray(Q * np.linalg.det(Q))


def path(steps=12, size=0.25, seed=0):
    """Deformations along a curved path, not coaxial from step to step."""
    A, B = (jnp.asarray(np.random.default_rng(seed + k).standard_normal((3, 3))) for k in range(2))
    s = np.linspace(0, 1, steps + 1)[1:]
    return jnp.stack([jnp.eye(3) + size * (t * A + np.sin(3 * t) * (B - B.T) / 2) for t in s])


@jax.jit
def led(law, gradients):
    """Stress and state after each of several steps."""

    def step(state, F):
        stress, state = law.update(F, state, 1.0)
        return state, (stress, state)

    return jax.lax.scan(step, law.initial(), gradients)[1]


@jax.jit
def stress_after(law, F, state):
    return law.update(F, state, 1.0)[0]


tangent_after = jax.jit(jax.jacfwd(stress_after, 1))
pulled = jax.jit(lambda law, strain: uniaxial(law, jnp.expm1(strain), jnp.arange(25.0)) * jnp.exp(strain))
"""Kirchhoff's stress at 25 logarithmic strains."""


def symmetric(X):
    return (X + X.T) / 2


def log_and_back(X):
    return exponential(log_and_inverse_root(symmetric(X))[0])


def inverse_by_roots(X):
    root = log_and_inverse_root(symmetric(X))[1]
    return root @ root


PAIRS = [(log_and_back, symmetric), (inverse_by_roots, lambda X: jnp.linalg.inv(symmetric(X)))]
WITH_DERIVATIVES = [
    tuple(jax.jit(lambda A, f=f: (f(A), jax.jacfwd(f)(A), jax.hessian(f)(A))) for f in pair) for pair in PAIRS
]


@pytest.mark.slow
@pytest.mark.parametrize("stretches", POINTS.values(), ids=POINTS)
def test_tensor_functions_and_their_derivatives(stretches):
    """A = exp ln A; first derivatives against the identity d(A^-1) and second ones against differences of first."""
    Q = rotation(1)
    for A in (jnp.diag(jnp.asarray(stretches)), Q @ jnp.diag(jnp.asarray(stretches)) @ Q.T):
        for found, expected in WITH_DERIVATIVES:
            for a, b, accuracy in zip(found(A), expected(A), (1e-13, 1e-12, 2e-11), strict=True):
                np.testing.assert_allclose(a, b, atol=accuracy)


@pytest.mark.slow
def test_third_derivatives_of_tensor_functions_are_nan_not_wrong():
    function = lambda t: exponential(symmetric(jnp.diag(jnp.arange(3.0)) + t * jnp.ones((3, 3))))
    for _ in range(3):
        function = jax.jacfwd(function)
    assert np.all(np.isnan(jax.jit(function)(jnp.asarray(0.1))))


@pytest.mark.slow
def test_uniaxial_tension_in_closed_form():
    """Kirchhoff's stress follows E ε, then σ_y + E H/(E + H) (ε − σ_y/E), ε = ln λ; nominal stress is τ/λ."""
    strain = jnp.linspace(0.0, 0.7, 25)
    found = pulled(FinitePlasticity(**STEEL, hardening=1e3), strain)
    elastic = 250 / 200e3
    expected = jnp.where(strain < elastic, 200e3 * strain, 250 + 200e3 / 201 * (strain - elastic))
    np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.slow
def test_voce_tension_there_and_back():
    """τ = E (ε − p) and τ = σ_y(p) hold along the way; pushed back it yields at the same stress."""
    law = FinitePlasticity(**ALL)
    strain = jnp.concatenate([jnp.linspace(0.0, 0.5, 11), jnp.linspace(0.45, -0.2, 14)])
    found = pulled(law, strain)
    p = 0.5 - float(found[10]) / 200e3
    np.testing.assert_allclose(found[10], law.small.flow_stress(p), rtol=1e-10)
    p = p + (0.5 + 0.2) - float(found[10] - found[-1]) / 200e3
    np.testing.assert_allclose(-found[-1], law.small.flow_stress(p), rtol=1e-10)


@pytest.mark.slow
def test_simple_shear_of_a_rigid_plastic_body():
    """Perfectly plastic and elastically stiff: τ_xy → σ_y/√3, and flow keeps the volume."""
    law = FinitePlasticity(E=2e7, nu=0.3, yield_stress=250.0)
    F = jnp.broadcast_to(jnp.eye(3), (60, 3, 3)).at[:, 0, 1].set(jnp.linspace(0.05, 3.0, 60))
    stress, state = led(law, F)
    kirchhoff = stress @ jnp.swapaxes(F, 1, 2)
    np.testing.assert_allclose(kirchhoff, jnp.swapaxes(kirchhoff, 1, 2), atol=1e-6)
    np.testing.assert_allclose(kirchhoff[-1, 0, 1], 250 / np.sqrt(3), rtol=1e-3)
    np.testing.assert_allclose(state.accumulated[-1], 3.0 / np.sqrt(3), rtol=1e-3)
    np.testing.assert_allclose(jnp.linalg.det(state.inverse), 1.0, rtol=1e-12)


@pytest.mark.breadth
@pytest.mark.parametrize("constants", [ALL, MOVING], ids=["isotropic", "kinematic"])
def test_flow_keeps_volume_and_stress_is_on_the_yield_surface(constants):
    law = FinitePlasticity(**constants)
    stress, state = led(law, path())
    np.testing.assert_allclose(jnp.linalg.det(state.inverse), 1.0, rtol=1e-12)
    assert np.all(np.diff(state.accumulated) > 0)
    tau = stress @ jnp.swapaxes(path(), 1, 2)
    np.testing.assert_allclose(tau, jnp.swapaxes(tau, 1, 2), atol=1e-8)
    if constants is ALL:
        deviator = tau - jnp.trace(tau, axis1=1, axis2=2)[:, None, None] / 3 * jnp.eye(3)[None]
        size = jnp.sqrt(1.5 * jnp.sum(deviator**2, axis=(1, 2)))
        np.testing.assert_allclose(size, law.small.flow_stress(state.accumulated), rtol=1e-10)


@pytest.mark.parametrize("constants", [ALL, MOVING], ids=["isotropic", "kinematic"])
def test_rotation_of_everything_rotates_the_stress(constants):
    """A rotation of its own in every step: P becomes Q P, and the internal variables do not see it."""
    law, F = FinitePlasticity(**constants), path()
    Q = jnp.stack([rotation(seed) for seed in range(len(F))])
    stress, state = led(law, F)
    turned, seen = led(law, Q @ F)
    np.testing.assert_allclose(turned, Q @ stress, atol=1e-8)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), seen, state)


@pytest.mark.slow
def test_elastic_stress_is_hencky_s():
    """Below yield P = ∂W/∂F with W = μ |dev ε|² + κ/2 (tr ε)², whatever plastic flow came before."""
    law = FinitePlasticity(**MOVING)
    _, states = led(law, path())
    state = jax.tree.map(lambda leaf: leaf[-1], states)
    mu, kappa = 200e3 / 2.6, 200e3 / 1.2

    def energy(F):
        trial = F @ state.inverse
        strain = log_and_inverse_root(trial.T @ trial)[0] / 2
        volume = jnp.trace(strain)
        return mu * (jnp.sum(strain**2) - volume**2 / 3) + kappa / 2 * volume**2

    F = 1.0001 * rotation(5) @ jnp.linalg.inv(state.inverse)
    stress, after = jax.jit(type(law).update)(law, F, state, 1.0)
    assert after.accumulated == state.accumulated
    np.testing.assert_allclose(stress, jax.jit(jax.grad(energy))(F), atol=1e-8)


@pytest.mark.slow
def test_kinematic_error_is_of_second_order_in_the_elastic_strain():
    """The stress after a step that is not coaxial, against that of the elastic strain that is left: relative to the
    stress, the difference grows with the yield strain."""

    def error(scale):
        constants = {
            **MOVING,
            **{n: MOVING[n] * scale for n in ("yield_stress", "hardening", "saturation", "kinematic")},
        }
        law = FinitePlasticity(**constants)
        stress, state = led(law, path())
        last = jax.tree.map(lambda leaf: leaf[-1], state)
        again = stress_after(law, path()[-1], last)
        return float(jnp.abs(again - stress[-1]).max() / jnp.abs(stress[-1]).max())

    small, large = error(0.25), error(1.0)
    assert large < 1e-6 and 3 < large / small < 5


def test_small_strains_are_those_of_the_small_law():
    """The difference is of second order in the strain."""
    direction = jnp.asarray(np.random.default_rng(4).standard_normal((3, 3)))
    steps = jnp.linspace(1 / 12, 1.0, 12)[:, None, None]

    def difference(size):
        H = size * steps * direction[None]
        constants = {**MOVING, "yield_stress": 250.0 * size / 1e-3}
        finite, _ = led(FinitePlasticity(**constants), jnp.eye(3)[None] + H)
        small, _ = led(J2Plasticity(**constants), (H + jnp.swapaxes(H, 1, 2)) / 2)
        return float(jnp.abs(finite - small).max() / jnp.abs(small).max())

    assert difference(1e-5) < 1e-4
    assert 8 < difference(1e-4) / difference(1e-5) < 12


@pytest.mark.slow
@pytest.mark.parametrize("constants", [ALL, MOVING], ids=["isotropic", "kinematic"])
@pytest.mark.parametrize("stretches", POINTS.values(), ids=POINTS)
def test_tangent_is_consistent(stretches, constants):
    """∂P₁/∂F₁ against central differences, at repeated stretches too; symmetric where the law says so."""
    law = FinitePlasticity(**constants)
    _, states = led(law, path())
    stress, tangent = (functools.partial(f, law) for f in (stress_after, tangent_after))
    direction = jnp.asarray(np.random.default_rng(2).standard_normal((3, 3)))
    for state in (law.initial(), jax.tree.map(lambda leaf: leaf[-1], states)):
        F = rotation(7) @ jnp.diag(jnp.asarray(stretches)) + (1e-2 if stretches[0] == 1 else 0) * jnp.eye(3)[::-1]
        h = 1e-6
        expected = (stress(F + h * direction, state) - stress(F - h * direction, state)) / (2 * h)
        found = tangent(F, state)
        np.testing.assert_allclose(jnp.tensordot(found, direction), expected, atol=1e-7 * float(jnp.abs(found).max()))
        skew = found.reshape(9, 9) - found.reshape(9, 9).T
        # (With kinematic hardening the tangent of a virgin point is symmetric as well.)
        assert (float(jnp.abs(skew).max() / jnp.abs(found).max()) < 1e-9) or not law.symmetric
    assert law.symmetric == (constants is ALL)


def test_virgin_tangent_is_hooke_s():
    law = FinitePlasticity(**MOVING)
    tangent = tangent_after(law, jnp.eye(3), law.initial())
    elastic = jax.jacfwd(sp.materials.LinearElastic(E=200e3, nu=0.3).stress)(jnp.zeros((3, 3)))
    elastic = (elastic + jnp.swapaxes(elastic, 2, 3)) / 2
    np.testing.assert_allclose(tangent, elastic, atol=1e-6)


@pytest.mark.slow
def test_derivatives_through_the_history():
    """With respect to every constant and the path, over steps that turn round; first and second order."""
    names = tuple(MOVING)
    gradients = jnp.concatenate([path(4), path(4)[::-1]])

    def total(parameters):
        values, gradients = parameters
        stress, state = led(FinitePlasticity(**dict(zip(names, values))), gradients)
        return jnp.sum(stress[-1] ** 2) / 1e6 + 10 * state.accumulated[-1]

    at = (tuple(jnp.asarray(MOVING[name]) for name in names), gradients)
    assert check_gradient(total, at).order > 1.9
    values, paths = program(total)(at)[1]
    assert all(float(g) != 0 for g in values) and float(jnp.abs(paths[0]).max()) > 0


@pytest.mark.slow
def test_single_precision():
    F = path().astype(jnp.float32)
    with jax.enable_x64(False):
        single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), FinitePlasticity(**MOVING))
        start = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), single.initial())
        step = lambda state, F: (lambda found: (found[1], found[0]))(single.update(F, state, jnp.float32(1)))
        rough = jax.jit(lambda F: jax.lax.scan(step, start, F)[1])(F)
    assert rough.dtype == jnp.float32
    fine, _ = led(FinitePlasticity(**MOVING), path())
    np.testing.assert_allclose(rough, fine, atol=2e-3 * float(jnp.abs(fine).max()))


def test_misuse_raises():
    with pytest.raises(ValueError, match="`yield_stress`"):
        FinitePlasticity(E=1.0, nu=0.3, yield_stress=-1.0)
