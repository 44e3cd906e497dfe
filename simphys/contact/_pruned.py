"""Which of the pairs of a sample count: of what share their nearest point most cancel."""

import numpy as np


def pruned(pairs, used, signs) -> tuple[np.ndarray, np.ndarray]:
    """Return which pairs are all that is left, as rows of these, and by how much each counts, whole numbers.

    Targets whose nearest point is on the same vertex, edge or facet have the same distance, with all derivatives: one
    stands for all of them, for as much as their signs sum to; most of them to 0.

    **Arguments:**

    - `pairs`: samples and targets, (pair, 2).
    - `used`: the vertices of the target that the nearest point is between; −1 for the others.
    - `signs`: of targets.
    """
    if not len(pairs):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    used = -np.sort(-used, axis=1)
    used[:, 1:][used[:, 1:] == used[:, :-1]] = -1
    used = -np.sort(-used, axis=1)
    # The smallest target there is comes last: a vertex itself, if it is one.
    order = np.lexsort((pairs[:, 1], *used.T, pairs[:, 0]))
    kind = np.concatenate([pairs[order, :1], used[order]], axis=1)
    last = np.concatenate([(kind[1:] != kind[:-1]).any(axis=1), [True]])
    total = np.diff(np.cumsum(signs[pairs[order, 1]])[last], prepend=0)
    counts = total != 0
    return order[last][counts], total[counts]
