"""Rows of blocks, padded within slices: the layout in which sparse products run at the speed of memory."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import int32, placed
from .._told import Told
from .._typing import Array, Float, Int
from ._platform import accelerated


WORTH_A_SLICE = 0.15


class BlockRows(Told):
    """The block rows of a sparse matrix in slices, each padded to the width of its longest row.

    y_r = Σ_w A_{r,w} x_{c(r,w)}

    Rows of like length share a slice, so that a few long rows (the vertices among the edge nodes of a quadratic mesh)
    do not pad all others. There are two layouts. On a CPU rows come last in values and vectors, and the loop runs over
    the width, a vector operation over all rows of the slice in each step. On a GPU rows come first, and each row is one
    reduction over what it holds side by side (shapes below with axes in that order).
    """

    columns: tuple[Int[Array, "width row"], ...]
    blocks: tuple[Int[Array, "width row"], ...]
    """Numbers of the stored blocks; the number of stored blocks stands for a zero block."""
    order: Int[Array, " rows"] | None
    """Where each row stands in the slices; None where there is one slice, in the order of rows."""
    rows_first: bool = eqx.field(static=True, default=False)

    @staticmethod
    def build(indptr: np.ndarray, columns: np.ndarray, slices: int = 3) -> "BlockRows":
        """Cut block rows, given as compressed sparse rows, into so many slices at most; on the host."""
        rows_first = accelerated()
        turned = (lambda x: x.T) if rows_first else (lambda x: x)
        parts, order = padded_rows(indptr, slices)
        at = tuple(turned(np.append(columns, 0)[block]) for block in parts)
        return BlockRows(tuple(map(int32, at)), tuple(int32(turned(block)) for block in parts), order, rows_first)

    def lay_out(self, blocks: Float[Array, "block i j"]) -> tuple[Float[Array, "width i j row"], ...]:
        """Bring stored blocks into the layout of the products, with rows first (row, i, width, j)."""
        padded = jnp.concatenate([blocks, jnp.zeros((1, *blocks.shape[1:]), blocks.dtype)])
        axes = (1, 2) if self.rows_first else (1, -1)
        return tuple(jnp.moveaxis(_take(padded, numbers), *axes) for numbers in self.blocks)

    def laid_out(self, blocks: np.ndarray) -> tuple[Array, ...]:
        """As `lay_out`, on the host: what happens once need not be compiled."""
        padded = np.concatenate([blocks, np.zeros((1, *blocks.shape[1:]), blocks.dtype)])
        axes = (1, 2) if self.rows_first else (1, -1)
        return tuple(placed(np.moveaxis(padded[np.asarray(n)], *axes)) for n in self.blocks)

    def turned(self, x):
        """Bring a vector (component, node) into this layout, or back."""
        return x.T if self.rows_first else x

    def product(self, values: tuple[Array, ...], x: Float[Array, "j column"]) -> Float[Array, "i row"]:
        """Return A x for blocks laid out by `lay_out`; vectors with rows first are (column, j) and (row, i)."""
        slice_product = _product_by_rows if self.rows_first else _product_by_width
        parts = [slice_product(v, c, x) for v, c in zip(values, self.columns, strict=True)]
        if self.order is None:
            return parts[0]
        if self.rows_first:
            return _take(jnp.concatenate(parts), self.order)
        return jnp.concatenate(parts, axis=1).at[:, self.order].get(mode="promise_in_bounds")


def padded_rows(indptr: np.ndarray, slices: int) -> tuple[list[np.ndarray], Int[Array, " rows"] | None]:
    """Cut rows of stored items into slices of like length, on the host.

    **Returns:** for each slice the numbers of its rows' items, (width, row), the number of all items in empty places;
    where each row stands in the slices, None where that is in their order.
    """
    counts, stored = np.diff(indptr), int(indptr[-1])
    cuts = _cuts(np.sort(counts)[::-1], slices)
    whole = len(cuts) == 2
    members = np.arange(len(counts)) if whole else np.argsort(-counts, kind="stable")
    parts = []
    for a, b in itertools.pairwise(cuts):
        rows = members[a:b]
        slot = np.arange(max(int(counts[rows].max(initial=0)), 1))[:, None]
        parts.append(np.where(slot < counts[rows], indptr[rows] + slot, stored))
    return parts, None if whole else int32(np.argsort(members))


def _take(array, index):
    return array.at[index].get(mode="promise_in_bounds")


def _product_by_width(values, columns, x):
    """One step for each place in the rows keeps both cores busy, and is compiled once."""

    def add(y, step):
        blocks, at = step
        gathered = x.at[:, at].get(mode="promise_in_bounds")
        return y + sum(blocks[:, j] * gathered[j][None] for j in range(gathered.shape[0])), None

    start = jnp.zeros((values.shape[1], values.shape[-1]), values.dtype)
    return jax.lax.scan(add, start, (values, columns))[0]


def _product_by_rows(values, columns, x):
    """One kernel, whose threads read a row's blocks side by side."""
    return jnp.sum(values * _take(x, columns)[:, None], axis=(2, 3))


def _cuts(widths: np.ndarray, slices: int) -> list[int]:
    """Cut rows, sorted by falling width, where it saves the most padding."""
    cuts = [0, len(widths)]
    total = max(int(widths.sum()), 1)
    while len(cuts) <= slices:
        best = max(_split(widths, a, b) for a, b in itertools.pairwise(cuts))
        if best[0] <= WORTH_A_SLICE * total:
            break
        cuts = sorted([*cuts, best[1]])
    return cuts


def _split(widths, a, b) -> tuple[int, int]:
    """The most padding that one cut of rows a … b saves, and where."""
    at = a + 1 + np.flatnonzero(np.diff(widths[a:b]))
    if not len(at):
        return 0, a
    saved = (widths[a].astype(np.int64) - widths[at]) * (b - at)
    k = int(np.argmax(saved))
    return int(saved[k]), int(at[k])
