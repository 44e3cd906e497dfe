"""Algebraic multigrid that is set up once on the host and then runs under `jit`."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps

from .._arrays import int32, placed
from .._typing import Array, Float, Int
from ._aggregation import LANCZOS_STEPS, SAFETY, coarsen, largest_eigenvalue
from ._galerkin import Galerkin, build_galerkin
from ._pattern import Layout, SparsityPattern
from ._preconditioner import DEFINITE, AbstractPreconditioner
from ._rows import BlockRows
from ._stored_rows import StoredRows, coarse_rows, fixed_rows


SMOOTHED = 12.0
COARSEST = 600
MOST_LEVELS = 12


class Transfer(eqx.Module):
    """P between two levels, by fine rows, and Pᵀ, by coarse rows; its numbers are fixed."""

    rows: BlockRows | StoredRows
    values: tuple[Array, ...]
    columns: BlockRows | StoredRows
    transposed: tuple[Array, ...]

    @staticmethod
    def build(finest, prolongator: sps.bsr_array, dtype) -> "Transfer":
        """Lay a prolongator out for products, as the rows of the finest matrix are."""
        back = sps.bsr_array(prolongator.T)
        return Transfer(*fixed_rows(finest, prolongator, 2, dtype), *fixed_rows(finest, back, 1, dtype))


class Level(eqx.Module):
    """What topology decides of one level but the coarsest."""

    rows: BlockRows | StoredRows
    diagonal: Int[Array, " node"]
    """Number of each node's own block."""
    start: Float[Array, "b node"]
    """A random vector, in the layout of `rows`, from which the largest eigenvalue of D⁻¹A is sought."""
    transfer: Transfer
    galerkin: Galerkin
    void: Float[Array, "coarse k"]
    """1 where a coarse unknown stands for nothing."""
    coarse_diagonal: Int[Array, " coarse"]


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
    levels: tuple[Level, ...]
    coarsest: tuple[Int[Array, " block"], Int[Array, " block"]]
    """Rows and columns of the coarsest matrix's blocks."""
    sizes: tuple[int, ...] = eqx.field(static=True)
    degree: int = eqx.field(static=True, default=2)
    single: bool = eqx.field(static=True, default=True)

    @property
    def made_for(self):
        """Definite matrices."""
        return DEFINITE

    @staticmethod
    def build(pattern: SparsityPattern, data, near_nullspace, positions, *, degree=2, single=True, coarsest=COARSEST):
        """Set the hierarchy up for a pattern; on the host, once.

        **Arguments:**

        - `pattern`: of the matrices to come; best made with `owners`, so that its blocks are those of nodes.
        - `data`: entries of a matrix in it that shows what is coupled, shape (z,): the stiffness of the same mesh with
          coefficients 1 serves well.
        - `near_nullspace`: (n, k), vectors that the matrix hardly sees: rigid-body motions, or constants.
        - `positions`: of the nodes, (node, dim).
        - `degree`, `single`: see the class.
        - `coarsest`: unknowns of the coarsest level at most; it is factorised densely.

        **Raises:** `ValueError` where shapes do not fit.
        """
        near_nullspace = np.asarray(near_nullspace, float)
        if near_nullspace.ndim != 2 or len(near_nullspace) != pattern.size:
            raise ValueError(
                f"`near_nullspace` must have shape ({pattern.size}, k), got {near_nullspace.shape}: one row per unknown."
            )
        matrix, modes = _on_nodes(pattern, np.asarray(data, float), near_nullspace)
        nodes = len(matrix.indptr) - 1
        if np.shape(positions)[0] != nodes:
            raise ValueError(f"`positions` must have {nodes} rows, one per node, got shape {np.shape(positions)}.")
        rows, levels, sizes = pattern.layout.rows, [], [matrix.shape[0]]
        positions = np.asarray(positions, float)
        while matrix.shape[0] > coarsest and len(levels) < MOST_LEVELS:
            start = np.random.default_rng(0).standard_normal(matrix.shape[0])
            bound = largest_eigenvalue(matrix, start)
            made = coarsen(matrix, modes, positions, bound)
            if made.prolongator.shape[1] > 0.9 * matrix.shape[0]:
                break
            galerkin, indptr, columns = build_galerkin(matrix.indptr, matrix.indices, made.prolongator)
            void = made.void.reshape(-1, made.prolongator.blocksize[1])
            coarse = _coarse_matrix(matrix, made.prolongator, indptr, columns, void)
            levels.append(
                Level(
                    rows,
                    int32(_own(matrix.indptr, matrix.indices)),
                    placed(rows.turned(start.reshape(nodes, -1).T)),
                    Transfer.build(rows, made.prolongator, np.float32 if single else float),
                    galerkin,
                    placed(void, float),
                    int32(_own(indptr, columns)),
                )
            )
            matrix, modes, positions = coarse, made.near_nullspace, made.positions
            rows, nodes = coarse_rows(rows, indptr, columns), len(indptr) - 1
            sizes.append(matrix.shape[0])
        at = np.repeat(np.arange(nodes), np.diff(matrix.indptr))
        last = (int32(at), int32(matrix.indices))
        return Multigrid(pattern.layout, tuple(levels), last, tuple(sizes), degree, single)

    @eqx.filter_jit
    def prepare(self, operator):
        """Return each level's matrix, smoother bounds and the inverse of the coarsest matrix."""
        blocks = self.layout.blocks(operator.data)
        dtype = jnp.float32 if self.single else blocks.dtype
        prepared = []
        for level in self.levels:
            values = level.rows.lay_out(blocks.astype(dtype))
            inverse = level.rows.turned(_inverse_diagonal(blocks, level.diagonal)).astype(dtype)
            prepared.append((values, inverse, _bound(level, values, inverse)))
            blocks = level.galerkin(blocks)
            own = jnp.eye(blocks.shape[-1], dtype=blocks.dtype)[None] * level.void.astype(blocks.dtype)[:, None, :]
            blocks = blocks.at[level.coarse_diagonal].add(own)
        return tuple(prepared), _dense_inverse(blocks, *self.coarsest, self.sizes[-1] // blocks.shape[-1]).astype(dtype)

    @eqx.filter_jit
    def apply(self, prepared, residual):
        """Return M⁻¹ r by one V-cycle."""
        levels, inverse = prepared
        r = self.layout.spread(residual).astype(inverse.dtype)
        return self.layout.gather(self._cycle(levels, inverse, r, 0)).astype(residual.dtype)

    def describe(self):
        """The sizes of the levels."""
        return f"algebraic multigrid ({' > '.join(map(str, self.sizes))} unknowns)"

    def _cycle(self, prepared, inverse, r, at):
        if at == len(self.levels):
            by_node = (lambda x: x) if self.layout.rows.rows_first else (lambda x: x.T)
            return by_node((inverse @ by_node(r).ravel()).reshape(by_node(r).shape))
        transfer, matrix = self.levels[at].transfer, prepared[at]
        cast = lambda values: tuple(v.astype(r.dtype) for v in values)
        product = lambda x: self.levels[at].rows.product(matrix[0], x)
        # Unrolled where each turn of a loop is a launch, or products are calls; else the loop is compiled in half the time.
        smooth = functools.partial(_smooth, product, matrix, degree=self.degree, unroll=self.layout.rows.rows_first)
        x, r = smooth(r)
        below = transfer.columns.product(cast(transfer.transposed), r)
        correction = transfer.rows.product(cast(transfer.values), self._cycle(prepared, inverse, below, at + 1))
        more, _ = smooth(r - product(correction), last=False)
        return x + correction + more


def _own(indptr, columns):
    return np.flatnonzero(np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)) == columns)


