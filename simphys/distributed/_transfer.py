"""Between two levels of multigrid: interpolation, its transpose, and the coarse matrix of what a part owns."""

import equinox as eqx
import numpy as np
import scipy.sparse as sps

from .._typing import Array, Float
from ..linalg import BlockProduct, BlockRows, accelerated
from ._numbering import Numbering, stacked
from ._rows import block_rows, padded


CHUNK = 4096


class Transfer(eqx.Module):
    """P by the fine rows that a part owns, Pᵀ by the coarse nodes that it sees, and the lists of products of Pᵀ A P."""

    rows: BlockRows
    values: tuple[Float[Array, "width b k row"], ...]
    back: BlockRows
    transposed: tuple[Float[Array, "width k b row"], ...]
    blocks: Float[Array, "p b k"]
    """Of P, of all fine nodes that the part sees."""
    first: BlockProduct
    second: BlockProduct

    def galerkin(self, blocks: Array) -> Array:
        """Return what the part's own rows of A, as blocks, add to the coarse matrix."""
        prolongator = self.blocks.astype(blocks.dtype)
        return self.second(prolongator, self.first(blocks, prolongator), transposed=True)


class Meeting:
    """Which coarse nodes and matrix blocks a part comes across: what the coarse level must be numbered for."""

    def __init__(self, nodes: Numbering, part: int, pattern, prolongator: sps.bsr_array):
        indptr, columns = pattern
        fine = len(indptr) - 1
        self.coarse = prolongator.shape[1] // prolongator.blocksize[1]
        own = nodes.own[part]
        whole = nodes.whole(part, fine)
        counts = np.append(np.diff(prolongator.indptr), 0)[whole]
        self.pointers = np.concatenate([[0], np.cumsum(counts)])
        self.entries = spans(np.append(prolongator.indptr[:-1], 0)[whole], counts)
        self.at = prolongator.indices[self.entries].astype(np.int64)
        # (i, j) of A meets (j, K) of P.
        widths = np.diff(indptr)[own]
        local = nodes.local(part, columns[spans(indptr[own], widths)])
        row = np.repeat(np.arange(len(own)), widths)
        self.left, self.right = self.meet(local)
        product = row[self.left] * self.coarse + self.at[self.right]
        self.product, self.first = np.unique(product, return_inverse=True)
        # (i, I) of P meets (i, K) of AP.
        begins = np.searchsorted(self.product, np.arange(len(own) + 1) * self.coarse)
        mine = np.repeat(np.arange(len(own)), counts[: len(own)])
        fields = np.diff(begins)[mine]
        self.up = np.repeat(np.arange(len(mine)), fields)
        self.across = spans(begins[mine], fields)
        self.pairs = self.at[self.up] * self.coarse + self.product[self.across] % self.coarse

    def meet(self, local):
        """For each item all entries of P's row there: the numbers of both, in two arrays."""
        counts = np.diff(self.pointers)[local]
        return np.repeat(np.arange(len(local)), counts), spans(self.pointers[local], counts)


def spans(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return starts[k], starts[k] + 1, … for each k, counts[k] of them."""
    offsets = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + np.arange(int(counts.sum())) - offsets


def transfer_of(nodes: Numbering, coarse: Numbering, pairs: Numbering, met: list[Meeting], prolongator) -> Transfer:
    """Lay P and the products of Pᵀ A P out; on the host.

    **Arguments:**

    - `nodes`, `coarse`: of the two levels.
    - `pairs`: of the coarse matrix's blocks.
    - `met`: of each part.
    """
    down, up = [], []
    for part, (own, m) in enumerate(zip(nodes.own, met, strict=True)):
        counts = np.zeros(nodes.places, int)
        counts[: len(own)] = np.diff(m.pointers)[: len(own)]
        down.append((counts, coarse.local(part, m.at[: counts.sum()])))
        row, column = np.repeat(np.arange(nodes.places), counts), down[-1][1]
        order = np.argsort(column, kind="stable")
        up.append((np.bincount(column, minlength=coarse.places + coarse.others), row[order], order))
    blocks = [prolongator.data[m.entries] for m in met]
    room = max(map(len, blocks))
    rows, values = _laid_out([(c, at, np.arange(len(at))) for c, at in down], blocks)
    back, transposed = _laid_out(up, [b.swapaxes(1, 2) for b in blocks])
    products = max(len(m.product) for m in met)
    first = _lists([(m.left, m.right, m.first) for m in met], products)
    targets = [pairs.local(part, m.pairs) for part, m in enumerate(met)]
    second = _lists(
        [(m.up, m.across, target) for m, target in zip(met, targets, strict=True)], pairs.places + pairs.others
    )
    return Transfer(rows, values, back, transposed, stacked(blocks, room, 0.0), first, second)


def _laid_out(rows, blocks):
    """Rows from counts, columns and which block stands at each, with their values."""
    width = max(int(counts.max(initial=1)) for counts, *_ in rows)
    at, values = [], []
    for (counts, columns, which), own in zip(rows, blocks, strict=True):
        cols, slots = padded(counts, columns, width, len(which))
        zero = np.zeros((1, *own.shape[1:]))
        values.append(np.concatenate([own[which], zero])[slots])  # width, row, i, j
        at.append(cols)
    axes = (1, 2) if accelerated() else (1, -1)
    turned = [v.swapaxes(0, 1) if accelerated() else v for v in values]
    layout = block_rows(at, at)
    return layout, (np.stack([np.moveaxis(v, *axes) for v in turned]),)


def _lists(products, count) -> BlockProduct:
    """Lists of products, sorted by target, in chunks."""
    length = max(len(target) for *_, target in products)
    length += -length % min(CHUNK, max(length, 1))
    chunk = min(CHUNK, max(length, 1))
    columns = []
    for k, fill in enumerate((0, 0, count)):
        rows = [each[k][np.argsort(each[2], kind="stable")] for each in products]
        columns.append(stacked(rows, max(length, chunk), fill).astype(np.int32).reshape(len(products), -1, chunk))
    return BlockProduct(*columns, None, count)
