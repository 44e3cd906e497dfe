"""Whether bodies are apart as they are given."""

import numpy as np

from ..fem import FunctionSpace
from ._crossed import crossed
from ._inside import inside
from ._near import Known
from ._nearest import facet_shares, point_facet
from ._search import near_facets
from ._surface import Surface


ON = 1e-9
"""How deep, over the size of the surfaces, nodes lie on a surface and not behind it."""
ACROSS = 0.7
"""Cosine up to which what is opposite of a facet lies across it, and not beside it."""


def check_apart(space: FunctionSpace, surface: Surface, x: np.ndarray, reach: float, names: tuple[str, ...]):
    """Raise `ValueError` for surfaces that overlap at positions x, or of one group are nearer to themselves than δ."""
    facets, edges, middles = (np.asarray(each) for each in (surface.facets, surface.edges, surface.middles))
    known, given, x = Known(np.asarray(surface.side_of), middles, surface.two), x, x[middles].mean(axis=1)
    pairs, depth = crossed(known, x, facets, edges)
    if len(pairs):
        worst = int(np.argmax(depth))
        place = x[facets[pairs[worst, 1]]].mean(axis=0)
        where = " and ".join(map(repr, names)) if surface.two else f"{names[0]!r} and itself"
        raise ValueError(
            f"The surfaces {where} overlap as they are given: {len(pairs)} pairs of facets cross, by up to "
            f"{depth[worst]:.3g}, near {np.array2string(place, precision=4)}. Move the bodies apart."
        )
    there = np.flatnonzero(inside(space, np.asarray(surface.nodes)))
    depth = _depth(surface, given, x, there)
    if (depth > ON * np.ptp(given, axis=0).max()).any():
        worst = np.array2string(given[there][int(np.argmax(depth))], precision=4)
        raise ValueError(
            f"The bodies of {' and '.join(map(repr, names))} overlap as they are given: {len(there)} nodes of their "
            f"surfaces lie inside of another body, up to {depth.max():.3g} deep, near {worst}. Move the "
            "bodies apart: `contact.separated(mesh, where, gap)`."
        )
    nodes, shares, owners = (np.asarray(v) for v in (surface.samples.nodes, surface.samples.shares, surface.owners))
    at = np.einsum("skd,sk->sd", given[nodes], shares[:, 0] / surface.samples.whole)
    found, far = near_facets(known._replace(two=False), x, at, reach, facets, owners)
    if surface.two:
        _check_thick(space, known, x, at, reach, facets, owners, found, names)
    elif len(found):
        raise ValueError(
            f"`reach` {reach:.3g} must be below the distance {far.min():.3g} of parts of {names[0]!r} that are no "
            "neighbours, as they are given: the thinnest part, the narrowest gap, or the shortest facet."
        )


def _check_thick(space, known, x, at, reach, facets, owners, found, names):
    """Raise `ValueError` where a group has both sides of a part that is thinner than δ: both would be pushed at."""
    sample, facet = found[known.side_of[facets[owners[found[:, 0]], 0]] == known.side_of[facets[found[:, 1], 0]]].T
    corners = x[facets[facet]]
    way = at[sample] - np.einsum("pk,pkd->pd", facet_shares(np, at[sample], corners), corners)
    e = corners[:, 1] - corners[:, 0]
    normal = np.stack([e[:, 1], -e[:, 0]], axis=1) if x.shape[1] == 2 else np.cross(e, corners[:, 2] - corners[:, 0])
    far = np.linalg.norm(way, axis=1)
    across = np.abs(np.einsum("pd,pd->p", way, normal)) > ACROSS * far * np.linalg.norm(normal, axis=1)
    # Between them there is the body, or a slot.
    across[across] = np.asarray(space.contains(at[sample[across]] - way[across] / 2, 0.0))
    if across.any():
        name = names[int(known.side_of[facets[facet[across][0], 0]])]
        raise ValueError(
            f"`reach` {reach:.3g} must be below the thickness {far[across].min():.3g} of the thinnest part of {name!r}: "
            "what touches one side of it would feel the other."
        )


def _depth(surface, given, x, there):
    """How far nodes that are inside of a body are from the facets of the other group, or from all that they are not of."""
    middles, facets = np.asarray(surface.middles), np.asarray(surface.facets)
    nodes = middles[facets].reshape(len(facets), -1)
    side = np.zeros(len(given), np.int64)
    side[middles.ravel()] = np.repeat(np.asarray(surface.side_of), middles.shape[1])
    found = []
    for node in there:
        other = side[nodes[:, 0]] != side[node] if surface.two else (nodes != node).all(axis=1)
        far = point_facet(np, given[node][None], x[facets[other]])
        found.append(np.sqrt(far.min(initial=np.inf)))
    return np.array(found)
