"""Is a factorised matrix regular? Pivoting hides a singular one: zero pivots come out as rounding, or are perturbed."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sps


LARGEST_ERROR = 1e-2


def is_regular(matrix: sps.csr_array, solve: Callable[[np.ndarray, bool], np.ndarray], definite: bool) -> bool:
    """Tell whether a factor solves the system whose answer is largest, found by one step of inverse iteration.

    B = R A C,   B z = ξ,   Bᵀ w = z / ‖z‖,   ‖Bᵀ w − z / ‖z‖‖ ≤ 10⁻²

    R and C scale the largest entry of each row and column to about 1, so that units do not count. ξ is random, so
    z lies along the null vector if there is one, and a right-hand side along it has no answer. In double precision
    a condition number of B above some 10¹⁴ counts as singular.

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
        return bool(np.linalg.norm(c * (matrix.T @ w) - z) <= LARGEST_ERROR)


def _scales(matrix: sps.csr_array, sweeps: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Row and column scales that bring the largest entries to 1 (D. Ruiz 2001); rows of zeros are left alone."""
    size, columns = np.abs(matrix.data), matrix.indices
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    by_column = sps.csr_array((np.arange(columns.size), columns, matrix.indptr), shape=matrix.shape).tocsc()
    r = c = np.ones(matrix.shape[0])
    for _ in range(sweeps):
        scaled = size * r[rows] * c[columns]
        of_rows = np.maximum.reduceat(scaled, matrix.indptr[:-1])
        of_columns = np.maximum.reduceat(scaled[by_column.data], by_column.indptr[:-1])
        r = r / np.sqrt(np.where(of_rows > 0, of_rows, 1))
        c = c / np.sqrt(np.where(of_columns > 0, of_columns, 1))
    return r, c
