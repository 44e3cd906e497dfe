"""Which part each node of a mesh goes to."""

import numpy as np


def bisect(points: np.ndarray, parts: int) -> np.ndarray:
    """Return the part of each point, (point,), by recursive bisection: the longest side of the box is cut at the median.

    Parts have the same number of points to within one, for any number of parts.

    Reference: M. Berger, S. Bokhari, IEEE Trans. Comput. C-36 (1987) 570.
    """
    owner = np.zeros(len(points), np.int32)
    waiting = [(np.arange(len(points)), 0, parts)]
    while waiting:
        members, first, count = waiting.pop()
        if count == 1:
            owner[members] = first
            continue
        low = count // 2
        own = points[members]
        along = own[:, int(np.argmax(np.ptp(own, axis=0)))] if len(own) else own[:, 0]
        order = members[np.argsort(along, kind="stable")]
        cut = round(len(members) * low / count)
        waiting += [(order[:cut], first, low), (order[cut:], first + low, count - low)]
    return owner


def owners_of_cells(cells: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Return the part of each cell: the one in the middle, of those of its nodes."""
    sides = np.sort(owner[cells], axis=1)
    return sides[:, sides.shape[1] // 2]