def _on_nodes(pattern, data, near_nullspace):
    """The matrix as node blocks with places for missing unknowns, and the near-nullspace, 0 there."""
    layout = pattern.layout
    # A missing unknown is a row of the identity, at the scale of the others.
    typical = np.mean(data[np.asarray(pattern.diagonal)])
    blocks = np.concatenate([data, [0.0, typical]])[np.asarray(layout.entries)]
    matrix = sps.bsr_array((blocks, np.asarray(layout.columns), np.asarray(layout.indptr)))
    spread = np.concatenate([near_nullspace, np.zeros((1, near_nullspace.shape[1]))])[np.asarray(layout.unknowns).T]
    return matrix, spread.reshape(matrix.shape[0], -1)


def _coarse_matrix(matrix, prolongator, indptr, columns, void) -> sps.bsr_array:
    """Pᵀ A P in the block pattern of the Galerkin map, with rows of the identity for what stands for nothing."""
    k = prolongator.blocksize[1]
    coarse = sps.bsr_array(sps.bsr_array(prolongator.T) @ matrix @ prolongator, blocksize=(k, k))
    # Blocks that happen to vanish have been dropped.
    nodes = len(indptr) - 1
    number = lambda pointers, at: np.repeat(np.arange(nodes, dtype=np.int64), np.diff(pointers)) * nodes + at
    coarse.sort_indices()
    data = np.zeros((len(columns), k, k))
    data[np.searchsorted(number(indptr, columns), number(coarse.indptr, coarse.indices))] = coarse.data
    data[_own(indptr, columns)] += np.eye(k) * void[:, None, :]
    return sps.bsr_array((data, columns, indptr), shape=coarse.shape)


