"""The rows of a matrix that parts own, with the matrix entries of the whole as they come out of the parts' cells."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Bool, Int
from ..linalg import BlockRows, accelerated
from ._exchange import Exchange, exchange_of
from ._numbering import Numbering, stacked


class DividedRows(eqx.Module):
    """One level's matrix: rows of nodes that a part owns, columns of all that it sees."""

    nodes: Exchange
    pairs: Exchange
    """Of matrix blocks: what a part has made of another's rows goes there."""
    rows: BlockRows
    row: Int[Array, " pair"]
    column: Int[Array, " pair"]
    diagonal: Int[Array, " node"]
    """Each node's own block."""
    free: Bool[Array, "local b"]
    """Which unknowns there are, of all nodes that a part sees."""

    def complete(self, blocks: Array) -> Array:
        """Return the blocks of a part's own rows from what all parts have, with the identity where there is no unknown."""
        own = self.pairs.collect(blocks)
        here = self.free.astype(own.dtype)
        own = own * here[self.row][:, :, None] * here[self.column][:, None, :]
        none = (1 - here[: self.diagonal.shape[0]])[:, :, None] * jnp.eye(own.shape[-1], dtype=own.dtype)[None]
        return own.at[self.diagonal].add(none)

    def seen(self, own: Array, scalar: bool) -> Array:
        """Return values of all nodes of a part's cells, (node, component) or (node,), from those that it owns."""
        local = self.nodes.spread(own)
        return local[:, 0] if scalar else local

    def product(self, values, x: Array) -> Array:
        """Return A x of a part's rows; vectors are (component, node), on a GPU (node, component)."""
        return self.rows.product(values, self.nodes.spread(x, self.axis))

    @property
    def axis(self) -> int:
        """The axis of nodes in vectors."""
        return 0 if self.rows.rows_first else 1

    def inverse_diagonal(self, blocks: Array) -> Array:
        """Return 1 / diag A as a vector; NaN where A is not positive."""
        found = jnp.diagonal(blocks[self.diagonal], axis1=1, axis2=2)
        return self.rows.turned((1 / jnp.where(found > 0, found, jnp.nan)).T)


def divided_rows(
    nodes: Numbering, pattern, extra: list[np.ndarray], free: np.ndarray
) -> tuple["DividedRows", Numbering]:
    """Lay a matrix out; on the host.

    **Arguments:**

    - `nodes`: of the level.
    - `pattern`: indptr and columns of the whole matrix.
    - `extra`: for each part what blocks it will have, row · nodes + column, its own rows' or not.
    - `free`: which unknowns there are, (node, b).

    **Returns:** the layout, and the numbering of blocks.
    """
    indptr, columns = pattern
    count = len(indptr) - 1
    counts = [np.diff(indptr)[own] for own in nodes.own]
    codes, of_others, owners = [], [], []
    owner = np.empty(count, np.int64)
    for part, own in enumerate(nodes.own):
        owner[own] = part
    for part, own in enumerate(nodes.own):
        entries = np.repeat(indptr[own] - np.cumsum(counts[part]) + counts[part], counts[part])
        entries = entries + np.arange(counts[part].sum())
        codes.append(np.repeat(own, counts[part]).astype(np.int64) * count + columns[entries])
        others = np.unique(extra[part])
        others = others[owner[others // count] != part]
        of_others.append(others)
        owners.append(owner[others // count])
    # A place for which there is no node has its own block, too.
    room = max(len(code) + nodes.places - len(own) for code, own in zip(codes, nodes.own, strict=True))
    pairs = Numbering(codes, of_others, owners, room)
    width = max(int(c.max(initial=1)) for c in counts)
    at, slots, rows, cols, own_blocks, seen = [], [], [], [], [], []
    for part, own in enumerate(nodes.own):
        local = nodes.local(part, codes[part] % count)
        row = np.repeat(np.arange(len(own)), counts[part])
        empty = np.arange(len(own), nodes.places)
        row, local = np.concatenate([row, empty]), np.concatenate([local, empty])
        counted = np.concatenate([counts[part], np.ones(len(empty), int)])
        at_, slot_ = padded(counted, local, width, room)
        at.append(at_)
        slots.append(slot_)
        rows.append(row)
        cols.append(local)
        own_blocks.append(np.flatnonzero(row == local))
        known = np.concatenate([free, np.zeros((1, free.shape[1]), bool)])
        seen.append(known[nodes.whole(part, count)])
    layout = block_rows(at, slots)
    whole = lambda arrays: stacked(arrays, room, 0).astype(np.int32)
    made = DividedRows(
        exchange_of(nodes),
        exchange_of(pairs),
        layout,
        whole(rows),
        whole(cols),
        np.stack(own_blocks).astype(np.int32),
        np.stack(seen),
    )
    return made, pairs


def padded(counts: np.ndarray, columns: np.ndarray, width: int, fill: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and numbers of entries of rows, (width, row); `fill` is the number of no entry."""
    start = np.cumsum(counts) - counts
    slot = np.arange(width)[:, None]
    there = slot < counts
    entries = np.where(there, start + slot, 0)
    at = columns[entries] if len(columns) else np.zeros(entries.shape, int)
    return np.where(there, at, 0), np.where(there, entries, fill)


def block_rows(columns: list[np.ndarray], blocks: list[np.ndarray]) -> BlockRows:
    """Return rows as the products take them, from (width, row) of each part."""
    first = accelerated()
    turned = lambda arrays: np.stack([a.T if first else a for a in arrays]).astype(np.int32)
    return BlockRows((turned(columns),), (turned(blocks),), None, first)
