"""Laws with a memory against closed forms, and derivatives through the whole history."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys.materials import FinitePlasticity, J2Plasticity, NeoHooke, PlaneStrain, Viscoelastic, uniaxial


STEEL = dict(E=200e3, nu=0.3, yield_stress=250.0)


bar = jax.jit(lambda law, strains: uniaxial(law, strains, jnp.arange(float(len(strains)))))


def pulled(law, *turns, steps=40):
    """Strains that go from turn to turn in equal steps, from 0."""
    ends = np.array([0.0, *turns])
    parts = [np.linspace(a, b, steps + 1)[1:] for a, b in itertools.pairwise(ends)]
    strains = np.concatenate([[0.0], *parts])
    # Held where it ends: one program for all paths.
    held = np.append(strains, np.full(401 - len(strains), strains[-1]))
    return jnp.asarray(strains), bar(law, jnp.asarray(held))[: len(strains)]


@pytest.mark.slow
def test_elastic_below_yield():
    strains, stresses = pulled(J2Plasticity(**STEEL), 1e-3, -1e-3)
    np.testing.assert_allclose(stresses, 200e3 * strains, rtol=1e-12, atol=1e-9)


@pytest.mark.slow
def test_perfect_plasticity_stays_at_yield():
    _, stresses = pulled(J2Plasticity(**STEEL), 0.01, -0.01, 0.01)
    np.testing.assert_allclose(stresses[40::40], [250.0, -250.0, 250.0], rtol=1e-12)
    assert np.abs(stresses).max() <= 250 * (1 + 1e-12)


@pytest.mark.slow
def test_linear_hardening():
    """Slope E H / (E + H) after yield."""
    strains, stresses = pulled(J2Plasticity(**STEEL, hardening=10e3), 0.01)
    tangent = 200e3 * 10e3 / 210e3
    np.testing.assert_allclose(stresses[-1], 250 + tangent * (0.01 - 250 / 200e3), rtol=1e-12)
    _, both_ways = pulled(J2Plasticity(**STEEL, hardening=10e3), 0.01, 0.01 - 2 * float(stresses[-1]) / 200e3)
    np.testing.assert_allclose(both_ways[-1], -stresses[-1], rtol=1e-10)


def test_prager_s_hardening_moves_the_yield_surface():
    """The elastic range stays 2 σ_y wide (Bauschinger)."""
    law = J2Plasticity(**STEEL, kinematic=10e3)
    strains, stresses = pulled(law, 0.01, 0.01 - 2 * 250 / 200e3, -0.01)
    np.testing.assert_allclose(stresses[40] - stresses[80], 500.0, rtol=1e-10)
    assert float(stresses[81] - stresses[80]) / float(strains[81] - strains[80]) < 0.2 * 200e3


@pytest.mark.slow
def test_voce_and_armstrong_frederick_saturate():
    """σ → σ_y + Q and, with C/γ of back stress, σ_y + C/γ."""
    _, voce = pulled(J2Plasticity(**STEEL, saturation=80.0, rate=500.0), 0.05, steps=400)
    np.testing.assert_allclose(voce[-1], 330.0, rtol=1e-9)
    _, recovery = pulled(J2Plasticity(**STEEL, kinematic=20e3, recovery=200.0), 0.2, steps=400)
    np.testing.assert_allclose(recovery[-1], 350.0, rtol=1e-6)
    # Ohno: after p, the back stress is C/γ (1 − e^{−γ p}); backward Euler is of first order.
    errors = []
    for steps in (200, 400):
        strains, stresses = pulled(J2Plasticity(**STEEL, kinematic=20e3, recovery=200.0), 0.01, steps=steps)
        p = float(strains[-1] - stresses[-1] / 200e3)
        errors.append(abs(float(stresses[-1]) - 250 - 100 * (1 - np.exp(-200 * p))))
    assert 1.8 < errors[0] / errors[1] < 2.2 and errors[1] < 0.2


@pytest.mark.slow
def test_derivatives_through_the_history():
    """With respect to every constant, over a cycle."""
    constants = dict(STEEL, hardening=1e3, saturation=80.0, rate=50.0, kinematic=5e3, recovery=30.0)
    names = ("E", "yield_stress", "hardening", "saturation", "rate", "kinematic", "recovery")
    strains = jnp.asarray(np.concatenate([np.linspace(0, 0.01, 11), np.linspace(0.01, -0.01, 21)[1:]]))

    def total(values):
        law = J2Plasticity(**{**constants, **dict(zip(names, values))})
        return jnp.sum(uniaxial(law, strains, jnp.arange(31.0)) ** 2) / 1e4

    at = tuple(jnp.asarray(constants[name]) for name in names)
    both = jax.jit(jax.value_and_grad(total))
    value, slopes = both(at)
    assert sp.check_gradient(lambda at: both(at)[0], at, known=(value, slopes)).order > 1.9
    assert all(float(g) != 0 for g in slopes)


def stress_after(strain, law, state):
    return law.update(strain, state, 1.0)[0]


tangent_after = jax.jit(jax.jacfwd(stress_after))
tangent_in_reverse = jax.jit(jax.jacrev(stress_after))


def test_virgin_material_is_differentiable():
    law, none = J2Plasticity(**STEEL, hardening=1e3, kinematic=5e3), jnp.zeros((3, 3))
    tangent = tangent_after(none, law, law.initial())
    elastic = jax.jit(jax.jacfwd(sp.materials.LinearElastic(E=200e3, nu=0.3).stress))(none)
    symmetric = lambda A: (A + jnp.swapaxes(A, 2, 3)) / 2
    np.testing.assert_allclose(symmetric(tangent), symmetric(elastic), rtol=1e-10, atol=1e-6)
    assert np.all(np.isfinite(tangent_in_reverse(none, law, law.initial())))


METAL = dict(STEEL, hardening=1e3)
REMEMBERING = {
    "J2": lambda: J2Plasticity(**METAL),
    "J2, Prager": lambda: J2Plasticity(**METAL, kinematic=5e3),
    "J2, recovery": lambda: J2Plasticity(**METAL, kinematic=5e3, recovery=0.0),
    "finite": lambda: FinitePlasticity(**METAL),
    "finite, kinematic": lambda: FinitePlasticity(**METAL, kinematic=0.0),
}


@pytest.mark.breadth
@pytest.mark.parametrize("name", REMEMBERING)
def test_tangent_is_symmetric_where_it_says_so_whatever_the_parameters(name):
    """What a law says of itself when it is made holds for every parameter that it has: an adjoint relies on it."""
    law = REMEMBERING[name]()
    assert law.symmetric == (name in ("J2", "J2, Prager", "finite"))
    law = jax.tree.map(lambda leaf: jnp.where(leaf == 0, 40.0, 1.2 * leaf), law)
    rng = np.random.default_rng(0)
    unit = jnp.eye(3) if law.finite else jnp.zeros((3, 3))
    pick = lambda: unit + jnp.asarray(0.004 * (lambda a: a + a.T)(rng.standard_normal((3, 3))))
    _, state = jax.jit(type(law).update)(law, pick(), law.initial(), 1.0)
    tangent = tangent_after(pick(), law, state).reshape(9, 9)
    skew = float(jnp.abs(tangent - tangent.T).max() / jnp.abs(tangent).max())
    assert (skew < 1e-9) == law.symmetric


RUBBER = NeoHooke(mu=1.0, lam=50.0)
BRANCHES = dict(shares=[0.3, 0.2], times=[1.0, 10.0])


def sheared(gamma):
    return jnp.eye(3).at[0, 1].set(gamma)


def relaxation(law, gamma, times):
    """Shear stress after a sudden shear that is held."""

    def step(state, interval):
        stress, state = law.update(sheared(gamma), state, interval)
        return state, stress[0, 1]

    first, state = law.update(sheared(gamma), law.initial(), jnp.asarray(1e-9))
    _, rest = jax.lax.scan(step, state, jnp.diff(times))
    return jnp.concatenate([first[0, 1][None], rest])


@pytest.mark.slow
def test_relaxation_is_a_prony_series():
    times = jnp.asarray(np.concatenate([[0.0], np.geomspace(0.1, 200, 30)]))
    found = relaxation(Viscoelastic(RUBBER, **BRANCHES), 0.4, times)
    left = 0.5 + 0.3 * np.exp(-times / 1.0) + 0.2 * np.exp(-times / 10.0)
    np.testing.assert_allclose(found / found[0], left, rtol=1e-8)
    np.testing.assert_allclose(found[0], RUBBER.first_piola(sheared(0.4))[0, 1], rtol=1e-8)


def test_slow_and_fast_limits():
    law, F = Viscoelastic(RUBBER, **BRANCHES), sheared(0.2)
    fast, _ = law.update(F, law.initial(), jnp.asarray(1e-8))
    np.testing.assert_allclose(fast, RUBBER.first_piola(F), atol=1e-7)
    slow, _ = law.update(F, law.initial(), jnp.asarray(1e8))
    np.testing.assert_allclose(slow[0, 1], 0.5 * RUBBER.first_piola(F)[0, 1], rtol=1e-6)


def test_rotation_of_everything_rotates_the_stress():
    law = Viscoelastic(RUBBER, **BRANCHES)
    Q = jnp.asarray(np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0])
    Q = Q * jnp.sign(jnp.linalg.det(Q))
    _, state = law.update(sheared(0.3), law.initial(), jnp.asarray(0.5))
    stress, _ = law.update(sheared(0.1), state, jnp.asarray(0.5))
    turned, _ = law.update(Q @ sheared(0.1), state, jnp.asarray(0.5))
    np.testing.assert_allclose(turned, Q @ stress, atol=1e-12)


def test_relaxation_times_are_differentiable():
    times = jnp.linspace(0.0, 5.0, 6)
    total = lambda p: jnp.sum(relaxation(Viscoelastic(RUBBER, shares=p[0], times=p[1]), 0.4, times))
    assert check_gradient(total, (jnp.array([0.3, 0.2]), jnp.array([1.0, 10.0]))).order > 1.9


def test_misuse_raises():
    with pytest.raises(ValueError, match="`yield_stress`"):
        J2Plasticity(E=1.0, nu=0.3, yield_stress=-1.0)
    with pytest.raises(ValueError, match="less than 1"):
        Viscoelastic(RUBBER, shares=[0.7, 0.4], times=[1.0, 2.0])
    with pytest.raises(ValueError, match="lists of one length"):
        Viscoelastic(RUBBER, shares=[0.7], times=[1.0, 2.0])
    with pytest.raises(ValueError, match="finite-strain law"):
        Viscoelastic(PlaneStrain(RUBBER), **BRANCHES)


@pytest.mark.slow
def test_small_strains_of_a_bar_relax_as_the_series_says():
    """To machine precision the lateral stretch is known to that of 1, not to that of the strain."""
    rubber = sp.materials.IsochoricNeoHooke(mu=1.0, kappa=2000.0)
    law = Viscoelastic(rubber, shares=[0.3, 0.4], times=[1.0, 10.0])
    t = jnp.array([0.0, 1e-6, 1.0, 5.0])
    stress = uniaxial(law, jnp.where(t > 0, 1e-3, 0.0), t)
    exact = 0.3 + 0.3 * np.exp(-t[1:]) + 0.4 * np.exp(-t[1:] / 10)
    np.testing.assert_allclose(stress[1:] / stress[1], exact, rtol=1e-3)
