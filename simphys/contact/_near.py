"""Which of many small things are near which others: by a k-d tree of their centres, kept while they move little."""

import hashlib
import itertools
import threading
from typing import NamedTuple

import numpy as np


FEW = 250_000
SLACK = 0.5
"""By how much lists reach farther than asked, to serve for states near by, in radii of what is searched."""
SURFACES = 4
"""Surfaces whose lists are kept."""
_LISTS: dict = {}
_LOCK = threading.Lock()


def near(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of those balls of a and of b that overlap, (pair,) each.

    **Arguments:**

    - `a`, `b`: centres (n, dim) and radii (n,).
    """
    # Here, for it is slow to load.
    from scipy.spatial import cKDTree

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


class Kept(NamedTuple):
    """Pairs that may be near while no point has moved by more than half of `slack` from `x`."""

    x: np.ndarray
    slack: float
    reach: float
    pairs: tuple[np.ndarray, np.ndarray]

    def serves(self, x: np.ndarray, reach: float) -> bool:
        """Whether every pair nearer than `reach` at x is among them; what all does together brings nothing nearer."""
        if x.shape != self.x.shape:
            return False
        moved = x - self.x
        moved -= moved.mean(axis=0)
        return reach <= self.reach and 4 * (moved**2).sum(axis=1).max(initial=0.0) <= self.slack**2


def kept_of(middles, facets, edges, side_of) -> dict:
    """Return the lists of earlier states of the surface with these facets."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (middles, facets, edges, side_of):
        digest.update(np.ascontiguousarray(array))
        digest.update(str(array.shape).encode())
    with _LOCK:
        own = _LISTS.pop(digest.digest(), {})
        while len(_LISTS) >= SURFACES:
            _LISTS.pop(next(iter(_LISTS)))
        _LISTS[digest.digest()] = own
    return own


def candidates(kept: dict, kind: str, ways: tuple, first, second, reach: float, may_touch) -> tuple:
    """Return pairs of things whose boxes are nearer than `reach`, (pair,) each: all that are, and some more.

    **Arguments:**

    - `kept`: lists of earlier states of the same surface, by kind; changed.
    - `ways`: positions (point, dim) of all points: one state, or two between which they move straight.
    - `first`, `second`: the points that each thing is made of.
    - `may_touch`: of two arrays of numbers of things, which of these pairs count.
    """
    found = kept.get(kind)
    if found is None or not all(found.serves(x, reach) for x in ways):
        slack = SLACK * float(np.median(balls(ways[0][second])[1])) if len(second) else 0.0
        none = np.zeros(0, np.int64)
        serves = all(Kept(ways[0], slack, reach, (none, none)).serves(x, reach) for x in ways)
        at = ways[:1] if serves else ways
        (centre, radius), other = (balls(np.concatenate([x[own] for x in at], axis=1)) for own in (first, second))
        i, j = near((centre, radius + reach + (slack if serves else 0.0)), other)
        there = may_touch(i, j)
        found = Kept(ways[0].copy(), slack, reach, (i[there], j[there]))
        if serves:
            kept[kind] = found
    i, j = found.pairs
    (low, high), (other_low, other_high) = (_boxes(ways, own) for own in (first, second))
    there = ((low[i] - reach <= other_high[j]) & (other_low[j] - reach <= high[i])).all(axis=1)
    return i[there], j[there]


def _boxes(ways, own):
    corners = [x[own] for x in ways]
    low, high = np.minimum.reduce([c.min(axis=1) for c in corners]), np.maximum.reduce([c.max(axis=1) for c in corners])
    return low, high
