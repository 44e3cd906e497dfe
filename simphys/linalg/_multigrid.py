"""Algebraic multigrid that is set up once on the host and then runs under `jit`."""

import functools
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps

from .._arrays import int32
from .._typing import Array, Int
from ._aggregation import Coarsening, coarsen, inverse_diagonal, largest_eigenvalue
from ._layout import Layout
from ._level import Level, own_blocks, prepare_levels, v_cycle
from ._pattern import SparsityPattern
from ._preconditioner import DEFINITE, AbstractPreconditioner
from ._stored_level import StoredLevel, in_blocks, prepare_stored, stored_cycle
from ._stored_rows import StoredRows


COARSEST = 600, 1500
"""Unknowns of the coarsest level at most: a hundredth of the finest, within these limits."""
MOST_LEVELS = 12


class Multigrid(AbstractPreconditioner):
    """One V-cycle of smoothed aggregation, M⁻¹ ≈ A⁻¹ symmetric and positive definite for a positive definite A.

    Aggregates and prolongators P are made once by `build`, on the host. `prepare` then makes the coarse matrices
    Pᵀ A P of any matrix in the pattern under `jit`, and bounds for the Chebyshev smoother; `apply` runs a V-cycle with
    equal smoothing before and after, hence symmetric, and a dense solve on the coarsest level. Work and memory grow
    linearly with the number of unknowns.

    **Arguments:**

    - `degree`: matrix products of one smoothing.
    - `single`: run the cycle in float32, within an iteration in float64: half the memory traffic, and as many steps on
      every body tried but beams a hundred times as long as they are thick (71 for 63).

    Reference: P. Vaněk, J. Mandel, M. Brezina, Computing 56 (1996) 179; M. Adams et al., J. Comput. Phys. 188 (2003) 593.
    """

    layout: Layout
    levels: tuple[Level, ...] | tuple[StoredLevel, ...]
    coarsest: tuple[Int[Array, " block"], Int[Array, " block"]]
    """Rows of the coarsest matrix's blocks (on the host where each row begins), and their columns."""
    sizes: tuple[int, ...] = eqx.field(static=True)
    degree: int = eqx.field(static=True, default=2)
    single: bool = eqx.field(static=True, default=True)
    made_for: ClassVar[str] = DEFINITE

    @staticmethod
    def build(pattern: SparsityPattern, data, near_nullspace, positions, *, degree=2, single=True, coarsest=None):
        """Set the hierarchy up for a pattern; on the host, once.

        **Arguments:**

        - `pattern`: of the matrices to come; best made with `owners`, so that its blocks are those of nodes.
        - `data`: entries of a matrix in it that shows what is coupled, shape (z,): the stiffness of the same mesh with
          coefficients 1 serves well.
        - `near_nullspace`: (n, k), vectors that the matrix hardly sees: rigid-body motions, or constants.
        - `positions`: of the nodes, (node, dim).
        - `degree`, `single`: see the class.
        - `coarsest`: unknowns of the coarsest level at most, which is inverted densely; None for a hundredth of the
          finest, 600 to 1500. (A last level of 50 in place of one of 1300 takes 21 steps for 15.)

        **Raises:** `ValueError` where shapes do not fit.
        """
        near_nullspace = np.asarray(near_nullspace, float)
        if near_nullspace.ndim != 2 or len(near_nullspace) != pattern.size:
            raise ValueError(
                f"`near_nullspace` must have shape ({pattern.size}, k), got {near_nullspace.shape}: one row per unknown."
            )
        matrix, modes = on_nodes(pattern, np.asarray(data, float), near_nullspace)
        nodes = len(matrix.indptr) - 1
        if np.shape(positions)[0] != nodes:
            raise ValueError(f"`positions` must have {nodes} rows, one per node, got shape {np.shape(positions)}.")
        b, k = pattern.layout.side, near_nullspace.shape[1]
        stored, size = isinstance(pattern.layout.rows, StoredRows), b if k % b == 0 else 1
        make = functools.partial(StoredLevel.build, size=size) if stored else Level.build
        coarsest = int(np.clip(pattern.size // 100, *COARSEST)) if coarsest is None else coarsest
        rows, levels, sizes = pattern.layout.rows, [], [matrix.shape[0]]
        positions = np.asarray(positions, float)
        while matrix.shape[0] > coarsest and len(levels) < MOST_LEVELS:
            start = np.random.default_rng(0).standard_normal(matrix.shape[0])
            bound = largest_eigenvalue(matrix.__matmul__, inverse_diagonal(matrix), start)
            made = coarsen(matrix, modes, positions, bound)
            if made.prolongator.shape[1] > 0.9 * matrix.shape[0]:
                break
            level, indptr, columns = make(rows, matrix, made, start, np.float32 if single else float)
            levels.append(level)
            matrix = coarse_matrix(matrix, made, indptr, columns)
            rows, modes, positions = None, made.near_nullspace, made.positions
            sizes.append(matrix.shape[0])
        indptr, columns = matrix.indptr, matrix.indices
        if stored:
            parts = k // size if levels else 1
            last = tuple(map(int32, in_blocks(indptr, columns, parts)))
        else:
            last = int32(np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))), int32(columns)
        return Multigrid(pattern.layout, tuple(levels), last, tuple(sizes), degree, single)

    @eqx.filter_jit
    def prepare(self, operator):
        """Return each level's matrix, smoother bounds and the inverse of the coarsest matrix."""
        blocks = operator.as_blocks()
        dtype = jnp.float32 if self.single else blocks.dtype
        make = prepare_stored if self._on_host else prepare_levels
        return make(self.levels, self.coarsest, self.sizes[-1], blocks, dtype)

    @eqx.filter_jit
    def apply(self, prepared, residual):
        """Return M⁻¹ r by one V-cycle."""
        if self._on_host:
            return stored_cycle(self.levels, prepared, self.layout.places, residual, self.degree)
        x = v_cycle(self.levels, prepared, self.layout.spread(residual), self.degree, self.layout.rows.rows_first)
        return self.layout.gather(x).astype(residual.dtype)

    def describe(self):
        """The sizes of the levels."""
        return f"algebraic multigrid ({' > '.join(map(str, self.sizes))} unknowns)"

    @property
    def _on_host(self):
        return isinstance(self.layout.rows, StoredRows)


