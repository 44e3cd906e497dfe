"""What can be seen of a body: its boundary (3-D) or the body itself (1-D, 2-D), cut into small triangles."""

from typing import NamedTuple

import numpy as np

from ..fem import (
    FunctionSpace,
    facet_kinds,
    facet_vertices,
    kinds_of_facets,
    lagrange_element,
    reference_nodes,
    tabulate,
)
from ..io import subdivision


BUDGET = 30_000
"""Sub-facets that coarse curved facets may be cut into altogether."""
FINEST = 8
BAR = 0.06
"""Height of the strip that stands for a 1-D body, relative to its length."""


class Patch(NamedTuple):
    """A lattice on a reference facet and how it is cut up.

    - `where`: lattice points in facet coordinates, (lattice, dim of the facet).
    - `triangles`: their numbers, (part, 3).
    - `rim`: short lines that make up the facet's own edges, (line, 2).
    - `beside`: the triangle each of them belongs to, (line,).
    """

    where: np.ndarray
    triangles: np.ndarray
    rim: np.ndarray
    beside: np.ndarray


class Surface(NamedTuple):
    """Triangles on sample points of a body; a sample is a cell and a row of tabulated bases.

    - `cells`: the cell of each facet, (facet,).
    - `bases`: values of the basis functions of the mesh and of the space, two arrays (kind, lattice, local).
    - `kinds`: which table a facet uses, (facet,).
    - `triangles`: samples at the corners, (triangle, 3), counter-clockwise seen from outside.
    - `rims`: samples at the ends of the lines that bound facets, (line, 2).
    - `beside`: a triangle at each of these lines, (line,).
    """

    cells: np.ndarray
    bases: tuple[np.ndarray, np.ndarray]
    kinds: np.ndarray
    triangles: np.ndarray
    rims: np.ndarray
    beside: np.ndarray

    def positions(self, space: FunctionSpace) -> np.ndarray:
        """Positions of the samples, (sample, dim)."""
        mesh = space.mesh
        return self._sample(self.bases[0], np.asarray(mesh.cells), np.asarray(mesh.points, dtype=float))

    def nodal(self, space: FunctionSpace, values: np.ndarray) -> np.ndarray:
        """A nodal field of the space at the samples, (sample, …)."""
        return self._sample(self.bases[1], np.asarray(space.cells), np.asarray(values, dtype=float))

    def cellwise(self, values: np.ndarray) -> np.ndarray:
        """Cell values at the samples, (sample,)."""
        return np.repeat(np.asarray(values, dtype=float)[self.cells], self.bases[0].shape[1])

    def _sample(self, tables, nodes, values):
        local = values[nodes[self.cells]]
        out = np.empty((len(local), tables.shape[1], *values.shape[1:]))
        for kind, table in enumerate(tables):
            chosen = self.kinds == kind
            out[chosen] = np.einsum("la,fa...->fl...", table, local[chosen])
        return out.reshape(-1, *values.shape[1:])


class Patchwork(NamedTuple):
    """The same of a mesh whose facets are of several kinds: a `Surface` for each kind, one behind the other.

    - `parts`: block of the mesh, number of its first cell, and what is seen of its facets of one shape.
    """

    parts: tuple[tuple[int, int, Surface], ...]
    cells: np.ndarray
    triangles: np.ndarray
    rims: np.ndarray
    beside: np.ndarray

    @staticmethod
    def of(parts) -> "Patchwork":
        """Put parts one behind the other."""
        surfaces = [part for *_, part in parts]
        samples = np.cumsum([0, *(len(part.cells) * part.bases[0].shape[1] for part in surfaces)])
        corners = np.cumsum([0, *(len(part.triangles) for part in surfaces)])
        shifted = lambda name, by: np.concatenate([getattr(p, name) + n for p, n in zip(surfaces, by, strict=False)])
        cells = np.concatenate([part.cells + first for _, first, part in parts])
        return Patchwork(
            tuple(parts), cells, shifted("triangles", samples), shifted("rims", samples), shifted("beside", corners)
        )

    def positions(self, space: FunctionSpace) -> np.ndarray:
        """Positions of the samples, (sample, dim)."""
        return np.concatenate([part.positions(space.block(b)) for b, _, part in self.parts])

    def nodal(self, space: FunctionSpace, values: np.ndarray) -> np.ndarray:
        """A nodal field of the space at the samples, (sample, …)."""
        return np.concatenate([part.nodal(space.block(b), values) for b, _, part in self.parts])

    def cellwise(self, values: np.ndarray) -> np.ndarray:
        """Cell values at the samples, (sample,)."""
        return np.concatenate([part.cellwise(np.asarray(values)[first:]) for _, first, part in self.parts])


