"""Sums of blocks over pairs of nodes."""

import numpy as np

from .._arrays import int32
from .._told import Told
from .._typing import Array, Int
from ..linalg import GatheredSums, accelerated


class NodePairs(Told):
    """Which node pair each block of the element tangents belongs to, and how blocks are summed up over them."""

    numbers: Int[Array, "item a b"]
    gathered: GatheredSums | None
    """For a GPU, over the node pairs that the integral has blocks for; None where blocks are added chunk by chunk."""
    touched: Int[Array, " pair"] | None
    """Numbers of those pairs; None if these are all."""

    @staticmethod
    def build(numbers: np.ndarray, count: int) -> "NodePairs":
        """Lay out the sums of blocks over `count` node pairs; on the host."""
        at = int32(numbers)
        if not accelerated():
            return NodePairs(at, None, None)
        targets, touched = numbers.ravel(), None
        hit = np.bincount(targets, minlength=count) > 0
        if not hit.all():
            targets, touched = (np.cumsum(hit) - 1)[targets], int32(np.flatnonzero(hit))
        return NodePairs(at, GatheredSums.build(targets, int(hit.sum())), touched)

    def add(self, sums, blocks):
        """Add the sums of all items' blocks, (item · a · b, component × component)."""
        own = self.gathered(blocks)  # pyright: ignore[reportOptionalCall]
        return sums + own if self.touched is None else sums.at[self.touched].add(own, unique_indices=True)