def on_nodes(pattern, data, near_nullspace):
    """Return the matrix as node blocks with places for missing unknowns, and the near-nullspace, 0 there."""
    layout = pattern.layout
    # A missing unknown is a row of the identity, at the scale of the others.
    typical = np.mean(data[np.asarray(pattern.diagonal)])
    if pattern.scalar is None:
        blocks = data.copy()
        if pattern.cut is not None:
            blocks[np.asarray(pattern.cut)], blocks[np.asarray(pattern.unit)] = 0.0, typical
        blocks = blocks.reshape(-1, layout.side, layout.side)
    else:
        blocks = np.concatenate([data, [0.0, typical]])[np.asarray(layout.entries)]
    matrix = sps.bsr_array((blocks, np.asarray(layout.columns), np.asarray(layout.indptr)))
    spread = np.concatenate([near_nullspace, np.zeros((1, near_nullspace.shape[1]))])[np.asarray(layout.unknowns).T]
    return matrix, spread.reshape(matrix.shape[0], -1)


def coarse_matrix(matrix, made: Coarsening, indptr, columns) -> sps.bsr_array:
    """Return Pᵀ A P in the block pattern of the Galerkin map, with rows of the identity for what stands for nothing."""
    prolongator, k = made.prolongator, made.prolongator.blocksize[1]
    coarse = sps.bsr_array(sps.bsr_array(prolongator.T) @ matrix @ prolongator, blocksize=(k, k))
    # Blocks that happen to vanish have been dropped.
    nodes = len(indptr) - 1
    number = lambda pointers, at: np.repeat(np.arange(nodes, dtype=np.int64), np.diff(pointers)) * nodes + at
    coarse.sort_indices()
    data = np.zeros((len(columns), k, k))
    data[np.searchsorted(number(indptr, columns), number(coarse.indptr, coarse.indices))] = coarse.data
    data[own_blocks(indptr, columns)] += np.eye(k) * made.void.reshape(-1, 1, k)
    return sps.bsr_array((data, columns, indptr), shape=coarse.shape)
