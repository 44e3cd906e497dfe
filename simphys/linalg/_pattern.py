"""Where a sparse matrix may be nonzero: fixed once per mesh, shared by every matrix assembled on it."""

import uuid

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Float, Int


UNROLLED = 96


class SparsityPattern(eqx.Module):
    """A fixed compressed-sparse-row pattern of a square matrix with n rows and z stored entries.

    A_{r(k), c(k)} = data_k,   k = 0 … z−1, sorted by row, then column.

    Built on the host by `SparsityPattern.from_entries`; all index arrays are leaves, so that a pattern is an argument
    of a compiled function and never a constant in it.
    """

    indptr: Int[Array, "n+1"]
    """First entry of each row."""
    rows: Int[Array, " z"]
    columns: Int[Array, " z"]
    padded: Int[Array, "width n"]
    """For each row the numbers of its entries, padded by z (a zero appended to the data)."""
    padded_columns: Int[Array, "width n"]
    mirror: Int[Array, " z"]
    """Entry k of the transposed matrix is entry `mirror[k]` of this one."""
    diagonal: Int[Array, " n"]
    key: Int[Array, "2"]
    """Random identity, by which a host-side factor finds the symbolic analysis it belongs to."""

    @property
    def size(self) -> int:
        """Number of rows n."""
        return self.indptr.shape[0] - 1

    @property
    def stored(self) -> int:
        """Number of stored entries z."""
        return self.columns.shape[0]

    @staticmethod
    def from_entries(rows, columns, size: int) -> tuple["SparsityPattern", np.ndarray]:
        """Build the pattern that holds all given entries, and tell where each of them went.

        The pattern is made structurally symmetric and holds the whole diagonal, so that one pattern serves the
        matrix and its transpose.

        **Arguments:**

        - `rows`, `columns`: integer arrays of one shape; entries may repeat.
        - `size`: number n of rows and columns.

        **Returns:** the pattern, and for each given entry its number k.
        """
        rows, columns = np.asarray(rows, np.int64).ravel(), np.asarray(columns, np.int64).ravel()
        code = rows * size + columns
        every = np.arange(size, dtype=np.int64) * (size + 1)
        distinct = _sorted_distinct(np.concatenate([code, columns * size + rows, every]))
        return _pattern(distinct // size, distinct % size, size), np.searchsorted(distinct, code).astype(np.int32)


def _sorted_distinct(code: np.ndarray) -> np.ndarray:
    """Sorted distinct entries; vectorised sorting is many times faster here than `numpy.unique`'s hashing."""
    code = np.sort(code)
    return code[np.concatenate([[True], code[1:] != code[:-1]])] if code.size else code


def _pattern(rows: np.ndarray, columns: np.ndarray, size: int) -> SparsityPattern:
    stored = rows.size
    counts = np.bincount(rows, minlength=size)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    width = int(counts.max(initial=0))
    slot = np.arange(stored) - indptr[rows]
    padded = np.full((width, size), stored, np.int32)
    padded[slot, rows] = np.arange(stored)
    padded_columns = np.zeros((width, size), np.int32)
    padded_columns[slot, rows] = columns
    mirror = np.searchsorted(rows * size + columns, columns * size + rows)
    diagonal = np.flatnonzero(rows == columns)
    key = np.frombuffer(uuid.uuid4().bytes[:8], np.int32)
    as_int = lambda x: jnp.asarray(np.ascontiguousarray(x, dtype=np.int32))
    return SparsityPattern(*map(as_int, (indptr, rows, columns, padded, padded_columns, mirror, diagonal, key)))


def matrix_vector(pattern: SparsityPattern, data: Float[Array, " z"], x: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return A x, y_r = Σ_k data_k x_{c(k)} over the entries of row r; for one product (many: `padded_product`)."""
    products = data * x[pattern.columns]
    return jax.ops.segment_sum(products, pattern.rows, pattern.size, indices_are_sorted=True)


def padded_data(pattern: SparsityPattern, data: Float[Array, " z"]) -> Float[Array, "width n"]:
    """Lay the entries out in padded rows; do it once before many products."""
    return jnp.concatenate([data, jnp.zeros(1, data.dtype)])[pattern.padded]


def padded_product(pattern: SparsityPattern, padded: Float[Array, "width n"], x: Float[Array, " n"]):
    """Return A x for entries already laid out by `padded_data`, the loop over the width unrolled in blocks."""
    width, n = padded.shape
    whole = width - width % UNROLLED
    y = jnp.zeros(n, padded.dtype)

    def block(y, rows):
        values, columns = rows
        return _add_products(y, values, columns, x), None

    if whole:
        cut = lambda a: a[:whole].reshape(-1, UNROLLED, n)
        y, _ = jax.lax.scan(block, y, (cut(padded), cut(pattern.padded_columns)))
    return _add_products(y, padded[whole:], pattern.padded_columns[whole:], x)


def _add_products(y, values, columns, x):
    for w in range(values.shape[0]):
        y = y + values[w] * x[columns[w]]
    return y
