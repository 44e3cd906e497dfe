"""Small matrices and vectors in closed form, in any unit: products of entries neither overflow nor vanish in float32.

Everything is divided by powers of two near its size, which rounds nothing and carries no derivative.
"""

import jax
import jax.numpy as jnp
import numpy as np


def power_of_two(size, xp=jnp):
    """Return the power of two nearest to each size, 1 where it is 0 or not finite; constant under differentiation."""
    if xp is np:
        return np.where((size > 0) & np.isfinite(size), np.ldexp(1.0, np.frexp(size)[1]), 1.0)
    size = jax.lax.stop_gradient(size)
    rounded = jax.lax.reduce_precision(size, exponent_bits=jnp.finfo(size.dtype).nexp, mantissa_bits=0)
    return jnp.where((rounded > 0) & jnp.isfinite(rounded), rounded, jnp.ones_like(rounded))


def inverse_and_determinant(a, xp=jnp):
    """Inverse and determinant of 1×1 to 3×3 matrices in the last two axes, written out; `xp`: `jax.numpy` or `numpy`."""
    dim = a.shape[-1]
    if dim == 1:
        return 1 / a, a[..., 0, 0]
    unit = power_of_two(xp.max(xp.abs(a), axis=(-2, -1)), xp)
    adjugate, det = _adjugate_and_determinant(a / unit[..., None, None], xp)
    return adjugate / (det * unit)[..., None, None], det * unit**dim


def inverse(a: jax.Array) -> jax.Array:
    """Inverse of a small matrix (n, n) whose rows and columns may each have a unit of its own."""
    if a.shape == (1, 1):
        return 1 / a
    rows = power_of_two(jnp.max(jnp.abs(a), axis=1))[:, None]
    a = a / rows
    columns = power_of_two(jnp.max(jnp.abs(a), axis=0))[None, :]
    a = a / columns
    if a.shape[0] > 3:
        return jnp.linalg.inv(a) / columns.T / rows.T
    adjugate, det = _adjugate_and_determinant(a, jnp)
    return adjugate / det / columns.T / rows.T


def direction(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return x/|x| and |x| along the last axis."""
    unit = power_of_two(jnp.max(jnp.abs(x), axis=-1, keepdims=True))
    x = x / unit
    size = jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True))
    return x / size, (size * unit)[..., 0]


def _adjugate_and_determinant(a, xp):
    if a.shape[-1] == 2:
        rows = [[a[..., 1, 1], -a[..., 0, 1]], [-a[..., 1, 0], a[..., 0, 0]]]
        return xp.stack([xp.stack(r, -1) for r in rows], -2), a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] * a[..., 1, 0]
    entry = lambda i, j: a[..., i % 3, j % 3]
    minor = lambda i, j: entry(i + 1, j + 1) * entry(i + 2, j + 2) - entry(i + 1, j + 2) * entry(i + 2, j + 1)
    rows = [xp.stack([minor(i, j) for i in range(3)], axis=-1) for j in range(3)]
    return xp.stack(rows, axis=-2), sum(entry(0, j) * minor(0, j) for j in range(3))
