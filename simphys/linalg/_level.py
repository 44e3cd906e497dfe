"""One level of multigrid as XLA computes with it."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps

from .. import _lapack
from .._arrays import int32, placed
from .._typing import Array, Float, Int
from ._aggregation import LANCZOS_STEPS, SAFETY, Coarsening
from ._galerkin import Galerkin, build_galerkin
from ._rows import BlockRows


SMOOTHED = 12.0


class Transfer(eqx.Module):
    """P between two levels, by fine rows, and Pᵀ, by coarse rows; its numbers are fixed."""

    rows: BlockRows
    values: tuple[Array, ...]
    columns: BlockRows
    transposed: tuple[Array, ...]

    @staticmethod
    def build(prolongator: sps.bsr_array, dtype) -> "Transfer":
        """Lay a prolongator out for products."""
        back = sps.bsr_array(prolongator.T)
        rows = BlockRows.build(prolongator.indptr, prolongator.indices, slices=2)
        columns = BlockRows.build(back.indptr, back.indices, slices=1)
        laid_out = lambda rows, matrix: rows.laid_out(matrix.data.astype(dtype))
        return Transfer(rows, laid_out(rows, prolongator), columns, laid_out(columns, back))


class Level(eqx.Module):
    """What topology decides of one level but the coarsest."""

    rows: BlockRows
    diagonal: Int[Array, " node"]
    """Number of each node's own block."""
    start: Float[Array, "b node"]
    """A random vector, in the layout of `rows`, from which the largest eigenvalue of D⁻¹A is sought."""
    transfer: Transfer
    galerkin: Galerkin
    void: Float[Array, "coarse k"]
    """1 where a coarse unknown stands for nothing."""
    coarse_diagonal: Int[Array, " coarse"]

    @staticmethod
    def build(rows, matrix: sps.bsr_array, made: Coarsening, start, dtype):
        """Lay one step of coarsening out; `rows` are those of the finest matrix, None on coarser levels.

        **Returns:** the level; the block pattern of the next one as indptr and columns.
        """
        rows = BlockRows.build(matrix.indptr, matrix.indices, slices=1) if rows is None else rows
        galerkin, indptr, columns = build_galerkin(matrix.indptr, matrix.indices, made.prolongator)
        turned = rows.turned(start.reshape(len(matrix.indptr) - 1, -1).T)
        level = Level(
            rows,
            int32(own_blocks(matrix.indptr, matrix.indices)),
            placed(turned),
            Transfer.build(made.prolongator, dtype),
            galerkin,
            placed(made.void.reshape(-1, made.prolongator.blocksize[1]), float),
            int32(own_blocks(indptr, columns)),
        )
        return level, indptr, columns


def own_blocks(indptr: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the number of each row's block on the diagonal."""
    return np.flatnonzero(np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)) == columns)


def prepare_levels(levels, coarsest, unknowns: int, blocks, dtype):
    """Return each level's matrix, 1 / diag and bound of the smoother, and the inverse of the coarsest matrix.

    **Arguments:**

    - `coarsest`: rows and columns of the blocks of the coarsest matrix.
    - `unknowns`: its size.
    - `blocks`: of the finest matrix.
    """
    prepared = []
    for level in levels:
        values = level.rows.lay_out(blocks.astype(dtype))
        inverse = level.rows.turned(_inverse_diagonal(blocks, level.diagonal)).astype(dtype)
        product = functools.partial(level.rows.product, values)
        prepared.append((values, inverse, eigenvalue_bound(product, inverse, level.start)))
        blocks = level.galerkin(blocks)
        own = jnp.eye(blocks.shape[-1], dtype=blocks.dtype)[None] * level.void.astype(blocks.dtype)[:, None, :]
        blocks = blocks.at[level.coarse_diagonal].add(own)
    return tuple(prepared), _dense_inverse(blocks, *coarsest, unknowns // blocks.shape[-1]).astype(dtype)


def v_cycle(levels, prepared, residual, degree: int, rows_first: bool):
    """Return M⁻¹ r for a vector in the layout of the levels."""
    matrices, inverse = prepared
    by_node = (lambda x: x) if rows_first else (lambda x: x.T)

    def cycle(r, at):
        if at == len(levels):
            return by_node((inverse @ by_node(r).ravel()).reshape(by_node(r).shape))
        level, matrix = levels[at], matrices[at]
        cast = lambda values: tuple(v.astype(r.dtype) for v in values)
        product = lambda x: level.rows.product(matrix[0], x)
        # Unrolled where each turn of a loop is a launch; else the loop is compiled in half the time.
        smooth = functools.partial(chebyshev, product, matrix[1:], degree=degree, unroll=rows_first)
        x, r = smooth(r)
        below = level.transfer.columns.product(cast(level.transfer.transposed), r)
        correction = level.transfer.rows.product(cast(level.transfer.values), cycle(below, at + 1))
        more, _ = smooth(r - product(correction), last=False)
        return x + correction + more

    return cycle(residual.astype(inverse.dtype), 0)


def _inverse_diagonal(blocks, own):
    """1 / diag A by component and node; NaN, and hence a failure, where A is not positive."""
    diagonal = jnp.diagonal(blocks[own], axis1=1, axis2=2).T
    return 1 / jnp.where(diagonal > 0, diagonal, jnp.nan)


def eigenvalue_bound(product, inverse, start, total=lambda part: part):
    """Return a bound, nearly, of the eigenvalues of D⁻¹A, from products with A and 1 / diag A; see `largest_eigenvalue`.

    `total` sums over parts what is a sum over the rows of one, where vectors are divided.
    """
    root = jnp.sqrt(inverse)
    length = lambda vector: jnp.sqrt(total(jnp.sum(vector**2)))

    def step(carry, _):
        before, vector, beta, bound = carry
        following = root * product(root * vector) - beta * before
        alpha = total(jnp.vdot(vector, following))
        following = following - alpha * vector
        after = length(following)
        bound = jnp.maximum(bound, beta + alpha + after)
        return (vector, following / jnp.where(after > 0, after, 1), after, bound), None

    start = start.astype(inverse.dtype)
    zero = jnp.zeros((), start.dtype)
    begin = (jnp.zeros_like(start), start / length(start), zero, zero)
    return SAFETY * jax.lax.scan(step, begin, None, length=LANCZOS_STEPS)[0][3]


def chebyshev(product, scaling, r, degree, unroll=False, last=True):
    """Chebyshev polynomial in D⁻¹A for A x = r from x = 0, on the upper part of the spectrum; x and r − A x.

    **Arguments:**

    - `scaling`: 1 / diag A, and the bound of the spectrum.
    - `degree`: products with A.
    - `last`: whether the last residual is wanted, which takes one of them.
    """
    inverse, high = scaling
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
    inverse = _lapack.cholesky_solve(_lapack.cholesky(unit), one)
    return (inverse + inverse.T) / 2 * scale[:, None] * scale[None, :]
