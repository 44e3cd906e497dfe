"""Function spaces: a mesh, a Lagrange element, a number of components."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._arrays import placed
from .._frozen import AbstractPosed
from .._typing import Array, CellNodes, Float, Int
from ._element import tabulate
from ._facets import facet_nodes, row_ids
from ._mesh import Mesh
from ._mesh_checks import reference_nodes
from ._sensors import Sensors, contains, interpolate_at, locate


class FunctionSpace(AbstractPosed):
    """Piecewise polynomials on a mesh, continuous unless asked otherwise.

    u(x) = Σ_a N_a(X(x)) u_a

    **Arguments:**

    - `mesh`: a `Mesh`.
    - `degree`: 1, 2 or 3; 0 for one value in each cell of a discontinuous space.
    - `components`: number of components of a vector field, or None for a scalar one.
    - `quadrature_degree`: polynomial degree integrated exactly over cells in terms of gradients (stress, conduction); by
      default 2·degree + 1 on lines, quadrilaterals and hexahedra (degree + 1 Gauss points a direction) and 2·degree − 1 on
      triangles and tetrahedra; more where curved cells need it to integrate ∇N exactly (linear elements on quadratic
      cells in 3-D). Products of values (what is stored, reactions) take `mass_degree`.

    - `continuous`: False for discontinuous polynomials: each cell has nodes of its own, and only terms on the facets
      between cells (`Weak(…, where="interior")`) join them.

    Values of a field are arrays (node,) or (node, component), in the order of `nodes()`. Where degree and mesh degree
    agree, these are the mesh's own nodes.
    """

    mesh: Mesh
    cells: CellNodes
    source: Int[Array, "node 2"]
    """A (cell, local node) at which each node is found."""
    degree: int = eqx.field(static=True)
    components: int | None = eqx.field(static=True)
    quadrature_degree: int = eqx.field(static=True)

    continuous: bool = eqx.field(static=True)

    def __init__(self, mesh, degree=1, components=None, quadrature_degree=None, *, continuous=True):
        if not isinstance(mesh, Mesh):
            raise ValueError(f"`mesh` must be a `simphys.fem.Mesh`, got {type(mesh).__name__}.")
        if degree not in ((1, 2, 3) if continuous else (0, 1, 2, 3)):
            allowed = "1, 2 or 3" if continuous else "0, 1, 2 or 3"
            raise ValueError(f"`degree` must be {allowed}, got {degree!r}.")
        if not (components is None or (isinstance(components, int) and components >= 1)):
            raise ValueError(f"`components` must be None or a positive integer, got {components!r}.")
        if not (quadrature_degree is None or (isinstance(quadrature_degree, int) and quadrature_degree >= 1)):
            raise ValueError(f"`quadrature_degree` must be None or a positive integer, got {quadrature_degree!r}.")
        default = _quadrature_degree(mesh, degree)
        self.mesh, self.degree, self.components = mesh, degree, components
        self.quadrature_degree = default if quadrature_degree is None else quadrature_degree
        self.continuous = bool(continuous)
        number = _number_nodes if continuous else _number_apart
        cells, source = number(np.asarray(mesh.cells), mesh.cell_type, mesh.degree, mesh.n_points, degree)
        self.cells, self.source = placed(cells), placed(source)

    @property
    def given(self):
        """All of it."""
        return self

    @property
    def mass_degree(self) -> int:
        """Degree of the quadrature of products of values, 2·degree or more: mass matrices are then positive definite."""
        return max(self.quadrature_degree, 2 * self.degree)

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return self.source.shape[0]

    @property
    def n_dofs(self) -> int:
        """Number of nodal values: nodes × components."""
        return self.n_nodes * (self.components or 1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a field's array."""
        return (self.n_nodes,) if self.components is None else (self.n_nodes, self.components)

    def nodes(self) -> Float[Array, "node dim"]:
        """Positions of the nodes; differentiable in the mesh's points."""
        mesh = self.mesh
        if self.degree == mesh.degree and self.continuous:
            return mesh.points
        basis, _ = tabulate(mesh.cell_type, mesh.degree, reference_nodes(mesh.cell_type, self.degree))
        corners = mesh.points[mesh.cells[self.source[:, 0]]]
        return jnp.einsum("na,nad->nd", jnp.asarray(basis, mesh.points.dtype)[self.source[:, 1]], corners)

    def zeros(self) -> Array:
        """The field that is 0."""
        return jnp.zeros(self.shape, self.mesh.points.dtype)

    def interpolate(self, function) -> Array:
        """Values at the nodes of a function of position x, shape (dim,)."""
        import jax

        values = jax.vmap(function)(self.nodes())
        return jnp.broadcast_to(values, self.shape) if values.shape != self.shape else values

    def nodes_on(self, name: str) -> np.ndarray:
        """Numbers of the nodes on the facet, point or cell group of this name, sorted."""
        mesh = self.mesh
        if not isinstance(name, str):
            raise ValueError(f"the name of a group expected, got {type(name).__name__}.")
        if mesh.names_facets(name):
            facets = np.asarray(mesh.facets(name))
            return np.unique(facet_nodes(np.asarray(self.cells), mesh.cell_type, self.degree, facets))
        if name in mesh.cell_groups:
            return np.unique(np.asarray(self.cells)[np.asarray(mesh.cells_in(name))])
        points = np.asarray(mesh.nodes_on(name))
        if self.degree == mesh.degree and self.continuous:
            return points
        # Vertices come first in a cell: those of the group that are vertices are nodes of every space.
        vertices = len(reference_nodes(mesh.cell_type, 1))
        of_mesh, of_space = np.asarray(mesh.cells)[:, :vertices], np.asarray(self.cells)[:, :vertices]
        return np.unique(of_space[np.isin(of_mesh, points)])

    def locate(self, points, tolerance: float = 1e-6, *, outside: str = "refuse") -> Sensors:
        """Find the cells in which positions lie, once, to evaluate fields there many times.

        **Arguments:**

        - `points`: positions, shape (point, dim).
        - `tolerance`: distance, relative to the cell, by which a point may lie outside the mesh.
        - `outside`: "refuse" points that do, or take the "nearest" point of the mesh in their place.

        **Raises:** `ValueError` if a point lies outside, or more than a million sizes of the body away.
        """
        return locate(self, points, tolerance, outside)

    def contains(self, points, tolerance: float = 1e-6) -> np.ndarray:
        """Tell which positions (point, dim) lie in the mesh, to within a tolerance relative to the cell."""
        return contains(self, points, tolerance)

    def evaluate(self, field: Array, points) -> Array:
        """Evaluate a field at positions (point, dim), or at `Sensors` found by `locate`."""
        if field.shape[: len(self.shape)] != self.shape:
            raise ValueError(f"`field` must have shape {self.shape}, got {field.shape}.")
        sensors = points if isinstance(points, Sensors) else self.locate(points)
        return interpolate_at(self, field, sensors)


