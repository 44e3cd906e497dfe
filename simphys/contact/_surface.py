"""Surfaces that may touch: linear facets through the nodes, points where they are looked at, and who may touch whom."""

import functools as ft
import itertools
from typing import NamedTuple

import equinox as eqx
import numpy as np

from .._arrays import int32
from .._told import Told
from .._typing import Array, Int
from ..fem import FunctionSpace, facet_shapes, facet_vertices
from ._points import FINE, Points, as_nodes, moved_aside


class Surface(Told):
    """The facets of one group, which may touch itself, or of two, which touch each other; vertices are numbered anew.

    **Attributes:**

    - `nodes`: numbers of its nodes in the space, (n,).
    - `middles`: nodes (vertex, e) of which each vertex is the mean, as places in `nodes`: itself, but for the centres of
      quadrilaterals, which are four triangles.
    - `facets`: (facet, dim): segments or triangles, through all nodes; facets of higher degree are several.
    - `samples`: points at which facets are looked at, as `Points`; and the facet that each lies in, `owners`.
    - `areas`: (q, 3): sample, facet, and how many parts of `whole` of the facet's area are the sample's.
    - `targets`, `signs`: facets, +1; in space inner edges, −1; and inner vertices, −1 in the plane, +1 in space; as
      facets with repeated vertices. So the nearest point counts once, whichever facets share it.
    - `families`: the targets of a facet: itself, its inner edges and vertices; itself again for others, (facet, f).
    - `edges`, `rims`: in space, edges and (q, 2): edge, facet.
    - `corners`, `ends`: those of targets and edges as `Points`.
    - `side_of`: for each vertex 0 or 1, the group that it is of.
    - `couples`: sorted numbers a n + b of pairs a ≤ b of nodes that one matrix entry is kept for.
    """

    nodes: Int[Array, " n"]
    middles: Int[Array, "vertex e"]
    facets: Int[Array, "facet dim"]
    samples: Points
    owners: Int[Array, " sample"]
    areas: Int[Array, "q 3"]
    targets: Int[Array, "target dim"]
    signs: Int[Array, " target"]
    families: Int[Array, "facet f"]
    edges: Int[Array, "edge 2"]
    rims: Int[Array, "q 2"]
    corners: Points
    ends: Points
    side_of: Int[Array, " vertex"]
    couples: Int[Array, " couple"]
    whole: int = eqx.field(static=True)
    two: bool = eqx.field(static=True)
    """Whether there are two groups, which touch each other but not themselves."""

    @property
    def dim(self) -> int:
        """Dimension of space."""
        return self.facets.shape[1]


class Facets(NamedTuple):
    """What of a surface follows from the numbers of the nodes of its facets alone."""

    samples: np.ndarray
    counts: np.ndarray
    areas: np.ndarray
    targets: np.ndarray
    signs: np.ndarray
    families: np.ndarray
    edges: np.ndarray
    rims: np.ndarray
    whole: int


