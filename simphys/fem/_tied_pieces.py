"""Where two sides lie on each other: pieces that belong to one facet of either, and integrals over them."""

import itertools
from typing import NamedTuple

import numpy as np

from ._clipping import area, common_parts
from ._mesh_checks import reference_nodes, tabulate
from ._quadrature import quadrature
from ._tied_sides import RINGS, Side, image, inverted


AT_ONCE = 100_000
"""Points that are worked on at once."""
FACING = -0.2
"""Cosine between the normals of facets that are glued to each other, at most."""
STRAIGHT = 1e-9
MORE = 10
"""Half of the most that is added to degrees: products of functions are then integrated to 1e-10 and less."""


class Flats(NamedTuple):
    """Facets as flat figures, curved ones in parts: facet, corners, corners within it, plane, outward normal of each."""

    facet: np.ndarray
    shape: np.ndarray
    """How many corners it has."""
    corners: np.ndarray
    within: np.ndarray
    centre: np.ndarray
    axes: np.ndarray
    normal: np.ndarray

    def polygons(self, rows, points):
        """Points (n, corner, dim) in the planes of some figures."""
        return (points - self.centre[rows, None]) @ self.axes[rows]

    def areas(self):
        """The size of each in its plane."""
        x = self.polygons(np.arange(len(self.facet)), self.corners)
        return np.ptp(x, axis=(1, 2)) if x.shape[2] == 1 else np.abs(area(x))


def flats_of(side: Side) -> Flats:
    """All facets of a side as flat figures; corners in order round them, the last repeated where there are fewer."""
    found, width = [], max(len(reference_nodes(kind.shape, 1)) for kind in side.kinds)
    for kind, first in zip(side.kinds, side.starts, strict=False):
        own, count = _parts(kind.shape, 1 if _is_straight(kind) else kind.degree), len(kind.sides)
        facet, part = (a.ravel() for a in np.indices((count, len(own))))
        within = own[part][:, RINGS[kind.shape]]
        x = np.stack([kind.at(facet, xi)[0] for xi in np.moveaxis(within, 1, 0)], axis=1)
        outward = x.mean(axis=1) - kind.corners[facet].mean(axis=1)
        pad = [(0, 0), (0, width - x.shape[1]), (0, 0)]
        shape = np.full(len(facet), x.shape[1])
        found.append((first + facet, shape, np.pad(x, pad, "edge"), np.pad(within, pad, "edge"), *_planes(x, outward)))
    return Flats(*map(np.concatenate, zip(*found, strict=True)))


def _parts(shape, count):
    """A reference facet cut into `count` parts along each edge, (part, corner, dim)."""
    corners = reference_nodes(shape, 1)
    if shape != "triangle":
        at = np.array(list(itertools.product(range(count), repeat=corners.shape[1])))
        return (at[:, None] + corners) / count
    at = np.array([(i, j) for i in range(count) for j in range(count - i)])
    turned = at[at.sum(axis=1) < count - 1]
    return np.concatenate([at[:, None] + corners, turned[:, None] + 1 - corners]) / count


def _is_straight(kind):
    if kind.degree == 1:
        return True
    where, rows = reference_nodes(kind.shape, kind.degree), np.arange(len(kind.sides))
    x = np.stack([kind.at(rows, np.tile(xi, (len(rows), 1)))[0] for xi in where], axis=1)
    (shares,) = tabulate(kind.shape, 1, 0, where)
    off = x - np.einsum("av,nvd->nad", shares, x[:, : shares.shape[1]])
    return np.abs(off).max() < STRAIGHT * np.ptp(x, axis=(0, 1)).max()


def _planes(x, outward):
    """Centres, axes in which corners turn anticlockwise, and outward normals of figures."""
    centre = x.mean(axis=1)
    first = x[:, 1] - x[:, 0]
    first = first / np.linalg.norm(first, axis=1)[:, None]
    if x.shape[2] == 2:
        axes, normal = first[:, :, None], np.stack([first[:, 1], -first[:, 0]], axis=1)
    else:
        offset = x - centre[:, None]
        normal = np.cross(offset, np.roll(offset, -1, axis=1)).sum(axis=1)
        normal = normal / np.linalg.norm(normal, axis=1)[:, None]
        first = first - np.sum(first * normal, axis=1)[:, None] * normal
        first = first / np.linalg.norm(first, axis=1)[:, None]
        axes = np.stack([first, np.cross(normal, first)], axis=2)
    return centre, axes, normal * np.sign(np.sum(normal * outward, axis=1))[:, None]


class Pieces(NamedTuple):
    """What two facets have in common, pair by pair.

    **Attributes:**

    - `own`, `other`: their numbers, (pair,).
    - `mass`: ∫ φ_i φ_j of the functions of the one's nodes, (pair, i, j).
    - `coupling`: ∫ φ_i N_k with the functions N of the cell behind the other, (pair, i, k).
    - `gap`: the largest distance along the normal, < 0 where sides penetrate, (pair,).
    - `area`: in the plane of the one.
    """

    own: np.ndarray
    other: np.ndarray
    mass: np.ndarray
    coupling: np.ndarray
    gap: np.ndarray
    area: np.ndarray