def _quadrature_degree(mesh, degree):
    """Enough for the stiffness of straight cells, and for ∫ ∇N dx = ∫ cof(∂x/∂X) ∂N/∂X dX of curved ones.

    The latter makes constant stresses balance exactly (the patch test).
    """
    others, degree = mesh.dim - 1, max(degree, 1)
    if mesh.cell_type in ("triangle", "tetrahedron"):
        return max(2 * degree - 1, others * (mesh.degree - 1) + degree - 1)
    return max(2 * degree + 1, others * mesh.degree + degree - 1)


def _number_nodes(cells, cell_type, mesh_degree, n_points, degree):
    """Number the Lagrange nodes: two local nodes are one if the same vertices have the same weights in them.

    On a facet or edge the vertex basis depends on that facet's or edge's vertices only, whatever the orientation.
    """
    local = len(reference_nodes(cell_type, degree))
    if degree == mesh_degree:
        return cells, _first_seen(cells, n_points)
    vertices = cells[:, : len(reference_nodes(cell_type, 1))]
    used, vertices = np.unique(vertices, return_inverse=True)
    vertices = vertices.reshape(len(cells), -1)
    if degree == 1:
        return vertices.astype(np.int32), _first_seen(vertices, len(used))
    weights, _ = tabulate(cell_type, 1, reference_nodes(cell_type, degree))
    numbers, count = np.empty((len(cells), local), np.int64), 0
    support = [np.flatnonzero(w > 1e-9) for w in weights]
    for size in sorted({len(s) for s in support}):
        members = [a for a in range(local) if len(support[a]) == size]
        rows = [_key(vertices[:, support[a]], weights[a, support[a]], degree) for a in members]
        ids = row_ids(np.concatenate(rows)).reshape(len(members), len(cells))
        if size == 1:
            # Vertices keep their order.
            ids = np.stack([vertices[:, support[a][0]] for a in members])
        numbers[:, members] = ids.T + count
        count += ids.max(initial=-1) + 1
    return numbers.astype(np.int32), _first_seen(numbers, count)


def _number_apart(cells, cell_type, mesh_degree, n_points, degree):
    """Give each cell nodes of its own."""
    del mesh_degree, n_points
    local = len(reference_nodes(cell_type, degree))
    numbers = np.arange(len(cells) * local, dtype=np.int32).reshape(len(cells), local)
    return numbers, _first_seen(numbers, numbers.size)


def _key(vertices, weights, degree):
    order = np.argsort(vertices, axis=1)
    whole = np.round(weights * degree**3 * 8).astype(np.int64)
    return np.concatenate([np.take_along_axis(vertices, order, 1), whole[order]], axis=1)


def _first_seen(cells, count):
    source = np.empty((count, 2), np.int32)
    flat = cells.ravel()[::-1]
    position = np.arange(cells.size)[::-1]
    source[flat, 0], source[flat, 1] = position // cells.shape[1], position % cells.shape[1]
    return source
