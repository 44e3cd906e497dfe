"""Powers of a symmetric positive definite 3×3 matrix, with derivatives that survive repeated eigenvalues."""

from functools import partial

import jax
import jax.numpy as jnp


_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
_PAIR_COUNTS = (1, 1, 1, 2, 2, 2)
_TRIPLES = (
    (0, 0, 0),
    (1, 1, 1),
    (2, 2, 2),
    (0, 0, 1),
    (0, 0, 2),
    (0, 1, 1),
    (1, 1, 2),
    (0, 2, 2),
    (1, 2, 2),
    (0, 1, 2),
)
_TRIPLE_COUNTS = (1, 1, 1, 3, 3, 3, 3, 3, 3, 6)
_TERMS = 18
_CLOSE = 0.1


def power_traces(C, exponents, weights):
    """Sum over p of `w_p (tr C^{a_p} - 3)`, with exact derivatives up to the third in C, and all in a and w.

    With C = V (X + E) Vᵀ, X = diag(x) and V held fixed, the trace of g(C) is the Taylor series
    `Σ g(xᵢ) + Σ g'(xᵢ) Eᵢᵢ + 1/2 Σ g'[xᵢ,xⱼ] Eᵢⱼ² + 1/3 Σ g'[xᵢ,xⱼ,xₖ] Eᵢⱼ Eⱼₖ Eₖᵢ + …`, where g'[…] is a
    divided difference. E is zero (up to rounding) but carries C's derivative, so differentiating the
    polynomial gives the derivatives of tr g(C) without differentiating eigenvectors, which have none where
    eigenvalues meet. The fourth derivative in C, which the truncated series lacks, is NaN.

    **Arguments**

    - `C`: symmetric positive definite, (3, 3).
    - `exponents`: a, (term,).
    - `weights`: w, (term,).

    Reference: R. Bhatia, Matrix Analysis, Springer 1997, section V.3 (Daleckii–Krein).
    """
    x, V = jax.lax.stop_gradient(eigenbasis(C))
    E = V.T @ C @ V - jnp.diag(x)
    logs = jnp.log(x)
    values = weights @ jnp.sum(jnp.expm1(exponents[:, None] * logs[None, :]), 1)

    slope, first, second = weights * exponents, [], []
    powers = (exponents - 1)[None, :]
    singles = slope @ jnp.exp((exponents - 1)[:, None] * logs[None, :])
    first = _pair_differences(*(jnp.stack([x[p[i]] for p in _PAIRS]) for i in range(2)), powers) @ slope
    second = _triple_differences(*(jnp.stack([x[t[i]] for t in _TRIPLES]) for i in range(3)), powers) @ slope

    squares = jnp.stack([count * E[i, j] ** 2 for (i, j), count in zip(_PAIRS, _PAIR_COUNTS)])
    cubes = jnp.stack(
        [count * E[i, j] * E[j, k] * E[k, i] for (i, j, k), count in zip(_TRIPLES, _TRIPLE_COUNTS)]
    )
    beyond = _zero_until(jnp.sum(E), 3)
    return values + singles @ jnp.diagonal(E) + first @ squares / 2 + second @ cubes / 3 + beyond


def eigenbasis(C, sweeps=5):
    """Eigenvalues (3,) and eigenvectors (columns of (3, 3)) of a symmetric matrix by cyclic Jacobi rotations.

    A fixed number of rotations, which vectorises over points; each sweep squares the relative error.
    """

    def rotate(A, V, p, q):
        off = A[p, q]
        safe = jnp.where(off == 0, 1, off)
        tau = (A[q, q] - A[p, p]) / (2 * safe)
        t = jnp.where(tau >= 0, 1, -1) / (jnp.abs(tau) + jnp.sqrt(1 + tau**2))
        t = jnp.where(off == 0, 0, t)
        c = 1 / jnp.sqrt(1 + t**2)
        s = t * c
        r = 3 - p - q
        zero, one = jnp.zeros_like(c), jnp.ones_like(c)
        entries = {(p, p): c, (q, q): c, (r, r): one, (p, q): s, (q, p): -s}
        R = jnp.stack([jnp.stack([entries.get((i, j), zero) for j in range(3)]) for i in range(3)])
        return R.T @ A @ R, V @ R

    def sweep(_, state):
        A, V = state
        for p, q in ((0, 1), (0, 2), (1, 2)):
            A, V = rotate(A, V, p, q)
        return A, V

    A, V = jax.lax.fori_loop(0, sweeps, sweep, (C, jnp.eye(3, dtype=C.dtype)))
    return jnp.diagonal(A), V


