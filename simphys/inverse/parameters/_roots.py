"""Square roots of quadratic forms of fields: ∫|∇u|², ∫u² and their like as sums of squares, GᵀG = K."""

import numpy as np
import scipy.sparse as sparse

from ...fem import CellField, FunctionSpace, NodalField, cells_of, facet_vertices


def gradient_root(kind: type, space: FunctionSpace) -> tuple[sparse.csr_array, np.ndarray]:
    """Return G and weights w such that Σ_g w_g |(G u)_g|² = ∫ |∇u|² dV; rows of a group g follow one another.

    Of nodal values: ∇u at each quadrature point, dim rows each. Of cell values: differences across facets between cells,
    with their area over the distance of the cells' centres (and one row each).
    """
    if kind is CellField:
        pairs, area, distance = _neighbours(space.mesh)
        ones, rows = np.ones(len(pairs)), np.arange(len(pairs))
        shape = (len(pairs), space.mesh.n_cells)
        G = sparse.csr_array((np.concatenate([ones, -ones]), (np.tile(rows, 2), pairs.T.ravel())), shape)
        return sparse.csr_array(sparse.diags_array(1 / distance) @ G), area * distance
    _only_nodal(kind)
    domain = cells_of(space)
    geometry = domain.geometry(space.mesh)
    slopes = np.asarray(domain.basis(space, geometry, "gradient"))
    items, points, local, dim = slopes.shape
    columns = np.broadcast_to(np.asarray(space.cells)[:, None, :, None], slopes.shape)
    rows = np.arange(items * points * dim).reshape(items, points, 1, dim)
    rows = np.broadcast_to(rows, slopes.shape)
    G = sparse.coo_array((slopes.ravel(), (rows.ravel(), columns.ravel())), (items * points * dim, space.n_nodes))
    return sparse.csr_array(G), np.asarray(geometry.measure).ravel()


def value_root(kind: type, space: FunctionSpace) -> tuple[sparse.csr_array, np.ndarray]:
    """Return G and weights w such that Σ_g w_g (G u)_g² = ∫ u² dV."""
    domain = cells_of(space, degree=2 * space.degree)
    geometry = domain.geometry(space.mesh)
    measure = np.asarray(geometry.measure)
    if kind is CellField:
        return sparse.csr_array(sparse.eye_array(space.mesh.n_cells)), measure.sum(axis=1)
    _only_nodal(kind)
    basis = np.asarray(domain.basis(space, geometry, "value"))[..., 0]
    columns = np.broadcast_to(np.asarray(space.cells)[:, None, :], basis.shape)
    rows = np.broadcast_to(np.arange(measure.size).reshape(*measure.shape, 1), basis.shape)
    G = sparse.coo_array((basis.ravel(), (rows.ravel(), columns.ravel())), (measure.size, space.n_nodes))
    return sparse.csr_array(G), measure.ravel()


def weighted(root: tuple[sparse.csr_array, np.ndarray]) -> sparse.csr_array:
    """Return √w G, the rows of each group by its weight."""
    G, w = root
    return sparse.csr_array(sparse.diags_array(np.repeat(np.sqrt(w), G.shape[0] // w.size)) @ G)


def _only_nodal(kind):
    if kind is not NodalField:
        raise ValueError(
            f"a prior that speaks of gradients is for a `NodalField` or a `CellField`, not for a {kind.__name__}."
        )


def _neighbours(mesh):
    """Pairs of cells that share a facet, the areas of these, and the distances of the cells' centres."""
    cells, points = np.asarray(mesh.cells), np.asarray(mesh.points)
    local = [np.asarray(f) for f in facet_vertices(mesh.cell_type)]
    keys, owners, sizes = [], [], []
    for vertices in local:
        corner = cells[:, vertices]
        keys.append(np.sort(corner, axis=1))
        owners.append(np.arange(len(cells)))
        sizes.append(_area(points[corner]))
    keys, owners, sizes = np.concatenate(keys), np.concatenate(owners), np.concatenate(sizes)
    order = np.lexsort(keys.T)
    same = np.flatnonzero(np.all(keys[order][1:] == keys[order][:-1], axis=1))
    pairs = np.stack([owners[order[same]], owners[order[same + 1]]], axis=1)
    vertices = np.unique(np.concatenate(local))
    centres = points[cells[:, vertices]].mean(axis=1)
    distance = np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1)
    return pairs, sizes[order[same]], distance


def _area(x):
    """Areas (lengths; 1 for points) of flat facets with corners x, (facet, corner, dim)."""
    if x.shape[1] == 1:
        return np.ones(len(x))
    if x.shape[1] == 2:
        return np.linalg.norm(x[:, 1] - x[:, 0], axis=1)
    # A quadrilateral's corners 0, 1, 2, 3 of Basix are those of two triangles, 0 1 2 and 1 2 3.
    triangle = lambda a, b, c: 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    first = triangle(x[:, 0], x[:, 1], x[:, 2])
    return first if x.shape[1] == 3 else first + triangle(x[:, 1], x[:, 2], x[:, 3])
