"""Where integrals are taken: cells or facets, with their quadrature points, measures and basis functions."""

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._arrays import placed, taken
from .._small import direction, inverse_and_determinant
from .._told import Told
from .._trees import any_traced
from .._typing import Array, Float, Int
from ._columns import columns_of, oriented, parts_of
from ._element import Element, lagrange_element
from ._mesh_checks import SIMPLICES
from ._quadrature import facet_quadrature, quadrature
from ._space import FunctionSpace


class Geometry(eqx.Module):
    """Quadrature points of the items (cells or facets) of a domain."""

    position: Float[Array, "item quad dim"]
    measure: Float[Array, "item quad"]
    """Weight × volume or area that a quadrature point stands for."""
    inverse: Float[Array, "item quad dim dim"]
    """(∂x/∂X)⁻¹, reference coordinates in rows."""
    size: Float[Array, "item quad"]
    """Height of the cell over a facet, of the lower one of two; in cells the dim-th root of the volume."""
    outward: Float[Array, "item quad dim"] | None
    """Outward unit normal; None in cells, and on facets without a side."""
    unsided: str | None = eqx.field(static=True, default=None)
    """Name of the facet group, if it has facets without a side."""
    far: Float[Array, "item quad dim dim"] | None = None
    """`inverse` in the cell behind a facet, where both cells are seen."""

    @property
    def normal(self) -> Float[Array, "item quad dim"] | None:
        """Outward unit normal; None in cells.

        **Raises:** `ValueError` on facets between two cells that nobody has chosen a side of.
        """
        return chosen_side(self.outward, self.unsided)


