"""What parts say to each other in one step of conjugate gradients."""

import numpy as np

from .._told import Told
from ._parts import Parts


class Traffic(Told):
    """Messages and bytes of one step, of the part that sends most of each; counted from the plan, not measured.

    **Attributes:**

    - `exchanges`: how often parts exchange values of nodes, all levels together.
    - `messages`: sent to neighbours.
    - `bytes`: sent to neighbours.
    - `sums`: over all parts, and `sum_bytes` in them.
    - `neighbours`: of the part that has most.
    """

    exchanges: int
    messages: int
    bytes: int
    sums: int
    sum_bytes: int
    neighbours: int


def traffic(parts: Parts) -> Traffic:
    """Return what one step of conjugate gradients with multigrid sends.

    A step takes one product on the finest level, and one V-cycle: 2 d products on each level but the coarsest, for d of one
    smoothing, and a way down and up to each but the finest. The sum of three numbers is the step's, that of the coarsest
    residual the cycle's.

    **Arguments:**

    - `parts`: of a mesh.
    """
    multigrid, depth = parts.multigrid, len(parts.multigrid.transfers)
    item = 4 if multigrid.single else 8
    exchanges, messages, sent = 0, np.zeros(parts.nodes.shape[0], int), np.zeros(parts.nodes.shape[0], int)
    for at, level in enumerate(multigrid.levels):
        side = level.free.shape[-1]
        count = (2 * multigrid.degree if at < depth else 0) + (2 if at else 0)
        own_messages, own_items = _of(level.nodes)
        exchanges += count + (not at)
        messages += (count + (not at)) * own_messages
        sent += (count * item + (8 if not at else 0)) * side * own_items
    neighbours = int(_of(multigrid.levels[0].nodes)[0].max())
    bytes_of_sums = 3 * 8 + multigrid.size * item
    return Traffic(exchanges, int(messages.max()), int(sent.max()), 2, bytes_of_sums, neighbours)


def _of(exchange):
    """Messages and values that each part sends in one exchange."""
    parts = exchange.source.shape[0]
    messages, items = np.zeros(parts, int), np.zeros(parts, int)
    for sent, pairs in zip(exchange.sends, exchange.rounds, strict=True):
        for sender, _ in pairs:
            messages[sender] += 1
            items[sender] += sent.shape[-1]
    return messages, items