def pieces_of(secondary: Side, primary: Side, own: Flats, other: Flats, degree: int, more: bool = True) -> Pieces:
    """Integrals over what flat figures of both sides have in common, seen along the normals of the one's.

    **Arguments:**

    - `degree`: of the quadrature on triangles and intervals; with `more` a higher one on quadrilaterals, above all where
      they are no parallelograms.
    """
    s, p = _candidates(own, other)
    pair, simplices = common_parts(own.polygons(s, own.corners[s]), own.polygons(s, other.corners[p]))
    degrees = degree + _more(own, other, s[pair], p[pair], simplices, degree) * more
    found = []
    for each in np.unique(degrees):
        rows = np.flatnonzero(degrees == each)
        rows = rows[np.argsort(pair[rows], kind="stable")]
        rule = quadrature("interval" if secondary.dim == 2 else "triangle", int(each))
        for chunk in np.array_split(rows, 1 + len(rows) * len(rule[1]) // AT_ONCE):
            found.append(
                _integrals(secondary, primary, own, s[pair[chunk]], p[pair[chunk]], other.facet, simplices[chunk], rule)
            )
    if not found:
        found = [Pieces(*np.zeros((2, 0), int), np.zeros((0, 1, 1)), np.zeros((0, 1, 1)), *np.zeros((2, 0)))]
    return Pieces(*map(np.concatenate, zip(*found, strict=True)))


def _candidates(own, other):
    """Pairs of figures that face each other and whose shadows may have something in common."""
    # Here, for it is slow to load.
    from scipy.spatial import cKDTree

    reach = [np.linalg.norm(side.corners - side.centre[:, None], axis=2).max(axis=1) for side in (own, other)]
    octave = np.floor(np.log2(reach[1])).astype(int)
    first, second = [np.zeros(0, int)], [np.zeros(0, int)]
    for each in np.unique(octave):
        there = np.flatnonzero(octave == each)
        near = cKDTree(other.centre[there]).query_ball_point(own.centre, reach[0] + reach[1][there].max())
        first.append(np.repeat(np.arange(len(near)), [len(found) for found in near]))
        second.append(there[np.concatenate([np.zeros(0, int), *map(np.asarray, near)]).astype(int)])
    s, p = np.concatenate(first), np.concatenate(second)
    faces = np.sum(own.normal[s] * other.normal[p], axis=1) < FACING
    s, p = s[faces], p[faces]
    low, high = zip(*((x.min(axis=1), x.max(axis=1)) for x in
                      (own.polygons(s, own.corners[s]), own.polygons(s, other.corners[p]))), strict=True)  # fmt: skip
    meets = np.all((low[0] < high[1]) & (low[1] < high[0]), axis=1)
    return s[meets], p[meets]


def _more(own, other, s, p, simplices, degree):
    """By how much the degree must be higher on quadrilaterals: no polynomials live on those that are no parallelograms."""
    if simplices.shape[1] == 2:
        return np.zeros(len(s), int)
    size = np.ptp(simplices, axis=1).max(axis=1)
    uneven = np.zeros(len(s))
    for side, rows in ((own, s), (other, p)):
        x = side.polygons(np.arange(len(side.facet)), side.corners)
        corners = np.stack([area(x[:, [k - 1, k, (k + 1) % x.shape[1]]]) for k in range(x.shape[1])], axis=1)
        unlike = 2 * np.ptp(corners, axis=1) / area(x) * (side.shape == 4)
        relative = unlike / np.ptp(x, axis=1).max(axis=1)
        uneven = np.maximum(uneven, relative[rows] * size)
    beyond = np.where(uneven > STRAIGHT, 2 * np.ceil(MORE * uneven / (uneven + 0.5)), 0).astype(int)
    return beyond + (degree - 1) * ((own.shape[s] == 4) | (other.shape[p] == 4))


def _integrals(secondary, primary, own, s, p, facets, simplices, rule):
    """Of one chunk of simplices, each in the figure `s` of the one side and `p` of the other."""
    points, weights = rule
    slopes = np.moveaxis(simplices[:, 1:] - simplices[:, :1], 1, 2)
    y = (simplices[:, :1] + np.einsum("ndr,qr->nqd", slopes, points)).reshape(-1, slopes.shape[1])
    size = (np.abs(np.linalg.det(slopes))[:, None] * weights).ravel()
    each = np.repeat(np.arange(len(s)), len(weights))
    facet, other = own.facet[s][each], facets[p][each]
    xi, stretch = _within(own, s, each, y)
    x, tangents = secondary.at(facet, xi)
    measure = size * stretch * np.sqrt(np.linalg.det(np.swapaxes(tangents, 1, 2) @ tangents))
    values = secondary.functions(facet, xi)
    there, gaps = primary.continued(other, x)
    start = np.flatnonzero((np.diff(s, prepend=-1) != 0) | (np.diff(p, prepend=-1) != 0)) * len(weights)
    total = lambda rows: np.add.reduceat(rows, start, axis=0)
    gap = np.sum(gaps * own.normal[s[each]], axis=1)
    low, high = np.minimum.reduceat(gap, start), np.maximum.reduceat(gap, start)
    weighted = measure[:, None] * values
    return Pieces(
        s[each[start]], p[each[start]],
        total(weighted[:, :, None] * values[:, None]), total(weighted[:, :, None] * there[:, None]),
        np.where(-low > high, low, high), total(size),
    )  # fmt: skip


def _within(own, s, each, y):
    """Where points of the planes are in the facets, and how much larger these are there."""
    xi, stretch = np.empty(y.shape), np.empty(len(y))
    corners = own.polygons(s, own.corners[s])
    for shape, order in RINGS.items():
        rows = np.flatnonzero(own.shape[s[each]] == len(order))
        if not len(rows):
            continue
        flat, within = (a[each[rows]][:, order] for a in (corners, own.within[s]))
        start = np.tile(reference_nodes(shape, 1).mean(axis=0), (len(rows), 1))
        place = inverted(shape, 1, flat, y[rows], start)
        slopes, turned = image(shape, 1, flat, place)[1], image(shape, 1, within, place)
        xi[rows], stretch[rows] = turned[0], np.abs(np.linalg.det(turned[1]) / np.linalg.det(slopes))
    return xi, stretch
