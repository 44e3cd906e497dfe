"""Facets between two cells, seen from both."""

import dataclasses
import functools as ft
import itertools

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._small import inverse_and_determinant
from .._typing import Array, Int
from ._columns import columns_of, parts_of
from ._domain import Domain, Geometry, _shared
from ._element import lagrange_element, tabulate
from ._facets import facet_type, facet_vertices, other_side
from ._mesh_checks import CELL_DIMENSION, reference_nodes
from ._quadrature import quadrature
from ._space import FunctionSpace


class Interior(Domain):
    """Facets between two cells; `cells` and `sides` are those of the near one, which the normal points out of.

    **Arguments:**

    - `behind`: numbers of the far cells.
    - `views`: how each of these sees the facet: which of its facets it is, and in which order the vertices come.
    """

    behind: Int[Array, " item"] = eqx.field(kw_only=True)
    views: Int[Array, " item"] = eqx.field(kw_only=True)

    @property
    def two_sided(self):
        """True."""
        return True

    def first(self):
        """Return the domain of the first facet alone."""
        return dataclasses.replace(Domain.first(self), behind=self.behind[:1], views=self.views[:1])

    def nodes(self, space):
        """Return the nodes of both cells."""
        return jnp.concatenate([self.take(space.cells), space.cells[self.behind]], axis=1)

    def geometry(self, mesh):
        """Map the quadrature rule to every facet, from both cells."""
        near = Domain.geometry(self, mesh)
        gradients = self._far_tables(lagrange_element(mesh.cell_type, mesh.degree), mesh.points.dtype)[1][..., 0, :]
        jacobian = jnp.einsum("eqgr,egd->eqdr", gradients, mesh.points[mesh.cells[self.behind]])
        inverse, determinant = inverse_and_determinant(jacobian)
        # The element of area is the same from both sides.
        _, scale, _ = self._normal(mesh, inverse_and_determinant(near.inverse)[0])
        size = jnp.minimum(near.size, determinant / scale)
        return Geometry(near.position, near.measure, near.inverse, size, near.outward, None, inverse)

    def basis(self, space, geometry, slots):
        """Basis functions of both cells, those of one with columns of 0 for the other."""
        near, parts, mesh = Domain.basis(self, space, geometry, slots), parts_of(slots), space.mesh
        tables = self._far_tables(space.element, geometry.measure.dtype, 2 if "hessian" in parts else 1)
        bend = None
        if self._bends(space, parts):
            second = self._far_tables(lagrange_element(mesh.cell_type, mesh.degree), mesh.points.dtype, 2)[2][
                :, :, :, 0
            ]
            bend = jnp.einsum("eqgrs,egd->eqdrs", second, mesh.points[mesh.cells[self.behind]])
        far = columns_of(tables, geometry.far, parts, map=space.element.map, bend=bend)
        far = _shared(far, space, None if space.orientation is None else space.orientation[self.behind])
        side_by_side = lambda a, b: jnp.concatenate([a, b], axis=-1)
        return jnp.concatenate(
            [side_by_side(near, jnp.zeros_like(near)), side_by_side(jnp.zeros_like(far), far)], axis=2
        )

    def _far_tables(self, element, dtype, order=1):
        tables = [element.tabulate(points, order) for points in view_points(element.cell_type, self.degree)]
        return self._by_side(tables, dtype, self.views)


@ft.cache
def _orders(cell_type: str) -> tuple[tuple[int, ...], ...]:
    return tuple(itertools.permutations(range(facet_vertices(cell_type).shape[1])))


@ft.cache
def view_points(cell_type: str, degree: int) -> np.ndarray:
    """Points of a facet's quadrature in the far cell, (view, q, dim); view = side × orders + order of the vertices."""
    corners, sides = reference_nodes(cell_type, 1), facet_vertices(cell_type)
    if CELL_DIMENSION[cell_type] == 1:
        return corners[sides]
    points, _ = quadrature(facet_type(cell_type), degree)
    (shares,) = tabulate(facet_type(cell_type), 1, points, 0)
    return np.stack([shares @ corners[side[list(order)]] for side in sides for order in _orders(cell_type)])


def interior_of(space: FunctionSpace, name: str | None = None, degree: int | None = None) -> Interior:
    """The domain of all facets between two cells, or of a group of such.

    **Arguments:**

    - `name`: of a facet group; None for all facets between two cells, near being the cell with the lower number.
    - `degree`: of the quadrature rule.

    **Raises:** `ValueError` if facets of the group lie on the boundary.
    """
    mesh = space.mesh
    if not mesh.uniform:
        raise ValueError(
            "Facets between two cells are seen from both only where all cells have one type and facets one shape, this "
            f"mesh has cells of type {', '.join(mesh.cell_types)}."
        )
    cells, local = np.asarray(mesh.cells), facet_vertices(mesh.cell_type)
    if name is None:
        near = np.stack(np.divmod(np.arange(len(cells) * len(local)), len(local)), axis=1).astype(np.int32)
        far = other_side(cells, mesh.cell_type, near)
        kept = far[:, 0] > near[:, 0]
        near, far = near[kept], far[kept]
    else:
        near = np.asarray(mesh.facets(name))
        far = other_side(cells, mesh.cell_type, near)
        if (count := int(np.sum(far[:, 0] < 0))) > 0:
            raise ValueError(
                f"{count} of the {len(near)} facets of {name!r} lie on the boundary: there is no cell behind."
            )
    of_near, of_far = (cells[f[:, 0, None], local[f[:, 1]]] for f in (near, far))
    orders = np.array(_orders(mesh.cell_type))
    same = np.all(of_far[:, orders] == of_near[:, None], axis=2)
    views = far[:, 1] * len(orders) + np.argmax(same, axis=1)
    default = 2 * max(space.degree, mesh.degree)
    where = "facets between cells" if name is None else f"facets {name!r} seen from both sides"
    return Interior(
        int32(near[:, 0]),
        int32(near[:, 1]),
        default if degree is None else degree,
        None,
        where,
        behind=int32(far[:, 0]),
        views=int32(views),
    )
