"""Which of many small things are near which others: by a k-d tree of their centres."""

import itertools
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree


FEW = 250_000


def near(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of those balls of a and of b that overlap, (pair,) each.

    **Arguments:**

    - `a`, `b`: centres (n, dim) and radii (n,).
    """
    (x, r), (y, s) = a, b
    if not len(x) or not len(y):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if len(x) * len(y) <= FEW:
        i, j = np.indices((len(x), len(y))).reshape(2, -1)
    else:
        lists = cKDTree(y).query_ball_point(x, r + s.max())
        sizes = np.fromiter(map(len, lists), np.int64, len(lists))
        i = np.repeat(np.arange(len(x)), sizes)
        j = np.fromiter(itertools.chain.from_iterable(lists), np.int64, int(sizes.sum()))
    d = x[i] - y[j]
    there = np.einsum("pd,pd->p", d, d) <= (r[i] + s[j]) ** 2
    return i[there], j[there]


def balls(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centres and radii of balls about the corners (n, corner, dim) of segments or triangles."""
    centre = corners.mean(axis=1)
    return centre, np.sqrt(((corners - centre[:, None]) ** 2).sum(-1).max(axis=1, initial=0.0))


class Known(NamedTuple):
    """Who may touch whom.

    **Attributes:**

    - `side_of`: for each vertex the group that it is of, (vertex,).
    - `middles`: the nodes (vertex, e) that it is the mean of.
    - `two`: whether two groups touch each other; else what has no node in common may touch.
    """

    side_of: np.ndarray
    middles: np.ndarray
    two: bool

    def may_touch(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Tell it of pairs of things, by the vertices of each, (pair, corner)."""
        if self.two:
            return self.side_of[a[:, 0]] != self.side_of[b[:, 0]]
        wide = self.middles.shape[1]
        a, b = (self.middles[each].reshape(len(each), each.shape[1] * wide) for each in (a, b))
        return ~(a[:, :, None] == b[:, None, :]).any(axis=(1, 2))
