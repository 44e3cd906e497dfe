"""Hidden surfaces by a depth buffer: exact for any triangles, at a cost that follows the number of pixels."""

from typing import NamedTuple

import numpy as np


_FRAGMENTS = 4_000_000
"""Pixels of triangles treated at a time, which bounds the memory."""
_OVERLAP = 1e-6
"""Pixels by which spans are widened, so that rounding leaves no cracks between triangles."""


class Buffer(NamedTuple):
    """The nearest triangle at each pixel.

    - `depth`: distance towards the viewer, (row, column), −∞ where there is nothing; row 0 is the lowest.
    - `triangle`: its number, −1 where there is nothing.
    """

    depth: np.ndarray
    triangle: np.ndarray


def rasterise(corners: np.ndarray, height: int, width: int) -> Buffer:
    """Find the triangle that is nearest to the viewer at the centre of each pixel.

    **Arguments:**

    - `corners`: corners of the triangles, (triangle, 3, 3): column, row, both in pixels, and depth.
    - `height`, `width`: size of the image in pixels.
    """
    depth = np.full(height * width, -np.inf)
    nearest = np.full(height * width, -1, dtype=np.int32)
    planes, usable = _planes(corners)
    rows = np.clip(np.ceil(corners[usable, :, 1].min(axis=1) - 0.5), 0, height).astype(np.int64)
    ends = np.clip(np.floor(corners[usable, :, 1].max(axis=1) - 0.5) + 1, 0, height).astype(np.int64)
    widths = np.ptp(corners[usable, :, 0], axis=1) + 1
    load = np.cumsum((ends - rows).clip(0) * widths)
    total = load[-1] if len(load) else 0
    cuts = np.searchsorted(load, np.arange(_FRAGMENTS, total, _FRAGMENTS))
    for part in np.split(np.arange(len(usable)), cuts):
        owner, row = _expand(rows[part], ends[part])
        number = usable[part][owner]
        first, last = _spans(corners[number], row + 0.5, width)
        span, column = _expand(first, last)
        number, row = number[span], row[span]
        a, b, c = planes[number].T
        z = a * (column + 0.5) + b * (row + 0.5) + c
        pixel = row * width + column
        np.maximum.at(depth, pixel, z)
        won = depth[pixel] == z
        nearest[pixel[won]] = number[won]
    return Buffer(depth.reshape(height, width), nearest.reshape(height, width))


def barycentric(corners: np.ndarray, number: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Barycentric coordinates (point, 3) of points in the triangles that cover them.

    **Arguments:**

    - `corners`: as of `rasterise`.
    - `number`: of the triangle, (point,).
    - `x`, `y`: column and row of each point, in pixels.
    """
    a, b, c = (corners[:, i, :2] for i in range(3))
    (u0, u1), (v0, v1) = (b - a).T, (c - a).T
    det = u0 * v1 - u1 * v0
    det = np.where(det == 0, 1.0, det)
    # Gradients of the second and third coordinate, constant over a triangle; the first makes their sum 1.
    table = np.column_stack([a, v1 / det, -v0 / det, -u1 / det, u0 / det])[number]
    x, y = x - table[:, 0], y - table[:, 1]
    weights = np.empty((len(number), 3))
    weights[:, 1] = table[:, 2] * x + table[:, 3] * y
    weights[:, 2] = table[:, 4] * x + table[:, 5] * y
    np.clip(weights, 0.0, 1.0, out=weights)
    weights[:, 0] = np.clip(1 - weights[:, 1] - weights[:, 2], 0.0, 1.0)
    return weights


def _planes(corners):
    """Coefficients of depth = a column + b row + c, and the triangles that are not seen exactly edge-on."""
    p = corners[:, 1:] - corners[:, :1]
    det = p[:, 0, 0] * p[:, 1, 1] - p[:, 0, 1] * p[:, 1, 0]
    usable = np.flatnonzero(np.abs(det) > 1e-9)
    safe = np.where(np.abs(det) > 1e-9, det, 1.0)
    a = (p[:, 0, 2] * p[:, 1, 1] - p[:, 1, 2] * p[:, 0, 1]) / safe
    b = (p[:, 1, 2] * p[:, 0, 0] - p[:, 0, 2] * p[:, 1, 0]) / safe
    c = corners[:, 0, 2] - a * corners[:, 0, 0] - b * corners[:, 0, 1]
    return np.column_stack([a, b, c]), usable


def _expand(first, end):
    """All integers first ≤ k < end of each range, and the range each one is from."""
    counts = (end - first).clip(0)
    owner = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - before[owner] + first[owner]


def _spans(corners, y, width):
    """Columns whose pixel centres lie in a triangle on the line at height y: first, and one past the last."""
    left, right = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        (x0, y0), (x1, y1) = corners[:, i, :2].T, corners[:, j, :2].T
        rise = y1 - y0
        level = rise == 0
        t = (y - y0) / np.where(level, 1.0, rise)
        x = x0 + t * (x1 - x0)
        crosses = ~level & (t >= 0) & (t <= 1)
        left = np.where(crosses, np.minimum(left, x), left)
        right = np.where(crosses, np.maximum(right, x), right)
    found = left <= right
    left, right = np.where(found, left, 0.0), np.where(found, right, -1.0)
    first = np.ceil(left - _OVERLAP - 0.5).clip(0, width).astype(np.int64)
    last = (np.floor(right + _OVERLAP - 0.5) + 1).clip(0, width).astype(np.int64)
    return first, np.where(found, last, first)
