"""Facets between two cells, seen from both."""

import dataclasses
import functools as ft
import itertools
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._small import inverse_and_determinant
from .._typing import Array, Int
from ._columns import columns_of, parts_of
from ._domain import Domain, Geometry, _shared
from ._element import lagrange_element, tabulate
from ._facets import facet_kinds, facet_shapes, facet_type, facet_vertices, kinds_of_facets, other_side
from ._mesh_checks import CELL_DIMENSION, reference_nodes
from ._quadrature import quadrature
from ._space import FunctionSpace
from ._spread import Part, Spread


class Interior(Domain):
    """Facets between two cells; `cells` and `sides` are those of the near one, which the normal points out of.

    **Arguments:**

    - `behind`: numbers of the far cells.
    - `views`: how each of these sees the facet: which of its facets it is, and in which order the vertices come.
    """

    behind: Int[Array, " item"] = eqx.field(kw_only=True)
    views: Int[Array, " item"] = eqx.field(kw_only=True)
    two_sided: ClassVar[bool] = True

    def first(self):
        """Return the domain of the first facet alone."""
        return dataclasses.replace(Domain.first(self), behind=self.behind[:1], views=self.views[:1])

    def nodes(self, space):
        """Return the nodes of both cells."""
        return jnp.concatenate([self.take(space.block(0).cells), space.block(1).cells[self.behind]], axis=1)

    @eqx.filter_jit
    def geometry(self, mesh):
        """Map the quadrature rule to every facet, from both cells; those behind are of block 1, if there are two."""
        near, far = Domain.geometry(self, mesh.block(0)), mesh.block(1)
        gradients = self._far_tables(lagrange_element(far.cell_type, far.degree), mesh.points.dtype)[1][..., 0, :]
        jacobian = jnp.einsum("eqgr,egd->eqdr", gradients, mesh.points[far.cells[self.behind]])
        inverse, determinant = inverse_and_determinant(jacobian)
        # The element of area is the same from both sides.
        _, scale, _ = self._normal(mesh.block(0), inverse_and_determinant(near.inverse)[0])
        size = jnp.minimum(near.size, determinant / scale)
        return Geometry(near.position, near.measure, near.inverse, size, near.outward, None, inverse)

    @eqx.filter_jit
    def basis(self, space, geometry, slots):
        """Basis functions of both cells, those of one with columns of 0 for the other."""
        near, parts = Domain.basis(self, space.block(0), geometry, slots), parts_of(slots)
        space = space.block(1)
        mesh = space.mesh
        tables = self._far_tables(space.element, geometry.measure.dtype, 2 if "hessian" in parts else 1)
        bend = None
        if self._bends(space, parts):
            second = self._far_tables(lagrange_element(mesh.cell_type, mesh.degree), mesh.points.dtype, 2)[2]
            bend = jnp.einsum("eqgrs,egd->eqdrs", second[:, :, :, 0], mesh.points[mesh.cells[self.behind]])
        far = columns_of(tables, geometry.far, parts, map=space.element.map, bend=bend)
        far = _shared(far, space, None if space.orientation is None else space.orientation[self.behind])
        side_by_side = lambda a, b: jnp.concatenate([a, b], axis=-1)
        return jnp.concatenate(
            [side_by_side(near, jnp.zeros_like(near)), side_by_side(jnp.zeros_like(far), far)], axis=2
        )

    def nodal(self, space, geometry):
        """What interpolates between nodes, as the near cell does."""
        return Domain.nodal(self, space.block(0), geometry)

    def _far_tables(self, element, dtype, order=1):
        points = view_points(element.cell_type, self.degree, self.shape)
        return self._by_side(element, points, order, dtype, self.views)


@ft.cache
def _orders(corners: int) -> np.ndarray:
    return np.array(list(itertools.permutations(range(corners))))


@ft.cache
def view_points(cell_type: str, degree: int, shape: str | None = None) -> np.ndarray:
    """Points of a facet's quadrature in the far cell, (view, q, dim); view = side × orders + order of the vertices.

    NaN on sides of another shape.
    """
    corners, sides = reference_nodes(cell_type, 1), facet_vertices(cell_type, shape)
    if CELL_DIMENSION[cell_type] == 1:
        return corners[sides]
    points, _ = quadrature(shape or facet_type(cell_type), degree)
    (shares,) = tabulate(shape or facet_type(cell_type), 1, points, 0)
    at = [shares @ corners[side[order]] for side in sides for order in _orders(sides.shape[1])]
    other = np.repeat(sides[:, 0] < 0, len(_orders(sides.shape[1])))
    return np.where(other[:, None, None], np.nan, np.stack(at))


