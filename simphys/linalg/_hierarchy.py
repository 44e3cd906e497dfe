"""The matrices and prolongators of multigrid as the host sees them, for those who lay them out in their own way."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sps

from ._aggregation import Coarsening, coarsen, inverse_diagonal, largest_eigenvalue
from ._galerkin import coarse_pattern
from ._multigrid import COARSEST, MOST_LEVELS, coarse_matrix, on_nodes
from ._pattern import SparsityPattern


class Hierarchy(NamedTuple):
    """What smoothed aggregation makes of a matrix with coefficients 1.

    **Attributes:**

    - `patterns`: indptr and columns of the node blocks of each level, the coarsest one last.
    - `steps`: the coarsening from each level to the next.
    - `sides`: unknowns of a node on each level.
    """

    patterns: tuple[tuple[np.ndarray, np.ndarray], ...]
    steps: tuple[Coarsening, ...]
    sides: tuple[int, ...]


def hierarchy(pattern: SparsityPattern, data, near_nullspace, positions, *, coarsest: int | None = None) -> Hierarchy:
    """Coarsen by smoothed aggregation until few unknowns are left; on the host, arguments as of `Multigrid.build`."""
    matrix, modes = on_nodes(pattern, np.asarray(data, float), np.asarray(near_nullspace, float))
    most = int(np.clip(pattern.size // 100, *COARSEST)) if coarsest is None else coarsest
    positions, steps = np.asarray(positions, float), []
    patterns, sides = [(matrix.indptr, matrix.indices)], [matrix.blocksize[0]]
    while matrix.shape[0] > most and len(steps) < MOST_LEVELS:
        made, matrix = _coarser(matrix, modes, positions)
        if made is None:
            break
        steps.append(made)
        modes, positions = made.near_nullspace, made.positions
        patterns.append((matrix.indptr, matrix.indices))
        sides.append(matrix.blocksize[0])
    return Hierarchy(tuple(patterns), tuple(steps), tuple(sides))


def _coarser(matrix: sps.bsr_array, modes, positions):
    """One step and the matrix it leads to; None where it leads nowhere."""
    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    bound = largest_eigenvalue(matrix.__matmul__, inverse_diagonal(matrix), start)
    made = coarsen(matrix, modes, positions, bound)
    if made.prolongator.shape[1] > 0.9 * matrix.shape[0]:
        return None, matrix
    _, pattern = coarse_pattern(matrix.indptr, matrix.indices, made.prolongator)
    return made, coarse_matrix(matrix, made, pattern.indptr, pattern.indices)
