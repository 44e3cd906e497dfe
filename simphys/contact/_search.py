"""The search for pairs that are nearer than δ, on the host: padded lists of fixed size."""

import hashlib
import threading
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Bool, Int, Scalar
from ..linalg import host_function
from ._crossed import crossed
from ._near import Known, balls, near
from ._nearest import edge_edge, point_facet
from ._surface import Surface


EDGE_REACH = 0.1
"""Reach of edges for edges, as a part of δ."""
INFO = 4
KEPT = 4
"""Searches whose results are kept."""
_LAST: dict = {}
_LOCK = threading.Lock()


class Pairs(NamedTuple):
    """What is near what.

    **Attributes:**

    - `points`: (pair, 2): sample and target; −1 where there is none.
    - `edges`: (pair, 2): edge and edge; −1 where there is none.
    - `active`: how many there are in all.
    - `overlooked`: how many found no room in the lists or the matrix.
    - `crossed`: whether surfaces have gone through one another.
    - `smallest`: the least distance; infinite where nothing is nearer than δ.
    """

    points: Int[Array, "pair 2"]
    edges: Int[Array, "pair 2"]
    active: Scalar
    overlooked: Scalar
    crossed: Bool[Array, ""]
    smallest: Scalar


def search(surface: Surface, x, reach, rooms: tuple[int, int]) -> Pairs:
    """Return the pairs at positions x (n, dim) of the surface's nodes; whole numbers, which have no derivative.

    **Arguments:**

    - `reach`: δ.
    - `rooms`: length of the two lists.
    """
    x, reach = jax.lax.stop_gradient((x, jnp.asarray(reach, x.dtype)))
    settings = dict(parts=surface.parts, two=surface.two)
    shapes = (
        jax.ShapeDtypeStruct((rooms[0], 2), jnp.int32),
        jax.ShapeDtypeStruct((rooms[1], 2), jnp.int32),
        jax.ShapeDtypeStruct((INFO,), jnp.int32),
        jax.ShapeDtypeStruct((1,), x.dtype),
    )
    arrays = [surface.middles, surface.facets, surface.samples, surface.counts, surface.targets]
    arrays += [surface.edges, surface.side_of, surface.couples]
    points, edges, info, least = _search_on_host(settings, shapes, x, reach, *arrays)
    return Pairs(points, edges, info[0], info[1], info[2] != 0, least[0])


@host_function("simphys_contact_search", fills=True)
def _search_on_host(settings, x, reach, *arrays, out):
    """Search, but where the same was asked last: a residual and its tangent are, at each state."""
    digest = hashlib.blake2b(x.tobytes() + reach.tobytes(), digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array))
    key = digest.digest(), tuple((each.shape, each.dtype.str) for each in out), tuple(settings.items())
    with _LOCK:
        known = _LAST.get(key)
    if known is None:
        _searched(settings, x, reach, *arrays, out=out)
        known = tuple(each.copy() for each in out)
        with _LOCK:
            while len(_LAST) >= KEPT:
                _LAST.pop(next(iter(_LAST)))
            _LAST[key] = known
    for place, each in zip(out, known, strict=True):
        place[...] = each


def _searched(settings, x, reach, middles, facets, samples, counts, targets, edges, side_of, couples, out):
    points_out, edges_out, info, least = out
    points_out[...], edges_out[...], info[...], least[...] = -1, -1, 0, np.inf
    if not (np.isfinite(x).all() and np.isfinite(reach) and reach > 0):
        info[2] = 1
        return
    reach, found = float(reach), _Found(couples, len(x), middles, least)
    x, known = x.astype(float)[middles].mean(axis=1), Known(side_of, middles, settings["two"])
    pairs, far = near_points(known, x, reach, samples, counts / settings["parts"], targets)
    found.put(points_out, info, pairs, far, np.concatenate([samples[pairs[:, 0]], targets[pairs[:, 1]]], axis=1))
    if len(edges):
        pairs, far = near_edges(known, x, EDGE_REACH * reach, edges)
        found.put(edges_out, info, pairs, far, np.concatenate([edges[pairs[:, 0]], edges[pairs[:, 1]]], axis=1))
    info[2] = len(crossed(known, x, facets, edges)[0]) > 0


class _Found(NamedTuple):
    """Where pairs go."""

    couples: np.ndarray
    nodes: int
    middles: np.ndarray
    least: np.ndarray

    def put(self, out, info, pairs, far, vertices):
        """Enter pairs, the nearest first; count those that find no room."""
        nodes = self.middles[vertices].reshape(len(vertices), vertices.shape[1] * self.middles.shape[1])
        low, high = np.minimum(nodes[:, :, None], nodes[:, None]), np.maximum(nodes[:, :, None], nodes[:, None])
        code = low.astype(np.int64) * self.nodes + high
        place = np.minimum(np.searchsorted(self.couples, code), len(self.couples) - 1)
        fits = (self.couples[place] == code).all(axis=(1, 2))
        order = np.argsort(far[fits], kind="stable")[: len(out)]
        out[: len(order)] = pairs[fits][order]
        info[0] += len(pairs)
        info[1] += len(pairs) - len(order)
        self.least[0] = min(self.least[0], far.min(initial=np.inf))


def near_points(known: Known, x, reach, samples, shares, targets) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and targets that are nearer than δ, (pair, 2), and their distances."""
    at = np.einsum("skd,sk->sd", x[samples], shares)
    i, j = near((at, np.full(len(at), reach)), balls(x[targets]))
    there = known.may_touch(samples[i], targets[j])
    i, j = i[there], j[there]
    far = np.sqrt(point_facet(np, at[i], x[targets[j]]))
    there = far < reach
    return np.stack([i[there], j[there]], axis=1), far[there]


def near_edges(known: Known, x, reach, edges) -> tuple[np.ndarray, np.ndarray]:
    """Return edges and edges that are nearer than that, each pair once, and their distances."""
    centre, radius = balls(x[edges])
    i, j = near((centre, radius + reach), (centre, radius))
    there = (i < j) & known.may_touch(edges[i], edges[j])
    i, j = i[there], j[there]
    far = np.sqrt(edge_edge(np, x[edges[i]], x[edges[j]]))
    there = far < reach
    return np.stack([i[there], j[there]], axis=1), far[there]