def _pair_differences(x, y, powers):
    """Divided differences [x, y] of zᵇ, as an array (pair, exponent)."""
    low, high = jnp.minimum(x, y), jnp.maximum(x, y)
    close, centre, (d, e) = _spread(low, high, (low, high))
    far = _far_pair(low[:, None], jnp.where(close, 2 * low, high)[:, None], powers)
    near = _series((d, e), centre, powers)
    return jnp.where(close[:, None], near, far)


def _triple_differences(x, y, z, powers):
    """Divided differences [x, y, z] of zᵇ, as an array (triple, exponent)."""
    low, high = jnp.minimum(jnp.minimum(x, y), z), jnp.maximum(jnp.maximum(x, y), z)
    middle = jnp.maximum(jnp.minimum(x, y), jnp.minimum(jnp.maximum(x, y), z))
    close, centre, nodes = _spread(low, high, (low, middle, high))
    width = jnp.where(close, 1, high - low)[:, None]
    far = (_pair_differences(middle, high, powers) - _pair_differences(low, middle, powers)) / width
    return jnp.where(close[:, None], _series(nodes, centre, powers), far)


def _spread(low, high, nodes):
    """Whether nodes lie close together, their centre c, and their places d in x = c (1 + d), 0 if they are
    not."""
    centre = (low + high) / 2
    close = high - low <= 2 * _CLOSE * centre
    return close, centre, [jnp.where(close, (node - centre) / centre, 0) for node in nodes]


def _far_pair(x, y, powers):
    """(yᵇ - xᵇ)/(y - x) for x < y."""
    return jnp.exp(powers * jnp.log(x)) * jnp.expm1(powers * jnp.log(y / x)) / (y - x)


def _series(nodes, centre, powers):
    """Divided difference over close nodes c (1 + dᵢ): `c^(b-n) Σₘ binom(b, n+m) hₘ(d)`, n + 1 nodes.

    hₘ is the complete homogeneous symmetric polynomial, which obeys hₘ(d₀…dₙ) = hₘ(d₀…dₙ₋₁) + dₙ hₘ₋₁(d₀…dₙ).
    """
    order = len(nodes) - 1
    binomial = jnp.ones_like(powers)
    for k in range(order):
        binomial = binomial * (powers - k) / (k + 1)
    h = [jnp.ones_like(d)[:, None] for d in nodes]
    total = binomial * h[-1]
    for m in range(1, _TERMS):
        binomial = binomial * (powers - (order + m - 1)) / (order + m)
        h[0] = nodes[0][:, None] * h[0]
        for i in range(1, order + 1):
            h[i] = h[i - 1] + nodes[i][:, None] * h[i]
        total = total + binomial * h[-1]
    return jnp.exp((powers - order) * jnp.log(centre)[:, None]) * total


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _zero_until(s, order):
    """Zero, with zero derivatives up to `order` and NaN ones beyond."""
    return jnp.zeros_like(s)


@_zero_until.defjvp
def _zero_until_jvp(order, primals, tangents):
    (s,), (ds,) = primals, tangents
    slope = _zero_until(s, order - 1) if order > 0 else jnp.full_like(s, jnp.nan)
    return jnp.zeros_like(s), slope * ds
