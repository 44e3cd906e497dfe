"""Multigrid on the host, by MKL: one call makes all levels, another runs a cycle, and XLA has nothing to compile."""

import itertools
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
import scipy.linalg
import scipy.sparse as sps

from .._arrays import int32, placed
from .._typing import Array, Float, Int
from ._aggregation import Coarsening, largest_eigenvalue
from ._galerkin import coarse_pattern
from ._host_call import host_function
from ._level import SMOOTHED, own_blocks
from ._mkl import MKLMatrix


class Stored(NamedTuple):
    """A matrix of g × g blocks in compressed rows."""

    indptr: Array
    columns: Array
    blocks: Array

    @staticmethod
    def place(matrix: sps.bsr_array, dtype) -> "Stored":
        """Take a matrix of SciPy's over."""
        return Stored(int32(matrix.indptr), int32(matrix.indices), placed(matrix.data.astype(dtype)))


class StoredLevel(eqx.Module):
    """What topology decides of one level but the coarsest; vectors are flat, by node.

    Prolongators and all matrices but the finest are in blocks of one size, of which nodes are made, fine and coarse ones.
    """

    indptr: Int[Array, " row+1"]
    columns: Int[Array, " block"]
    own: Int[Array, " row"]
    """Number of each row's block on the diagonal."""
    start: Float[Array, " n"]
    """A random vector from which the largest eigenvalue of D⁻¹A is sought."""
    void: Float[Array, " coarse"]
    """1 where a coarse unknown stands for nothing."""
    prolongator: Stored
    restriction: Stored

    @staticmethod
    def build(rows, matrix: sps.bsr_array, made: Coarsening, start, dtype, size: int):
        """Lay one step of coarsening out, in blocks of `size`; `rows` are the finest matrix's, None on coarser levels.

        **Returns:** the level; the pattern of the next one's matrix, in blocks of coarse nodes, as indptr and columns.
        """
        pattern = matrix.indptr, matrix.indices
        _, coarse = coarse_pattern(*pattern, made.prolongator)
        if rows is None:
            pattern = in_blocks(*pattern, matrix.blocksize[0] // size)
        stored = made.prolongator.tobsr((size, size))
        level = StoredLevel(
            *map(int32, (*pattern, own_blocks(*pattern))),
            placed(start),
            placed(made.void, float),
            Stored.place(stored, dtype),
            Stored.place(sps.bsr_array(stored.T), dtype),
        )
        return level, coarse.indptr, coarse.indices


def in_blocks(indptr, columns, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a pattern with each block cut into parts × parts."""
    shape = (len(indptr) - 1,) * 2
    graph = sps.csr_array((np.ones(len(columns), np.int8), columns, indptr), shape=shape)
    fine = sps.csr_array(sps.kron(graph, np.ones((parts, parts), np.int8), format="csr"))
    fine.sort_indices()
    return fine.indptr, fine.indices


def prepare_stored(levels: tuple[StoredLevel, ...], coarsest, unknowns: int, blocks, dtype):
    """Return each level's matrix, 1 / diag and bound of the smoother, and the inverse of the coarsest matrix.

    **Arguments:**

    - `coarsest`: indptr and columns of the coarsest matrix.
    - `unknowns`: its size.
    - `blocks`: of the finest matrix.
    """
    # Prolongators have their type for good.
    dtype = levels[0].prolongator.blocks.dtype if levels else dtype
    of = lambda *shape: jax.ShapeDtypeStruct(shape, dtype)
    sizes = [blocks.shape[-1], *(level.prolongator.blocks.shape[-1] for level in levels)]
    shapes = [
        (of(len(level.columns), s, s), of(len(level.start)), of()) for level, s in zip(levels, sizes, strict=False)
    ]
    flat, structure = jax.tree.flatten((tuple(shapes), of(unknowns, unknowns)))
    found = _prepare({}, tuple(flat), blocks, *coarsest, *jax.tree.leaves(levels))
    return jax.tree.unflatten(structure, found)


def stored_cycle(levels: tuple[StoredLevel, ...], prepared, places, residual, degree: int):
    """Return M⁻¹ r; `places` tells where each unknown stands in a flat vector of the finest level."""
    matrices, inverse = prepared
    parts = [
        (level.indptr, level.columns, *matrix, *level.prolongator, *level.restriction)
        for level, matrix in zip(levels, matrices, strict=True)
    ]
    shape = jax.ShapeDtypeStruct(residual.shape, residual.dtype)
    return _cycle({"degree": degree}, (shape,), residual, places, inverse, *itertools.chain(*parts))[0]


ARRAYS = 11
"""Arrays that each level hands over."""


@host_function("simphys_multigrid_prepare", fills=True)
@np.errstate(all="ignore")
def _prepare(settings, blocks, indptr, columns, *arrays, out):
    levels = [StoredLevel(*part[:5], Stored(*part[5:8]), Stored(*part[8:])) for part in _cut(arrays, ARRAYS)]
    patterns = [*((level.indptr, level.columns) for level in levels), (indptr, columns)]
    for level, following, (values, inverse, bound) in zip(levels, patterns[1:], _cut(out, 3), strict=False):
        np.copyto(values, blocks, casting="same_kind")
        diagonal = np.diagonal(blocks[level.own], axis1=1, axis2=2).ravel()
        # NaN, and hence a failure, where A is not positive.
        inverse[:] = 1 / np.where(diagonal > 0, diagonal, np.nan)
        matrix = MKLMatrix(level.indptr, level.columns, values, len(level.own))
        bound[...] = largest_eigenvalue(matrix.times, inverse, level.start.astype(inverse.dtype))
        blocks = _coarse_blocks(level, blocks, *following)
    out[-1][...] = _dense_inverse(indptr, columns, blocks)


def _coarse_blocks(level, blocks, indptr, columns):
    """The blocks of Pᵀ A P in the pattern of the next level, with rows of the identity for what stands for nothing."""
    p = level.prolongator
    size, rows = p.blocks.shape[-1], len(indptr) - 1
    P = MKLMatrix(p.indptr, p.columns, p.blocks.astype(float), rows)
    A = MKLMatrix(level.indptr, level.columns, blocks.astype(float, copy=False), len(level.own))
    coarse = P.product(A.product(P), transposed=True)
    found_indptr, found_columns, found = coarse.arrays()
    if len(found) == len(columns):
        result = found.copy()
    else:
        # Only an aggregate that nothing is interpolated from has a block that no product falls on.
        number = lambda pointers, at: np.repeat(np.arange(rows), np.diff(pointers)) * rows + at
        result = np.zeros((len(columns), size, size))
        result[np.searchsorted(number(indptr, columns), number(found_indptr, found_columns))] = found
    if level.void.any():
        result[own_blocks(indptr, columns)] += np.eye(size) * level.void.reshape(rows, 1, size)
    return result


def _dense_inverse(indptr, columns, blocks):
    """The inverse of the coarsest matrix, scaled to unit diagonal; NaN where it is not positive definite."""
    size, rows = blocks.shape[-1], len(indptr) - 1
    dense = np.zeros((rows, size, rows, size))
    dense[np.repeat(np.arange(rows), np.diff(indptr)), :, columns, :] = blocks
    dense = dense.reshape(rows * size, -1)
    scale = 1 / np.sqrt(np.diagonal(dense))
    unit = dense * scale[:, None] * scale
    unit[np.diag_indices_from(unit)] += 10 * np.finfo(float).eps
    factor, bad = scipy.linalg.lapack.dpotrf(unit, lower=True)
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=True)
    if bad:
        return np.full_like(dense, np.nan)
    lower = np.tril(inverse)
    return (lower + np.tril(inverse, -1).T) * scale[:, None] * scale


@host_function("simphys_multigrid_cycle", fills=True)
@np.errstate(all="ignore")
def _cycle(settings, residual, places, inverse, *arrays, out):
    levels = [_Matrices(*part, degree=settings["degree"]) for part in _cut(arrays, ARRAYS)]
    r = np.zeros(levels[0].A.rows * levels[0].A.size if levels else len(inverse), inverse.dtype)
    r[places] = residual
    out[0][:] = _v_cycle(levels, inverse, r)[places]


def _cut(arrays, count):
    return [arrays[k : k + count] for k in range(0, len(arrays) // count * count, count)]


def _v_cycle(levels, inverse, r):
    if not levels:
        return inverse @ r
    level, *coarser = levels
    x, r = level.smooth(r)
    correction = level.P.times(_v_cycle(coarser, inverse, level.R.times(r)))
    more, _ = level.smooth(r - level.A.times(correction), last=False)
    return x + correction + more


class _Matrices:
    """What a cycle needs of one level."""

    def __init__(self, indptr, columns, values, inverse, bound, *transfers, degree):
        P, R = transfers[:3], transfers[3:]
        self.inverse, self.bound, self.degree = inverse, float(bound), degree
        self.A = MKLMatrix(indptr, columns, values, len(indptr) - 1)
        self.P, self.R = MKLMatrix(*P, len(R[0]) - 1), MKLMatrix(*R, len(P[0]) - 1)

    def smooth(self, r, last=True):
        """Chebyshev polynomial in D⁻¹A for A x = r from x = 0, on the upper part of the spectrum; x and r − A x."""
        high, low = self.bound, self.bound / SMOOTHED
        centre, half = (high + low) / 2, (high - low) / 2
        x, direction, rho = np.zeros_like(r), self.inverse * r / centre, half / centre
        for step in range(1, self.degree + 1):
            x += direction
            # Without the last residual the last product is not needed.
            if step == self.degree and not last:
                break
            r = r - self.A.times(direction)
            following = 1 / (2 * centre / half - rho)
            direction = following * rho * direction + 2 * following / half * self.inverse * r
            rho = following
        return x, r
