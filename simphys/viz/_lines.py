"""Lines on a body: its sharp edges, the edges of its cells, and which parts of them can be seen."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from ._raster import Buffer


SHARP = np.cos(np.deg2rad(35.0))
STEP = 2.0
"""Distance, in pixels, at which lines are tested for being hidden."""


def merge(points: np.ndarray) -> np.ndarray:
    """Number samples so that those at the same place share a number, (sample,)."""
    low = points.min(axis=0)
    size = max(np.ptp(points, axis=0).max(), np.finfo(float).tiny)
    # The odd offset keeps regular positions away from where rounding turns.
    cells = np.floor((points - low) / size * 2**20 + 0.27182818).astype(np.int64)
    key = np.zeros(len(points), dtype=np.int64)
    for column in cells.T:
        key = key * 2**21 + column
    return np.unique(key, return_inverse=True)[1]


def triangle_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Normals with the length of twice the area, (triangle, 3)."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors scaled to length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length == 0, 1.0, length)


def cell_edges(rims: np.ndarray, beside: np.ndarray, ids: np.ndarray, normals: np.ndarray, points: np.ndarray):
    """Sort the lines between facets into sharp ones and others.

    **Arguments:**

    - `rims`, `beside`: lines and the triangle beside each, as in `Surface`.
    - `ids`: numbers of the samples, from `merge`.
    - `normals`: unit normals of the triangles; `points`: positions of the samples, (sample, dim).

    **Returns:** each line once, (line, 2), and whether it is an outer edge, or one at which the surface bends
    sharply. Where smaller cells meet a larger one two short lines lie on a long one: that is no outer edge.
    """
    ends = np.sort(ids[rims], axis=1)
    keys = ends[:, 0] * (ids.max(initial=0) + 1) + ends[:, 1]
    order = np.argsort(keys, kind="stable")
    _, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
    one, other = order[first], order[first + counts - 1]
    bend = np.sum(normals[beside[one]] * normals[beside[other]], axis=1)
    proper = ends[one, 0] != ends[one, 1]
    sharp = (counts != 2) | (bend < SHARP)
    alone = np.flatnonzero(proper & (counts == 1))
    sharp[alone] &= ~_halved(ends[one[alone]], ids, normals[beside[one[alone]]], points)
    return rims[one][proper], sharp[proper]


def _halved(ends, ids, normals, points):
    """Whether a line, of numbers of its ends, is one of two on a third one, or that one, on a smooth surface."""
    found = np.zeros(len(ends), bool)
    if not len(ends):
        return found
    where = np.zeros((ids.max() + 1, points.shape[1]))
    where[ids] = points
    number = {tuple(pair): k for k, pair in enumerate(ends.tolist())}
    corners = np.unique(ends)
    middle = where[ends].mean(axis=1)
    length = np.linalg.norm(np.diff(where[ends], axis=1)[:, 0], axis=1)
    away, near = cKDTree(where[corners]).query(middle)
    for k in np.flatnonzero(away < 1e-3 * length):
        halves = [number.get(tuple(sorted((int(corners[near[k]]), end)))) for end in ends[k].tolist()]
        if None not in halves and all(normals[k] @ normals[half] > SHARP for half in halves):
            found[[k, *halves]] = True
    return found


def corner_normals(triangles, ids, reference, current) -> np.ndarray:
    """Normals at the corners of triangles, averaged over those neighbours that the surface joins smoothly.

    **Arguments:**

    - `triangles`: (triangle, 3); `ids`: numbers of the samples, from `merge`.
    - `reference`: unit normals that say where the surface is smooth, (triangle, 3).
    - `current`: normals to average, weighted by area, (triangle, 3).

    **Returns:** unit vectors (triangle, 3, 3).
    """
    vertex = ids[triangles].ravel()
    order = np.argsort(vertex, kind="stable")
    _, start, counts = np.unique(vertex[order], return_index=True, return_counts=True)
    size, begin = np.repeat(counts, counts), np.repeat(start, counts)
    before = np.cumsum(size) - size
    me = np.repeat(np.arange(len(order)), size)
    them = begin[me] + np.arange(len(me)) - before[me]
    mine, theirs = order[me] // 3, order[them] // 3
    smooth = np.einsum("pi,pi->p", reference[mine], reference[theirs]) > SHARP
    sums = np.add.reduceat(current[theirs] * smooth[:, None], before, axis=0)
    out = np.empty_like(sums)
    out[order] = sums
    return unit(out).reshape(-1, 3, 3)


def visible(ends: np.ndarray, buffers: Sequence[Buffer], bias: float) -> np.ndarray:
    """Cut lines down to the parts that nothing hides.

    **Arguments:**

    - `ends`: (line, 2, 3): column, row in pixels of the buffers, and depth.
    - `buffers`: what may hide them.
    - `bias`: depth by which something must be nearer to hide a line.

    **Returns:** the parts, (part, 2, 2): column and row.
    """
    if not len(ends):
        return np.empty((0, 2, 2))
    length = np.linalg.norm(ends[:, 1, :2] - ends[:, 0, :2], axis=1)
    counts = np.ceil(length / STEP).astype(np.int64) + 2
    owner = np.repeat(np.arange(len(ends)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    t = (place / (counts[owner] - 1))[:, None]
    points = ends[owner, 0] * (1 - t) + ends[owner, 1] * t
    seen = np.ones(len(points), dtype=bool)
    for buffer in buffers:
        seen &= points[:, 2] >= _farthest_near(points, buffer.depth) - bias
    joined = (owner[1:] == owner[:-1]) & seen[1:] & seen[:-1]
    # A part starts where a joined pair follows none, and ends where none follows.
    before, after = np.r_[False, joined], np.r_[joined, False]
    return np.stack([points[after & ~before, :2], points[before & ~after, :2]], axis=1)


def _farthest_near(points, depth):
    """The least depth within one pixel, −∞ where there is no surface: lines on an outline stay visible."""
    column, row = np.floor(points[:, 0]).astype(np.int64), np.floor(points[:, 1]).astype(np.int64)
    least = np.full(len(points), np.inf)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            r, c = np.clip(row + i, 0, depth.shape[0] - 1), np.clip(column + j, 0, depth.shape[1] - 1)
            z = depth[r, c]
            least = np.where(z == -np.inf, least, np.minimum(least, z))
    return np.where(least == np.inf, -np.inf, least)


def chains(parts: np.ndarray) -> list[np.ndarray]:
    """Join parts that share an end into polylines, whose joints are then drawn without overlap.

    **Arguments:**

    - `parts`: (part, 2, 2); ends at the same place differ by rounding only.

    **Returns:** polylines (point, 2), each part in one of them; they end where one or three and more parts
    meet.
    """
    if not len(parts):
        return []
    points = parts.reshape(-1, 2)
    ids = merge(points).tolist()
    at = [[] for _ in range(max(ids) + 1)]
    for i, node in enumerate(ids):
        at[node].append(i)
    fresh = [True] * len(parts)
    out = []
    # Open lines are walked from their ends; what is left after that is closed.
    for start in sorted(range(len(ids)), key=lambda i: len(at[ids[i]]) == 2):
        line = [start]
        while fresh[line[-1] // 2]:
            fresh[line[-1] // 2] = False
            line.append(line[-1] ^ 1)
            onward = [i for i in at[ids[line[-1]]] if fresh[i // 2]]
            if len(at[ids[line[-1]]]) != 2 or not onward:
                break
            line[-1] = onward[0]
        if len(line) > 1:
            out.append(points[line])
    return out
