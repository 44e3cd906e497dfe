"""Is a factorised matrix regular? Pivoting hides a singular one: zero pivots come out as rounding, or are perturbed."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sps


LARGEST_ERROR = 1e-2


ROUNDS = 5


STALE_ERROR = 1e-5
"""Of a factor whose scales, and matching of rows with columns, are an earlier matrix's: above it they are found anew."""


def regular_error(matrix: sps.csr_array, solve: Callable[[np.ndarray, bool], np.ndarray], definite: bool) -> float:
    """Return how wrongly a factor solves the system whose answer is largest, found by one step of inverse iteration.

    B = R A C,   B z = ξ,   Bᵀ w = z / ‖z‖,   ‖Bᵀ w − z / ‖z‖‖

    R and C scale the largest entry of each row and column to about 1, so that units do not count. ξ is random, so
    z lies along the null vector if there is one, and a right-hand side along it has no answer. Above `LARGEST_ERROR` A
    counts as singular: in double precision from a condition number of B of some 10¹⁴ on.

    **Arguments:**

    - `matrix`: A.
    - `definite`: whether A is positive definite: its diagonal then tells the scales.
    - `solve`: b, transposed → A⁻¹ b or A⁻ᵀ b, for b of shape (n, 1).

    Reference: N. J. Higham, Accuracy and Stability of Numerical Algorithms, SIAM 2002, sections 7.3 and 15.1.
    """
    r, c = _scales(matrix) if not definite else [1 / np.sqrt(matrix.diagonal())] * 2
    random = np.random.default_rng(0).standard_normal(matrix.shape[0])
    with np.errstate(all="ignore"):
        z = solve((random / r)[:, None], False)[:, 0] / c
        z = z / np.linalg.norm(z)
        w = solve((z / c)[:, None], True)[:, 0]
        error = float(np.linalg.norm(c * (matrix.T @ w) - z))
    return error if np.isfinite(error) else np.inf


def error_of(factor, matrix: sps.csr_array, definite: bool) -> float:
    """Return that of a factor's rough solves, or where it is too large of the refined ones."""
    rough = regular_error(matrix, factor.rough, definite)
    return rough if rough <= STALE_ERROR else min(rough, regular_error(matrix, factor.solve, definite))


def refined(factor, matrix: sps.csr_array, b: np.ndarray, transposed: bool, rtol: float) -> np.ndarray:
    """Return what a factor of this matrix answers, refined where pivots that were perturbed have left more than `rtol`."""
    x, before = factor.solve(b, transposed), np.inf
    apply = matrix.T if transposed else matrix
    for _ in range(ROUNDS):
        r = b - apply @ x
        size = np.linalg.norm(r, axis=0)
        if not np.any(size > rtol * np.linalg.norm(b, axis=0)) or not np.all(size <= 0.5 * before):
            break
        x, before = x + factor.solve(r, transposed), np.maximum(size, np.finfo(float).tiny)
    return x


def _scales(matrix: sps.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Scales that bring the largest entry of each row, then of each column, to 1; those of zeros are left alone."""
    inverse = lambda size: 1 / np.where(size > 0, size, 1.0)
    size = abs(matrix)
    r = inverse(size.max(axis=1).toarray())
    size.data *= np.repeat(r, np.diff(matrix.indptr))
    return r, inverse(size.max(axis=0).toarray())
