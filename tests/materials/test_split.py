"""Energies told apart into distortion and volume."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys import materials as m


FINITE = [
    m.NeoHooke.from_young(E=2.0, nu=0.4),
    m.IsochoricNeoHooke(mu=0.8, kappa=5.0),
    m.MooneyRivlin(c10=0.3, c01=0.05, kappa=4.0),
    m.Yeoh(c10=0.4, c20=-0.01, c30=0.001, kappa=3.0),
    m.Gent(mu=0.7, limit=30.0, kappa=6.0),
    m.Ogden(mu=jnp.array([0.63, 0.0012]), alpha=jnp.array([1.3, 5.0]), kappa=7.0),
    m.ArrudaBoyce(mu=0.5, locking_stretch=4.0, kappa=8.0),
    m.HolzapfelGasserOgden(mu=0.3, k1=1.0, k2=2.0, dispersion=0.1, kappa=9.0, fibres=[[1.0, 0.0, 0.0]]),
]
F3 = jnp.array([[1.2, 0.1, 0.0], [-0.2, 0.9, 0.1], [0.05, 0.0, 1.05]])
STRAIN = jnp.array([[0.02, 0.01, 0.0], [0.01, -0.015, 0.004], [0.0, 0.004, 0.03]])
CASES = [(law, F3) for law in FINITE] + [(m.LinearElastic(E=3.0, nu=0.35), STRAIN)]
CASES += [(m.PlaneStrain(law), x[:2, :2]) for law, x in (CASES[1], CASES[0], CASES[-1])]
NAMES = [type(getattr(law, "material", law)).__name__ + ("2" if x.shape == (2, 2) else "") for law, x in CASES]


@pytest.mark.breadth
@pytest.mark.parametrize(("law", "x"), CASES, ids=NAMES)
def test_at_the_stationary_pressure_the_energy_is_the_law_s(law, x):
    """Π(F, −θ/c) = W(F), and with it the stress; Π is concave in p, with curvature −c."""
    split = m.volumetric_split(law)

    @jax.jit
    def both(x):
        c = split.compliance(law)
        p = -split.dilatation(law, x) / c
        twice = jax.grad(jax.grad(split.energy, argnums=1), argnums=1)(x, p) + c
        return jax.value_and_grad(split.energy, argnums=(0, 1))(x, p), jax.value_and_grad(law.energy)(x), twice / c

    (energy, slope), (expected, stress), off = both(x)
    np.testing.assert_allclose(energy, expected, rtol=1e-12)
    np.testing.assert_allclose(slope[0], stress, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(slope[1], 0, atol=1e-13)
    np.testing.assert_allclose(off, 0, atol=1e-12)


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("law", "mu"),
    [
        (m.LinearElastic(E=3.0, nu=0.5 - 1e-9), 1.0),
        (m.NeoHooke(mu=0.7, lam=20.0), 0.7),
        (m.MooneyRivlin(c10=0.3, c01=0.05, kappa=4.0), 0.7),
        (m.PlaneStrain(m.IsochoricNeoHooke(mu=0.8, kappa=1e30)), 0.8),
    ],
)
def test_shear_modulus(law, mu):
    dim = law.dimension
    x = jnp.zeros((dim, dim)) if isinstance(law, m.AbstractSmallStrain) else jnp.eye(dim)
    np.testing.assert_allclose(jax.jit(lambda x: m.volumetric_split(law).shear_modulus(x))(x), mu, rtol=1e-8)


def test_nothing_is_lost_without_compliance():
    """κ = 1e30 is as good as infinity: stresses of the mixed form stay what they are."""
    of = lambda kappa: jax.grad(m.volumetric_split(m.IsochoricNeoHooke(mu=0.8, kappa=kappa)).energy)(F3, 0.3)
    assert jnp.all(jnp.isfinite(of(1e30)))
    np.testing.assert_array_equal(of(1e30), of(1.0))


def test_laws_without_a_mixed_form_are_refused():
    law = m.NeoHooke(mu=1.0, lam=2.0, volumetric=m.SimoTaylor())
    with pytest.raises(ValueError, match="LogSquared"):
        m.volumetric_split(law)
    for law in (m.StVenantKirchhoff(E=1.0, nu=0.3), m.PlaneStress(m.LinearElastic(E=1.0, nu=0.3))):
        with pytest.raises(ValueError, match="no mixed form"):
            m.volumetric_split(law)
