"""Conduction laws and temperature curves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys.materials as sm


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_isotropic_flux(dim):
    gradient = jnp.arange(1.0, dim + 1)
    for k, value in [(2.0, 2.0), (sm.Polynomial([1.0, 0.0, 1.0]), 10.0), (sm.Table([0, 6], [1, 5]), 3.0)]:
        flux = sm.IsotropicConduction(k=k).flux(gradient, jnp.asarray(3.0))
        np.testing.assert_allclose(flux, -value * gradient, rtol=1e-14)


def test_anisotropic_flux():
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    gradient = jnp.array([1.0, -2.0])
    for k, factor in [
        (matrix, 1),
        (sm.Polynomial([matrix, matrix]), 4),
        (sm.Table([0, 6], [matrix, 3 * matrix]), 2),
    ]:
        flux = sm.AnisotropicConduction(k=k).flux(gradient, jnp.asarray(3.0))
        np.testing.assert_allclose(flux, -factor * matrix @ gradient, rtol=1e-14)


def test_table_slopes_and_ends():
    table = sm.Table([0.0, 1.0, 3.0], [1.0, 2.0, 8.0])
    at = jnp.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 9.0])
    np.testing.assert_allclose(jax.vmap(table)(at), np.interp(at, [0, 1, 3], [1, 2, 8]))
    np.testing.assert_allclose(jax.grad(table)(2.0), 3.0)
    np.testing.assert_allclose(jax.grad(table)(9.0), 0.0)
    slope = jax.grad(lambda t: t(jnp.asarray(2.0)))(table)
    np.testing.assert_allclose(slope.values, [0, 0.5, 0.5])


def test_float32_and_parameter_derivative():
    law = jax.tree.map(lambda x: x.astype(jnp.float32), sm.IsotropicConduction(k=sm.Polynomial([1.0, 2.0])))
    assert law.flux(jnp.ones(2, jnp.float32), jnp.float32(3)).dtype == jnp.float32
    slope = jax.grad(lambda law: law.flux(jnp.ones(2, jnp.float32), jnp.float32(3))[0])(law)
    np.testing.assert_allclose(slope.k.coefficients, [-1, -3])


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: sm.IsotropicConduction(k=-1.0), "`k`"),
        (lambda: sm.IsotropicConduction(k=sm.Table([0, 1], [1, -1])), "`k`"),
        (lambda: sm.AnisotropicConduction(k=[[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (lambda: sm.AnisotropicConduction(k=[[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (lambda: sm.AnisotropicConduction(k=2.0), "square"),
        (lambda: sm.Table([0, 0], [1, 1]), "increasing"),
        (lambda: sm.Table([0, 1], [1, 2, 3]), "one entry"),
        (lambda: sm.Polynomial(1.0), "axis"),
        (lambda: sm.Constant(float("nan")), "finite"),
    ],
)
def test_misuse(make, match):
    with pytest.raises(ValueError, match=match):
        make()
