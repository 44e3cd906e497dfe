"""Simplices cut along a level: what lies inside, as simplices again."""

from typing import NamedTuple

import numpy as np


NEAR = 0.25
"""Nodes whose edges are cut within this part of their length move onto the cut: no sliver is left behind."""
LEAST = 0.1
"""Part of its volume that a simplex keeps of it at least when its nodes move."""


class Clipped(NamedTuple):
    """What lies inside, as simplices.

    **Attributes:**

    - `points`: (node, dim).
    - `cells`: (cell, dim + 1), of positive volume.
    - `source`: the simplex that each cell is a part of.
    - `edges`: (node, 2), the old nodes between which each node lies; an old node stands there twice.
    """

    points: np.ndarray
    cells: np.ndarray
    source: np.ndarray
    edges: np.ndarray


def clipped(points: np.ndarray, level: np.ndarray, simplices: np.ndarray, fixed: np.ndarray) -> Clipped:
    """Return the part of some simplices where a level, linear in each, is positive.

    **Arguments:**

    - `points`, `level`: of the nodes, (node, dim) and (node,).
    - `simplices`: (simplex, dim + 1).
    - `fixed`: nodes that must not move, (node,).

    Reference: F. Labelle, J. R. Shewchuk, ACM Trans. Graph. 26 (2007) 57 (nodes that move); J. Dompierre et al.,
    How to subdivide pyramids, prisms and hexahedra into tetrahedra, 8th Int. Meshing Roundtable (1999).
    """
    points, level = _snapped(points, level, simplices, fixed)
    sign = np.sign(level)[simplices]
    keep = (sign > 0).any(axis=1)
    whole = keep & (sign >= 0).all(axis=1)
    cut = np.flatnonzero(keep & ~whole)
    # Corners in the order inside, on the level, outside.
    order = np.argsort(-sign[cut], axis=1, kind="stable")
    corners = np.take_along_axis(simplices[cut], order, axis=1)
    counts = np.stack([(sign[cut] > 0).sum(axis=1), (sign[cut] == 0).sum(axis=1)], axis=1)
    number = _Numbers(points, level)
    cells, source = [simplices[whole]], [np.flatnonzero(whole)]
    for one, on in sorted(set(map(tuple, counts.tolist()))):
        which = np.flatnonzero((counts == (one, on)).all(axis=1))
        parts = _parts(corners[which], one, on, number)
        cells += parts
        source += [cut[which]] * len(parts)
    return number.compact(np.concatenate(cells), np.concatenate(source))


def _snapped(points, level, simplices, fixed):
    """Move nodes onto a cut that is near; those that must not move are said to lie on it."""
    dim, points, level = points.shape[1], points.copy(), level.copy()
    pairs = np.concatenate([simplices[:, [i, j]] for i in range(dim + 1) for j in range(i)])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    a, b = pairs[level[pairs[:, 0]] * level[pairs[:, 1]] < 0].T
    t = level[a] / (level[a] - level[b])
    order = np.argsort(t, kind="stable")
    order = order[t[order] < NEAR]
    first = order[np.unique(a[order], return_index=True)[1]]
    node, other, t = a[first], b[first], t[first, None]
    level[node] = 0.0
    moves = np.zeros_like(points)
    moves[node] = np.where(fixed[node, None], 0.0, t * (points[other] - points[node]))
    # Where neighbours that move would fold a simplex between them, they stay where they were.
    before, after = (_volumes(given, simplices) for given in (points, points + moves))
    moves[simplices[after * np.sign(before) < LEAST * np.abs(before)]] = 0.0
    return points + moves, level


def _volumes(points, simplices):
    """Signed volumes, times dim!."""
    return np.linalg.det(points[simplices[:, 1:]] - points[simplices[:, :1]])


class _Numbers:
    """Nodes on edges, numbered behind the nodes that there are."""

    def __init__(self, points, level):
        self.points, self.level, self.count = points, level, len(points)

    def crossing(self, a, b):
        """Codes of the crossings of some edges."""
        low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
        return self.count + low * self.count + high

    def compact(self, cells, source):
        """Nodes that are used, and the cells among them, turned to positive volume."""
        used, cells = np.unique(cells.astype(np.int64).ravel(), return_inverse=True)
        cells = cells.reshape(-1, self.points.shape[1] + 1)
        low, high = np.divmod(np.maximum(used - self.count, 0), self.count)
        old = used < self.count
        low, high = np.where(old, used, low), np.where(old, used, high)
        a, b = self.level[low], self.level[high]
        t = np.where(old, 0.0, a / np.where(a == b, 1.0, a - b))[:, None]
        points = (1 - t) * self.points[low] + t * self.points[high]
        turned = _volumes(points, cells) < 0
        cells[turned, :2] = cells[turned, 1::-1]
        return Clipped(points, cells, source, np.stack([low, high], axis=1))


def _parts(corners, inside, on, number):
    """The parts of simplices with so many corners inside and on the level, the others outside."""
    kept = [corners[:, k] for k in range(inside + on)]
    rest = corners[:, inside + on :]
    cuts = [[number.crossing(kept[i], out) for out in rest.T] for i in range(inside)]
    dim = corners.shape[1] - 1
    if inside == 1:
        return [np.stack([*kept, *cuts[0]], axis=1)]
    if dim == 2:
        return _of_quadrilateral(kept[0], kept[1], cuts[1][0], cuts[0][0])
    if on == 1:
        return _of_pyramid(kept[2], (kept[0], kept[1], cuts[1][0], cuts[0][0]))
    if inside == 2:
        return _of_prism((kept[0], *cuts[0]), (kept[1], *cuts[1]))
    return _of_prism(kept, [cuts[i][0] for i in range(3)])


def _of_quadrilateral(a, b, c, d):
    """Two triangles, cut from the corner of the lowest number."""
    by_a = np.minimum(a, c) < np.minimum(b, d)
    pick = lambda *ways: np.where(by_a[:, None], np.stack(ways[0], 1), np.stack(ways[1], 1))
    return [pick((a, b, c), (a, b, d)), pick((a, c, d), (b, c, d))]


def _of_pyramid(tip, base):
    """Two tetrahedra over a quadrilateral."""
    return [np.concatenate([tip[:, None], part], axis=1) for part in _of_quadrilateral(*base)]


def _of_prism(low, high):
    """Three tetrahedra: around the corner of the lowest number, and the quadrilateral that it does not touch."""
    both = np.stack([*low, *high], axis=1)
    first = np.argmin(both, axis=1)
    upper, turn = first >= 3, first % 3
    sides = np.where(upper[:, None, None], both.reshape(-1, 2, 3)[:, ::-1], both.reshape(-1, 2, 3))
    turns = (turn[:, None] + np.arange(3)) % 3
    (a, b, c), (d, e, f) = (np.take_along_axis(sides[:, k], turns, axis=1).T for k in (0, 1))
    return [np.stack([a, d, e, f], axis=1), *_of_pyramid(a, (b, c, f, e))]
