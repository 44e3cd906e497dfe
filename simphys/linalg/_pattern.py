"""Where a sparse matrix may be nonzero: fixed once per mesh, shared by every matrix assembled on it."""

import uuid

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps
from scipy.sparse.csgraph import breadth_first_order

from .._arrays import int32, taken
from .._told import Told
from .._typing import Array, Float, Int
from ._layout import Layout
from ._rows import BlockRows


WRITTEN_OUT = 8


class Entries(eqx.Module):
    """The stored entries as compressed sparse rows."""

    indptr: Int[Array, " n+1"]
    rows: Int[Array, " z"]
    columns: Int[Array, " z"]


class SparsityPattern(Told):
    """A fixed compressed-sparse-row pattern of a square matrix with n rows and z stored entries.

    A_{r(k), c(k)} = data_k,   k = 0 … z−1, sorted by row, then column.

    Built on the host by `SparsityPattern.from_entries`; all index arrays are leaves, so that a pattern is an argument
    of a compiled function and never a constant in it.
    """

    layout: Layout
    scalar: Entries | None
    """The single entries; None where the blocks of `layout` are what is stored, each row by row."""
    mirror: Int[Array, " k"] | None
    """Entry (block) k of the transposed matrix is entry (block) `mirror[k]` of this one; None where all matrices are
    symmetric."""
    diagonal: Int[Array, " n"]
    """Where each unknown's entry on the diagonal is stored."""
    owner: Int[Array, " block"] | None
    """The block row of each stored block."""
    cut: Int[Array, " cut"] | None
    """Stored places of rows and columns that there are no unknowns for: they hold the identity; None without any."""
    unit: Int[Array, " unit"] | None
    """Those of them on the diagonal."""
    key: Int[Array, "2"]
    """Random identity, by which a host-side factor finds the symbolic analysis it belongs to."""

    @property
    def size(self) -> int:
        """Number of rows n."""
        return self.diagonal.shape[-1]

    @property
    def stored(self) -> int:
        """Number of stored entries z."""
        if self.scalar is None:
            return self.layout.columns.shape[-1] * self.layout.side**2
        return self.scalar.columns.shape[-1]

    @property
    def rows(self) -> Int[Array, " z"]:
        """Row of each stored entry; n in places of no unknown."""
        return self._unknowns_of(self.owner, 2) if self.scalar is None else self.scalar.rows

    @property
    def columns(self) -> Int[Array, " z"]:
        """Column of each stored entry; n in places of no unknown."""
        return self._unknowns_of(self.layout.columns, 1) if self.scalar is None else self.scalar.columns

    def _unknowns_of(self, nodes, axis):
        own, b = jnp.expand_dims(self.layout.unknowns.T[nodes], axis), self.layout.side
        return jnp.broadcast_to(own, (nodes.shape[0], b, b)).ravel()

    def held(self, data: Float[Array, " z"]) -> Float[Array, " z"]:
        """Return entries, of a sum of matrices say, with the identity where there are no unknowns."""
        if self.cut is None:
            return data
        options = dict(mode="promise_in_bounds", wrap_negative_indices=False)
        return data.at[self.cut].set(0, **options).at[self.unit].set(1, **options)

    def transposed(self, data: Float[Array, " z"]) -> Float[Array, " z"]:
        """Return the entries of the transposed matrix."""
        if self.scalar is not None:
            return data[self.mirror]
        return self.layout.blocks(data)[self.mirror].swapaxes(1, 2).ravel()

    @property
    def on_host(self) -> tuple[Array, Array, Array]:
        """What tells the host how entries are stored: see `scalar_rows`."""
        if self.scalar is None:
            unknowns = self.layout.unknowns
            xp = jnp if isinstance(unknowns, jax.core.Tracer) else np
            unknowns = xp.asarray(unknowns).T.ravel()
            told = xp.where(unknowns < self.size, unknowns, unknowns.dtype.type(-1))
            return self.layout.indptr, self.layout.columns, told
        return self.scalar.indptr, self.scalar.columns, jnp.zeros(0, jnp.int32)

    @staticmethod
    def from_entries(rows, columns, size: int, owners=None) -> tuple["SparsityPattern", np.ndarray]:
        """Build the pattern that holds all given entries, and tell where each of them went.

        The pattern is made structurally symmetric and holds the whole diagonal, so that one pattern serves the
        matrix and its transpose.

        **Arguments:**

        - `rows`, `columns`: integer arrays of one shape; entries may repeat.
        - `size`: number n of rows and columns.
        - `owners`: optional integers (n, 2), the node of each unknown and its component there: products then run over
          blocks of the unknowns of a node.

        **Returns:** the pattern, and for each given entry its number k.
        """
        rows, columns = np.asarray(rows, np.int64).ravel(), np.asarray(columns, np.int64).ravel()
        code = rows * size + columns
        every = np.arange(size, dtype=np.int64) * (size + 1)
        distinct = sorted_distinct(np.concatenate([code, columns * size + rows, every]))
        r, c = distinct // size, distinct % size
        mirror = np.searchsorted(distinct, c * size + r)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(r, minlength=size))])
        scalar, layout = Entries(*map(int32, (indptr, r, c))), _layout(r, c, size, owners)
        diagonal = int32(np.flatnonzero(r == c))
        pattern = SparsityPattern(layout, scalar, int32(mirror), diagonal, None, None, None, _new_key())
        return pattern, np.searchsorted(distinct, code).astype(np.int32)

    @staticmethod
    def from_blocks(rows, columns, kept, *, symmetric: bool) -> "SparsityPattern":
        """Build the pattern of a matrix stored as b × b blocks, of which some rows and columns stand for nothing.

        **Arguments:**

        - `rows`, `columns`: nodes that each block couples, sorted by row, then column; with every block its mirror
          image and each node's own block.
        - `kept`: booleans (node, b): which unknowns there are. They are numbered in this order.
        - `symmetric`: whether every matrix in this pattern will be symmetric.
        """
        nodes, b = kept.shape
        size = int(kept.sum())
        if len(rows) * b * b >= 2**31:
            raise ValueError(f"The matrix would have {len(rows) * b * b:,} entries; 2³¹ − 1 can be numbered.")
        number = np.where(kept.ravel(), np.cumsum(kept.ravel()) - 1, size).astype(np.int32).reshape(nodes, b)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=nodes))]).astype(np.int32)
        own = np.flatnonzero(rows == columns)[:, None] * (b * b) + np.arange(b) * (b + 1)
        cut = unit = mirror = None
        if size < nodes * b:
            partly = ~kept.all(axis=1)
            touched = np.flatnonzero(partly[rows] | partly[columns])
            gone = ~(kept[rows[touched]][:, :, None] & kept[columns[touched]][:, None, :])
            places = touched[:, None] * (b * b) + np.arange(b * b)
            cut, unit = int32(places[gone.reshape(len(touched), -1)]), int32(own[~kept])
        if not symmetric:
            mirror = int32(np.searchsorted(rows * nodes + columns, columns * nodes + rows))
        layout = Layout.build(indptr, columns, None, number.T, size)
        return SparsityPattern(layout, None, mirror, int32(own[kept]), int32(rows), cut, unit, _new_key())


