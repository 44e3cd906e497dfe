"""Homogeneous incompressible tests against closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys.materials as sm


STRETCH = jnp.array([0.7, 1.0, 1.5, 3.0])
stress_of = eqx.filter_jit(sm.nominal_stress)
slopes_of = eqx.filter_jit(jax.jacrev(sm.nominal_stress))


def mooney(c10, c01):
    """Treloar's closed forms for P₁."""
    x = STRETCH
    return {
        sm.Uniaxial: 2 * (x - x**-2) * (c10 + c01 / x),
        sm.Equibiaxial: 2 * (x - x**-5) * (c10 + c01 * x**2),
        sm.PureShear: 2 * (x - x**-3) * (c10 + c01),
    }


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("kind", [sm.Uniaxial, sm.Equibiaxial, sm.PureShear])
def test_mooney_and_its_parameter_derivatives(kind):
    law = sm.MooneyRivlin(c10=0.4, c01=0.1, kappa=3.0)
    found = stress_of(law, kind(), STRETCH)
    np.testing.assert_allclose(found, mooney(0.4, 0.1)[kind], rtol=1e-11, atol=1e-13)
    slopes = slopes_of(law, kind(), STRETCH)
    np.testing.assert_allclose(slopes.c10, mooney(1.0, 0.0)[kind], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(slopes.c01, mooney(0.0, 1.0)[kind], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(slopes.kappa, 0, atol=1e-12)


@pytest.mark.slow
def test_ogden_uniaxial():
    law = sm.Ogden(mu=[0.63, 0.0012, -0.01], alpha=[1.3, 5.0, -2.0], kappa=3.0)
    x = np.asarray(STRETCH)
    expected = sum(m * (x ** (a - 1) - x ** (-a / 2 - 1)) for m, a in zip(law.mu, law.alpha))
    np.testing.assert_allclose(stress_of(law, sm.Uniaxial(), STRETCH), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.slow
def test_fibres_make_the_sides_unequal():
    law = sm.HolzapfelGasserOgden(
        mu=1.0, k1=2.0, k2=0.5, dispersion=0.0, kappa=5.0, fibres=[[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]
    )
    stress = stress_of(law, sm.Uniaxial(), jnp.asarray(1.3))

    def relaxed(stretch, side):
        return law.energy(jnp.diag(jnp.stack([stretch, side, 1 / (stretch * side)])))

    # The free sides minimise the energy at constant volume: search that minimum, then difference it.
    sides = jnp.linspace(0.6, 1.1, 200001)
    lowest = jax.jit(lambda x: jnp.min(jax.vmap(lambda side: relaxed(x, side))(sides)))
    best = [lowest(1.3 - 1e-3), lowest(1.3 + 1e-3)]
    np.testing.assert_allclose(stress, (best[1] - best[0]) / 2e-3, rtol=1e-5)


@pytest.mark.slow
def test_misuse():
    law = sm.NeoHooke(mu=1.0, lam=1.0)
    with pytest.raises(ValueError, match="Uniaxial"):
        sm.nominal_stress(law, "uniaxial", STRETCH)
    with pytest.raises(ValueError, match="AbstractFiniteStrain"):
        sm.nominal_stress(sm.LinearElastic(E=1.0, nu=0.3), sm.Uniaxial(), STRETCH)
    assert np.isnan(sm.nominal_stress(law, sm.Uniaxial(), jnp.asarray(-1.0)))
