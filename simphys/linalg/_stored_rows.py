"""Sparse products by MKL, which run at the speed of memory on a CPU, whatever the mesh."""

import ctypes as ct
import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps

from .._arrays import int32, placed
from .._typing import Array, Float, Int
from ._host_call import host_function
from ._pardiso import mkl_library, pardiso_available
from ._platform import accelerated
from ._rows import BlockRows


WORTH_A_CALL = 200_000
"""Entries of a matrix from which on a call of the host pays."""


class StoredRows(eqx.Module):
    """The block rows of a sparse matrix as they are stored, y_r = Σ_k A_k x_{c(k)}; products are MKL's.

    It offers what `BlockRows` does, needs no copy of the matrix, and compiles in no time. Blocks are g × g; a node has
    one row and one column of them, or several of a prolongator.
    """

    indptr: Int[Array, "row+1"]
    columns: Int[Array, " block"]
    components: int | None = eqx.field(static=True, default=None)
    """Components of a node in the result; None for as many as in the vector."""

    rows_first = True

    def lay_out(self, blocks: Float[Array, "block g g"]) -> tuple[Float[Array, "block g g"]]:
        """Stored blocks as they are."""
        return (blocks,)

    def turned(self, x):
        """Bring a vector (component, node) into this layout, (node, component), or back."""
        return x.T

    def product(self, values: tuple[Float[Array, "block g g"]], x: Float[Array, "column j"]) -> Float[Array, "row i"]:
        """Return A x."""
        size, dtype = values[0].shape[-1], jnp.result_type(values[0], x)
        # MKL is told one type for both.
        blocks, x = values[0].astype(dtype), x.astype(dtype)
        shape = jax.ShapeDtypeStruct((self.indptr.shape[-1] - 1, size), x.dtype)
        y = _block_product({}, (shape,), self.indptr, self.columns, blocks, x.reshape(-1, size))[0]
        return y.reshape(-1, self.components or x.shape[-1])


def block_rows(indptr: np.ndarray, columns: np.ndarray, entries: int) -> BlockRows | StoredRows:
    """Lay rows of square blocks out for products on this machine, by MKL where entries are many and it is there."""
    if entries >= WORTH_A_CALL and not accelerated() and pardiso_available():
        return StoredRows(int32(indptr), int32(columns))
    return BlockRows.build(indptr, columns)


def coarse_rows(finest: BlockRows | StoredRows, indptr: np.ndarray, columns: np.ndarray) -> BlockRows | StoredRows:
    """Lay the rows of a coarse matrix out as those of the finest are."""
    if isinstance(finest, StoredRows):
        return StoredRows(int32(indptr), int32(columns))
    return BlockRows.build(indptr, columns, slices=1)


def fixed_rows(finest, matrix: sps.bsr_array, slices: int, dtype) -> tuple[BlockRows | StoredRows, tuple[Array, ...]]:
    """Lay a matrix that will not change, of blocks of any shape, out as `finest` is: the layout, and the entries in it."""
    if isinstance(finest, BlockRows):
        rows = BlockRows.build(matrix.indptr, matrix.indices, slices)
        return rows, rows.laid_out(matrix.data.astype(dtype))
    size = math.gcd(*matrix.blocksize)
    stored = matrix.tobsr((size, size))
    rows = StoredRows(int32(stored.indptr), int32(stored.indices), matrix.blocksize[0])
    return rows, (placed(stored.data.astype(dtype)),)


@host_function("simphys_block_product", fills=True)
def _block_product(settings, indptr, columns, blocks, x, out=None):
    """A x for blocks (…, block, g, g) and vectors (…, column, g), where … is the axes of batches, of any length or 1."""
    del settings
    indptr, columns = (_unbatched(array) for array in (indptr, columns))
    lead = np.broadcast_shapes(blocks.shape[:-3], x.shape[:-2])
    y = np.empty((*lead, len(indptr) - 1, x.shape[-1]), x.dtype) if out is None else out[0]
    if not lead:
        _multiply(indptr, columns, blocks, x, y)
        return (y,)
    blocks, x = np.broadcast_to(blocks, lead + blocks.shape[-3:]), np.broadcast_to(x, lead + x.shape[-2:])
    for at in np.ndindex(lead):
        _multiply(indptr, columns, np.ascontiguousarray(blocks[at]), np.ascontiguousarray(x[at]), y[at])
    return (y,)


def _unbatched(array):
    """The pattern is the same in every lane, and comes with leading axes of length 1."""
    return array.reshape(array.shape[-1])


class _Description(ct.Structure):
    """MKL's `matrix_descr`."""

    _fields_ = [("type", ct.c_int), ("mode", ct.c_int), ("diagonal", ct.c_int)]


_GENERAL, _ROW_MAJOR, _ZERO_BASED, _AS_IT_IS = 20, 101, 0, 10


def _multiply(indptr, columns, blocks, x, y):
    """Write A x to y; a handle is only pointers, so making one costs nothing."""
    create, multiply, destroy, number = _functions(blocks.dtype.char)
    (rows, b), columns_of_blocks = y.shape, len(x)
    handle, at = ct.c_void_p(), lambda array: ct.c_void_p(array.ctypes.data)
    first, last = at(indptr), ct.c_void_p(indptr.ctypes.data + indptr.itemsize)
    rest = (first, last, at(columns), at(blocks))
    status = create(ct.byref(handle), _ZERO_BASED, _ROW_MAJOR, rows, columns_of_blocks, b, *rest)
    if status == 0:
        description = _Description(_GENERAL, 0, 0)
        status = multiply(_AS_IT_IS, number(1.0), handle, description, at(x), number(0.0), at(y))
        destroy(handle)
    if status != 0:
        raise RuntimeError(f"MKL could not multiply a sparse matrix of {rows} block rows (status {status}).")


@functools.cache
def _functions(char: str):
    library = mkl_library()
    letter, number = {"f": ("s", ct.c_float), "d": ("d", ct.c_double)}[char]
    create = getattr(library, f"mkl_sparse_{letter}_create_bsr")
    return create, getattr(library, f"mkl_sparse_{letter}_mv"), library.mkl_sparse_destroy, number
