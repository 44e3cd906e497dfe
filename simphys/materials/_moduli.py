"""Conversions between isotropic elastic constants, and their admissible ranges."""

import jax
import jax.numpy as jnp
import numpy as np

from .. import _check


def lame(E, nu):
    """Lamé constants (λ, μ) = (Eν/((1+ν)(1-2ν)), E/(2(1+ν))) of Young's modulus E and Poisson's ratio ν."""
    return E * nu / ((1 + nu) * (1 - 2 * nu)), E / (2 * (1 + nu))


def bulk(E, nu):
    """Bulk modulus κ = E/(3(1-2ν))."""
    return E / (3 * (1 - 2 * nu))


def check_young(E, nu):
    """Return E and ν as parameters, having checked E > 0 and -1 < ν < 1/2."""
    E, nu = _check.parameter(E), _check.parameter(nu)
    return _check.positive("E", E), _check.between("nu", nu, -1.0, 0.5)


def check_lame(lam, mu):
    """Return λ and μ as parameters, having checked μ > 0 and, for plain arrays, 3λ + 2μ > 0."""
    lam, mu = _check.parameter(lam), _check.parameter(mu)
    _check.finite("lam", lam)
    _check.positive("mu", mu)
    if is_concrete(lam, mu) and np.any(3 * np.asarray(lam) + 2 * np.asarray(mu) <= 0):
        raise ValueError(f"`lam` must exceed -2 mu/3, or the bulk modulus is not positive: lam={lam}, mu={mu}.")
    return lam, mu


def elementwise(function, first, second):
    """Apply a function of two arrays to parameters, either of which may be a field."""
    if jax.tree.structure(first) == jax.tree.structure(second):
        return jax.tree.map(function, first, second)
    if isinstance(first, jax.Array):
        return jax.tree.map(lambda leaf: function(first, leaf), second)
    if isinstance(second, jax.Array):
        return jax.tree.map(lambda leaf: function(leaf, second), first)
    raise ValueError(
        f"Two parameter fields must be of one kind, got {type(first).__name__} and {type(second).__name__}."
    )


def definite(matrix):
    """Whether matrices, in the last two axes, are symmetric and positive definite."""
    size = jnp.max(jnp.abs(matrix), axis=(-2, -1))
    skew = jnp.max(jnp.abs(matrix - jnp.swapaxes(matrix, -1, -2)), axis=(-2, -1))
    root = jnp.linalg.cholesky(matrix / jnp.where(size > 0, size, 1)[..., None, None])
    return jnp.all(jnp.isfinite(root), axis=(-2, -1)) & (skew <= 1e-6 * size)


def is_concrete(*values):
    """Whether every value is an array with known entries (not a field, not traced)."""
    return all(isinstance(v, np.ndarray | jnp.ndarray) and not isinstance(v, jax.core.Tracer) for v in values)
