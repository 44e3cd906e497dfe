"""Function spaces: a mesh, an element, a number of components."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import placed
from .._frozen import AbstractPosed
from .._notebook import Displayed
from .._typing import Any, Array, Callable, CellNodes, Float, Int
from ._blocks import altered, only
from ._element import Element, tabulate
from ._functionals import functionals
from ._hanging import Hanging, hanging_of
from ._meant import element_of
from ._mesh import Mesh
from ._mesh_checks import SIMPLICES
from ._named_nodes import known_nodes, marked, nodes_on
from ._numbering import first_seen, numbered, orientations, transformations
from ._sensors import Sensors, contains, interpolate_at, locate


class Numbers(eqx.Module):
    """Degrees of freedom of the cells of one block.

    **Arguments:**

    - `cells`: those of each cell, (cell, local).
    - `own`, `source`: those that are found in this block first (None for all), and a (cell, local number) of each.
    - `orientation`, `ways`: number of the way in which each cell sees its edges and faces, None where that does not matter;
      and the ways that there are.
    """

    cells: CellNodes
    own: Int[Array, " node"] | None
    source: Int[Array, "node 2"]
    orientation: Int[Array, " cell"] | None
    ways: tuple[int, ...] = eqx.field(static=True)
    element: Element = eqx.field(static=True)


class FunctionSpace(AbstractPosed, Displayed):
    """Piecewise polynomials on a mesh, continuous unless asked otherwise.

    u(x) = Σ_a φ_a(x) u_a

    **Arguments:**

    - `mesh`: a `Mesh`. With cells of several types the space has an element of the family for each of them, as far as Basix
      has these.
    - `element`: the degree of a Lagrange element, 1 by default (0 of a discontinuous space only; `degree=` says the same);
      or a family and a degree, such as `("RT", 1)` (Raviart–Thomas), `("BDM", 1)`, `("N1curl", 1)` and `("N2curl", 1)`
      (Nédélec's of both kinds), `("CR", 1)` (Crouzeix–Raviart), `("DG", 1)`, `("S", 2)` (serendipity), `("DPC", 1)`; or an
      element of Basix; or a list of these, whose functions are taken together, as `[1, ("bubble", 3)]` for the MINI
      element; or `"real"`, one constant for the whole mesh. Lagrange nodes are equispaced up to degree 3, Gauss–Lobatto's
      (warped) beyond.
    - `components`: number of components of a vector field, or None for a scalar one and for elements whose functions are
      vectors themselves: these are brought to a cell by Piola's maps.
    - `quadrature_degree`: polynomial degree integrated exactly over cells in terms of gradients (stress, conduction); by
      default 2·degree + 1 on lines, quadrilaterals, hexahedra, prisms and pyramids (degree + 1 Gauss points a direction)
      and 2·degree − 1 on triangles and tetrahedra, of several types the highest; more where curved cells need it to
      integrate ∇N exactly (linear elements on quadratic cells in 3-D). Products of values (what is stored, reactions) take
      `mass_degree`.

    - `continuous`: False for discontinuous polynomials: each cell has nodes of its own, and only terms on the facets
      between cells (`Weak(…, where="interior")`) join them.

    Values of a field are arrays (node,) or (node, component), in the order of `nodes()`; of elements without nodes one
    value for each degree of freedom, as Basix defines and numbers them within a cell. Where degree and mesh degree agree,
    the nodes of a Lagrange element are the mesh's own.

    **Raises:** `ValueError` for what is no element of the mesh's cells.

    Reference: P. G. Ciarlet, The Finite Element Method for Elliptic Problems, 1978; M. W. Scroggs et al., ACM Trans. Math.
    Softw. 48 (2022) 18.
    """

    mesh: Mesh
    blocks: tuple[Numbers, ...]
    components: int | None = eqx.field(static=True)
    quadrature_degree: int = eqx.field(static=True)
    n_nodes: int = eqx.field(static=True)
    """Number of nodes."""
    hanging: Hanging | None
    """Nodes whose values follow those of a larger neighbouring cell; None where there are none."""

    def __init__(self, mesh, element=None, components=None, quadrature_degree=None, *, degree=None, continuous=True):
        if not isinstance(mesh, Mesh):
            raise ValueError(f"`mesh` must be a `simphys.fem.Mesh`, got {type(mesh).__name__}.")
        if not (components is None or (isinstance(components, int) and components >= 1)):
            raise ValueError(f"`components` must be None or a positive integer, got {components!r}.")
        if not (quadrature_degree is None or (isinstance(quadrature_degree, int) and quadrature_degree >= 1)):
            raise ValueError(f"`quadrature_degree` must be None or a positive integer, got {quadrature_degree!r}.")
        if degree is not None and (element is not None or isinstance(degree, bool) or not isinstance(degree, int)):
            raise ValueError(f"`degree` must be a whole number, in place of an `element`, got {degree!r}.")
        self.mesh, self.components = mesh, components
        given = next((each for each in (element, degree) if each is not None), 1)
        elements = tuple(element_of(name, given, continuous) for name in mesh.cell_types)
        if elements[0].vectorial and components is not None:
            raise ValueError(
                f"The functions of {element!r} are vectors: `components` must be None, got {components!r}."
            )
        cells, self.n_nodes = numbered(elements, mesh)
        found, seen = first_seen(cells, self.n_nodes), orientations(elements, mesh)
        self.hanging = hanging_of(mesh, elements, np.asarray(cells[0]))
        alone = len(elements) == 1
        self.blocks = tuple(
            Numbers(placed(each), None if alone else placed(own), placed(source), *way, element)
            for each, (own, source), way, element in zip(cells, found, seen, elements, strict=True)
        )
        self.quadrature_degree = self.default_degree() if quadrature_degree is None else quadrature_degree

    @property
    def given(self):
        """All of it."""
        return self

    def default_degree(self) -> int:
        """Return the degree of the quadrature of gradients where none is asked for."""
        return max(_quadrature_degree(self.mesh, name, self.degree) for name in self.mesh.cell_types)

    @property
    def cells(self) -> CellNodes:
        """Degrees of freedom of each cell, (cell, local); `ValueError` for cells of several types."""
        return self._only("cells").cells

    @property
    def element(self) -> Element:
        """What it is made of in a cell; `ValueError` for cells of several types."""
        return self._only("element").element

    @property
    def source(self) -> Int[Array, "node 2"]:
        """A (cell, local node) at which each node is found; `ValueError` for cells of several types."""
        return self._only("source").source

    @property
    def orientation(self) -> Int[Array, " cell"] | None:
        """Number of the way in which each cell sees its edges and faces; None where that does not matter.

        `ValueError` for cells of several types.
        """
        return self._only("orientation").orientation

    def _only(self, what) -> Numbers:
        return only(what, self.blocks, self.mesh.cell_types)

    def block(self, number: int) -> "FunctionSpace":
        """Return the space as the cells of one block see it: its mesh has these cells only, its nodes are the same."""
        if len(self.blocks) == 1:
            return self
        return altered(self, mesh=self.mesh.block(number), blocks=self.blocks[number : number + 1])

    def pair(self, near: int, far: int) -> "FunctionSpace":
        """Return the space as facets between two blocks see it: their cells are blocks 0 and 1; of one twice, `block`."""
        if near == far:
            return self.block(near)
        return altered(self, mesh=self.mesh.pair(near, far), blocks=(self.blocks[near], self.blocks[far]))

    @property
    def degree(self) -> int:
        """Lowest degree of Lagrange elements that hold its functions."""
        return max(block.element.degree for block in self.blocks)

    @property
    def continuous(self) -> bool:
        """Whether neighbouring cells share degrees of freedom."""
        return not self.blocks[0].element.apart

    @property
    def nodal(self) -> bool:
        """Whether degrees of freedom are values at points."""
        return all(block.element.nodal for block in self.blocks)

    @property
    def lagrange(self) -> int | None:
        """Degree of continuous Lagrange elements with equispaced nodes, 1 to 3; None for any others."""
        return self.blocks[0].element.lagrange

    @property
    def vectorial(self) -> bool:
        """Whether its basis functions are vectors."""
        return self.blocks[0].element.vectorial

    @property
    def value_size(self) -> int:
        """Number of values of its basis functions: 1, or dim where these are vectors."""
        return self.mesh.dim if self.vectorial else 1

    @property
    def value_shape(self) -> tuple[int, ...]:
        """Shape of a field's value at a point: () of scalars, else (component,), (dim,) where functions are vectors."""
        if self.vectorial:
            return (self.mesh.dim,)
        return () if self.components is None else (self.components,)

    @property
    def on_mesh(self) -> bool:
        """Whether its nodes are those of the mesh."""
        return self.lagrange == self.mesh.degree

    @property
    def mass_degree(self) -> int:
        """Degree of the quadrature of products of values, 2·degree or more: mass matrices are then positive definite."""
        return max(self.quadrature_degree, 2 * self.degree)

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
        if self.on_mesh:
            return mesh.points
        if not self.nodal:
            raise ValueError(
                f"The elements {self.name} have no nodes: their degrees of freedom are not values at points."
            )
        if len(self.blocks) > 1:
            found = jnp.zeros((self.n_nodes, mesh.dim), mesh.points.dtype)
            for k, block in enumerate(self.blocks):
                found = found.at[block.own].set(self.block(k)._found())
            return found
        return self._found()

    @eqx.filter_jit
    def _found(self):
        """Positions of the nodes of a space on one block that are found there."""
        mesh = self.mesh
        (basis,) = tabulate(mesh.cell_type, mesh.degree, self.element.points, 0)
        corners = mesh.points[mesh.cells[self.source[:, 0]]]
        back = self.coefficients_back()
        if back is None:
            weights = jnp.asarray(basis, mesh.points.dtype)[self.source[:, 1]]
        else:
            each = jnp.asarray(back @ basis, mesh.points.dtype)
            weights = each[self.orientation[self.source[:, 0]], self.source[:, 1]]  # pyright: ignore
        return jnp.einsum("na,nad->nd", weights, corners)

    def transforms(self) -> np.ndarray:
        """Matrices T[orientation]: such cells share the functions Σ_b T[a, b] φ_b with their neighbours."""
        (block,) = self.blocks
        return transformations(block.element, block.ways)

    def coefficients_back(self) -> np.ndarray | None:
        """Matrices that take coefficients of the reference cell to shared ones, T⁻ᵀ; None where they are the same."""
        return None if self.orientation is None else np.linalg.inv(self.transforms()).swapaxes(1, 2)

    @property
    def name(self) -> str:
        """What messages call its elements."""
        return " + ".join(f"{part.family}({part.degree})" for part in self.blocks[0].element.parts)

    def zeros(self) -> Array:
        """The field that is 0."""
        return jnp.zeros(self.shape, self.mesh.points.dtype)

    def interpolate(self, function: Callable, which: Any = slice(None)) -> Array:
        """Return the degrees of freedom of a function of position: its values at nodes, or each element's functionals.

        **Arguments:**

        - `function`: x → a number, or one per component (for elements of vectors: dim of them).
        - `which`: numbers of the degrees of freedom that are wanted.
        """
        if self.nodal:
            values = jax.vmap(function)(self.nodes()[which])
            shape = (values.shape[0], *self.shape[1:])
            return jnp.broadcast_to(values, shape) if values.shape != shape else values
        if len(self.blocks) == 1:
            return functionals(self, function, *self.source[which].T)
        found = self.zeros()
        for k, block in enumerate(self.blocks):
            if block.own.shape[0]:
                found = found.at[block.own].set(functionals(self.block(k), function, *block.source.T))
        return found[which]

    def nodes_on(self, name: str) -> np.ndarray:
        """Numbers of the nodes on the facet, point or cell group of this name, sorted."""
        return nodes_on(self, name)

    def marked(self, name: str) -> Array:
        """Return for each node whether it is on the group of this name, (node,); a group may be a traced array."""
        return marked(self, name)

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


def affine(space: FunctionSpace) -> tuple[np.ndarray, np.ndarray]:
    """Return degrees of freedom of the constant 1, (dof,), and of position, (dof, dim), for scalars on these elements."""
    if space.nodal:
        return np.ones(space.n_nodes), known_nodes(space, "This")
    scalar = altered(space, components=None)
    with jax.ensure_compile_time_eval():
        each = [scalar.interpolate(lambda x, k=k: x[k]) for k in range(space.mesh.dim)]
        return np.asarray(scalar.interpolate(lambda x: 1.0), float), np.stack(each, axis=1).astype(float)


def _quadrature_degree(mesh, cell_type, degree):
    """Enough for the stiffness of straight cells, and for ∫ ∇N dx = ∫ cof(∂x/∂X) ∂N/∂X dX of curved ones.

    The latter makes constant stresses balance exactly (the patch test).
    """
    others, degree = mesh.dim - 1, max(degree, 1)
    if cell_type in SIMPLICES[1:]:
        return max(2 * degree - 1, others * (mesh.degree - 1) + degree - 1)
    return max(2 * degree + 1, others * mesh.degree + degree - 1)
