"""Surfaces that have gone through one another: segments that cross in the plane, edges through triangles in space."""

import numpy as np

from ._near import Known, candidates


def crossed(known: Known, x, facets, edges, kept: dict | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs that cross, (pair, 2): in the plane facet and facet, in space edge and facet; and how deep.

    The depth of a pair is the least way by which one end of the segment could leave the other's line or plane.

    **Arguments:**

    - `known`: who may touch whom.
    - `x`: positions of the vertices, (vertex, dim).
    - `facets`, `edges`: of the surface.
    - `kept`: lists of states before.
    """
    plane = x.shape[1] == 2
    lines = facets if plane else edges
    may = lambda i, j: known.may_touch(lines[i], facets[j]) & ((i < j) if plane else True)
    i, j = candidates({} if kept is None else kept, "lines and facets", (x,), lines, facets, 0.0, may)
    ends, corners = x[lines[i]], x[facets[j]]
    through = (_cross_in_plane if plane else _cross_in_space)(ends, corners)
    pairs = np.stack([i[through], j[through]], axis=1)
    depth = _depth(ends[through], corners[through])
    return pairs, np.minimum(depth, _depth(corners[through], ends[through])) if plane else depth


def _turn(a, b, c):
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def _cross_in_plane(p, q):
    a, b, c, d = p[:, 0], p[:, 1], q[:, 0], q[:, 1]
    return (_turn(a, b, c) * _turn(a, b, d) < 0) & (_turn(c, d, a) * _turn(c, d, b) < 0)


def _volume(a, b, c, d):
    return np.einsum("pi,pi->p", np.cross(b - a, c - a), d - a)


def _cross_in_space(p, q):
    a, b = p[:, 0], p[:, 1]
    c, d, e = q[:, 0], q[:, 1], q[:, 2]
    sides = np.stack([_volume(a, b, c, d), _volume(a, b, d, e), _volume(a, b, e, c)], axis=1)
    same = (sides > 0).all(axis=1) | (sides < 0).all(axis=1)
    return same & (_volume(c, d, e, a) * _volume(c, d, e, b) < 0)


def _depth(ends, corners):
    """How far the nearer end of a segment is behind the line or plane of the other."""
    if not len(ends):
        return np.zeros(0)
    e = corners[:, 1] - corners[:, 0]
    normal = np.stack([e[:, 1], -e[:, 0]], axis=1) if e.shape[1] == 2 else np.cross(e, corners[:, 2] - corners[:, 0])
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), np.finfo(float).tiny)
    return np.abs(np.einsum("pki,pi->pk", ends - corners[:, :1], normal)).min(axis=1)
