"""How large cells are to be, from place to place."""

import dataclasses

import numpy as np

from ..fem import Mesh


VIEWS = {"triangle": "ST", "tetrahedron": "SS"}


@dataclasses.dataclass(frozen=True)
class SizeField:
    """The wanted length of edges at the vertices of a mesh, linear in between: what a geometry is meshed with.

    **Arguments:**

    - `mesh`: of triangles or tetrahedra, of the same geometry.
    - `sizes`: at its nodes, (node,), > 0, those at vertices are asked for; in the unit of the geometry.

    **Raises:** `ValueError` for other cells, and for sizes that do not fit or are not above 0.
    """

    mesh: Mesh
    sizes: np.ndarray

    def __post_init__(self):
        if len(self.mesh.blocks) > 1 or self.mesh.cell_types[0] not in VIEWS:
            raise ValueError(
                f"A size field is given on triangles or tetrahedra, this mesh has {', '.join(self.mesh.cell_types)}."
            )
        sizes = np.asarray(self.sizes, float)
        if sizes.shape != (self.mesh.n_points,):
            raise ValueError(
                f"`sizes` must have one entry for each of {self.mesh.n_points} nodes, got shape {sizes.shape}."
            )
        vertices = sizes[self.corners]
        if not (np.isfinite(vertices).all() and (vertices > 0).all()):
            raise ValueError(f"`sizes` must be above 0, got {vertices.min():.3g} as the least.")
        object.__setattr__(self, "sizes", sizes)

    @property
    def corners(self) -> np.ndarray:
        """Nodes at the vertices of each cell, (cell, vertex)."""
        return np.asarray(self.mesh.cells)[:, : self.mesh.dim + 1]

    def __repr__(self):
        sizes = self.sizes[self.corners]
        return f"SizeField({sizes.min():.3g} … {sizes.max():.3g} on {self.mesh.n_cells} cells)"

    def listed(self) -> tuple[str, int, np.ndarray]:
        """Return it as a list of cells as gmsh takes it: their kind, how many, and coordinates and sizes of each."""
        points = np.zeros((self.mesh.n_points, 3))
        points[:, : self.mesh.dim] = np.asarray(self.mesh.points)
        rows = [points[self.corners].swapaxes(1, 2).reshape(len(self.corners), -1), self.sizes[self.corners]]
        return VIEWS[self.mesh.cell_type], len(self.corners), np.concatenate(rows, axis=1).ravel()
