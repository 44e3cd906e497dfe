"""Meshes that are all cut from one: where the cells of each lie in it, and in those of another."""

import dataclasses

import numpy as np
import scipy.spatial

from ..fem import Mesh, quadrature, reference_nodes, refinement


INSIDE = 1e-9
"""How far outside a cell, in its own coordinates, a point may lie by rounding."""
LARGEST = 4_000_000
"""Distances that are held at a time."""
MOVED = 0.9
"""Part of the cells that have not moved farther than what is said to have moved."""
SIMPLICES = ("interval", "triangle", "tetrahedron")


@dataclasses.dataclass(frozen=True)
class Wish:
    """How fine a mesh is to be at places: balls about cells, (cell, dim) and (cell,), and the level of each, (cell,)."""

    middle: np.ndarray
    radius: np.ndarray
    level: np.ndarray

    def moved_to(self, other: "Wish") -> float:
        """Return how far what is fine has moved to be where another has it."""
        found = [0.0]
        for level in range(1, int(min(self.level.max(), other.level.max())) + 1):
            here, there = self.level > level - 0.5, other.level > level - 0.5
            apart = scipy.spatial.cKDTree(self.middle[here]).query(other.middle[there])[0]
            found.append(float(np.quantile(apart, MOVED)))
        return max(found)

    def joined(self, other: "Wish") -> "Wish":
        """Return both."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in dataclasses.fields(self))
        return Wish(*map(np.concatenate, pairs))


@dataclasses.dataclass(frozen=True)
class Lineage:
    """A mesh of simplices that was cut from a base mesh, with the way back to it.

    **Attributes:**

    - `base`, `mesh`: the two.
    - `parent`: the base cell that each cell lies in, (cell,); `corners`: its vertices there, (cell, vertex, dim).
    - `level`: how often each cell's base cell was halved in length, log₂(|K₀|/|K|)/dim, (cell,).
    """

    base: Mesh
    mesh: Mesh
    parent: np.ndarray
    corners: np.ndarray
    level: np.ndarray

    @staticmethod
    def of(mesh: Mesh) -> "Lineage":
        """Return the base mesh as its own; `ValueError` for cells other than triangles, tetrahedra or lines."""
        if len(mesh.blocks) > 1 or mesh.cell_types[0] not in SIMPLICES:
            raise ValueError(
                "A mesh that follows a march is of triangles, tetrahedra or lines, this one has "
                f"{', '.join(mesh.cell_types)}."
            )
        corners = reference_nodes(mesh.cell_type, 1)
        every = np.broadcast_to(corners, (mesh.n_cells, *corners.shape)).copy()
        return Lineage(mesh, mesh, np.arange(mesh.n_cells), every, np.zeros(mesh.n_cells))

    def refined(self, marks) -> "Lineage":
        """Return it with some cells cut; see `Mesh.refined`."""
        mesh, ((parent, inner),) = refinement(self.mesh, marks)
        corners = np.einsum("cva,cad->cvd", _weights(inner), self.corners[parent])
        parts = np.abs(np.linalg.det(_edges(corners)))
        whole = abs(np.linalg.det(_edges(reference_nodes(self.base.cell_type, 1)[None])))[0]
        level = np.log2(whole / parts) / corners.shape[2]
        return Lineage(self.base, mesh, self.parent[parent], corners, level)

    def towards(self, wish: "Wish", reach: float) -> "Lineage":
        """Return what is as fine as is wished for, and so about it; for the base mesh to begin with."""
        now = self
        while (marks := now.coarser(wish, reach)).any():
            now = now.refined(marks)
        return now

    def coarser(self, wish: "Wish", reach: float) -> np.ndarray:
        """Return which cells are coarser than is wished for within a distance of them, (cell,)."""
        middle, radius = self.balls()
        found = np.zeros(len(middle), bool)
        for level in range(1, int(wish.level.max(initial=0)) + 1):
            here, rough = wish.level > level - 0.5, np.flatnonzero(self.level < level - 0.25)
            if not here.any():
                break
            apart, nearest = scipy.spatial.cKDTree(wish.middle[here]).query(middle[rough])
            found[rough] |= apart <= reach + radius[rough] + wish.radius[here][nearest]
        return found

    def balls(self) -> tuple[np.ndarray, np.ndarray]:
        """Return middles of cells, (cell, dim), and how far they reach from there, (cell,)."""
        points = np.asarray(self.mesh.points, float)[np.asarray(self.mesh.cells)[:, : self.base.dim + 1]]
        middle = points.mean(axis=1)
        return middle, np.linalg.norm(points - middle[:, None], axis=2).max(axis=1)

    def placed(self, cells, points) -> tuple[np.ndarray, np.ndarray]:
        """Return points of cells as points of base cells: (n,) and (n, dim), from reference coordinates (n, dim)."""
        weights = _weights(points)
        return self.parent[cells], np.einsum("na,nad->nd", weights, self.corners[cells])

    def find(self, parent, points) -> tuple[np.ndarray, np.ndarray]:
        """Return the cells that points of base cells lie in, (n,), and where there, (n, dim)."""
        order, which = np.argsort(self.parent, kind="stable"), np.argsort(parent, kind="stable")
        starts = np.searchsorted(self.parent[order], np.arange(self.base.n_cells + 1))
        asked = np.searchsorted(parent[which], np.arange(self.base.n_cells + 1))
        inverse = np.linalg.inv(_edges(self.corners))
        cells = np.empty(len(points), int)
        for k in np.flatnonzero(np.diff(asked)):
            own, queries = order[starts[k] : starts[k + 1]], which[asked[k] : asked[k + 1]]
            for some in np.array_split(queries, 1 + len(own) * len(queries) // LARGEST):
                apart = points[some][:, None] - self.corners[own, 0]
                at = np.einsum("qcd,cde->qce", apart, inverse[own])
                least = np.minimum(at.min(axis=2), 1 - at.sum(axis=2))
                cells[some] = own[np.argmax(least, axis=1)]
        at = np.einsum("qd,qde->qe", points - self.corners[cells, 0], inverse[cells])
        if (np.minimum(at.min(axis=1), 1 - at.sum(axis=1)) < -INSIDE).any():
            raise ValueError("A point lies in no cell of the other mesh: they were not cut from one.")
        return cells, at

    def points(self, rule: int) -> tuple[np.ndarray, np.ndarray]:
        """Return quadrature points of all cells, of a rule of that degree, as points of base cells, (cell·quad, …)."""
        local = quadrature(self.base.cell_type, rule)[0]
        return self.placed(np.repeat(np.arange(self.mesh.n_cells), len(local)), np.tile(local, (self.mesh.n_cells, 1)))

    def same_as(self, other: "Lineage") -> bool:
        """Whether another has the same cells."""
        return np.array_equal(self.parent, other.parent) and np.array_equal(self.corners, other.corners)


def _weights(points):
    """Barycentric coordinates of reference points."""
    return np.concatenate([1 - points.sum(axis=-1, keepdims=True), points], axis=-1)


def _edges(corners):
    return corners[:, 1:] - corners[:, :1]
