"""Fields of one space as fields of another; the spaces that fields of any element are drawn, written and read on."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from .._small import inverse_and_determinant
from .._typing import Array
from ._columns import columns_of, oriented
from ._element import tabulate
from ._space import FunctionSpace


FINEST = 3
"""Highest degree of the spaces that are drawn and written."""


def raised(lower: FunctionSpace, values: Array, higher: FunctionSpace) -> Array:
    """Return the values at the nodes of `higher` of a field of `lower`, on the same mesh.

    Where a field has several values at one node of `higher`, it is that of one of the cells there.

    **Arguments:**

    - `values`: (node, …) of `lower`, any space.
    - `higher`: a space of Lagrange elements.

    **Returns:** (node, …) of `higher`, (node, dim) if the functions of `lower` are vectors: the same function, if `higher`
    holds it.
    """
    if len(higher.blocks) == 1:
        return _raised(lower, values, higher)
    parts = [_raised(lower.block(k), values, higher.block(k)) for k in range(len(higher.blocks))]
    found = jnp.zeros((higher.n_nodes, *parts[0].shape[1:]), parts[0].dtype)
    for block, part in zip(higher.blocks, parts, strict=True):
        found = found.at[block.own].set(part)
    return found


def _raised(lower, values, higher):
    """The values at the nodes that are found in the cells of one block."""
    cell, local = higher.source[:, 0], higher.source[:, 1]
    element, mesh, points = lower.element, lower.mesh, higher.element.points
    table = jnp.asarray(element.tabulate(points, 0)[0], values.dtype)
    own = values[lower.cells[cell]]
    if element.vectorial:
        slopes = jnp.asarray(tabulate(mesh.cell_type, mesh.degree, points)[1], mesh.points.dtype)[local]
        jacobian = jnp.einsum("ngr,ngd->ndr", slopes, mesh.points[mesh.cells[cell]])
        inverse, _ = inverse_and_determinant(jacobian)
        columns = columns_of((table[local][:, None],) * 2, inverse[:, None], ("value",), map=element.map)
    else:
        columns = table[local][:, None]
    if lower.orientation is not None:
        columns = oriented(columns, lower.transforms(), lower.orientation[cell])
    found = jnp.einsum("na...,nas->n...s", own, columns[:, 0].astype(values.dtype))
    return found if element.vectorial else found[..., 0]


def shown_space(*spaces: FunctionSpace) -> FunctionSpace:
    """Return the space that fields of these spaces, on one mesh, are drawn and written on.

    The first, if it is one of Lagrange elements up to degree 3 and none of the others jumps where it does not; else the
    Lagrange elements of the highest degree among them, up to 3, apart from cell to cell.
    """
    first = spaces[0]
    if _lagrange(first) and (not first.continuous or all(_smooth(space) for space in spaces)):
        return first
    degree = min(max(1, *(space.degree for space in spaces)), FINEST)
    components = first.mesh.dim if first.vectorial else first.components
    return FunctionSpace(first.mesh, degree, components, continuous=False)


def shown(space: FunctionSpace, values: Array) -> tuple[FunctionSpace, Array]:
    """Return a space of Lagrange elements, and at its nodes the values of a field of any space.

    Fields that have nodes themselves are what they were; others (vectors by Piola's maps, elements of a high degree,
    bubbles, constants of the whole mesh) are interpolated within each cell, so that what jumps between cells still does.

    **Arguments:**

    - `values`: one for each degree of freedom of `space`, (dof,) or (dof, component).

    **Returns:** a space of degree 1 to 3, and values (node,), (node, component), or (node, dim) of vectors.

    **Raises:** `ValueError` for another number of values.
    """
    if np.shape(values)[:1] != (space.n_nodes,):
        raise ValueError(
            f"`values` must have one value for each of {space.n_nodes} nodes, got shape {np.shape(values)}."
        )
    target = shown_space(space)
    return target, values if target is space else raised(space, jnp.asarray(values), target)


def _lagrange(space):
    return dataclasses.replace(space.blocks[0].element, apart=False).lagrange is not None


def _smooth(space):
    return space.blocks[0].element.whole or space.lagrange is not None
