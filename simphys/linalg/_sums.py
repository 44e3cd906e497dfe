"""Sums over the items of each target, in a fixed order."""

import functools

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps

from .._arrays import placed
from .._told import Told
from .._typing import Array, Float, Int
from ._rows import padded_rows


WRITTEN_OUT = 16
PADDED_AT_MOST = 4


class GatheredSums(Told):
    """y_t = Σ_k x_k over the items k with t(k) = t, by gathering them: what a GPU does without atomic additions.

    Those take as long and add in another order each time. Items of like targets share a slice.
    """

    items: tuple[Int[Array, "target width"], ...]
    """Numbers of each target's items; the number of items in empty places."""
    order: Int[Array, " target"] | None

    @staticmethod
    def build(targets: np.ndarray, count: int) -> "GatheredSums":
        """Lay sums out for the targets t(k) of all items, 0 … count − 1; on the host."""
        order, indptr = grouped(targets, count)
        sizes = np.diff(indptr)
        # Empty places cost an index each: no reason to bring what was cut back into order, unless they are many.
        slices = 1 if sizes.max(initial=0) * count <= PADDED_AT_MOST * len(targets) else 3
        parts, place = padded_rows(indptr, slices)
        item = np.append(order, len(targets)).astype(np.int32)
        return GatheredSums(tuple(placed(item[part.T]) for part in parts), place)

    def __call__(self, x: Float[Array, "item ..."]) -> Float[Array, "target ..."]:
        """Return y."""
        parts = [_sum(x, items) for items in self.items]
        if self.order is None:
            return parts[0]
        return jnp.concatenate(parts).at[self.order].get(mode="promise_in_bounds")


def grouped(targets: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Order items by target, those of one target in the order they have; on the host, without sorting.

    **Returns:** the items' numbers, and where in these each target begins, (count + 1,).
    """
    items = np.arange(len(targets), dtype=np.int32)
    rows = sps.csr_array((np.ones(len(targets), np.int8), (targets, items)), shape=(count, len(targets)))
    return rows.indices, rows.indptr


def _sum(x, items) -> Array:
    at = lambda k: x.at[k].get(mode="fill", fill_value=0)
    width = items.shape[1]
    if width > WRITTEN_OUT:
        return jnp.sum(at(items), axis=1)
    return functools.reduce(jnp.add, [at(items[:, k]) for k in range(width)])
