"""Where a sparse matrix may be nonzero: fixed once per mesh, shared by every matrix assembled on it."""

import uuid

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps
from scipy.sparse.csgraph import breadth_first_order

from .._arrays import int32, taken
from .._told import shown
from .._typing import Array, Float, Int
from ._rows import BlockRows
from ._stored_rows import StoredRows, block_rows


class Layout(eqx.Module):
    """A matrix as rows of b × b blocks, one for each node; places that no unknown fills are rows of the identity."""

    rows: BlockRows | StoredRows
    indptr: Int[Array, "node+1"]
    columns: Int[Array, " block"]
    """The blocks as compressed sparse rows."""
    entries: Int[Array, "block b b"]
    """Number of the stored entry; z stands for 0, z + 1 for 1."""
    unknowns: Int[Array, "b node"]
    """The unknown in each place; n for none."""
    places: Int[Array, " n"]
    """Where unknown k stands in what `spread` returns, flattened."""

    def blocks(self, data: Float[Array, " z"]) -> Float[Array, "block b b"]:
        """Return the entries as blocks."""
        padded = jnp.concatenate([data, jnp.arange(2, dtype=data.dtype)])
        return padded.at[self.entries].get(mode="promise_in_bounds")

    def spread(self, x: Float[Array, " n"]) -> Float[Array, "b node"]:
        """Return a vector by component and node, in the layout of `rows`."""
        padded = jnp.concatenate([x, jnp.zeros(1, x.dtype)])
        return padded.at[self.rows.turned(self.unknowns)].get(mode="promise_in_bounds")

    def gather(self, x: Float[Array, "b node"]) -> Float[Array, " n"]:
        """The inverse of `spread`."""
        return x.ravel().at[self.places].get(mode="promise_in_bounds")


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
    layout: Layout
    mirror: Int[Array, " z"] | None
    """Entry k of the transposed matrix is entry `mirror[k]` of this one; None where all matrices are symmetric."""
    diagonal: Int[Array, " n"]
    key: Int[Array, "2"]
    """Random identity, by which a host-side factor finds the symbolic analysis it belongs to."""

    def __repr__(self):
        return shown(self)

    @property
    def size(self) -> int:
        """Number of rows n."""
        return self.indptr.shape[0] - 1

    @property
    def stored(self) -> int:
        """Number of stored entries z."""
        return self.columns.shape[0]

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
        pattern = _pattern(r, c, size, _layout(r, c, size, owners), mirror)
        return pattern, np.searchsorted(distinct, code).astype(np.int32)

    @staticmethod
    def from_blocks(rows, columns, kept, *, symmetric: bool) -> tuple["SparsityPattern", np.ndarray]:
        """Build the pattern of a matrix of b × b blocks of which some rows and columns are left out.

        **Arguments:**

        - `rows`, `columns`: nodes that each block couples, sorted by row, then column; with every block its mirror
          image and each node's own block.
        - `kept`: booleans (node, b): which unknowns there are. They are numbered in this order.
        - `symmetric`: whether every matrix in this pattern will be symmetric.

        **Returns:** the pattern, and for each of its entries the place in the flattened blocks (block, b, b).
        """
        nodes, b = kept.shape
        size = int(kept.sum())
        if len(rows) * b * b >= 2**31:
            raise ValueError(f"The matrix would have {len(rows) * b * b:,} entries; 2³¹ − 1 can be numbered.")
        narrow = lambda x: np.asarray(x, np.int32)
        number = narrow(np.where(kept.ravel(), np.cumsum(kept.ravel()) - 1, size))
        counts = narrow(np.bincount(rows, minlength=nodes))
        indptr = narrow(np.concatenate([[0], np.cumsum(counts)]))
        a = np.arange(b, dtype=np.int32)
        slot = (np.arange(len(rows), dtype=np.int32) - indptr[rows])[:, None, None] * np.int32(b) + a
        first, width = indptr[rows] * np.int32(b * b), counts[rows] * np.int32(b)
        position = first[:, None, None] + width[:, None, None] * a[:, None] + slot
        source = np.empty(position.size, np.int32)
        source[position.ravel()] = np.arange(position.size, dtype=np.int32)
        here = kept[rows][:, :, None] & kept[columns][:, None, :]
        source = source[here.ravel()[source]]
        stored = len(source)
        entries = np.full(position.shape, stored, np.int32)
        own = rows == columns
        entries[own] += np.eye(b, dtype=np.int32)
        entries.ravel()[source] = np.arange(stored, dtype=np.int32)
        expand = lambda nodes_of, axis: np.broadcast_to(
            np.expand_dims(number.reshape(nodes, b)[nodes_of], axis), position.shape
        ).ravel()[source]
        mirror = None
        if not symmetric:
            image = np.searchsorted(rows * nodes + columns, columns * nodes + rows)
            mirror = entries[image].swapaxes(1, 2).ravel()[source]
        unknowns = number.reshape(nodes, b).T
        layout = _as_layout(indptr, columns, entries, unknowns, size)
        return _pattern(expand(rows, 2), expand(columns, 1), size, layout, mirror), source


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


def _pattern(rows, columns, size, layout, mirror) -> SparsityPattern:
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))])
    diagonal = np.flatnonzero(rows == columns)
    key = np.frombuffer(uuid.uuid4().bytes[:8], np.int32)
    mirror = None if mirror is None else int32(mirror)
    return SparsityPattern(int32(indptr), int32(rows), int32(columns), layout, mirror, int32(diagonal), int32(key))


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
    return _as_layout(indptr, block_columns, entries, unknowns, size)


def _as_layout(indptr, columns, entries, unknowns, size) -> Layout:
    rows = block_rows(indptr, columns, entries.size)
    flat = rows.turned(unknowns).ravel()
    places = np.empty(size, np.int64)
    places[flat[flat < size]] = np.flatnonzero(flat < size)
    return Layout(rows, int32(indptr), int32(columns), int32(entries), int32(unknowns), int32(places))


def matrix_vector(pattern: SparsityPattern, data: Float[Array, " z"], x: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return A x, y_r = Σ_k data_k x_{c(k)} over the entries of row r; for one product (many: `padded_product`)."""
    if isinstance(pattern.layout.rows, BlockRows) and pattern.layout.rows.rows_first:
        # A sum over segments adds atomically on a GPU; to lay the matrix out first is faster.
        return padded_product(pattern, padded_data(pattern, data), x)
    products = data * taken(x, pattern.columns)
    return jax.ops.segment_sum(products, pattern.rows, pattern.size, indices_are_sorted=True)


def padded_data(pattern: SparsityPattern, data: Float[Array, " z"]) -> tuple[Array, ...]:
    """Lay the entries out in padded rows of blocks; do it once before many products."""
    return pattern.layout.rows.lay_out(pattern.layout.blocks(data))


def padded_product(pattern: SparsityPattern, padded: tuple[Array, ...], x: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return A x for entries already laid out by `padded_data`."""
    layout = pattern.layout
    return layout.gather(layout.rows.product(padded, layout.spread(x)))