def separator_size(pattern: SparsityPattern) -> int:
    """Return about how many unknowns cut the graph of a matrix in two: what decides the price of its factorisation.

    Unknowns / levels of a breadth-first search from a node at the far end.

    Reference: A. George, J. Liu, Computer Solution of Large Sparse Positive Definite Systems, Prentice-Hall 1981.
    """
    layout = pattern.layout
    nodes = layout.indptr.shape[0] - 1
    data = np.ones(layout.columns.shape[0], np.float32)
    graph = sps.csr_array((data, np.asarray(layout.columns), np.asarray(layout.indptr)), shape=(nodes, nodes))
    weights = np.asarray(layout.unknowns < pattern.size).sum(axis=0)
    used = np.flatnonzero(weights)
    graph, reached, levels = graph[used][:, used], np.zeros(1, int), 1
    for _ in range(2):
        # Nodes come by their distance: the last one is among the farthest, as many steps away as there are levels.
        reached, before = breadth_first_order(graph, reached[-1], directed=False)
        levels, at = 1, reached[-1]
        while (at := before[at]) >= 0:
            levels += 1
    return int(weights[used[reached]].sum() / levels)


def sorted_distinct(code: np.ndarray) -> np.ndarray:
    """Sorted distinct entries; vectorised sorting is many times faster here than `numpy.unique`'s hashing."""
    code = np.sort(code)
    return code[np.concatenate([[True], code[1:] != code[:-1]])] if code.size else code


