"""Homogeneous incompressible tests against closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys.materials as sm


STRETCH = jnp.array([0.7, 1.0, 1.5, 3.0])
RUBBER = sm.MooneyRivlin(c10=0.4, c01=0.1, kappa=3.0)
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
@pytest.mark.parametrize("kind", [sm.Uniaxial, sm.Equibiaxial, sm.PureShear])
def test_mooney(kind):
    np.testing.assert_allclose(stress_of(RUBBER, kind(), STRETCH), mooney(0.4, 0.1)[kind], rtol=1e-11, atol=1e-13)


@pytest.mark.slow
def test_mooney_s_parameter_derivatives(kind=sm.Equibiaxial):
    slopes = slopes_of(RUBBER, kind(), STRETCH)
    np.testing.assert_allclose(slopes.c10, mooney(1.0, 0.0)[kind], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(slopes.c01, mooney(0.0, 1.0)[kind], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(slopes.kappa, 0, atol=1e-12)


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
    bad = eqx.tree_at(lambda law: law.c10, RUBBER, jnp.full_like(RUBBER.c10, -1.0))
    assert np.all(np.isnan(stress_of(bad, sm.Uniaxial(), STRETCH)))
    assert np.all(np.isnan(stress_of(RUBBER, sm.Uniaxial(), -STRETCH)))
