"""What convex figures have in common: intervals on lines, polygons in planes; many pairs of them at once."""

import numpy as np


THIN = 1e-12
"""Share of a figure below which a piece of it is none."""


def common_parts(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut what each pair of convex figures has in common into simplices.

    Polygons are cut along one line after the other (Sutherland, Hodgman).

    **Arguments:**

    - `first`, `second`: corners (pair, corner, dim), dim 1 or 2; in the plane in order round the figure.

    **Returns:** number of the pair of each simplex (n,), and its corners (n, dim + 1, dim).

    Reference: I. E. Sutherland, G. W. Hodgman, Commun. ACM 17 (1974) 32–42.
    """
    if first.shape[-1] == 1:
        low = np.maximum(first.min(axis=1), second.min(axis=1))
        high = np.minimum(first.max(axis=1), second.max(axis=1))
        pieces = np.stack([low, high], axis=1)
        pair = np.flatnonzero((high - low)[:, 0] > THIN * np.ptp(first, axis=1)[:, 0])
        return pair, pieces[pair]
    first, second = _anticlockwise(first), _anticlockwise(second)
    polygons, counts = second, np.full(len(second), second.shape[1])
    for a, b in zip(np.moveaxis(first, 1, 0), np.moveaxis(np.roll(first, -1, axis=1), 1, 0), strict=True):
        polygons, counts = _halved(polygons, counts, a, b - a)
    return _fans(polygons, counts, THIN * np.abs(area(first)))


def _anticlockwise(polygons):
    return np.where((area(polygons) < 0)[:, None, None], polygons[:, ::-1], polygons)


def _halved(polygons, counts, origin, along):
    """What lies to the left of lines; corners beyond the count repeat the last one."""
    offset = polygons - origin[:, None]
    side = along[:, None, 0] * offset[..., 1] - along[:, None, 1] * offset[..., 0]
    width = polygons.shape[1]
    # (Corners that repeat one another are cut off together, or not at all.)
    follows = (np.arange(width) + 1) % np.maximum(counts, 1)[:, None]
    beyond, after = np.take_along_axis(side, follows, 1), np.take_along_axis(polygons, follows[..., None], 1)
    there = np.arange(width) < counts[:, None]
    inside, crosses = there & (side >= 0), there & ((side >= 0) != (beyond >= 0))
    share = side / np.where(crosses, side - beyond, 1)
    cuts = polygons + share[..., None] * (after - polygons)
    both = np.stack([polygons, cuts], axis=2).reshape(len(polygons), 2 * width, 2)
    kept = np.stack([inside, crosses], axis=2).reshape(len(polygons), 2 * width)
    counts = kept.sum(axis=1)
    # One more than before, but for rounding.
    order = np.argsort(~kept, axis=1, kind="stable")[:, : counts.max(initial=0)]
    return np.take_along_axis(both, order[..., None], 1), counts


def _fans(polygons, counts, least):
    pairs, pieces = [np.zeros(0, int)], [np.zeros((0, 3, 2))]
    for k in range(1, polygons.shape[1] - 1):
        pair = np.flatnonzero(counts > k + 1)
        triangles = polygons[pair][:, [0, k, k + 1]]
        large = area(triangles) > least[pair]
        pairs.append(pair[large])
        pieces.append(triangles[large])
    return np.concatenate(pairs), np.concatenate(pieces)


def area(polygons):
    """Signed areas of polygons (…, corner, 2), > 0 where corners turn anticlockwise."""
    x, y = polygons[..., 0], polygons[..., 1]
    return np.sum(x * np.roll(y, -1, axis=-1) - y * np.roll(x, -1, axis=-1), axis=-1) / 2
