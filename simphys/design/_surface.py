"""The surface of what is full: a design as a part that can be made."""

from typing import NamedTuple

import numpy as np

from .._typing import ArrayLike
from ..fem import Mesh, boundary_facets, facet_vertices, row_ids
from ._filters import centres_of


def part_of(mesh: Mesh, density: ArrayLike, threshold: float = 0.5, thickness: float = 1.0):
    """Return the closed surface of the region ρ ≥ threshold, ρ interpolated linearly between the nodes.

    Cells are cut into simplices around their centres (marching tetrahedra), and the surface is closed where the region
    meets the boundary of the mesh; a plane design is extruded. It is watertight by construction.

    **Arguments:**

    - `mesh`: a mesh of straight cells, in the plane or in space.
    - `density`: of every cell, (cell,).
    - `threshold`: in (0, 1).
    - `thickness`: of a plane design.

    **Returns:** points (n, 3) and triangles (m, 3), outward normals by the right-hand rule; both empty for an empty design.

    Reference: A. Doi, A. Koide, IEICE Transactions E74 (1991) 214–224.
    """
    made = simplices_of(mesh, check_density(mesh, density, threshold))
    cut = _Cut(made.points, made.values, threshold)
    if mesh.dim == 3:
        pieces = np.concatenate([_inner(cut, made.simplices), _clipped(cut, made.outer)])
        return cut.compact(pieces)
    flat, triangles = cut.compact(_clipped(cut, made.simplices))
    return extruded(flat, triangles, float(thickness))


def check_density(mesh: Mesh, density: ArrayLike, threshold: float) -> np.ndarray:
    """Return the densities as an array; `ValueError` for what no surface can be made of."""
    density = np.asarray(density, float)
    if mesh.dim not in (2, 3) or density.shape != (mesh.n_cells,):
        raise ValueError(f"A density for each of {mesh.n_cells} cells in 2-D or 3-D is needed, got {density.shape}.")
    if not 0 < threshold < 1:
        raise ValueError(f"`threshold` must lie in (0, 1), got {threshold:g}.")
    if mesh.forest is not None:
        raise ValueError("No surface is made of a mesh some of whose facets are split by smaller cells.")
    return density


def full_cells(mesh: Mesh, density: ArrayLike, threshold: float = 0.5) -> tuple[Mesh | None, np.ndarray]:
    """Return the mesh of the cells with ρ ≥ threshold, without groups, and their densities; None without any."""
    density = np.asarray(density, float)
    kept = np.asarray(mesh.cells)[density >= threshold]
    if not len(kept):
        return None, density[:0]
    used, cells = np.unique(kept, return_inverse=True)
    part = Mesh(np.asarray(mesh.points)[used], cells.reshape(kept.shape), mesh.cell_type, mesh.degree)
    return part, density[density >= threshold]


class _Cut:
    """Points where edges cross the threshold, numbered behind the points that there are."""

    def __init__(self, points, values, threshold):
        self.points, self.values, self.inside = points, values, values >= threshold
        self.threshold, self.edges = threshold, []
        self.count = len(points)

    def crossing(self, a, b):
        """Numbers of the crossings of some edges; codes until `compact` makes them points."""
        low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
        return self.count + low * self.count + high

    def compact(self, triangles):
        """Points that are used, and the triangles among them; those with two equal corners are left out."""
        used, numbers = np.unique(triangles.ravel(), return_inverse=True)
        code = used - self.count
        low, high = np.divmod(np.maximum(code, 0), self.count)
        a, b = self.values[low], self.values[high]
        t = np.where(code >= 0, (self.threshold - a) / np.where(b == a, 1.0, b - a), 0.0)[:, None]
        between = (1 - t) * self.points[low] + t * self.points[high]
        own = self.points[np.minimum(used, self.count - 1)]
        return np.where(code[:, None] >= 0, between, own), numbers.reshape(-1, 3)


class Simplices(NamedTuple):
    """A mesh cut into simplices around the centres of its cells.

    **Attributes:**

    - `points`, `values`: of the nodes, and the density there.
    - `simplices`: (simplex, dim + 1); in the plane counter-clockwise.
    - `parent`: the cell that each lies in.
    - `faces`, `numbers`: of each simplex the facets that are a cell's, (simplex, face, dim), and which of its facets.
    - `outer`: facets of the boundary, (facet, dim), seen from outside in space.
    """

    points: np.ndarray
    values: np.ndarray
    simplices: np.ndarray
    parent: np.ndarray
    faces: np.ndarray
    numbers: np.ndarray
    outer: np.ndarray


