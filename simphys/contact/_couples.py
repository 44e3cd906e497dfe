"""For which pairs of nodes a matrix keeps entries, whoever touches whom."""

import equinox as eqx
import numpy as np

from .._arrays import int32
from ._surface import Surface


MOST = 4_000_000


def with_couples(surface: Surface, x: np.ndarray, travel: float | None) -> Surface:
    """Return a surface that says which of its nodes may come to lie in one pair; on the host.

    **Arguments:**

    - `x`: undeformed positions of its nodes, (n, dim).
    - `travel`: how far apart in the undeformed mesh nodes may be that will touch; None for all of them.

    **Raises:** `ValueError` for more than four million pairs.
    """
    # Here, for it is slow to load.
    from scipy.spatial import cKDTree

    n, middles = len(x), np.asarray(surface.middles)
    facets = middles[np.asarray(surface.facets)].reshape(len(surface.facets), -1)
    side = np.zeros(n, np.int64)
    side[middles.ravel()] = np.repeat(np.asarray(surface.side_of), middles.shape[1])
    width = facets.shape[1]
    own = np.stack([np.repeat(facets, width, axis=1).ravel(), np.tile(facets, (1, width)).ravel()], axis=1)
    if n**2 >= 2**31:
        raise ValueError(f"A surface of {n:,} nodes was given; 46,340 can be numbered in pairs.")
    if travel is None:
        sizes = np.bincount(side, minlength=2)
        count = int(sizes[0] * sizes[1]) if surface.two else n * (n + 1) // 2
        _check_count(count)
        if surface.two:
            far = np.stack(np.meshgrid(np.flatnonzero(side == 0), np.flatnonzero(side == 1)), axis=-1).reshape(-1, 2)
        else:
            far = np.stack(np.triu_indices(n), axis=1)
    else:
        tree = cKDTree(x)
        # The nodes of the two facets that touch: their sizes on top of the way between them.
        reach = travel + 2 * np.max(np.linalg.norm(x[facets] - x[facets].mean(axis=1, keepdims=True), axis=2))
        _check_count(tree.count_neighbors(tree, reach) // 2)
        far = tree.query_pairs(reach, output_type="ndarray")
        far = far[side[far[:, 0]] != side[far[:, 1]]] if surface.two else far
    pairs = np.sort(np.concatenate([own, np.repeat(np.arange(n)[:, None], 2, axis=1), far]), axis=1)
    return eqx.tree_at(lambda s: s.couples, surface, int32(np.unique(pairs.astype(np.int64) @ (n, 1))))


def _check_count(count):
    if count > MOST:
        raise ValueError(
            f"Any two of {count:,} pairs of nodes could touch, more than {MOST:,} that a matrix keeps entries for: say "
            "how far apart in the undeformed mesh points may be that will (`travel=`)."
        )
