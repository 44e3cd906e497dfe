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
from ._domain import Domain, Geometry, columns_of
from ._element import facet_type, quadrature, tabulate
from ._facets import facet_vertices, other_side
from ._mesh_checks import CELL_DIMENSION, reference_nodes
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
        _, gradients = self._far_tables(mesh.cell_type, mesh.degree, mesh.points.dtype)
        jacobian = jnp.einsum("eqgr,egd->eqdr", gradients, mesh.points[mesh.cells[self.behind]])
        inverse, determinant = inverse_and_determinant(jacobian)
        # The element of area is the same from both sides.
        _, scale, _ = self._normal(mesh, inverse_and_determinant(near.inverse)[0])
        size = jnp.minimum(near.size, determinant / scale)
        return Geometry(near.position, near.measure, near.inverse, size, near.outward, None, inverse)

    def basis(self, space, geometry, slots):
        """Basis functions of both cells, those of one with columns of 0 for the other."""
        near = Domain.basis(self, space, geometry, slots)
        tables = self._far_tables(space.mesh.cell_type, space.degree, geometry.measure.dtype)
        far = columns_of(*tables, geometry.far, slots)
        side_by_side = lambda a, b: jnp.concatenate([a, b], axis=-1)
        return jnp.concatenate(
            [side_by_side(near, jnp.zeros_like(near)), side_by_side(jnp.zeros_like(far), far)], axis=2
        )

    def _far_tables(self, cell_type, degree, dtype):
        values, gradients = tabulate(
            cell_type, degree, view_points(cell_type, self.degree).reshape(-1, CELL_DIMENSION[cell_type])
        )
        views = len(facet_vertices(cell_type)) * len(_orders(cell_type))
        split = lambda table: jnp.asarray(table.reshape(views, -1, *table.shape[1:]), dtype)[self.views]
        return split(values), split(gradients)


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
    shares, _ = tabulate(facet_type(cell_type), 1, points)
    return np.stack([shares @ corners[side[list(order)]] for side in sides for order in _orders(cell_type)])


def interior_of(space: FunctionSpace, name: str | None = None, degree: int | None = None) -> Interior:
    """The domain of all facets between two cells, or of a group of such.

    **Arguments:**

    - `name`: of a facet group; None for all facets between two cells, near being the cell with the lower number.
    - `degree`: of the quadrature rule.

    **Raises:** `ValueError` if facets of the group lie on the boundary.
    """
    mesh = space.mesh
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