def interior_of(space: FunctionSpace, name: str | None = None, degree: int | None = None) -> Interior | Spread:
    """The domain of all facets between two cells, or of a group of such.

    **Arguments:**

    - `name`: of a facet group; None for all facets between two cells, near being the cell with the lower number.
    - `degree`: of the quadrature rule.

    **Raises:** `ValueError` if facets of the group lie on the boundary, and for meshes with nodes that hang.
    """
    mesh = space.mesh
    if mesh.forest is not None:
        raise ValueError("Terms on facets between cells are not offered where cells of several sizes lie side by side.")
    cells, types = tuple(np.asarray(block.nodes) for block in mesh.blocks), mesh.cell_types
    if name is None:
        near = np.concatenate([_every_facet(*each) for each in zip(mesh.starts, cells, types, strict=False)])
        far = other_side(cells, types, near)
        kept = far[:, 0] > near[:, 0]
        near, far = near[kept], far[kept]
    else:
        near = np.asarray(mesh.facets(name))
        far = other_side(cells, types, near)
        if (count := int(np.sum(far[:, 0] < 0))) > 0:
            raise ValueError(
                f"{count} of the {len(near)} facets of {name!r} lie on the boundary: there is no cell behind."
            )
    where = "facets between cells" if name is None else f"facets {name!r} seen from both sides"
    return between(space, near, far, degree, where)


def between(
    space: FunctionSpace,
    near: np.ndarray,
    far: np.ndarray,
    degree: int | None,
    where: str,
    alike: np.ndarray | None = None,
) -> Interior | Spread:
    """The domain of facets given as (cell, local facet) of both cells.

    **Arguments:**

    - `degree`: of the quadrature rule; None for twice that of the space.
    - `where`: what it is called.
    - `alike`: for each point of the mesh the one that stands at its place on the near side; None where cells share points.
    """
    mesh = space.mesh
    cells, types = tuple(np.asarray(block.nodes) for block in mesh.blocks), mesh.cell_types
    degree = 2 * max(space.degree, mesh.degree) if degree is None else degree
    alike = np.arange(mesh.n_points) if alike is None else alike
    if mesh.uniform:
        return _seen(mesh, near, far, (0, 0), None, degree, where, alike)
    sizes = [len(own) for own in cells]
    kinds, which = facet_kinds(types), kinds_of_facets(types, sizes, near)
    blocks = np.searchsorted(np.cumsum(sizes), far[:, 0], "right")
    parts = []
    for k, b in np.unique(np.stack([which, blocks], axis=1), axis=0).tolist():
        rows, first = (which == k) & (blocks == b), kinds[k].block
        seen = _seen(mesh, near[rows], far[rows], (first, b), kinds[k].shape, degree, where, alike)
        parts.append(Part(seen, first, b))
    return Spread(tuple(parts), degree, None, where)


def _every_facet(first, cells, cell_type):
    count = len(facet_shapes(cell_type))
    return np.stack(np.divmod(np.arange(len(cells) * count), count), axis=1).astype(np.int32) + [first, 0]


def _seen(mesh, near, far, blocks, shape, degree, where, alike) -> Interior:
    """Facets of one shape between the cells of two blocks, given as (cell, local facet) of both."""
    near, far = (pairs - [mesh.starts[b], 0] for pairs, b in zip((near, far), blocks, strict=True))
    corners = []
    for pairs, b in zip((near, far), blocks, strict=True):
        own = mesh.blocks[b]
        local = facet_vertices(own.type, shape)[pairs[:, 1]]
        corners.append(np.take_along_axis(np.asarray(own.nodes)[pairs[:, 0]], local, axis=1))
    orders = _orders(corners[0].shape[1])
    same = np.all(alike[corners[1]][:, orders] == alike[corners[0]][:, None], axis=2)
    return Interior(
        int32(near[:, 0]),
        int32(near[:, 1]),
        degree,
        None,
        where,
        shape,
        behind=int32(far[:, 0]),
        views=int32(far[:, 1] * len(orders) + np.argmax(same, axis=1)),
    )
