"""The region of a design that is full, as a mesh of its own."""

import dataclasses

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .._notebook import Displayed, picture
from .._typing import ArrayLike
from ..fem import Mesh, boundary_facets, facet_vertices, row_ids
from ._clip import clipped
from ._smooth import smoothed
from ._surface import check_density, extruded, simplices_of


@dataclasses.dataclass(frozen=True)
class Body(Displayed):
    """A design as a body with a mesh of its own.

    **Attributes:**

    - `mesh`: triangles or tetrahedra, with the groups of the design's mesh as far as they are left.
    - `strays`: volumes of the pieces that were left out (in the plane: areas), largest first.
    """

    mesh: Mesh
    strays: tuple[float, ...]

    def __repr__(self):
        left = f", {len(self.strays)} stray pieces left out" if self.strays else ""
        return f"Body({self.mesh.n_cells} {self.mesh.cell_type} cells{left})"

    def surface(self, thickness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Return its closed surface: points (n, 3) and triangles (m, 3) seen from outside; a plane body is extruded."""
        mesh, points = self.mesh, np.asarray(self.mesh.points, float)
        cells = np.asarray(mesh.cells)
        if mesh.dim == 2:
            return extruded(points, cells, float(thickness))
        outer = boundary_facets(cells, mesh.cell_type)
        triangles = cells[outer[:, :1], facet_vertices(mesh.cell_type)[outer[:, 1]]]
        a, b, c = (points[triangles[:, k]] for k in range(3))
        inward = points[cells[outer[:, 0]]].mean(axis=1) - a
        wrong = np.einsum("ti,ti->t", np.cross(b - a, c - a), inward) > 0
        triangles[wrong] = triangles[wrong, ::-1]
        used, triangles = np.unique(triangles, return_inverse=True)
        return points[used], triangles.reshape(-1, 3)


@picture.register
def _(value: Body):
    return picture(value.mesh)


def body_of(
    mesh: Mesh, density: ArrayLike, threshold: float = 0.5, *, smooth: int = 0, strays: bool = False
) -> Body | None:
    r"""Return the region ρ ≥ threshold as a body with a mesh of its own, ρ interpolated linearly between the nodes.

    Cells are cut into simplices around their centres, nodes near the cut move onto it, and what lies inside is kept. Facets
    of the design's boundary stay where they are, and in their groups: loads and constraints act on the body as they did.

    **Arguments:**

    - `mesh`: a mesh of straight cells of one type, in the plane or in space.
    - `density`: of every cell, (cell,).
    - `threshold`: in (0, 1).
    - `smooth`: how often the cut surface is smoothed (Taubin: its volume stays); some 10 take the steps of a regular mesh.
    - `strays`: keep the pieces that do not hang together with the largest one.

    **Returns:** a `Body`; None if nothing is full.

    **Raises:** `ValueError` for densities of another number, a threshold out of range, or cells of several sizes.

    Reference: F. Labelle, J. R. Shewchuk, ACM Trans. Graph. 26 (2007) 57; G. Taubin, SIGGRAPH 1995, 351.
    """
    density = check_density(mesh, density, threshold)
    if smooth < 0:
        raise ValueError(f"`smooth` is a number of times, 0 or more; got {smooth}.")
    cut = simplices_of(mesh, density)
    rim = np.zeros(len(cut.points), bool)
    rim[cut.outer] = True
    found = clipped(cut.points, cut.values - threshold, cut.simplices, rim)
    if not len(found.cells):
        return None
    points = smoothed(found.points, found.cells, rim[found.edges].all(axis=1), smooth)
    pieces, volumes = _pieces(points, found.cells)
    kept = np.ones(len(found.cells), bool) if strays else pieces == np.argmax(volumes)
    gone = () if strays else tuple(sorted(np.delete(volumes, np.argmax(volumes)).tolist(), reverse=True))
    return Body(_mesh(mesh, cut, points, found, kept), gone)


def _pieces(points, cells):
    """The piece that each cell belongs to, by facets that are shared, and the volume of each."""
    dim = points.shape[1]
    facets = np.concatenate([np.delete(cells, k, axis=1) for k in range(dim + 1)])
    ids, owner = row_ids(np.sort(facets, axis=1)), np.tile(np.arange(len(cells)), dim + 1)
    graph = coo_array((np.ones(len(ids)), (owner, ids)), (len(cells), ids.max() + 1)).tocsr()
    pieces = connected_components(graph @ graph.T, directed=False)[1]
    volumes = np.abs(np.linalg.det(points[cells[:, 1:]] - points[cells[:, :1]])) / (2 if dim == 2 else 6)
    return pieces, np.bincount(pieces, volumes)


def _mesh(mesh, cut, points, found, kept):
    """The cells that are kept as a mesh, with the groups of the old one."""
    cells, source = found.cells[kept], found.source[kept]
    used, cells = np.unique(cells, return_inverse=True)
    cells, edges = cells.reshape(-1, mesh.dim + 1), found.edges[used]
    parent = cut.parent[source]
    kind = "triangle" if mesh.dim == 2 else "tetrahedron"
    facets = cells[:, facet_vertices(kind)]
    # A facet lies on one of the old cell's if all its nodes do, on whose edges they are.
    old = cut.faces[source]
    on = _lie_on(edges[facets], old)
    number = np.where(on.any(axis=2), np.take_along_axis(cut.numbers[source], np.argmax(on, axis=2), axis=1), -1)
    n_facets = len(facet_vertices(mesh.cell_type))
    codes = np.where(number >= 0, parent[:, None] * n_facets + number, -1)
    groups = {}
    for name, pairs in mesh.facet_groups.items():
        pairs = np.asarray(pairs)
        members = np.argwhere(np.isin(codes, pairs[:, 0] * n_facets + pairs[:, 1]))
        if len(members):
            groups[name] = members
    in_cells = {name: np.flatnonzero(np.isin(parent, np.asarray(each))) for name, each in mesh.cell_groups.items()}
    own = np.where(edges[:, 0] == edges[:, 1], edges[:, 0], -1)
    at_points = {name: np.flatnonzero(np.isin(own, np.asarray(each))) for name, each in mesh.point_groups.items()}
    filled = lambda groups: {name: each for name, each in groups.items() if len(each)}
    return Mesh(
        points[used],
        cells,
        kind,
        cell_groups=filled(in_cells),
        facet_groups=groups,
        point_groups=filled(at_points),
        unsided=[name for name in mesh.unsided if name in groups],
    )


def _lie_on(facets, faces):
    """Whether all nodes of facets, (cell, facet, node, 2), lie on edges of faces, (cell, face, corner)."""
    among = facets[:, :, None, :, :, None] == faces[:, None, :, None, None, :]
    return among.any(axis=-1).all(axis=(-1, -2))
