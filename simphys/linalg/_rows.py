"""Rows of blocks, padded within slices: the layout in which sparse products run at the speed of memory."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Float, Int


WORTH_A_SLICE = 0.15
UNROLLED_ON_GPU = 32


class BlockRows(eqx.Module):
    """The block rows of a sparse matrix in slices, each padded to the width of its longest row.

    y_r = Σ_w A_{r,w} x_{c(r,w)}

    Rows of like length share a slice, so that a few long rows (the vertices among the edge nodes of a quadratic mesh)
    do not pad all others. The loop runs over the width, a vector operation over all rows of the slice in each step.
    """

    columns: tuple[Int[Array, "width row"], ...]
    blocks: tuple[Int[Array, "width row"], ...]
    """Numbers of the stored blocks; the number of stored blocks stands for a zero block."""
    order: Int[Array, " rows"] | None
    """Where each row stands in the slices; None where there is one slice, in the order of rows."""

    @staticmethod
    def build(indptr: np.ndarray, columns: np.ndarray, slices: int = 3) -> "BlockRows":
        """Cut block rows, given as compressed sparse rows, into so many slices at most; on the host."""
        counts, stored = np.diff(indptr), len(columns)
        cuts = _cuts(np.sort(counts)[::-1], slices)
        whole = len(cuts) == 2
        members = np.arange(len(counts)) if whole else np.argsort(-counts, kind="stable")
        every, numbers = [], []
        for a, b in itertools.pairwise(cuts):
            rows = members[a:b]
            slot = np.arange(max(int(counts[rows].max(initial=0)), 1))[:, None]
            inside = slot < counts[rows]
            block = np.where(inside, indptr[rows] + slot, stored)
            numbers.append(jnp.asarray(block, jnp.int32))
            every.append(jnp.asarray(np.append(columns, 0)[block], jnp.int32))
        order = None if whole else jnp.asarray(np.argsort(members), jnp.int32)
        return BlockRows(tuple(every), tuple(numbers), order)

    def lay_out(self, blocks: Float[Array, "block i j"]) -> tuple[Float[Array, "width i j row"], ...]:
        """Bring stored blocks into the layout of the products."""
        padded = jnp.concatenate([blocks, jnp.zeros((1, *blocks.shape[1:]), blocks.dtype)])
        return tuple(jnp.moveaxis(_take(padded, numbers), 1, -1) for numbers in self.blocks)

    def product(self, values: tuple[Array, ...], x: Float[Array, "j column"]) -> Float[Array, "i row"]:
        """Return A x for blocks laid out by `lay_out`, components first."""
        parts = [_slice_product(v, c, x) for v, c in zip(values, self.columns)]
        if self.order is None:
            return parts[0]
        return jnp.concatenate(parts, axis=1).at[:, self.order].get(mode="promise_in_bounds")


def _take(array, index):
    return array.at[index].get(mode="promise_in_bounds")


def _slice_product(values, columns, x):
    def add(y, step):
        blocks, at = step
        gathered = x.at[:, at].get(mode="promise_in_bounds")
        return y + sum(blocks[:, j] * gathered[j][None] for j in range(gathered.shape[0])), None

    start = jnp.zeros((values.shape[1], values.shape[-1]), values.dtype)
    run = lambda unroll: lambda: jax.lax.scan(add, start, (values, columns), unroll=unroll)[0]
    # On a CPU one step keeps both cores busy, and is compiled once; on a GPU each step would be a launch.
    wide = min(values.shape[0], UNROLLED_ON_GPU)
    return jax.lax.platform_dependent(cpu=run(1), default=run(wide))


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