def simplices_of(mesh: Mesh, density: np.ndarray) -> Simplices:
    """Return a mesh as simplices, and densities of its cells at their nodes, means by volume."""
    corners = np.asarray(mesh.cells)[:, : len(np.unique(facet_vertices(mesh.cell_type)))]
    points, volumes = np.asarray(mesh.points, float), centres_of(mesh)[1]
    weight, total = np.zeros(len(points)), np.zeros(len(points))
    np.add.at(weight, corners, volumes[:, None])
    np.add.at(total, corners, (volumes * density)[:, None])
    values = total / np.where(weight > 0, weight, 1.0)
    facets = facet_vertices(mesh.cell_type)
    outer = boundary_facets(np.asarray(mesh.cells), mesh.cell_type)
    rings, cells = corners[:, facets], np.arange(len(corners))
    if mesh.cell_type in ("triangle", "tetrahedron"):
        numbers = np.broadcast_to(np.arange(len(facets)), rings.shape[:2])
        skin = _outward(points, corners, rings[outer[:, 0], outer[:, 1]], outer[:, 0])
        return Simplices(points, values, _oriented(points, corners), cells, rings, numbers, skin)
    middle = len(points) + cells
    if mesh.dim == 2:
        points, values = _with_centres(points, values, corners)
        bases, skin = rings, rings[outer[:, 0], outer[:, 1]]
    else:
        rings = rings[:, :, [0, 1, 3, 2]]
        same = row_ids(np.sort(rings.reshape(-1, 4), axis=1)).reshape(rings.shape[:2])
        _, first = np.unique(same, return_index=True)
        face = len(points) + len(corners) + same
        both = _with_centres(points, values, corners)
        faces = _with_centres(points, values, rings.reshape(-1, 4)[first])
        points, values = (np.concatenate([a, b[len(points) :]]) for a, b in zip(both, faces, strict=True))
        sides = np.stack([rings, np.roll(rings, -1, axis=2)], axis=3)
        bases = np.concatenate([sides, np.broadcast_to(face[:, :, None, None], (*sides.shape[:3], 1))], axis=3)
        skin = bases[outer[:, 0], outer[:, 1]].reshape(-1, 3)
        skin = _outward(points, corners, skin, np.repeat(outer[:, 0], 4))
    tips = np.broadcast_to(middle.reshape(-1, *[1] * (bases.ndim - 1)), (*bases.shape[:-1], 1))
    simplices = np.concatenate([bases, tips], axis=-1).reshape(-1, mesh.dim + 1)
    each = len(simplices) // len(corners)
    numbers = np.tile(np.repeat(np.arange(len(facets)), each // len(facets)), len(corners))[:, None]
    faces = bases.reshape(len(simplices), 1, mesh.dim)
    return Simplices(points, values, _oriented(points, simplices), np.repeat(cells, each), faces, numbers, skin)


def _with_centres(points, values, groups):
    """Append the means of some groups of points."""
    return np.concatenate([points, points[groups].mean(axis=1)]), np.concatenate([values, values[groups].mean(axis=1)])


def _oriented(points, triangles):
    """Plane triangles turned counter-clockwise; tetrahedra as they are."""
    if triangles.shape[1] != 3:
        return triangles
    a, b, c = (points[triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return np.where(area[:, None] < 0, triangles[:, ::-1], triangles)


def _outward(points, corners, triangles, cells):
    """Triangles of the boundary turned away from the cells behind them."""
    if triangles.shape[1] != 3:
        return triangles
    a, b, c = (points[triangles[:, k]] for k in range(3))
    away = (a + b + c) / 3 - points[corners[cells]].mean(axis=1)
    wrong = np.einsum("ti,ti->t", np.cross(b - a, c - a), away) < 0
    return np.where(wrong[:, None], triangles[:, ::-1], triangles)


def _clipped(cut, triangles):
    """The parts of some triangles that lie inside, their orientation kept."""
    pieces = [triangles[cut.inside[triangles].all(axis=1)].astype(np.int64)]
    count = cut.inside[triangles].sum(axis=1)
    for wanted in (1, 2):
        some = triangles[count == wanted]
        # The corner that is alone comes first.
        alone = np.argmax(cut.inside[some] == (wanted == 1), axis=1)
        a, b, c = (np.take_along_axis(some, (alone[:, None] + k) % 3, axis=1)[:, 0] for k in range(3))
        ab, ac = cut.crossing(a, b), cut.crossing(a, c)
        pieces += [np.stack([a, ab, ac], 1)] if wanted == 1 else [np.stack([ab, b, c], 1), np.stack([ab, c, ac], 1)]
    return np.concatenate(pieces)


def _inner(cut, tetrahedra):
    """The surface within the cells, seen from outside the region."""
    inside = cut.inside[tetrahedra]
    order = np.argsort(~inside, axis=1, kind="stable")
    nodes, count = np.take_along_axis(tetrahedra, order, axis=1), inside.sum(axis=1)
    one, two, three = (nodes[count == k].T for k in (1, 2, 3))
    cross = cut.crossing
    rings = [
        (one, [cross(one[0], one[k]) for k in (1, 2, 3)]),
        (three, [cross(three[3], three[k]) for k in (0, 1, 2)]),
        (two, [cross(two[0], two[2]), cross(two[0], two[3]), cross(two[1], two[3]), cross(two[1], two[2])]),
    ]
    pieces = []
    for tets, ring in rings:
        ring = _facing(cut, tets.T, np.stack(ring, axis=1))
        pieces += [ring[:, [0, i, i + 1]] for i in range(1, ring.shape[1] - 1)]
    return np.concatenate(pieces)


def _facing(cut, tetrahedra, ring):
    """Turn polygons, written down for tetrahedra of positive volume, so that they face away from the corners inside."""
    if not len(ring):
        return ring
    # Signs of volumes stay right where the polygon itself is degenerate.
    p = cut.points[tetrahedra]
    volume = np.einsum("ti,ti->t", np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), p[:, 3] - p[:, 0])
    return np.where(volume[:, None] > 0, ring, ring[:, ::-1])


def extruded(points, triangles, thickness):
    """A plate of plane triangles, counter-clockwise ones."""
    n = len(points)
    low = np.column_stack([points, np.zeros(n)])
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    code, back = directed[:, 0] * n + directed[:, 1], directed[:, 1] * n + directed[:, 0]
    a, b = directed[~np.isin(code, back)].T
    sides = [np.stack([a, b, b + n], 1), np.stack([a, b + n, a + n], 1)]
    every = np.concatenate([triangles[:, ::-1], triangles + n, *sides]) if n else triangles
    return np.concatenate([low, low + [0, 0, thickness]]), every