def build_surface(space: FunctionSpace, names: tuple[str, ...], parts: int) -> Surface:
    """Lay a surface out; on the host.

    **Arguments:**

    - `names`: one facet group that may touch itself, or two.
    - `parts`: into how many parts edges of facets are cut by samples.

    **Raises:** `ValueError` for spaces without nodes on facets, and for two groups that share nodes.
    """
    if space.lagrange is None:
        raise ValueError(f"`Contact` needs continuous Lagrange elements, this space has {space.name}.")
    each = [linear_facets(space, name) for name in names]
    shared = np.intersect1d(*each) if len(each) == 2 else np.zeros(0)
    if len(shared):
        raise ValueError(
            f"The groups {names[0]!r} and {names[1]!r} share {len(shared)} nodes: where a body may touch itself, "
            "name one group of all of its surface."
        )
    width = max(own.shape[2] for own in each)
    corners = np.concatenate([np.repeat(own, width // own.shape[2], axis=2) for own in each]).reshape(-1, width)
    vertices, facets = np.unique(np.sort(corners, axis=1), axis=0, return_inverse=True)
    nodes, middles = np.unique(vertices, return_inverse=True)
    middles, facets = middles.reshape(-1, width), facets.reshape(-1, space.mesh.dim)
    side_of = np.isin(vertices[:, 0], each[-1]) if len(each) == 2 else np.zeros(len(vertices))
    own = laid_out(facets, parts)
    owners = np.zeros(len(own.samples), np.int64)
    owners[own.areas[::-1, 0]] = own.areas[::-1, 1]
    samples, counts = moved_aside(own.samples, own.counts, facets[owners])
    whole = lambda which: np.broadcast_to(np.eye(which.shape[1], dtype=np.int64), (*which.shape, which.shape[1]))
    points = dict(
        samples=as_nodes(samples, counts[:, None], FINE * parts, middles),
        corners=as_nodes(own.targets, whole(own.targets), 1, middles),
        ends=as_nodes(own.edges, whole(own.edges), 1, middles),
    )
    made = {name: int32(getattr(own, name)) for name in ("areas", "targets", "signs", "families", "edges", "rims")}
    places = dict(nodes=nodes, middles=middles, facets=facets, owners=owners, side_of=side_of, couples=np.zeros(0))
    placed = {name: int32(value) for name, value in places.items()}
    return Surface(**made, **placed, **points, whole=own.whole, two=len(each) == 2)


def linear_facets(space: FunctionSpace, name: str) -> np.ndarray:
    """Return the segments or triangles of a facet group, each vertex the mean of some nodes, (facet, dim, e)."""
    pairs = np.asarray(space.mesh.facets(name))
    found, starts = [], space.mesh.starts
    for block, first, last in zip(space.blocks, starts, starts[1:], strict=False):
        own = pairs[(pairs[:, 0] >= first) & (pairs[:, 0] < last)]
        cells = np.asarray(block.cells)
        for k in np.unique(own[:, 1]):
            there, split = cells[own[own[:, 1] == k, 0] - first], _split(block.element, int(k))
            found.append(there[:, split].reshape(-1, *split.shape[1:]))
    if not found:
        raise ValueError(f"The facet group {name!r} is empty: nothing of it can touch.")
    width = max(own.shape[2] for own in found)
    return np.concatenate([np.repeat(own, width // own.shape[2], axis=2) for own in found])


@ft.cache
def _split(element, side: int) -> np.ndarray:
    """Local nodes of the segments or triangles of one facet of a cell, through all of its nodes, (facet, dim, e)."""
    dofs, p = np.array(element.facet_dofs()[side]), element.lagrange
    shape = next(s for s in facet_shapes(element.cell_type) if facet_vertices(element.cell_type, s)[side, 0] >= 0)
    corners = facet_vertices(element.cell_type, shape)[side]
    points = np.asarray(element.points)
    axes = points[corners[1 : points.shape[1]]] - points[corners[0]]
    place = np.rint(p * (points[dofs] - points[corners[0]]) @ np.linalg.pinv(axes)).astype(int)
    at = {tuple(xi): node for xi, node in zip(place.tolist(), dofs, strict=True)}
    if len(axes) == 1:
        return np.array([[[at[i,]], [at[i + 1,]]] for i in range(p)])
    cells = [(i, j) for i in range(p) for j in range(p)]
    if shape == "quadrilateral":
        # About the centre: what pushes evenly then pushes all corners alike, as it does on bilinear facets.
        rings = [[at[i, j], at[i + 1, j], at[i + 1, j + 1], at[i, j + 1]] for i, j in cells]
        alone = lambda node: [node] * 4
        return np.array([[alone(r[k]), alone(r[(k + 1) % 4]), r] for r in rings for k in range(4)])
    lower = [[(i, j), (i + 1, j), (i, j + 1)] for i, j in cells]
    upper = [[(i + 1, j + 1), (i, j + 1), (i + 1, j)] for i, j in cells]
    return np.array([[[at[xi]] for xi in each] for each in (*lower, *upper) if all(xi in at for xi in each)])


def laid_out(facets: np.ndarray, parts: int) -> Facets:
    """Return samples, targets and edges of linear facets."""
    dim = facets.shape[1]
    lattice, portions, whole = _lattice(dim, parts)
    count = np.broadcast_to(lattice, (len(facets), *lattice.shape)).reshape(-1, dim)
    node = np.broadcast_to(facets[:, None], (len(facets), *lattice.shape)).reshape(-1, dim)
    # Sorted by node; parts that are 0 belong to no node and come last.
    node = np.where(count > 0, node, np.iinfo(np.int64).max)
    order = np.argsort(node, axis=1)
    node, count = np.take_along_axis(node, order, 1), np.take_along_axis(count, order, 1)
    rows, which = np.unique(np.concatenate([node, count], axis=1), axis=0, return_inverse=True)
    samples, counts = rows[:, :dim], rows[:, dim:]
    used = max(1, int((counts > 0).sum(axis=1).max()))
    samples = np.where(counts > 0, samples, samples[:, :1])[:, :used]
    owner = np.repeat(np.arange(len(facets)), len(lattice))
    areas = np.stack([which.ravel(), owner, np.tile(portions, len(facets))], axis=1)
    ends = [(0, 1)] if dim == 2 else [(0, 1), (1, 2), (0, 2)]
    edges, rim = np.unique(np.sort(facets[:, ends].reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    rims = np.stack([rim.ravel(), np.repeat(np.arange(len(facets)), len(ends))], axis=1)
    targets, signs = _targets(facets, edges, np.bincount(rim.ravel()))
    families = _families(facets, targets)
    if dim == 2:
        edges, rims = edges[:0], rims[:0]
    return Facets(samples, counts[:, :used], areas, targets, signs, families, edges, rims, whole)


def _lattice(dim, m):
    """Barycentric parts of a facet's samples, and the parts of its area that are theirs: triangles' vertices a third."""
    if dim == 2:
        i = np.arange(m + 1)
        return np.stack([m - i, i], axis=1), np.where((i == 0) | (i == m), 1, 2), 2 * m
    places = [(m - i - j, i, j) for i in range(m + 1) for j in range(m + 1 - i)]
    number = {(i, j): k for k, (_, i, j) in enumerate(places)}
    portions = np.zeros(len(places), np.int64)
    for i in range(m):
        for j in range(m - i):
            for corner in ((i, j), (i + 1, j), (i, j + 1)):
                portions[number[corner]] += 1
            if i + j < m - 1:
                for corner in ((i + 1, j + 1), (i, j + 1), (i + 1, j)):
                    portions[number[corner]] += 1
    return np.array(places), portions, 3 * m**2


def _targets(facets, edges, facets_at):
    """Facets, and what several of them share inside the surface, with the signs by which the latter are taken back."""
    dim = facets.shape[1]
    if dim == 2:
        inner = np.flatnonzero(np.bincount(facets.ravel()) == 2)
        targets = [facets, np.repeat(inner[:, None], 2, axis=1)]
        return np.concatenate(targets), np.repeat([1, -1], [len(each) for each in targets])
    inside = facets_at == 2
    rim = np.unique(edges[~inside])
    inner = np.setdiff1d(np.unique(facets), rim)
    targets = [facets, edges[inside][:, [0, 1, 1]], np.repeat(inner[:, None], 3, axis=1)]
    return np.concatenate(targets), np.repeat([1, -1, 1], [len(each) for each in targets])


def _families(facets, targets):
    """The targets that are parts of each facet, (facet, f); the facet itself in place of parts that are none."""
    dim = facets.shape[1]
    known = {tuple(sorted(set(row))): k for k, row in enumerate(targets.tolist())}
    parts = [each for size in range(1, dim) for each in itertools.combinations(range(dim), size)]
    own = [
        [known.get(tuple(sorted(row[k] for k in part)), i) for part in parts] for i, row in enumerate(facets.tolist())
    ]
    return np.concatenate([np.arange(len(facets))[:, None], np.array(own, np.int64).reshape(len(facets), -1)], axis=1)
