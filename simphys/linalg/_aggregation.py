"""Smoothed aggregation on the host: which nodes are put together, and how they are interpolated."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sps


WEAK = 0.02
NEAR = 2.0
NEGLIGIBLE = 0.1
LANCZOS_STEPS = 8
SAFETY = 1.05


@dataclass
class Coarsening:
    """One step of coarsening: the prolongator P, and what the next level needs."""

    prolongator: sps.bsr_array
    near_nullspace: np.ndarray
    positions: np.ndarray
    void: np.ndarray
    """Which coarse unknowns stand for nothing (column, an aggregate too small for all modes)."""


def coarsen(matrix: sps.bsr_array, near_nullspace: np.ndarray, positions: np.ndarray, bound: float) -> Coarsening:
    """Aggregate nodes and smooth the piecewise near-nullspace, P = filter((I − ω D⁻¹ A) T), P B_c = B.

    Neighbours are those coupled by the matrix and near by: within twice the distance of the nearest, so that stretched
    cells are coarsened along their short edges. P keeps to aggregates near by, without small blocks; what that takes away
    from the near-nullspace B is given back to each row by least squares.

    **Arguments:**

    - `matrix`: A in b × b node blocks.
    - `near_nullspace`: B, (n, k): what A hardly sees, such as rigid-body motions.
    - `positions`: of the nodes, (node, dim).
    - `bound`: the largest eigenvalue of D⁻¹A.

    Reference: P. Vaněk, J. Mandel, M. Brezina, Computing 56 (1996) 179; PyAMG makes aggregates and local bases.
    """
    from pyamg.aggregation.aggregate import standard_aggregation
    from pyamg.aggregation.tentative import fit_candidates

    graph = _near_and_coupled(matrix, positions)
    aggregates, _ = standard_aggregation(graph)
    tentative, coarse_modes = fit_candidates(aggregates, near_nullspace)
    smoothed = tentative - (4 / 3 / bound) * _scale(matrix @ tentative, inverse_diagonal(matrix))
    allowed = sps.csr_array(graph @ aggregates)
    k = coarse_modes.shape[1]
    prolongator = _filtered(sps.bsr_array(smoothed, blocksize=(matrix.blocksize[0], k)), allowed)
    prolongator = _constrained(prolongator, near_nullspace, coarse_modes)
    members = np.maximum(np.asarray(aggregates.sum(axis=0)).ravel(), 1)
    centres = (aggregates.T @ positions) / members[:, None]
    void = np.asarray(abs(prolongator).sum(axis=0)).ravel() == 0
    return Coarsening(prolongator, coarse_modes, centres, void)


def inverse_diagonal(matrix) -> np.ndarray:
    """Return 1 / diag A."""
    diagonal = matrix.diagonal()
    return 1 / np.where(diagonal > 0, diagonal, 1.0)


def largest_eigenvalue(product, inverse: np.ndarray, start: np.ndarray) -> float:
    """Return a bound, nearly, of the eigenvalues of D⁻¹A: the largest row sum of a few Lanczos steps' tridiagonal matrix.

    β_{i−1} + α_i + β_i bounds the eigenvalues of that matrix and, in its last row, what is not yet in it. Power steps
    fall short by a seventh where coefficients vary from cell to cell: its eigenvectors are then local.

    **Arguments:**

    - `product`: x ↦ A x.
    - `inverse`: 1 / diag A.
    - `start`: a random vector.
    """
    root = np.sqrt(inverse)
    before, vector, beta, bound = np.zeros_like(start), start / np.linalg.norm(start), 0.0, 0.0
    for _ in range(LANCZOS_STEPS):
        following = root * product(root * vector) - beta * before
        alpha = float(vector @ following)
        following = following - alpha * vector
        after = float(np.linalg.norm(following))
        bound = np.maximum(bound, beta + alpha + after)
        before, vector, beta = vector, following / (after or 1.0), after
    return float(SAFETY * bound)


def _scale(matrix, rows):
    return sps.diags_array(rows) @ matrix


def _block_rows(matrix) -> np.ndarray:
    return np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))


def _near_and_coupled(matrix, positions) -> sps.csr_array:
    """The graph of nodes that are to be put together."""
    nodes = len(matrix.indptr) - 1
    rows, columns = _block_rows(matrix), matrix.indices
    scale = np.sqrt(inverse_diagonal(matrix)).reshape(nodes, -1)
    strength = np.sqrt(np.einsum("kij,ki,kj->k", matrix.data**2, scale[rows] ** 2, scale[columns] ** 2))
    own = rows == columns
    diagonal = np.zeros(nodes)
    diagonal[rows[own]] = strength[own]
    coupled = strength >= WEAK * np.sqrt(diagonal[rows] * diagonal[columns])
    distance = np.linalg.norm(positions[rows] - positions[columns], axis=1)
    nearest = np.full(nodes, np.inf)
    others = coupled & ~own
    np.minimum.at(nearest, rows[others], distance[others])
    near = distance <= NEAR * np.minimum(nearest[rows], nearest[columns]) * (1 + 1e-6)
    kept = (coupled & near) | own
    graph = sps.csr_array((np.ones(int(kept.sum())), (rows[kept], columns[kept])), shape=(nodes, nodes))
    graph = sps.csr_array(graph + graph.T)
    graph.data[:] = 1.0
    graph.sort_indices()
    return graph


def _select(matrix, rows, kept) -> sps.bsr_array:
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows[kept], minlength=len(matrix.indptr) - 1))])
    return sps.bsr_array((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)


def _filtered(prolongator, allowed) -> sps.bsr_array:
    """Keep the blocks in the allowed places that are not small beside the largest of their row."""
    prolongator.sort_indices()
    rows, width = _block_rows(prolongator), allowed.shape[1]
    places = allowed.tocoo()
    code = np.sort(places.row.astype(np.int64) * width + places.col)
    mine = rows.astype(np.int64) * width + prolongator.indices
    found = np.minimum(np.searchsorted(code, mine), len(code) - 1)
    size = np.linalg.norm(prolongator.data, axis=(1, 2))
    largest = np.zeros(allowed.shape[0])
    np.maximum.at(largest, rows, size)
    return _select(prolongator, rows, (code[found] == mine) & (size > NEGLIGIBLE * largest[rows]))


def _constrained(prolongator, modes, coarse_modes) -> sps.bsr_array:
    """Correct each row by the smallest change that makes P B_c = B."""
    b, k = prolongator.blocksize
    rows, count = _block_rows(prolongator), coarse_modes.shape[1]
    nodes = len(prolongator.indptr) - 1
    local = coarse_modes.reshape(-1, k, count)[prolongator.indices]
    gram = np.zeros((nodes, count * count))
    products = np.matmul(local.transpose(0, 2, 1), local).reshape(len(rows), -1)
    np.add.at(gram, rows, products)
    missing = (modes - prolongator @ coarse_modes).reshape(nodes, b, count)
    inverse = np.linalg.pinv(gram.reshape(nodes, count, count), rcond=1e-8, hermitian=True)
    change = np.matmul(np.matmul(missing, inverse)[rows], local.transpose(0, 2, 1))
    return sps.bsr_array((prolongator.data + change, prolongator.indices, prolongator.indptr), shape=prolongator.shape)