def _new_key():
    return int32(np.frombuffer(uuid.uuid4().bytes[:8], np.int32))


def _layout(rows, columns, size, owners) -> Layout:
    """Find the node blocks of a scalar pattern."""
    if owners is None:
        owners = np.stack([np.arange(size), np.zeros(size, np.int64)], axis=1)
    node, component = np.asarray(owners, np.int64).T
    nodes, b = int(node.max(initial=-1)) + 1, int(component.max(initial=0)) + 1
    stored = len(rows)
    code = node[rows] * nodes + node[columns]
    every = np.arange(nodes, dtype=np.int64) * (nodes + 1)
    distinct = sorted_distinct(np.concatenate([code, every]))
    block_rows, block_columns = distinct // nodes, distinct % nodes
    entries = np.full((len(distinct), b, b), stored)
    entries[block_rows == block_columns] += np.eye(b, dtype=np.int64)
    unknowns = np.full((b, nodes), size)
    unknowns[component, node] = np.arange(size)
    entries[np.searchsorted(distinct, code), component[rows], component[columns]] = np.arange(stored)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(block_rows, minlength=nodes))])
    return Layout.build(indptr, block_columns, entries, unknowns, size)


def matrix_vector(pattern: SparsityPattern, data: Float[Array, " z"], x: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return A x, y_r = Σ_k data_k x_{c(k)} over the entries of row r; for one product (many: `padded_product`)."""
    if isinstance(pattern.layout.rows, BlockRows) and pattern.layout.rows.rows_first:
        # A sum over segments adds atomically on a GPU; to lay the matrix out first is faster.
        return padded_product(pattern, padded_data(pattern, data), x)
    if pattern.scalar is not None:
        products = data * taken(x, pattern.scalar.columns)
        return jax.ops.segment_sum(products, pattern.scalar.rows, pattern.size, indices_are_sorted=True)
    layout = pattern.layout
    by_node = layout.rows.turned(layout.spread(x)).T
    blocks, columns = layout.blocks(data), taken(by_node, layout.columns)
    if layout.side <= WRITTEN_OUT:
        # A reduction over so few would be a kernel of its own, three times as slow.
        products = sum(blocks[:, :, j] * columns[:, None, j] for j in range(layout.side))
    else:
        products = jnp.sum(blocks * columns[:, None, :], axis=2)
    y = jax.ops.segment_sum(products, pattern.owner, layout.indptr.shape[0] - 1, indices_are_sorted=True)
    return layout.gather(layout.rows.turned(y.T))


def padded_data(pattern: SparsityPattern, data: Float[Array, " z"]) -> tuple[Array, ...]:
    """Lay the entries out in padded rows of blocks; do it once before many products."""
    return pattern.layout.rows.lay_out(pattern.layout.blocks(data))


def padded_product(pattern: SparsityPattern, padded: tuple[Array, ...], x: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return A x for entries already laid out by `padded_data`."""
    layout = pattern.layout
    return layout.gather(layout.rows.product(padded, layout.spread(x)))
