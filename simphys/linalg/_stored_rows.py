"""Sparse products by MKL, which run at the speed of memory on a CPU, whatever the mesh."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._typing import Array, Float, Int
from ._host_call import host_function
from ._mkl import MKLMatrix
from ._pardiso import pardiso_available
from ._platform import accelerated
from ._rows import BlockRows


WORTH_A_CALL = 200_000
"""Entries of a matrix from which on a call of the host pays."""


class StoredRows(eqx.Module):
    """The block rows of a sparse matrix as they are stored, y_r = Σ_k A_k x_{c(k)}; products are MKL's.

    It offers what `BlockRows` does, needs no copy of the matrix, and compiles in no time.
    """

    indptr: Int[Array, " row+1"]
    columns: Int[Array, " block"]

    rows_first = True

    def lay_out(self, blocks: Float[Array, "block g g"]) -> tuple[Float[Array, "block g g"]]:
        """Stored blocks as they are."""
        return (blocks,)

    def turned(self, x):
        """Bring a vector (component, node) into this layout, (node, component), or back."""
        return x.T

    def product(self, values: tuple[Float[Array, "block g g"]], x: Float[Array, "column g"]) -> Float[Array, "row g"]:
        """Return A x."""
        dtype = jnp.result_type(values[0], x)
        # MKL is told one type for both.
        blocks, x = values[0].astype(dtype), x.astype(dtype)
        shape = jax.ShapeDtypeStruct((self.indptr.shape[-1] - 1, blocks.shape[-1]), dtype)
        return _block_product({}, (shape,), self.indptr, self.columns, blocks, x)[0]


def block_rows(indptr: np.ndarray, columns: np.ndarray, entries: int) -> BlockRows | StoredRows:
    """Lay rows of square blocks out for products on this machine, by MKL where entries are many and it is there."""
    if entries >= WORTH_A_CALL and not accelerated() and pardiso_available():
        return StoredRows(int32(indptr), int32(columns))
    return BlockRows.build(indptr, columns)


@host_function("simphys_block_product", fills=True)
def _block_product(settings, indptr, columns, blocks, x, out):
    """A x for blocks (block, g, g) and a vector (column, g)."""
    MKLMatrix(indptr, columns, blocks, len(x)).times(x, out[0])
