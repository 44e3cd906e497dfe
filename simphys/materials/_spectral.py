"""Powers of a symmetric positive definite 3×3 matrix, with derivatives that survive repeated eigenvalues."""

import jax
import jax.numpy as jnp

from .._rules import with_rule


# Multisets of eigenvalue numbers, and how many ordered tuples each stands for.
_PAIRS = {(0, 0): 1, (1, 1): 1, (2, 2): 1, (0, 1): 2, (0, 2): 2, (1, 2): 2}
_TRIPLES = {
    (0, 0, 0): 1,
    (1, 1, 1): 1,
    (2, 2, 2): 1,
    (0, 0, 1): 3,
    (0, 0, 2): 3,
    (0, 1, 1): 3,
    (1, 1, 2): 3,
    (0, 2, 2): 3,
    (1, 2, 2): 3,
    (0, 1, 2): 6,
}
# Nodes within 5 % of their centre use a series, whose 13 terms leave 1e-16; farther ones lose two digits.
CLOSE = 0.05
TERMS = 13


def power_traces(F, scale, exponents, weights):
    """Sum over p of `w_p (tr C^{a_p} - 3)`, C = scale FᵀF, with exact derivatives up to the third in C.

    With C = V (X + E) Vᵀ, X = diag(x) and V held fixed, the trace of g(C) is the Taylor series
    `Σ g(xᵢ) + Σ g'(xᵢ) Eᵢᵢ + 1/2 Σ g'[xᵢ,xⱼ] Eᵢⱼ² + 1/3 Σ g'[xᵢ,xⱼ,xₖ] Eᵢⱼ Eⱼₖ Eₖᵢ + …`, where g'[…]
    is a divided difference. E is zero (up to rounding) but carries C's derivative, so differentiating the
    polynomial gives the derivatives of tr g(C) without differentiating eigenvectors, which have none where
    eigenvalues meet. The fourth derivative in C, which the truncated series lacks, is NaN.

    **Arguments**

    - `F`: (3, 3), of positive determinant.
    - `scale`: a positive number.
    - `exponents`: a, (term,).
    - `weights`: w, (term,).

    Reference: R. Bhatia, Matrix Analysis, Springer 1997, section V.3 (Daleckii–Krein).
    """
    x, V = jnp.linalg.eigh(jax.lax.stop_gradient(scale * (F.T @ F)))
    columns = [F[:, 0] * V[0, i] + F[:, 1] * V[1, i] + F[:, 2] * V[2, i] for i in range(3)]
    E = {(i, j): scale * jnp.sum(columns[i] * columns[j]) - (x[i] if i == j else 0) for i, j in _PAIRS}

    coefficients = weights * exponents
    singles, pairs, triples = (values @ coefficients for values in _differences(x, exponents - 1))
    traces = weights @ jnp.sum(jnp.expm1(exponents[:, None] * jnp.log(x)[None, :]), axis=1)
    first = sum(singles[i] * E[i, i] for i in range(3))
    second = sum(pairs[n] * count * E[i, j] ** 2 for n, ((i, j), count) in enumerate(_PAIRS.items()))
    third = sum(
        triples[n] * count * E[i, j] * E[j, k] * E[i, k] for n, ((i, j, k), count) in enumerate(_TRIPLES.items())
    )
    return traces + first + second / 2 + third / 3 + zero_until(sum(E.values()), 3)


def _differences(x, powers):
    """Divided differences of zᵇ over one, two and three of the ascending nodes x, as arrays (nodes,
    power)."""
    logs, powers = jnp.log(x)[:, None], powers[None, :]
    singles = jnp.exp(logs * powers)

    low, high = _take(x, _PAIRS, 0, 1)
    close, centre, nodes = _spread(low, high)
    width = jnp.where(close, 1, high - low)[:, None]
    ratio = jnp.where(close, 0, jnp.log(high / low))[:, None]
    far = singles[jnp.asarray([i for i, _ in _PAIRS])] * jnp.expm1(powers * ratio) / width
    pairs = jnp.where(close[:, None], _power_series(nodes(low, high), centre, powers), far)

    low, middle, high = _take(x, _TRIPLES, 0, 1, 2)
    close, centre, nodes = _spread(low, high)
    width = jnp.where(close, 1, high - low)[:, None]
    order = list(_PAIRS)
    upper = pairs[jnp.asarray([order.index((j, k)) for _, j, k in _TRIPLES])]
    lower = pairs[jnp.asarray([order.index((i, j)) for i, j, _ in _TRIPLES])]
    near = _power_series(nodes(low, middle, high), centre, powers)
    return singles, pairs, jnp.where(close[:, None], near, (upper - lower) / width)


def _take(x, tuples, *places):
    return [jnp.stack([x[indices[place]] for indices in tuples]) for place in places]


def _spread(low, high):
    """Whether nodes lie close together, their centre c, and a map from nodes to their d in x = c (1 + d)."""
    centre = (low + high) / 2
    close = high - low <= 2 * CLOSE * centre
    return close, centre, lambda *nodes: [jnp.where(close, (node - centre) / centre, 0) for node in nodes]


def _power_series(nodes, centre, powers):
    """Divided difference of zᵇ over close nodes c (1 + dᵢ): `c^(b-n) Σₘ binom(b, n+m) hₘ(d)`, n + 1 nodes."""
    order = len(nodes) - 1
    binomials = [jnp.ones_like(powers)]
    for k in range(order + TERMS - 1):
        binomials.append(binomials[-1] * (powers - k) / (k + 1))
    total = difference_series([node[:, None] for node in nodes], binomials)
    return jnp.exp((powers - order) * jnp.log(centre)[:, None]) * total


def difference_series(nodes, coefficients):
    """Divided difference of `Σ aₖ zᵏ` over n + 1 nodes near 0: `Σₘ aₙ₊ₘ hₘ(d)`.

    hₘ is the complete homogeneous symmetric polynomial: hₘ(d₀…dₙ) = hₘ(d₀…dₙ₋₁) + dₙ hₘ₋₁(d₀…dₙ).
    """
    order = len(nodes) - 1
    h = [jnp.ones_like(d) for d in nodes]
    total = coefficients[order] * h[-1]
    for coefficient in coefficients[order + 1 :]:
        h[0] = nodes[0] * h[0]
        for i in range(1, order + 1):
            h[i] = h[i - 1] + nodes[i] * h[i]
        total = total + coefficient * h[-1]
    return total


def zero_until(s, order: int):
    """Zero, with zero derivatives up to `order` and NaN ones beyond."""
    return _zero_until(s, order)


def _zero_until_jvp(primals, tangents):
    (s, order), (ds, _) = primals, tangents
    slope = zero_until(s, order - 1) if order > 0 else jnp.nan * s
    return zero_until(s, order), None if ds is None else slope * ds


# Products with s: constants would not follow s through `vmap` within `jit`, where JAX then fails.
_zero_until = with_rule("zero_until", lambda s, order: 0 * s, _zero_until_jvp)
