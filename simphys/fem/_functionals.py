"""Degrees of freedom of a function that is not given by values at nodes."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._small import inverse_and_determinant
from ._element import tabulate


def functionals(space, function, cell, local):
    """Return functionals of local degrees of freedom in these cells, of a function that is pulled back to each."""
    positions, pull = _support(space, cell)
    shape = (space.mesh.dim,) if space.element.vectorial else space.shape[1:]
    at = lambda x: jnp.broadcast_to(jnp.asarray(function(x), x.dtype), shape)
    return _applied(space, jax.vmap(jax.vmap(at))(positions), pull, cell, local)


@eqx.filter_jit
def _support(space, cell):
    """Where the functionals of these cells look, and what pulls vectors there back to the reference cell."""
    mesh, element = space.mesh, space.element
    basis, slopes = (jnp.asarray(t, mesh.points.dtype) for t in tabulate(mesh.cell_type, mesh.degree, element.points))
    corners = mesh.points[mesh.cells[cell]]
    positions = jnp.einsum("pa,nad->npd", basis, corners)
    if not element.vectorial:
        return positions, None
    inverse, determinant = inverse_and_determinant(jacobian := jnp.einsum("par,nad->npdr", slopes, corners))
    covariant = element.map == "covariant"
    return positions, jnp.swapaxes(jacobian, 2, 3) if covariant else inverse * determinant[..., None, None]


@eqx.filter_jit
def _applied(space, values, pull, cell, local):
    """The functionals of values at their points."""
    element, dtype = space.element, space.mesh.points.dtype
    values = values[:, :, None] if pull is None else pull @ values[..., None]
    found = jnp.einsum("apc,npc...->na...", jnp.asarray(element.matrix, dtype), values)
    if (back := space.coefficients_back()) is not None:
        found = jnp.einsum("nab,nb...->na...", jnp.asarray(back, found.dtype)[space.orientation[cell]], found)
    found = found[jnp.arange(found.shape[0]), local]
    return found[..., 0] if element.vectorial else found