def surface(space: FunctionSpace, fineness: int | None = None) -> Surface | Patchwork:
    """Cut what can be seen of the mesh into triangles, fine enough to show curved cells as curves.

    **Arguments:**

    - `fineness`: parts of an edge; by default as many as there is room for.
    """
    mesh, facets = space.mesh, []
    if mesh.dim == 3:
        outer = np.asarray(mesh.boundary_facets())
        which = kinds_of_facets(mesh.cell_types, [block.nodes.shape[0] for block in mesh.blocks], outer)
        for k, (b, shape) in enumerate(facet_kinds(mesh.cell_types)):
            facets.append((b, shape, *(outer[which == k] - [mesh.starts[b], 0]).T))
    else:
        for b, block in enumerate(mesh.blocks):
            cells = np.arange(block.nodes.shape[0])
            facets.append((b, block.type, cells, np.zeros_like(cells)))
    facets = [each for each in facets if len(each[2])]
    # Where facets meet their lines must be cut alike.
    count, degree = sum(len(cells) for _, _, cells, _ in facets), max(mesh.degree, space.degree)
    fineness = fineness or max(_fineness(count, shape, degree) for _, shape, _, _ in facets)
    parts = [(b, mesh.starts[b], _cut(space.block(b), shape, *own, fineness)) for b, shape, *own in facets]
    return parts[0][2] if len(parts) == 1 and len(mesh.blocks) == 1 else Patchwork.of(parts)


def _cut(space, shape, cells, kinds, fineness):
    """Cut up facets of one shape of the cells of one block, or in 1-D and 2-D its cells."""
    mesh = space.mesh
    corners = reference_nodes(mesh.cell_type, 1)
    sides = facet_vertices(mesh.cell_type, shape) if mesh.dim == 3 else np.arange(len(corners))[None]
    patch = _patch(shape, fineness)
    weights = tabulate(shape, 1, patch.where, 0)[0]
    samples = np.einsum("lv,kvd->kld", weights, corners[sides])
    bases = [
        np.stack([e.tabulate(x, 0)[0][:, :, 0] for x in samples])
        for e in (lagrange_element(mesh.cell_type, mesh.degree), space.element)
    ]
    triangles = np.stack([_outward(patch.triangles, x, corners) for x in samples])
    first = np.arange(len(cells))[:, None, None] * len(patch.where)
    beside = np.arange(len(cells))[:, None] * len(patch.triangles) + patch.beside
    return Surface(
        cells,
        (bases[0], bases[1]),
        kinds,
        (first + triangles[kinds]).reshape(-1, 3),
        (first + patch.rim).reshape(-1, 2),
        beside.ravel(),
    )


def _fineness(count, shape, degree):
    if degree == 1 and shape in ("triangle", "interval"):
        return 1
    return int(np.clip(np.sqrt(BUDGET / max(count, 1)), degree, FINEST))


def _patch(shape, n):
    where = reference_nodes(shape, n)
    parts = subdivision(shape, n)
    if shape == "interval":
        return Patch(where, np.empty((0, 3), int), parts, np.zeros(len(parts), int))
    if shape == "quadrilateral":
        parts = parts[:, [[0, 1, 3], [0, 3, 2]]].reshape(-1, 3)
    lines = parts[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    walls = np.stack([where[:, 0], where[:, 1], 1 - where.sum(axis=1)])
    if shape == "quadrilateral":
        walls = np.concatenate([walls[:2], 1 - walls[:2]])
    on_wall = np.abs(walls) < 1e-9
    rim = np.flatnonzero(np.any(on_wall[:, lines[:, 0]] & on_wall[:, lines[:, 1]], axis=0))
    return Patch(where, parts, lines[rim], rim // 3)


def _outward(triangles, where, corners):
    """Turn the triangles on one facet of the reference cell so that their normals point out of the cell."""
    if where.shape[1] == 1 or not len(triangles):
        return triangles
    a, b, c = (where[triangles[:, i]] for i in range(3))
    if where.shape[1] == 2:
        ahead = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    else:
        ahead = np.sum(np.cross(b - a, c - a) * (a - corners.mean(axis=0)), axis=1)
    return np.where(ahead[:, None] < 0, triangles[:, ::-1], triangles)


def bar(surface: Surface, positions: np.ndarray, height: float) -> tuple[np.ndarray, ...]:
    """Widen the lines of a 1-D body to a strip.

    **Returns:** positions (2 × sample, 2), triangles, rims, and the triangle beside each rim; sample i occurs
    twice, as i and as i + the number of samples.
    """
    n = len(positions)
    low, high = (np.column_stack([positions[:, 0], np.full(n, y)]) for y in (-height / 2, height / 2))
    a, b = surface.rims.T
    triangles = np.concatenate([np.column_stack([a, b, b + n]), np.column_stack([a, b + n, a + n])])
    part, lattice = np.arange(len(a)), surface.bases[0].shape[1]
    # The two ends of a cell are the first nodes of its lattice.
    ends = (np.arange(len(surface.cells))[:, None] * lattice + np.arange(2)).ravel()
    across = np.repeat(np.arange(len(surface.cells)) * (len(a) // len(surface.cells)), 2)
    rims = np.concatenate([np.column_stack(pair) for pair in ((a, b), (b + n, a + n), (ends, ends + n))])
    return np.concatenate([low, high]), triangles, rims, np.concatenate([part, part, across])