class Domain(Told):
    """Some cells of a mesh, or some facets seen from the cell behind them.

    **Arguments:**

    - `cells`: cell numbers; None for all of them.
    - `sides`: None for an integral over the cells; else the local facet of each.
    - `degree`: of the quadrature rule.
    - `unsided`: name of the facet group, if it has facets between two cells that nobody has chosen a side of.
    - `where`: what the domain is called: two of one name on one mesh are the same.
    """

    cells: Int[Array, " item"] | None
    sides: Int[Array, " item"] | None
    degree: int = eqx.field(static=True)
    unsided: str | None = eqx.field(static=True, default=None)
    where: str = eqx.field(static=True, default="some of the mesh")
    shape: str | None = eqx.field(static=True, default=None)
    """Shape of the facets, of cells that have facets of several shapes."""
    two_sided: ClassVar[bool] = False
    """Whether integrands see both cells of a facet."""

    def take(self, per_cell: Array) -> Array:
        """Select the rows of the domain's cells from an array (cell, …)."""
        return per_cell if self.cells is None else per_cell[self.cells]

    def first(self) -> "Domain":
        """Return the domain of the first item alone."""
        one = lambda numbers: None if numbers is None else numbers[:1]
        return dataclasses.replace(
            self, cells=jnp.zeros(1, jnp.int32) if self.cells is None else one(self.cells), sides=one(self.sides)
        )

    def nodes(self, space: FunctionSpace) -> Int[Array, "item local"]:
        """Return the nodes of a space that each item depends on."""
        if self.cells is None or any_traced(space.cells, self.cells):
            return self.take(space.cells)
        return placed(np.asarray(space.cells)[np.asarray(self.cells)])

    def check_sided(self):
        """Raise `ValueError` on facets between two cells that nobody has chosen a side of."""
        chosen_side(None, self.unsided)

    @eqx.filter_jit
    def geometry(self, mesh) -> Geometry:
        """Map the quadrature rule to every item; differentiable in the mesh's points."""
        corners = taken(mesh.points, self.take(mesh.cells))
        basis, gradients = self._of_mesh(mesh)
        each = "" if self.sides is None else "e"
        position = jnp.einsum(f"{each}qg,egd->eqd", basis, corners)
        jacobian = jnp.einsum(f"{each}qgr,egd->eqdr", gradients, corners)
        inverse, determinant = inverse_and_determinant(jacobian)
        if self.sides is None:
            _, weights = quadrature(mesh.cell_type, self.degree)
            # Moved nodes may turn a cell inside out: nothing computed on it means anything.
            volume = jnp.where(determinant > 0, determinant, jnp.nan)
            measure = volume * jnp.asarray(weights, corners.dtype)[None]
            size = jnp.broadcast_to(jnp.sum(measure, axis=1, keepdims=True), measure.shape) ** (1 / mesh.dim)
            return Geometry(position, measure, inverse, size, None)
        normal, scale, weights = self._normal(mesh, jacobian)
        size = determinant / scale
        return Geometry(position, scale * weights, inverse, size, None if self.unsided else normal, self.unsided)

    def tables(self, element: Element, dtype, order: int = 1):
        """Values (q, a, c), reference gradients (q, a, c, r), …; with a leading item axis on facets."""
        if self.sides is None:
            points, _ = quadrature(element.cell_type, self.degree)
            return tuple(jnp.asarray(t, dtype) for t in element.tabulate(points, order))
        points, _, _ = facet_quadrature(element.cell_type, self.degree, self.shape)
        return self._by_side(element, points, order, dtype, self.sides)

    @eqx.filter_jit
    def basis(self, space: FunctionSpace, geometry: Geometry, slots: str):
        """Basis functions as the columns that integrands see, G (item, q, a, column): values first, then gradients, …"""
        parts = parts_of(slots)
        tables = self.tables(space.element, geometry.measure.dtype, 2 if "hessian" in parts else 1)
        bend = self._bend(space.mesh) if self._bends(space, parts) else None
        columns = columns_of(tables, geometry.inverse, parts, map=space.element.map, bend=bend)
        return _shared(columns, space, None if space.orientation is None else self.take(space.orientation))

    def nodal(self, space: FunctionSpace, geometry: Geometry):
        """What interpolates between nodes: those of each item (item, a), values (item, q, a), and how many nodes there are.

        The nodes of the space, or of the mesh for elements that have none.
        """
        if space.element.placed:
            return self.take(space.cells), Domain.basis(self, space, geometry, "value")[..., 0], space.n_nodes
        mesh, (values, _) = space.mesh, self._of_mesh(space.mesh)
        return self.take(mesh.cells), values if values.ndim == 3 else values[None], mesh.n_points

    def _of_mesh(self, mesh, order=1):
        """The tables of what cells are mapped by, without an axis of components."""
        tables = self.tables(lagrange_element(mesh.cell_type, mesh.degree), mesh.points.dtype, order)
        return tuple(jnp.squeeze(t, axis=t.ndim - 1 - k) for k, t in enumerate(tables))

    @staticmethod
    def _by_side(element, points, order, dtype, which):
        """Tables at the points of each side, those that `which` chooses; none are chosen of sides whose points are NaN."""
        there = [element.tabulate(p, order) if np.all(np.isfinite(p)) else None for p in points]
        none = [np.full_like(t, np.nan) for t in next(t for t in there if t is not None)]
        tables = [none if t is None else t for t in there]
        return tuple(jnp.asarray(np.stack(same), dtype)[which] for same in zip(*tables, strict=True))

    @staticmethod
    def _bends(space, parts) -> bool:
        """Whether the columns know of the curvature of a cell's map."""
        straight = space.mesh.degree == 1 and space.mesh.cell_type in SIMPLICES
        return not straight and ("hessian" in parts or (space.element.vectorial and "gradient" in parts))

    def _bend(self, mesh):
        """∂²x/∂X², (item, q, d, r, s)."""
        each = "" if self.sides is None else "e"
        corners = taken(mesh.points, self.take(mesh.cells))
        return jnp.einsum(f"{each}qgrs,egd->eqdrs", self._of_mesh(mesh, 2)[2], corners)

    def _normal(self, mesh, jacobian):
        """Outward normal and area element of facets, from their tangents."""
        _, weights, tangents = facet_quadrature(mesh.cell_type, self.degree, self.shape)
        dtype = jacobian.dtype
        t = jnp.einsum("eqdr,etr->eqtd", jacobian, jnp.asarray(tangents, dtype)[self.sides])
        if mesh.dim == 1:
            raw = jnp.ones_like(jacobian[..., 0])
        elif mesh.dim == 2:
            raw = jnp.stack([t[..., 0, 1], -t[..., 0, 0]], axis=-1)
        else:
            raw = jnp.cross(t[..., 0, :], t[..., 1, :])
        normal, size = direction(raw)
        outward = jnp.asarray(outward_signs(mesh.cell_type, self.shape), dtype)[self.sides]
        # A cell that is numbered left-handed would turn the cross product round, but such cells are refused.
        return normal * outward[:, None, None], size, jnp.asarray(weights, dtype)[None]


def _shared(columns, space, which):
    """Columns of the functions that cells share, given the orientation of each."""
    return columns if which is None else oriented(columns, space.transforms(), which)


def outward_signs(cell_type, shape=None):
    """Sign that turns each facet's reference normal outwards; NaN for facets of another shape than is asked for."""
    points, _, tangents = facet_quadrature(cell_type, 1, shape)
    centre = quadrature(cell_type, 1)[0].mean(axis=0)
    dim = points.shape[-1]
    if dim == 1:
        raw = np.ones((2, 1))
    elif dim == 2:
        raw = np.stack([tangents[:, 0, 1], -tangents[:, 0, 0]], axis=-1)
    else:
        raw = np.cross(tangents[:, 0], tangents[:, 1])
    return np.sign(np.einsum("fd,fd->f", raw, points.mean(axis=1) - centre))


def chosen_side(what, unsided: str | None, subject: str = "a normal has"):
    """Return what belongs to one side of facets; raise `ValueError` by the name of a facet group without sides."""
    if unsided is not None:
        raise ValueError(
            f"The facet group {unsided!r} has facets between two cells, where {subject} two values, one for each side: "
            "name the cell group on the side that is meant as `side`."
        )
    return what
