"""Colours of unknowns on a grid: the fewest for a stencil, found among linear forms modulo m."""

import numpy as np

from ._pattern import sorted_distinct


MOST_OFFSETS = 4096
MOST_ROWS = 1024
MOST_PAIRS = 2_000_000
MOST_TRIALS = 4000


def lattice_colours(rows, columns, coordinates) -> np.ndarray | None:
    """Return colours c(x) = (a · x) mod m such that no row holds two columns of one colour; None if m gets large.

    a · δ ≢ 0 (mod m)   for all differences δ of the places of two columns in one row

    For stencils m is the number of points where a perfect code exists: 5 for the 5-point star, (x₀ + 2 x₁) mod 5;
    9 for the 3 × 3 box; 7 for the 7-point star in 3-D. A greedy colouring in the order of numbering takes 7 for 5.

    **Arguments:**

    - `rows`, `columns`: integer arrays (z,), the entries sorted by row.
    - `coordinates`: integer array (n, d), the place x of each unknown, from 0.

    Reference: S. W. Golomb, L. R. Welch, SIAM J. Appl. Math. 18 (1970) 302 (perfect codes in the Lee metric).
    """
    differences = _differences(rows, columns, coordinates)
    if differences is None:
        return None
    least = int(np.bincount(rows).max())
    trials = [MOST_TRIALS]
    for m in range(least, least + least // 2 + 3):
        a = _coefficients(differences, m, (), trials)
        if a is not None:
            return (coordinates @ np.asarray(a) % m).astype(np.int32)
    return None


def _differences(rows, columns, coordinates):
    """All δ, of one sign each; None for a pattern that is no stencil: too many kinds of rows, or too full ones."""
    extent = 2 * coordinates.max(axis=0) + 1
    strides = np.concatenate([np.cumprod(extent[:0:-1], dtype=np.int64)[::-1], [1]])
    # A place is an integer whose differences, being unique, stand for those of places.
    number = coordinates.astype(np.int64) @ strides
    offset = number[columns] - number[rows]
    distinct = sorted_distinct(offset)
    if distinct.size > MOST_OFFSETS:
        return None
    kind = np.random.default_rng(0).integers(0, 2**63, distinct.size, dtype=np.uint64)
    total = np.concatenate([[np.uint64(0)], np.cumsum(kind[np.searchsorted(distinct, offset)])])
    start = np.searchsorted(rows, np.arange(len(coordinates) + 1))
    _, example = np.unique(total[start[1:]] - total[start[:-1]], return_index=True)
    if example.size > MOST_ROWS or np.sum((start[example + 1] - start[example]) ** 2) > MOST_PAIRS:
        return None
    within = [number[columns[start[r] : start[r + 1]]] for r in example]
    pairs = sorted_distinct(np.concatenate([(p[:, None] - p[None, :]).ravel() for p in within]))
    return _decode(pairs[pairs > 0], strides)


def _decode(codes, strides):
    """δ of its integer: digits lie between −(s − 1)/2 and (s − 1)/2, for neighbouring strides' quotient s."""
    digits = []
    for s in strides:
        digit = np.floor_divide(codes + (s - 1) // 2, s)
        codes = codes - digit * s
        digits.append(digit)
    return np.stack(digits, axis=1)


def _coefficients(differences, m: int, chosen: tuple, trials: list) -> tuple | None:
    """Choose a₀, a₁, … in turn; each δ is decided by the last coordinate in which it differs from zero."""
    level = len(chosen)
    if level == differences.shape[1]:
        return chosen
    trials[0] -= 1
    if trials[0] < 0:
        return None
    decided = np.all(differences[:, level + 1 :] == 0, axis=1) & (differences[:, level] != 0)
    here = differences[decided]
    so_far = here[:, :level] @ np.asarray(chosen, np.int64) if level else np.zeros(len(here), np.int64)
    clash = np.any((so_far[:, None] + here[:, level, None] * np.arange(m)) % m == 0, axis=0)
    for a in np.flatnonzero(~clash):
        found = _coefficients(differences, m, (*chosen, int(a)), trials)
        if found is not None:
            return found
    return None
