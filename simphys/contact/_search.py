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
from ._near import Known, candidates, kept_of
from ._nearest import edge_edge, facet_shares, point_facet
from ._pruned import pruned
from ._surface import Surface


EDGE_REACH = 0.1
"""Reach of edges for edges, as a part of δ."""
INFO = 4
KEPT = 4
"""Searches whose results are kept."""
ARRAYS = ("middles", "facets", "edges", "side_of", "owners", "targets", "signs", "families", "couples")
_LAST: dict = {}
_LOCK = threading.Lock()


class Pairs(NamedTuple):
    """What is near what.

    **Attributes:**

    - `points`: (pair, 3): sample, target, and by how much they count; −1, −1 and 0 where there is none.
    - `edges`: (pair, 2): edge and edge; −1 where there is none.
    - `active`: how many there are in all.
    - `overlooked`: how many found no room in the lists or the matrix.
    - `crossed`: whether surfaces have gone through one another.
    - `smallest`: the least distance; infinite where nothing is nearer than δ.
    """

    points: Int[Array, "pair 3"]
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
    settings = dict(whole=surface.samples.whole, two=surface.two)
    shapes = (
        jax.ShapeDtypeStruct((rooms[0], 3), jnp.int32),
        jax.ShapeDtypeStruct((rooms[1], 2), jnp.int32),
        jax.ShapeDtypeStruct((INFO,), jnp.int32),
        jax.ShapeDtypeStruct((1,), x.dtype),
    )
    arrays = [getattr(surface, name) for name in ARRAYS]
    arrays += [surface.samples.nodes, surface.samples.shares, surface.corners.nodes, surface.ends.nodes]
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
        _searched(settings, x, reach, *arrays, kept=kept_of(*arrays[:4]), out=out)
        known = tuple(each.copy() for each in out)
        with _LOCK:
            while len(_LAST) >= KEPT:
                _LAST.pop(next(iter(_LAST)))
            _LAST[key] = known
    for place, each in zip(out, known, strict=True):
        place[...] = each


def _searched(settings, x, reach, *arrays, kept, out):
    points_out, edges_out, info, least = out
    points_out[...], edges_out[...], info[...], least[...] = -1, -1, 0, np.inf
    points_out[:, 2] = 0
    if not (np.isfinite(x).all() and np.isfinite(reach) and reach > 0):
        info[2] = 1
        return
    middles, facets, edges, side_of, owners, targets, signs, families, couples, nodes, shares, corners, ends = arrays
    reach, x, found = float(reach), x.astype(float), _Found(couples, len(x), least)
    at = np.einsum("skd,sk->sd", x[nodes], shares[:, 0] / settings["whole"])
    x, known = x[middles].mean(axis=1), Known(side_of, middles, settings["two"])
    pairs, far = near_facets(known, x, at, reach, facets, owners, kept)
    least[0] = far.min(initial=np.inf)
    # What has one facet near it, and nothing that this one shares with another, is told.
    alone = np.bincount(pairs[:, 0], minlength=len(at))[pairs[:, 0]] == 1
    parts, distance, own = near_targets(x, at, pairs[~alone], reach, targets, families)
    left, count = pruned(parts, np.where(own > 0, targets[parts[:, 1]], -1), signs)
    count, far = np.concatenate([signs[pairs[alone, 1]], count]), np.concatenate([far[alone], distance[left]])
    pairs = np.concatenate([pairs[alone], parts[left]])
    rows = np.concatenate([pairs, count[:, None]], axis=1)
    found.put(points_out, info, rows, far, np.concatenate([nodes[pairs[:, 0]], corners[pairs[:, 1]]], axis=1))
    if len(edges):
        pairs, far = near_edges(known, x, EDGE_REACH * reach, edges, kept)
        found.put(edges_out, info, pairs, far, np.concatenate([ends[pairs[:, 0]], ends[pairs[:, 1]]], axis=1))
    info[2] = len(crossed(known, x, facets, edges, kept)[0]) > 0


class _Found(NamedTuple):
    """Where pairs go."""

    couples: np.ndarray
    nodes: int
    least: np.ndarray

    def put(self, out, info, pairs, far, nodes):
        """Enter pairs, the nearest first; count those that find no room."""
        low, high = np.minimum(nodes[:, :, None], nodes[:, None]), np.maximum(nodes[:, :, None], nodes[:, None])
        code = low.astype(np.int64) * self.nodes + high
        place = np.minimum(np.searchsorted(self.couples, code), len(self.couples) - 1)
        fits = (self.couples[place] == code).all(axis=(1, 2))
        order = np.argsort(far[fits], kind="stable")[: len(out)]
        out[: len(order)] = pairs[fits][order]
        info[0] += len(pairs)
        info[1] += len(pairs) - len(order)
        self.least[0] = min(self.least[0], far.min(initial=np.inf))


def near_targets(x, at, pairs, reach, targets, families):
    """Return samples and targets that are nearer than δ, (pair, 2), their distances, and the nearest points' shares.

    They are parts of the facets in `pairs`, those that are near.
    """
    sample = np.repeat(pairs[:, 0], families.shape[1]).astype(np.int64)
    every = np.sort(sample * len(targets) + families[pairs[:, 1]].ravel())
    every = every[np.concatenate([[True], every[1:] != every[:-1]])] if len(every) else every
    pairs = np.stack([every // len(targets), every % len(targets)], axis=1)
    place, corners = at[pairs[:, 0]], x[targets[pairs[:, 1]]]
    shares = facet_shares(np, place, corners)
    far = np.linalg.norm(place - np.einsum("pk,pkd->pd", shares, corners), axis=1)
    there = far < reach
    return pairs[there], far[there], shares[there]


def near_facets(known: Known, x, at, reach, facets, owners, kept=None) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and facets that are nearer than δ, (pair, 2), and their distances.

    **Arguments:**

    - `x`, `at`: positions of vertices and of samples.
    - `owners`: the facet that each sample lies in; what may not touch it may not touch the sample.
    - `kept`: lists of states before.
    """
    may = lambda i, j: known.may_touch(facets[owners[i]], facets[j])
    samples = len(x) + np.arange(len(at))[:, None]
    given = {} if kept is None else kept, "samples and facets", (np.concatenate([x, at]),), samples, facets
    i, j = candidates(*given, reach, may)
    far = np.sqrt(point_facet(np, at[i], x[facets[j]]))
    there = far < reach
    return np.stack([i[there], j[there]], axis=1), far[there]


def near_edges(known: Known, x, reach, edges, kept=None) -> tuple[np.ndarray, np.ndarray]:
    """Return edges and edges that are nearer than that, each pair once, and their distances."""
    may = lambda i, j: (i < j) & known.may_touch(edges[i], edges[j])
    i, j = candidates({} if kept is None else kept, "edges", (x,), edges, edges, reach, may)
    far = np.sqrt(edge_edge(np, x[edges[i]], x[edges[j]]))
    there = far < reach
    return np.stack([i[there], j[there]], axis=1), far[there]
