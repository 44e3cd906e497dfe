"""Stress and entropy of one free energy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.materials import LinearElastic, NeoHooke, PlaneStrain, PlaneStress, Thermoelastic


E, NU, ALPHA, C, START = 200.0, 0.3, 1e-3, 2.0, 300.0
HOOKE = LinearElastic(E=E, nu=NU)
H3 = jnp.asarray(np.random.default_rng(0).normal(size=(3, 3))) * 0.01


stress_of = jax.jit(lambda law, H, T: law.stress(H, T))


def made(solid, **options):
    return Thermoelastic(solid, expansion=ALPHA, capacity=C, reference=START, **options)


@pytest.mark.parametrize("linearised", [False, True])
def test_against_formulas(linearised):
    """σ = C:(ε − α ΔT I), η = α tr σ + c ln(θ/θ_r) or c ΔT/θ_r."""
    law, T = made(HOOKE, linearised=linearised), jnp.asarray(320.0)
    stress = HOOKE.stress((H3 + H3.T) / 2 - ALPHA * 20 * jnp.eye(3))
    np.testing.assert_allclose(law.stress(H3, T), stress, rtol=1e-10)
    thermal = 20 / START if linearised else np.log(320 / START)
    np.testing.assert_allclose(law.entropy(H3, T), ALPHA * jnp.trace(stress) + C * thermal, rtol=1e-10)


@pytest.mark.slow
def test_celsius_is_kelvin_shifted():
    kelvin = made(NeoHooke(mu=2.0, lam=3.0))
    celsius = Thermoelastic(kelvin.solid, expansion=ALPHA, capacity=C, reference=START - 273.15, zero=-273.15)
    T = jnp.asarray(350.0)
    for law in ("stress", "entropy"):
        np.testing.assert_allclose(getattr(celsius, law)(H3, T - 273.15), getattr(kelvin, law)(H3, T), rtol=1e-11)


@pytest.mark.parametrize("solid", [HOOKE, NeoHooke(mu=2.0, lam=3.0)], ids=["small", "finite"])
def test_free_expansion_is_without_stress(solid):
    law, T = made(solid), jnp.asarray(340.0)
    np.testing.assert_allclose(law.stress(ALPHA * 40 * jnp.eye(3), T), np.zeros((3, 3)), atol=1e-12)


@pytest.mark.slow
def test_plane_laws_expand_in_the_third_direction():
    """Held in the plane: σ = −E α ΔT/(1 − ν) under plane stress, −E α ΔT/(1 − 2ν) under plane strain."""
    T, none = jnp.asarray(340.0), jnp.zeros((2, 2))
    for plane, factor in ((PlaneStress, 1 - NU), (PlaneStrain, 1 - 2 * NU)):
        expected = -E * ALPHA * 40 / factor * np.eye(2)
        np.testing.assert_allclose(stress_of(made(plane(HOOKE)), none, T), expected, atol=1e-9)


@pytest.mark.breadth
@pytest.mark.parametrize(
    "solid",
    [HOOKE, NeoHooke(mu=2.0, lam=3.0), PlaneStrain(HOOKE), PlaneStrain(NeoHooke(mu=2.0, lam=3.0))],
    ids=["small", "finite", "small, plane", "finite, plane"],
)
def test_both_come_of_one_energy(solid):
    """σ = ∂ψ/∂ε, η = −∂ψ/∂T."""
    law, T = made(solid), jnp.asarray(310.0)
    H = H3[: law.dimension, : law.dimension]
    stress, entropy = jax.grad(law.energy, argnums=(0, 1))(H, T)
    np.testing.assert_allclose(law.stress(H, T), stress, rtol=1e-10)
    np.testing.assert_allclose(law.entropy(H, T), -entropy, rtol=1e-8)


def test_below_absolute_zero_there_is_nothing():
    assert np.isnan(made(HOOKE).entropy(H3, jnp.asarray(-1.0)))


def test_misuse():
    for change, text in (
        (dict(capacity=0.0), "capacity"),
        (dict(reference=-3.0), "absolute zero"),
        (dict(expansion=np.nan), "expansion"),
    ):
        with pytest.raises(ValueError, match=text):
            Thermoelastic(HOOKE, **(dict(expansion=ALPHA, capacity=C, reference=START) | change))
    with pytest.raises(ValueError, match="elastic law"):
        made(3.0)
