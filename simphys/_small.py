"""Small matrices and vectors at many points at once, in any unit: products neither overflow nor vanish in float32.

Everything is divided by powers of two near its size, which rounds nothing and carries no derivative. Nothing here calls
LAPACK: of a large batch it is slower than plain operations, and two such batches may wait for each other for ever
(see `_lapack`).
"""

import jax
import jax.numpy as jnp
import numpy as np

from ._rules import with_rule


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
        return _inverse(a) / columns.T / rows.T
    adjugate, det = _adjugate_and_determinant(a, jnp)
    return adjugate / det / columns.T / rows.T


def definite_solve(a: jax.Array, b: jax.Array) -> jax.Array:
    """Solve a x = b for a small symmetric positive definite matrix (n, n) and columns (n, k); NaN where it is not."""
    solve = lambda _, b: _divided(a[None], b[None])[0]
    return jax.lax.custom_linear_solve(lambda x: a @ x, b, solve, symmetric=True)


def cholesky(a: jax.Array) -> jax.Array:
    """Return the lower triangular L with L Lᵀ = a, of a 1×1 to 3×3 matrix, written out; NaN where it is not definite."""
    n = a.shape[0]
    lower = [[jnp.zeros((), a.dtype)] * n for _ in range(n)]
    for j in range(n):
        lower[j][j] = jnp.sqrt(a[j, j] - sum(x * x for x in lower[j][:j]))
        for i in range(j + 1, n):
            rest = a[i, j] - sum(x * y for x, y in zip(lower[i][:j], lower[j][:j], strict=True))
            lower[i][j] = rest / lower[j][j]
    return jnp.stack([jnp.stack(row) for row in lower])


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


AT_ONCE = 256
"""Matrices that are worked off side by side: so many stay in a core's cache."""


def _together(function):
    """Let all that is mapped over such a function (batch, …) → (batch, …) be one batch, and be its last axis: it is that
    which a processor works off side by side."""

    def some(arrays):
        return jnp.moveaxis(function(*(jnp.moveaxis(a, 0, -1) for a in arrays)), -1, 0)

    @jax.custom_batching.custom_vmap
    def whole(*arrays):
        count = arrays[0].shape[0]
        if count <= AT_ONCE:
            return some(arrays)
        rows = -(-count // AT_ONCE)
        padded = (jnp.pad(a, [(0, rows * AT_ONCE - count), *[(0, 0)] * (a.ndim - 1)], "edge") for a in arrays)
        found = jax.lax.map(some, tuple(a.reshape(rows, AT_ONCE, *a.shape[1:]) for a in padded))
        return found.reshape(-1, *found.shape[2:])[:count]

    @whole.def_vmap
    def rule(size, batched, *arrays):
        arrays = [a if b else jnp.broadcast_to(a, (size, *a.shape)) for a, b in zip(arrays, batched, strict=True)]
        found = whole(*(a.reshape(-1, *a.shape[2:]) for a in arrays))
        return found.reshape(size, -1, *found.shape[1:]), True

    return whole


@_together
def _divided(a, b):
    """a⁻¹ b by Cholesky's elimination, (n, n, batch) and (n, k, batch)."""
    n = a.shape[0]
    row = jnp.arange(n)[:, None]

    def down(k, carry):
        a, b = carry
        pivot = a[k, k]
        column = jnp.where(row > k, a[:, k] / jnp.where(pivot > 0, pivot, jnp.nan)[None], 0.0)
        return a - column[:, None] * a[k][None], b - column[:, None] * b[k][None]

    def up(i, b):
        k = n - 1 - i
        last = b[k] / upper[k, k][None]
        return (b - jnp.where(row < k, upper[:, k], 0.0)[:, None] * last[None]).at[k].set(last)

    upper, b = jax.lax.fori_loop(0, n, down, (a, b))
    return jax.lax.fori_loop(0, n, up, b)


@_together
def _eliminated(a):
    """a⁻¹ in a's place by Gauss and Jordan's elimination, (n, n, batch); rows are exchanged for the largest pivot."""
    n = a.shape[0]
    row = jnp.arange(n)[:, None]

    def step(k, carry):
        a, exchanged = carry
        size = jnp.where(row < k, -1.0, jnp.abs(a[:, k]))
        place = jnp.argmax(jnp.where(jnp.isnan(size), jnp.inf, size), axis=0)
        chosen = (row == place[None])[:, None]
        best = jnp.sum(jnp.where(chosen, a, 0.0), axis=0)
        a = jnp.where(chosen, a[k][None], a)
        row_k = best.at[k].set(1.0) / best[k][None]
        a = a.at[:, k].set(0.0) - a[:, k][:, None] * row_k[None]
        return a.at[k].set(row_k), exchanged.at[k].set(place)

    def back(i, carry):
        a, exchanged = carry
        k = n - 1 - i
        chosen = (row == exchanged[k][None])[None]
        best = jnp.sum(jnp.where(chosen, a, 0.0), axis=1)
        return jnp.where(chosen, a[:, k][:, None], a).at[:, k].set(best), exchanged

    places = jnp.zeros((n, a.shape[-1]), jax.dtypes.canonicalize_dtype(int))
    return jax.lax.fori_loop(0, n, back, jax.lax.fori_loop(0, n, step, (a, places)))[0]


def _inverse_jvp(primals, tangents):
    inverted = _inverse(*primals)
    return inverted, None if tangents[0] is None else -inverted @ tangents[0] @ inverted


_inverse = with_rule("inverse", lambda a: _eliminated(a[None])[0], _inverse_jvp)