def _inverse_diagonal(blocks, own):
    """1 / diag A by component and node; NaN, and hence a failure, where A is not positive."""
    diagonal = jnp.diagonal(blocks[own], axis1=1, axis2=2).T
    return 1 / jnp.where(diagonal > 0, diagonal, jnp.nan)


def _bound(level, values, inverse):
    """A bound, nearly, of the eigenvalues of D⁻¹A: the largest row sum of the tridiagonal matrix of a few Lanczos steps.

    β_{i−1} + α_i + β_i bounds the eigenvalues of that matrix and, in its last row, what is not yet in it. Power steps
    fall short by a seventh where coefficients vary from cell to cell: its eigenvectors are then local.
    """
    root = jnp.sqrt(inverse)

    def step(carry, _):
        before, vector, beta, bound = carry
        following = root * level.rows.product(values, root * vector) - beta * before
        alpha = jnp.vdot(vector, following)
        following = following - alpha * vector
        after = jnp.linalg.norm(following)
        bound = jnp.maximum(bound, beta + alpha + after)
        return (vector, following / jnp.where(after > 0, after, 1), after, bound), None

    start = level.start.astype(inverse.dtype)
    zero = jnp.zeros((), start.dtype)
    begin = (jnp.zeros_like(start), start / jnp.linalg.norm(start), zero, zero)
    return SAFETY * jax.lax.scan(step, begin, None, length=LANCZOS_STEPS)[0][3]


def _smooth(product, matrix, r, degree, unroll=False, last=True):
    """Chebyshev polynomial in D⁻¹A for A x = r from x = 0, on the upper part of the spectrum; x and r − A x."""
    _, inverse, high = matrix
    low = high / SMOOTHED
    centre, half = (high + low) / 2, (high - low) / 2
    begin = (jnp.zeros_like(r), r, inverse * r / centre, half / centre)

    def step(_, carry):
        x, r, direction, rho = carry
        x, r = x + direction, r - product(direction)
        following = 1 / (2 * centre / half - rho)
        return x, r, following * rho * direction + 2 * following / half * inverse * r, following

    # Without the last residual the last product is not needed.
    x, r, direction, _ = jax.lax.fori_loop(0, degree if last else degree - 1, step, begin, unroll=unroll)
    return (x, r) if last else (x + direction, r)


def _dense_inverse(blocks, rows, columns, nodes: int):
    """The inverse of the coarsest matrix, scaled to unit diagonal; NaN where it is not positive definite."""
    k = blocks.shape[-1]
    dense = jnp.zeros((nodes, k, nodes, k), blocks.dtype).at[rows, :, columns, :].set(blocks)
    dense = dense.reshape(nodes * k, nodes * k)
    scale = jax.lax.rsqrt(jnp.diagonal(dense))
    one = jnp.eye(nodes * k, dtype=blocks.dtype)
    unit = dense * scale[:, None] * scale[None, :] + 10 * jnp.finfo(blocks.dtype).eps * one
    inverse = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(unit, lower=True), one)
    return (inverse + inverse.T) / 2 * scale[:, None] * scale[None, :]
