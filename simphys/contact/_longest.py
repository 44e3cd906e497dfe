"""How far surfaces may move before they touch, on the host: never differentiated."""

import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Scalar
from ..linalg import host_function
from ._near import Known, candidates, kept_of
from ._nearest import edge_edge, point_facet
from ._surface import Surface


SAFE, LEFT = 0.9, 0.1
ROUNDING = 1e-9
MOST_STEPS = 10_000


def longest(surface: Surface, x, y) -> Scalar:
    """Return the part of the straight way from x to y (n, dim) on which every distance keeps a hundredth of what it was.

    Conservative advancement: while points move by t, a distance d falls by no more than t times their fastest relative
    motion l, so that t ← t + .9 d/l never passes a contact.

    Reference: M. Li et al., Codimensional incremental potential contact, ACM Trans. Graph. 40 (2021) 170, section 5.
    """
    x, y = jax.lax.stop_gradient((x, y))
    shapes = (jax.ShapeDtypeStruct((1,), x.dtype),)
    arrays = surface.middles, surface.facets, surface.edges, surface.side_of
    (found,) = _longest_on_host(dict(two=surface.two), shapes, x, jnp.asarray(y, x.dtype), *arrays)
    return found[0]


@host_function("simphys_contact_longest", fills=True)
def _longest_on_host(settings, x, y, middles, facets, edges, side_of, out):
    out[0][...] = 1.0
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return
    x, y = (each.astype(float)[middles].mean(axis=1) for each in (x, y))
    known, move = Known(side_of, middles, settings["two"]), y - x
    # What all of it does together brings nothing nearer.
    move = move - (move.min(axis=0) + move.max(axis=0)) / 2
    if not move.any():
        return
    points, kept = np.arange(len(x))[:, None], kept_of(middles, facets, edges, side_of)
    may = lambda i, j: known.may_touch(points[i], facets[j])
    shortest = _advance((kept, "points and facets"), x, move, points, facets, may, 1.0)
    if len(edges):
        may = lambda i, j: (i < j) & known.may_touch(edges[i], edges[j])
        shortest = _advance((kept, "edges"), x, move, edges, edges, may, shortest)
    out[0][...] = shortest


def _advance(kept, x, move, first, second, may_touch, limit):
    """Return the least part of the way that any pair of points and facets, or of edges, allows, or `limit`."""
    # What ends just where it touches must not be missed by rounding.
    aside = ROUNDING * float(np.ptp(x, axis=0).max())
    i, j = candidates(*kept, (x, x + limit * move), first, second, aside, may_touch)
    a, b = first[i], second[j]
    p, q, u, v = x[a], x[b], move[a], move[b]
    middle = (u.sum(axis=1) + v.sum(axis=1)) / (u.shape[1] + v.shape[1])
    u, v = u - middle[:, None], v - middle[:, None]
    speed = _fastest(u) + _fastest(v)
    far = _distances(p, q)
    moving = speed * limit > SAFE * far
    p, q, u, v, speed, far = (each[moving] for each in (p, q, u, v, speed, far))
    least, t = LEFT * far, np.zeros(len(far))
    for _ in range(MOST_STEPS):
        if not len(t):
            return limit
        ahead = t + SAFE * far / speed
        on = ahead < limit
        p, q, u, v, speed, least, t = (each[on] for each in (p, q, u, v, speed, least, ahead))
        far = _distances(p + t[:, None, None] * u, q + t[:, None, None] * v)
        # A gap that has closed to a tenth ends the way where it still was more.
        closed = far <= least
        if closed.any():
            limit = min(limit, float(t[closed].min()))
            keep = ~closed & (t < limit)
            p, q, u, v, speed, least, t, far = (each[keep] for each in (p, q, u, v, speed, least, t, far))
    return min(limit, float(t.min(initial=limit)))


def _fastest(move):
    return np.sqrt((move**2).sum(-1).max(axis=1, initial=0.0))


def _distances(p, q):
    if p.shape[1] == 1:
        return np.sqrt(point_facet(np, p[:, 0], q))
    return np.sqrt(edge_edge(np, p, q))
