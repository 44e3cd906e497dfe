"""A sparse matrix as rows of square blocks, one for each node."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._typing import Array, Float, Int
from ._rows import BlockRows
from ._stored_rows import StoredRows, block_rows


class Layout(eqx.Module):
    """A matrix as rows of b × b blocks, one for each node; places that no unknown fills are rows of the identity."""

    rows: BlockRows | StoredRows
    indptr: Int[Array, " node+1"]
    columns: Int[Array, " block"]
    """The blocks as compressed sparse rows."""
    entries: Int[Array, "block b b"] | None
    """Number of the stored entry; z stands for 0, z + 1 for 1. None where the blocks are what is stored."""
    unknowns: Int[Array, "b node"]
    """The unknown in each place; n for none."""
    places: Int[Array, " n"]
    """Where unknown k stands in what `spread` returns, flattened."""

    @property
    def side(self) -> int:
        """Number of rows b of a block."""
        return self.unknowns.shape[-2]

    def blocks(self, data: Float[Array, " z"]) -> Float[Array, "block b b"]:
        """Return the entries as blocks."""
        if self.entries is None:
            return data.reshape(-1, self.side, self.side)
        padded = jnp.concatenate([data, jnp.arange(2, dtype=data.dtype)])
        return padded.at[self.entries].get(mode="promise_in_bounds")

    def spread(self, x: Float[Array, " n"]) -> Float[Array, "b node"]:
        """Return a vector by component and node, in the layout of `rows`; 0 where there is no unknown."""
        padded = jnp.concatenate([x, jnp.zeros(1, x.dtype)])
        return padded.at[self.rows.turned(self.unknowns)].get(mode="promise_in_bounds")

    def gather(self, x: Float[Array, "b node"]) -> Float[Array, " n"]:
        """The inverse of `spread`."""
        return x.ravel().at[self.places].get(mode="promise_in_bounds")

    @staticmethod
    def build(indptr, columns, entries, unknowns, size: int) -> "Layout":
        """Lay blocks out; on the host."""
        rows = block_rows(indptr, columns, len(columns) * len(unknowns) ** 2)
        flat = rows.turned(unknowns).ravel()
        places = np.empty(size, np.int32)
        places[flat[flat < size]] = np.flatnonzero(flat < size)
        entries = None if entries is None else int32(entries)
        return Layout(rows, int32(indptr), int32(columns), entries, int32(unknowns), int32(places))
