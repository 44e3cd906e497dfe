"""The coarse matrix Pᵀ A P as a linear map of A's entries, laid out once and run under `jit`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps

from .._arrays import int32, placed
from .._told import Told
from .._typing import Array, Float, Int
from ._platform import accelerated
from ._sums import GatheredSums, grouped


CHUNK = 4096


class BlockProduct(Told):
    """Products of blocks, summed up: C_t = Σ_k L_{l(k)} R_{r(k)} over the k with t(k) = t."""

    left: Int[Array, "chunk k"]
    right: Int[Array, "chunk k"]
    target: Int[Array, "chunk k"] | None
    gathered: GatheredSums | None
    """How products are summed up on a GPU; None where they are added to their targets in chunks that stay in cache."""
    count: int = eqx.field(static=True)

    @staticmethod
    def build(left, right, target, count: int) -> "BlockProduct":
        """Lay the list of products out, sorted by target."""
        order, _ = grouped(target, count)
        if accelerated():
            whole = lambda x: int32(x[order][None])
            return BlockProduct(whole(left), whole(right), None, GatheredSums.build(target[order], count), count)
        chunk = min(CHUNK, max(len(target), 1))
        padding = -len(target) % chunk

        def cut(x, fill):
            x = np.concatenate([x[order], np.full(padding, fill)])
            return int32(x.reshape(-1, chunk))

        return BlockProduct(cut(left, 0), cut(right, 0), cut(target, count), None, count)

    def __call__(self, left: Float[Array, "a i j"], right: Float[Array, "b j k"], transposed=False):
        """Return C; with `transposed`, of the blocks Lᵀ instead of L."""

        def products(at, of):
            l = left.at[at].get(mode="promise_in_bounds")
            l = l.swapaxes(1, 2) if transposed else l
            r = right.at[of].get(mode="promise_in_bounds")
            return sum(l[:, :, j, None] * r[:, j, None, :] for j in range(r.shape[1]))

        if self.gathered is not None:
            return self.gathered(products(self.left[0], self.right[0]))
        rows = left.shape[2] if transposed else left.shape[1]
        total = jnp.zeros((self.count + 1, rows, right.shape[2]), left.dtype)

        def add(total, step):
            at, of, to = step
            return total.at[to].add(products(at, of), mode="promise_in_bounds"), None

        return jax.lax.scan(add, total, (self.left, self.right, self.target))[0][:-1]


class Galerkin(eqx.Module):
    """A_c = Pᵀ (A P) for a fixed prolongator."""

    prolongator: Float[Array, "p b k"]
    first: BlockProduct
    second: BlockProduct

    def __call__(self, blocks: Float[Array, "a b b"]) -> Float[Array, "c k k"]:
        """Return the blocks of A_c for those of A."""
        prolongator = self.prolongator.astype(blocks.dtype)
        return self.second(prolongator, self.first(blocks, prolongator), transposed=True)


def build_galerkin(indptr, columns, prolongator: sps.bsr_array):
    """Lay out Pᵀ A P for the block pattern of A; on the host.

    **Returns:** the map; indptr and columns of A_c's block pattern.
    """
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    p_rows = np.repeat(np.arange(len(prolongator.indptr) - 1), np.diff(prolongator.indptr))
    AP, C = coarse_pattern(indptr, columns, prolongator)
    # (i, j) of A meets (j, K) of P.
    left, right = _pairs(columns, prolongator.indptr)
    first = BlockProduct.build(left, right, _find(AP, rows[left], prolongator.indices[right]), AP.nnz)
    # (i, I) of P meets (i, K) of AP.
    left, right = _pairs(p_rows, AP.indptr)
    second = BlockProduct.build(left, right, _find(C, prolongator.indices[left], AP.indices[right]), C.nnz)
    return Galerkin(placed(prolongator.data), first, second), C.indptr, C.indices


def coarse_pattern(indptr, columns, prolongator: sps.bsr_array) -> tuple[sps.csr_array, sps.csr_array]:
    """Return where the blocks of A P and of Pᵀ A P are, by the numbers of nodes."""
    coarse = prolongator.shape[1] // prolongator.blocksize[1]
    ones = lambda at, pointers, n: sps.csr_array(
        (np.ones(len(at), np.int32), at, pointers), shape=(len(pointers) - 1, n)
    )
    A = ones(columns, indptr, len(indptr) - 1)
    P = ones(prolongator.indices, prolongator.indptr, coarse)
    AP = _pattern(A @ P)
    # An aggregate that nothing is interpolated from still has its own block.
    return AP, _pattern(P.T @ AP + sps.eye_array(coarse, dtype=np.int32))


def _pattern(matrix) -> sps.csr_array:
    matrix = sps.csr_array(matrix)
    matrix.sort_indices()
    return matrix


def _pairs(at, indptr):
    """For each item k all entries of row at[k]: the numbers of both, in two arrays."""
    counts = np.diff(indptr)[at]
    item = np.repeat(np.arange(len(at)), counts)
    within = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
    return item, indptr[at][item] + within


def _find(matrix, rows, columns):
    """Numbers of the entries (row, column)."""
    width = matrix.shape[1]
    code = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr)) * width + matrix.indices
    return np.searchsorted(code, rows.astype(np.int64) * width + columns)
