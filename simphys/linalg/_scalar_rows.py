"""From matrices as they are stored to compressed sparse rows of single entries; on the host."""

import numpy as np
import scipy.sparse as sps


def scalar_rows(indptr, columns, unknowns) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return rows of single entries, without what stands for nothing.

    **Arguments:** those of `SparsityPattern.on_host`: rows of blocks with the unknown in each place (−1 for none), node by
    node and numbered in this order, or rows of entries and no such numbers.

    **Returns:** indptr and columns; where each entry is stored, None where they are stored in this order.
    """
    if not len(unknowns):
        return indptr, columns, None
    nodes = len(indptr) - 1
    number, b = unknowns.reshape(nodes, -1), len(unknowns) // nodes
    width, kept = np.diff(indptr), unknowns >= 0
    size = int(kept.sum())
    # A row of entries: one row of each block of its node.
    first = np.repeat(indptr[:-1].astype(np.int64), b) * (b * b) + np.tile(np.arange(b) * b, nodes)
    first, blocks = first[kept], np.repeat(width, b)[kept]
    ends = np.concatenate([[0], np.cumsum(blocks)])
    step = np.arange(ends[-1]) - np.repeat(ends[:-1], blocks)
    place = np.repeat(first, blocks) + step * (b * b)
    block = place // (b * b)
    place = (place[:, None] + np.arange(b)).ravel()
    found = number[columns[block]].ravel()
    here = found >= 0
    rows = np.repeat(np.arange(size), blocks * b)[here]
    pointers = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))])
    narrow = lambda x: x.astype(np.int32)
    return narrow(pointers), narrow(found[here]), narrow(place[here])


def scalar_matrix(data, indptr, columns, unknowns) -> sps.csr_array:
    """Return a matrix of SciPy's from stored entries."""
    pointers, at, source = scalar_rows(*map(np.asarray, (indptr, columns, unknowns)))
    data = np.asarray(data)
    return sps.csr_array((data if source is None else data[source], at, pointers), shape=(len(pointers) - 1,) * 2)
