"""Whether a part fits into the memory of its device."""

import math

import jax
import numpy as np
from jax.sharding import Mesh

from .._typing import PyTree
from ._multigrid import DividedMultigrid


VECTORS = 24
"""Of the finest level, that Newton's method and conjugate gradients hold at a time."""


def check_memory(plan: PyTree, multigrid: DividedMultigrid, parts: int, devices: Mesh, item: int) -> None:
    """Raise `ValueError` where a part needs more than its device has, and say how many would do.

    **Arguments:**

    - `plan`: all arrays that are divided, of all parts.
    - `item`: bytes of a number.
    """
    # Only devices of one's own say what they have; those of others are of the same kind.
    limit = memory_of(next(d for d in devices.devices.flat if d.process_index == jax.process_index()))
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(plan) if isinstance(leaf, np.ndarray)) / parts
    for level in multigrid.levels:
        # Blocks, and the same laid out for products.
        needed += level.row.shape[-1] * level.free.shape[-1] ** 2 * (item + (4 if multigrid.single else item))
    finest = multigrid.levels[0]
    needed += VECTORS * item * finest.free.shape[-2] * finest.free.shape[-1]
    needed *= parts / devices.size
    if limit is not None and needed > limit:
        raise ValueError(
            f"What a device is to hold takes about {needed / 1e9:.3g} GB, and it has {limit / 1e9:.3g} GB: some "
            f"{math.ceil(devices.size * needed / limit)} devices would do."
        )


def memory_of(device: jax.Device) -> int | None:
    """Return the bytes that a device has for arrays; None where it does not say."""
    return (device.memory_stats() or {}).get("bytes_limit")
