"""Nearest points of points, segments and triangles, in NumPy (for the search) and in JAX (for energies) alike.

Nothing is divided by 0, also where a segment is a point or a triangle a segment: a vertex is a facet with repeated nodes.
"""

import numpy as np

from .._typing import Any


FLAT = 1e-12


def facet_shares(xp: Any, x, facet):
    """Return the barycentric coordinates of the point of a facet that is nearest to x.

    **Arguments:**

    - `xp`: `numpy` or `jax.numpy`.
    - `x`: (…, dim).
    - `facet`: vertices, (…, 2, 2) of a segment in the plane, (…, 3, 3) of a triangle in space; they may repeat.
    """
    if facet.shape[-2] == 2:
        t = _along(xp, x, facet[..., 0, :], facet[..., 1, :])
        return xp.stack([1 - t, t], axis=-1)
    a, b, c = (facet[..., k, :] for k in range(3))
    e, f, r = b - a, c - a, x - a
    ee, ff, ef = _dot(xp, e, e), _dot(xp, f, f), _dot(xp, e, f)
    er, fr = _dot(xp, e, r), _dot(xp, f, r)
    area = ee * ff - ef**2
    solid = area > FLAT * ee * ff
    safe = xp.where(solid, area, 1.0)
    s, t = (ff * er - ef * fr) / safe, (ee * fr - ef * er) / safe
    inside = solid & (s >= 0) & (t >= 0) & (s + t <= 1)
    sides = [_along(xp, x, p, q) for p, q in ((a, b), (b, c), (c, a))]
    zero = 0 * s
    shares = [(1 - sides[0], sides[0], zero), (zero, 1 - sides[1], sides[1]), (sides[2], zero, 1 - sides[2])]
    best = xp.stack([1 - s - t, s, t], axis=-1)
    shares = [xp.stack(each, axis=-1) for each in shares]
    far = [_squared(xp, x - _shared(xp, each, facet)) for each in shares]
    nearest = xp.where((far[1] < far[0])[..., None], shares[1], shares[0])
    nearest = xp.where((far[2] < xp.minimum(far[0], far[1]))[..., None], shares[2], nearest)
    return xp.where(inside[..., None], best, nearest)


def edge_shares(xp: Any, first, second):
    """Return the shares of the ends of two segments in space, (…, 2, 3) each, in the points that are nearest to each other.

    Of parallel segments one of the ends is one of them.
    """
    (a, b), (c, d) = ((each[..., 0, :], each[..., 1, :]) for each in (first, second))
    e, f, r = b - a, d - c, a - c
    ee, ff, ef = _dot(xp, e, e), _dot(xp, f, f), _dot(xp, e, f)
    er, fr = _dot(xp, e, r), _dot(xp, f, r)
    area = ee * ff - ef**2
    crossed = area > FLAT * ee * ff
    safe = xp.where(crossed, area, 1.0)
    s, t = (ef * fr - ff * er) / safe, (ee * fr - ef * er) / safe
    inside = crossed & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
    zero = 0 * s
    ends = [
        (zero, _along(xp, a, c, d)),
        (zero + 1, _along(xp, b, c, d)),
        (_along(xp, c, a, b), zero),
        (_along(xp, d, a, b), zero + 1),
    ]
    best, least = None, None
    for s_end, t_end in ends:
        far = _squared(xp, r + s_end[..., None] * e - t_end[..., None] * f)
        if best is None:
            best, least = (s_end, t_end), far
            continue
        less = far < least
        best = xp.where(less, s_end, best[0]), xp.where(less, t_end, best[1])
        least = xp.where(less, far, least)
    s, t = xp.where(inside, s, best[0]), xp.where(inside, t, best[1])
    return xp.stack([1 - s, s], axis=-1), xp.stack([1 - t, t], axis=-1)


def point_facet(xp: Any, x, facet):
    """Return the squared distance of x and a facet."""
    return _squared(xp, x - _shared(xp, facet_shares(xp, x, facet), facet))


def edge_edge(xp: Any, first, second):
    """Return the squared distance of two segments."""
    s, t = edge_shares(xp, first, second)
    return _squared(xp, _shared(xp, s, first) - _shared(xp, t, second))


def _along(xp, x, a, b):
    """Share of b in the point of the segment a b that is nearest to x; 0 for one without length."""
    e = b - a
    length = _dot(xp, e, e)
    long = length > 0
    t = _dot(xp, x - a, e) / xp.where(long, length, 1.0)
    return xp.where(long & (t > 0), xp.minimum(t, 1.0), 0.0)


def _dot(xp, a, b):
    # NumPy's sum over a short last axis is slow.
    return np.einsum("...d,...d->...", a, b) if xp is np else (a * b).sum(-1)


def _shared(xp, shares, corners):
    return np.einsum("...k,...kd->...d", shares, corners) if xp is np else (shares[..., None] * corners).sum(-2)


def _squared(xp, a):
    return _dot(xp, a, a)
