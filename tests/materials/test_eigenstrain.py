"""Laws with a strain of their own that is free of stress."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.fem import CellField
from simphys.materials import (
    Axisymmetric,
    Eigenstrain,
    FinitePlasticity,
    IsochoricNeoHooke,
    J2Plasticity,
    LinearElastic,
    NeoHooke,
    OrthotropicElastic,
    PlaneStrain,
    PlaneStress,
    ThermalStrain,
    Viscoelastic,
    is_linear,
    volumetric_split,
)


E, NU, ALPHA, RISE = 200.0, 0.3, 1e-3, 40.0
HOOKE, RUBBER = LinearElastic(E=E, nu=NU), NeoHooke(mu=2.0, lam=3.0)
WOOD = OrthotropicElastic(E1=9.0, E2=3.0, E3=2.0, nu12=0.3, nu13=0.2, nu23=0.4, G12=1.0, G13=0.8, G23=0.7)
METAL = dict(E=E, nu=NU, yield_stress=1.0, hardening=5.0)
OWN = np.array([[0.03, 0.01, 0.0], [0.01, -0.02, 0.005], [0.0, 0.005, 0.04]])
F = jnp.eye(3) + jnp.asarray(np.random.default_rng(0).normal(size=(3, 3))) * 0.05


def warm(law, alpha=ALPHA):
    return ThermalStrain(law, alpha, temperature=60.0, reference=20.0)


@eqx.filter_jit
def stress(law, measure):
    if hasattr(law, "update"):
        return law.update(measure, law.initial(), jnp.ones(()))[0]
    return law.first_piola(measure) if hasattr(law, "first_piola") else law.stress(measure)


LAWS = {
    "Hooke": HOOKE,
    "wood": WOOD,
    "rubber": RUBBER,
    "metal": J2Plasticity(**METAL),
    "metal, finite": FinitePlasticity(**METAL),
    "viscous": Viscoelastic(RUBBER, shares=[0.3], times=[1.0]),
}


AXES = [0.03, 0.0, -0.02]
OWNS = {"Hooke": 0.04, "wood": OWN, "rubber": AXES, "metal": OWN, "metal, finite": AXES, "viscous": 0.04}


@pytest.mark.breadth
@pytest.mark.parametrize("name", LAWS)
def test_its_own_strain_is_free_of_stress(name):
    law, own = LAWS[name], OWNS[name]
    finite = hasattr(law, "first_piola") or getattr(law, "finite", False)
    full = np.asarray(own) if np.ndim(own) == 2 else np.diag(np.broadcast_to(own, 3))
    measure = jnp.asarray(full + np.eye(3) if finite else full)
    np.testing.assert_allclose(stress(Eigenstrain(law, own), measure), np.zeros((3, 3)), atol=1e-12)
    np.testing.assert_allclose(stress(warm(law, np.asarray(own) / RISE), measure), np.zeros((3, 3)), atol=1e-12)


@pytest.mark.breadth
@pytest.mark.parametrize("law", [RUBBER, LAWS["metal, finite"], LAWS["viscous"]], ids=["elastic", "plastic", "viscous"])
def test_the_grown_body_is_the_undeformed_one_of_the_law(law):
    """Cauchy's stress is the law's for F_e = F F*⁻¹."""
    grown = jnp.eye(3) + jnp.asarray(OWN)
    elastic = F @ jnp.linalg.inv(grown)
    cauchy = lambda P, F: P @ F.T / jnp.linalg.det(F)
    np.testing.assert_allclose(
        cauchy(stress(Eigenstrain(law, OWN), F), F), cauchy(stress(law, elastic), elastic), rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("law", [HOOKE, RUBBER, WOOD], ids=["Hooke", "rubber", "wood"])
def test_stress_is_the_slope_of_the_energy(law):
    law = Eigenstrain(law, OWN)
    measure = F if law.material is RUBBER else (F + F.T) / 2 - jnp.eye(3)
    np.testing.assert_allclose(stress(law, measure), jax.grad(law.energy)(measure), rtol=1e-11, atol=1e-13)


@pytest.mark.slow
def test_the_third_direction_of_a_plane_body_expands_too():
    """Held in the plane: σ = −E α ΔT/(1 − ν) under plane stress, −E α ΔT/(1 − 2ν) under plane strain."""
    for plane, factor in ((PlaneStress, 1 - NU), (PlaneStrain, 1 - 2 * NU)):
        for law in (plane(warm(HOOKE)), warm(plane(HOOKE))):
            expected = -E * ALPHA * RISE / factor * np.eye(2)
            np.testing.assert_allclose(stress(law, jnp.zeros((2, 2))), expected, atol=1e-12)
            assert is_linear(law) and law.material.temperature == 60.0
    assert isinstance(warm(Axisymmetric(HOOKE)).material, type(warm(HOOKE)))
    free = warm(PlaneStress(RUBBER))
    both = eqx.filter_jit(lambda law, F: (law.first_piola(F), law.complete(F)))(free, 1.04 * jnp.eye(2))
    np.testing.assert_allclose(both[0], np.zeros((2, 2)), atol=1e-12)
    np.testing.assert_allclose(both[1], 1.04 * np.eye(3), atol=1e-12)


@pytest.mark.parametrize("law", [HOOKE, IsochoricNeoHooke(mu=2.0, kappa=30.0)], ids=["small", "finite"])
def test_the_mixed_form_has_the_same_stationary_energy(law):
    """Π(F, −θ/c) = W and ∂Π/∂F = P."""
    law = Eigenstrain(law, OWN)
    measure = F if hasattr(law, "first_piola") else (F + F.T) / 2 - jnp.eye(3)
    split = volumetric_split(law)
    p = -split.dilatation(law, measure) / split.compliance(law)
    energy, slope = jax.value_and_grad(split.energy)(measure, p)
    np.testing.assert_allclose(energy, law.energy(measure), rtol=1e-12)
    np.testing.assert_allclose(slope, stress(law, measure), rtol=1e-11, atol=1e-12)


def test_own_strains_add_up():
    twice = Eigenstrain(Eigenstrain(HOOKE, 0.01), 0.02)
    np.testing.assert_allclose(twice.stress(0.03 * jnp.eye(3)), np.zeros((3, 3)), atol=1e-14)


def test_what_turns_inside_out_has_no_energy():
    assert np.isnan(Eigenstrain(RUBBER, -1.5).energy(jnp.eye(3)))


def test_misuse():
    for make, text in (
        (lambda: warm(3.0), "ThermalStrain needs a solid law"),
        (lambda: Eigenstrain(PlaneStrain, 0.1), "Eigenstrain needs a solid law"),
        (lambda: ThermalStrain(HOOKE, np.nan, temperature=1.0), "`expansion` must be finite"),
        (lambda: ThermalStrain(HOOKE, 1e-5, temperature=np.zeros(9)), "`temperature` must have shape .*NodalField"),
        (lambda: Eigenstrain(HOOKE, np.zeros((2, 2))), "`strain` must have shape"),
    ):
        with pytest.raises(ValueError, match=text):
            make()
    assert eqx.tree_equal(Eigenstrain(HOOKE, CellField([0.1, 0.2])).expansion, CellField([0.1, 0.2]))
