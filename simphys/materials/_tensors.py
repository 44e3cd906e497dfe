"""Invariants of 3×3 matrices as polynomials of their entries: cheap to compile and smooth at F = I."""

import jax.numpy as jnp


def cofactor(F):
    """Cofactor matrix det(F) F⁻ᵀ; its rows are cross products of F's rows."""
    (a, b, c), (d, e, f), (g, h, i) = [[F[row, column] for column in range(3)] for row in range(3)]
    return jnp.stack(
        [
            jnp.stack([e * i - f * h, f * g - d * i, d * h - e * g]),
            jnp.stack([h * c - i * b, i * a - g * c, g * b - h * a]),
            jnp.stack([b * f - c * e, c * d - a * f, a * e - b * d]),
        ]
    )


def determinant(F):
    """Determinant of a 2×2 or 3×3 matrix."""
    if F.shape == (2, 2):
        return F[0, 0] * F[1, 1] - F[0, 1] * F[1, 0]
    return (
        F[0, 0] * (F[1, 1] * F[2, 2] - F[1, 2] * F[2, 1])
        + F[0, 1] * (F[1, 2] * F[2, 0] - F[1, 0] * F[2, 2])
        + F[0, 2] * (F[1, 0] * F[2, 1] - F[1, 1] * F[2, 0])
    )


def oriented(J):
    """J where J > 0, else NaN. The factor makes derivatives NaN too: (ln J)' = 1/J is finite for J < 0."""
    return J * jnp.where(J > 0, 1.0, jnp.nan).astype(J.dtype)


def volume_ratio(F):
    """J = det F where it is positive, else NaN."""
    return oriented(determinant(F))


def first_invariant(F):
    """I₁ = tr FᵀF."""
    return jnp.sum(F * F)


def isochoric_scale(J):
    """J^(-2/3), the factor that makes C = FᵀF unimodular."""
    return jnp.exp(-2 / 3 * jnp.log(J))


def isochoric_first(F):
    """Pair (Ī₁, J) with Ī₁ = J^(-2/3) tr FᵀF."""
    J = volume_ratio(F)
    return isochoric_scale(J) * first_invariant(F), J
