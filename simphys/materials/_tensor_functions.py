"""Logarithm, exponential and inverse root of symmetric 3×3 matrices, with derivatives where eigenvalues repeat."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._typing import Array, Callable, Float
from ._spectral import CLOSE, TERMS, difference_series, zero_until


class _Function(NamedTuple):
    """A function of one variable with its divided differences over two nodes and over three ascending ones."""

    value: Callable
    pair: Callable
    triple: Callable


def log_and_inverse_root(A: Float[Array, "3 3"]) -> tuple[Float[Array, "3 3"], Float[Array, "3 3"]]:
    """Return ln A and A^(-1/2) of a symmetric positive definite matrix, with derivatives up to the second.

    The third, which the truncated series of `_applied` lacks, is NaN.
    """
    return _applied(A, (_LOG, _INVERSE_ROOT))


def exponential(A: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """Return exp A of a symmetric matrix, with derivatives up to the second."""
    return _applied(A, (_EXP,))[0]


def _applied(A, functions):
    """f(A) of each function.

    With A = V (X + E) Vᵀ, X = diag(x) and V held fixed, f(A) is the Taylor series
    `V [f(xᵢ) δᵢⱼ + f[xᵢ,xⱼ] Eᵢⱼ + Σₖ f[xᵢ,xₖ,xⱼ] Eᵢₖ Eₖⱼ + …] Vᵀ`. E is zero up to rounding, but carries A's derivative:
    no eigenvector is differentiated.

    Reference: R. Bhatia, Matrix Analysis, Springer 1997, section V.3 (Daleckii–Krein).
    """
    x, V = jnp.linalg.eigh(jax.lax.stop_gradient(A))
    E = V.T @ A @ V - jnp.diag(x)
    E = (E + E.T) / 2
    i, j = x[:, None], x[None, :]
    low, high = jnp.minimum(i, j), jnp.maximum(i, j)
    first = low[:, :, None], high[:, :, None], x[None, None, :]
    nodes = jnp.minimum(first[0], first[2]), _median(*first), jnp.maximum(first[1], first[2])
    found = []
    for f in functions:
        second = jnp.einsum("ijk,ik,kj->ij", f.triple(*nodes), E, E)
        inner = jnp.diag(f.value(x)) + f.pair(low, high) * E + second
        found.append(V @ inner @ V.T + zero_until(jnp.sum(E), 2))
    return tuple(found)


def _median(low, high, other):
    return jnp.maximum(low, jnp.minimum(high, other))


def _quotient(function, z, at_zero):
    """function(z)/z."""
    return jnp.where(z == 0, at_zero, function(z) / jnp.where(z == 0, 1, z))


def _log_pair(low, high):
    return _quotient(jnp.log1p, (high - low) / low, 1) / low


def _log_triple(low, middle, high):
    centre = (low + high) / 2
    close = high - low <= 2 * CLOSE * centre
    d = [jnp.where(close, (node - centre) / centre, 0) for node in (low, middle, high)]
    near = difference_series(d, [0.0, *((-1) ** (k + 1) / k for k in range(1, TERMS + 2))]) / centre**2
    width = jnp.where(close, 1, high - low)
    return jnp.where(close, near, (_log_pair(middle, high) - _log_pair(low, middle)) / width)


def _exp_pair(low, high):
    return jnp.exp(low) * _quotient(jnp.expm1, high - low, 1)


def _exp_triple(low, middle, high):
    centre = (low + high) / 2
    close = high - low <= 4 * CLOSE
    d = [jnp.where(close, node - centre, 0) for node in (low, middle, high)]
    near = jnp.exp(centre) * difference_series(d, [1 / math.factorial(k) for k in range(TERMS + 2)])
    width = jnp.where(close, 1, high - low)
    return jnp.where(close, near, (_exp_pair(middle, high) - _exp_pair(low, middle)) / width)


def _inverse_root_pair(low, high):
    a, b = jnp.sqrt(low), jnp.sqrt(high)
    return -1 / (a * b * (a + b))


def _inverse_root_triple(low, middle, high):
    a, b, c = jnp.sqrt(low), jnp.sqrt(middle), jnp.sqrt(high)
    return (a + b + c) / (a * b * c * (a + b) * (b + c) * (c + a))


_LOG = _Function(jnp.log, _log_pair, _log_triple)
_EXP = _Function(jnp.exp, _exp_pair, _exp_triple)
_INVERSE_ROOT = _Function(lambda x: 1 / jnp.sqrt(x), _inverse_root_pair, _inverse_root_triple)
