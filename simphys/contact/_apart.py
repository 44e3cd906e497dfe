"""Whether bodies are apart as they are given."""

import numpy as np

from ._crossed import crossed
from ._near import Known
from ._search import near_facets
from ._surface import Surface


def check_apart(surface: Surface, x: np.ndarray, reach: float, names: tuple[str, ...]):
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
    if surface.two:
        return
    nodes, shares, owners = (np.asarray(v) for v in (surface.samples.nodes, surface.samples.shares, surface.owners))
    at = np.einsum("skd,sk->sd", given[nodes], shares[:, 0] / surface.samples.whole)
    found, far = near_facets(known, x, at, reach, facets, owners)
    if len(found):
        raise ValueError(
            f"`reach` {reach:.3g} must be below the distance {far.min():.3g} of parts of {names[0]!r} that are no "
            "neighbours, as they are given: the thinnest part, the narrowest gap, or the shortest facet."
        )
