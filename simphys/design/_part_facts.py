"""What a maker asks of a part: volume, pieces, the thinnest wall, what overhangs."""

import dataclasses

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .._typing import ArrayLike


MOST_PAIRS = 3_000_000
"""Pairs of triangles that are looked at: where more are near, fewer triangles look."""
FACING = -0.5
"""Cosine of the angle between the normals of two sides of a wall, at most."""


@dataclasses.dataclass(frozen=True)
class PartFacts:
    """What `part_facts` finds; units are those of the points.

    **Attributes:**

    - `volume`, `area`: of the part.
    - `pieces`: volumes of the closed surfaces that hang together, largest first; of a cavity it is negative.
    - `wall`, `wall_at`: the thinnest wall, across it from the middle of a triangle, and where; NaN if none was found.
    - `overhang`: part of the area that leans over more than it may, without what lies on the plate.
    """

    volume: float
    area: float
    pieces: tuple[float, ...]
    wall: float
    wall_at: tuple[float, ...]
    overhang: float

    def __str__(self):
        count = f"{len(self.pieces)} pieces" if len(self.pieces) != 1 else "one piece"
        return (
            f"{count}, volume {self.volume:.6g}, area {self.area:.6g}, thinnest wall {self.wall:.3g}, "
            f"{self.overhang:.1%} of the area overhangs"
        )

    __repr__ = __str__

    def mass(self, density: float) -> float:
        """Return ρ V."""
        return density * self.volume


def part_facts(points: ArrayLike, triangles: ArrayLike, *, up: ArrayLike = (0, 0, 1), angle: float = 45.0) -> PartFacts:
    r"""Return what a maker asks of a part, from its closed surface.

    V = Σ x₁·(x₂ × x₃) / 6,   wall: from the middle of a triangle along −n to the triangle across

    **Arguments:**

    - `points`, `triangles`: (n, 3) and (m, 3), seen from outside, as `part_of` and `Body.surface` return them.
    - `up`: direction of the build.
    - `angle`: what leans over further, from the vertical in degrees, overhangs.

    **Raises:** `ValueError` for other shapes, no triangles, a direction of no length or an angle out of (0, 90).

    Reference: L. Shapira et al., The Visual Computer 24 (2008) 249 (diameters of shapes).
    """
    points, triangles, up = np.asarray(points, float), np.asarray(triangles), np.asarray(up, float)
    if points.ndim != 2 or points.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3 or not len(triangles):
        raise ValueError(f"(point, 3) and (triangle, 3) expected, got {points.shape} and {triangles.shape}.")
    if up.shape != (3,) or not np.linalg.norm(up) > 0:
        raise ValueError(f"`up` is a direction in space, got {up.tolist()}.")
    if not 0 < angle < 90:
        raise ValueError(f"`angle` must lie in (0, 90), got {angle:g}.")
    corners = points[triangles]
    double = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(double, axis=1) / 2
    parts = np.einsum("ti,ti->t", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2]) / 6
    pieces = np.bincount(_pieces(triangles, len(points)), parts)
    # Triangles of no area have no normal.
    proper = area > 1e-12 * area.max()
    corners, normals = corners[proper], (double[proper] / (2 * area[proper, None]))
    wall, at = _thinnest(corners, normals)
    height = corners @ (up / np.linalg.norm(up))
    on_plate = (height - height.min() <= 1e-6 * max(np.ptp(height), 1e-300)).all(axis=1)
    leans = (normals @ (up / np.linalg.norm(up)) < -np.sin(np.radians(angle)) - 1e-9) & ~on_plate
    over = float(area[proper][leans].sum() / area.sum())
    ordered = tuple(sorted(pieces[pieces != 0].tolist(), key=abs, reverse=True))
    return PartFacts(float(parts.sum()), float(area.sum()), ordered, wall, at, over)


def _pieces(triangles, size):
    """The piece that each triangle belongs to."""
    a, b = triangles[:, [0, 1]].T, triangles[:, [1, 2]].T
    i, j = np.concatenate([a, b], axis=1)
    label = connected_components(coo_array((np.ones(len(i)), (i, j)), (size, size)), directed=False)[1]
    return np.unique(label[triangles[:, 0]], return_inverse=True)[1]


def _thinnest(corners, normals):
    """The shortest way across, looked for among ever more distant triangles."""
    middle = corners.mean(axis=1)
    reach = np.linalg.norm(corners - middle[:, None], axis=2).max()
    tree, rays = cKDTree(middle), np.arange(len(middle))
    radius = 2 * float(np.median(np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)))
    largest = float(np.linalg.norm(np.ptp(middle, axis=0))) + reach
    while True:
        counts = tree.query_ball_point(middle[rays], radius + reach, return_length=True)
        # The farther they see the fewer rays do: what is wanted is the thinnest wall, not every one.
        if counts.sum() > MOST_PAIRS:
            rays = rays[:: int(np.ceil(counts.sum() / (MOST_PAIRS)))]
            counts = tree.query_ball_point(middle[rays], radius + reach, return_length=True)
        found = np.full(len(rays), np.inf)
        for part in np.array_split(np.arange(len(rays)), 4):
            near = tree.query_ball_point(middle[rays[part]], radius + reach)
            found[part] = _across(rays[part], near, middle, normals, corners)
        best = int(np.argmin(found))
        if found[best] <= radius or radius > largest:
            if not np.isfinite(found[best]):
                return float("nan"), (float("nan"),) * 3
            return float(found[best]), tuple(middle[rays[best]].tolist())
        radius *= 2


def _across(rays, near, middle, normals, corners):
    """The way along −n from the middle of some triangles to the nearest of some others that faces the other way."""
    ray = np.repeat(np.arange(len(rays)), [len(each) for each in near])
    other = np.concatenate([np.asarray(each, int) for each in near])
    i = rays[ray]
    facing = np.einsum("pi,pi->p", normals[i], normals[other]) < FACING
    ray, i, other = ray[facing], i[facing], other[facing]
    # Möller and Trumbore's intersection.
    origin, e1, e2 = corners[other, 0], corners[other, 1] - corners[other, 0], corners[other, 2] - corners[other, 0]
    direction = -normals[i]
    h = np.cross(direction, e2)
    a = np.einsum("pi,pi->p", e1, h)
    s = middle[i] - origin
    q = np.cross(s, e1)
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = np.einsum("pi,pi->p", s, h) / a, np.einsum("pi,pi->p", direction, q) / a
        t = np.einsum("pi,pi->p", e2, q) / a
        hit = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (t > 0)
    found = np.full(len(rays), np.inf)
    np.minimum.at(found, ray[hit], t[hit])
    return found
