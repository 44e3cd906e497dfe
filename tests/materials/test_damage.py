"""Isotropic damage at a point: closed forms, memory, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient, program

import simphys as sp
from simphys.materials import IsotropicDamage, uniaxial


CONCRETE = dict(E=30e3, nu=0.2, threshold=1e-4, rate=300.0, residual=0.02)


def lasting(kappa):
    """1 − ω in closed form."""
    kappa = np.maximum(kappa, 1e-4)
    return 1e-4 / kappa * (0.02 + 0.98 * np.exp(-300 * (kappa - 1e-4)))


def test_tension_in_closed_form():
    """σ = (1 − ω(ε)) E ε; on the way back the stiffness is what was left, and closes at 0."""
    strains = jnp.concatenate([jnp.linspace(0.0, 2e-3, 21), jnp.linspace(1.5e-3, 0.0, 4)])
    found = uniaxial(IsotropicDamage(**CONCRETE), strains, jnp.arange(25.0))
    largest = np.maximum.accumulate(strains)
    np.testing.assert_allclose(found, 30e3 * strains * lasting(largest), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ratio", [1.0, 10.0])
def test_compression_needs_k_times_the_strain(ratio):
    law = IsotropicDamage(**CONCRETE, ratio=ratio)
    bar = lambda axial: jnp.diag(jnp.array([axial, -0.2 * axial, -0.2 * axial]))
    np.testing.assert_allclose(law.equivalent(bar(1e-4)), 1e-4, rtol=1e-13)
    np.testing.assert_allclose(law.equivalent(bar(-1e-4)), 1e-4 / ratio, rtol=1e-12)


def test_virgin_point_is_elastic_and_differentiable():
    law = IsotropicDamage(**CONCRETE)
    tangent = jax.jacfwd(lambda strain: law.update(strain, law.initial(), 1.0)[0])(jnp.zeros((3, 3)))
    strain = 1e-5 * jnp.asarray((lambda a: a + a.T)(np.random.default_rng(0).standard_normal((3, 3))))
    expected = sp.materials.LinearElastic(E=30e3, nu=0.2).stress(strain)
    np.testing.assert_allclose(jnp.tensordot(tangent, strain), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_derivatives_through_the_history():
    """The last step is on the way back: it knows of the damage by its memory alone."""
    names = ("E", "threshold", "rate", "residual")
    strains = jnp.array([0.0, 5e-4, 1e-3, 4e-4])

    def last(values):
        law = IsotropicDamage(**{**CONCRETE, **dict(zip(names, values))})
        return uniaxial(law, strains, jnp.arange(4.0))[-1]

    at = tuple(jnp.asarray(CONCRETE[name]) for name in names)
    assert check_gradient(last, at).order > 1.9
    slope = program(last)(at)[1][2]
    np.testing.assert_allclose(slope, -30e3 * 4e-4 * 1e-4 / 1e-3 * 0.98 * np.exp(-0.27) * 9e-4, rtol=1e-8)


@pytest.mark.parametrize("wrong, name", [(dict(threshold=0.0), "threshold"), (dict(residual=1.5), "residual")])
def test_misuse_raises(wrong, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        IsotropicDamage(**{**CONCRETE, **wrong})
