"""Points of a surface as shares of its nodes."""

import equinox as eqx
import numpy as np

from .._arrays import int32
from .._told import Told
from .._typing import Array, Int


FINE = 1024
"""Into how many parts those of a facet's edge are cut, to move samples aside by whole parts."""


class Points(Told):
    """Items with r points each, in shares of k nodes: x = Σ_a shares_a/`whole` x_a.

    **Attributes:**

    - `nodes`: places in the surface's nodes, (item, k); where an item has fewer, the first one again, of share 0.
    - `shares`: whole parts of 1/`whole`, (item, r, k).
    """

    nodes: Int[Array, "item k"]
    shares: Int[Array, "item r k"]
    whole: int = eqx.field(static=True)


def as_nodes(vertices: np.ndarray, counts: np.ndarray, parts: int, middles: np.ndarray) -> Points:
    """Return points that are shares of vertices in shares of the nodes that the vertices are means of.

    **Arguments:**

    - `vertices`, `counts`: (item, v), (item, r, v): the points' vertices, and whole parts of 1/`parts`.
    - `middles`: nodes of each vertex, (vertex, e).
    """
    wide = middles.shape[1]
    every = middles[vertices].reshape(len(vertices), vertices.shape[1] * wide)
    order = np.argsort(every, axis=1, kind="stable")
    sorted_ = np.take_along_axis(every, order, axis=1)
    first = np.concatenate([np.ones((len(every), 1), bool), sorted_[:, 1:] != sorted_[:, :-1]], axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.cumsum(first, axis=1) - 1, axis=1)
    k = int(rank.max(initial=0)) + 1
    nodes = np.repeat(sorted_[:, :1], k, axis=1)
    item = np.arange(len(every))[:, None]
    nodes[item, rank] = every
    shares = np.zeros((len(every), counts.shape[1], k), np.int64)
    each = np.repeat(counts, wide, axis=2)
    for r in range(counts.shape[1]):
        np.add.at(shares, (item, r, rank), each[:, r])
    return Points(int32(nodes), int32(shares), parts * wide)


def moved_aside(samples: np.ndarray, counts: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return samples moved by a thousandth of a part within a facet, in parts that are `FINE` as small.

    Where meshes match, samples would lie opposite of edges and vertices, where the nearest point goes from one facet to
    the next: there the potential has a curvature p/d of either sign, and Newton's method finds no way.

    **Arguments:**

    - `samples`, `counts`: vertices and parts, (sample, v).
    - `corners`: vertices of a facet that each sample lies in, (sample, dim).
    """
    own = np.zeros(corners.shape, np.int64)
    for k in range(samples.shape[1]):
        own += FINE * counts[:, k : k + 1] * (corners == samples[:, k : k + 1])
    more = np.random.default_rng(0).integers(1, 4, size=own.shape)
    most = np.argmax(own, axis=1)[:, None]
    np.put_along_axis(more, most, 0, axis=1)
    np.put_along_axis(more, most, -more.sum(axis=1, keepdims=True), axis=1)
    return corners, own + more
