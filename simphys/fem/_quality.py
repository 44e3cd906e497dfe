"""How far the cells of a mesh are from their ideal shape."""

import jax
import jax.numpy as jnp
import numpy as np

from .._small import inverse_and_determinant, power_of_two
from .._typing import Array, Float
from ._element import tabulate
from ._mesh import Mesh
from ._mesh_checks import reference_nodes


_REGULAR = {
    "triangle": np.array([[1.0, 0.5], [0.0, np.sqrt(3.0) / 2]]),
    "tetrahedron": np.array(
        [[1.0, 0.5, 0.5], [0.0, np.sqrt(3.0) / 2, np.sqrt(3.0) / 6], [0.0, 0.0, np.sqrt(2.0 / 3.0)]]
    ),
    "prism": np.array([[1.0, 0.5, 0.0], [0.0, np.sqrt(3.0) / 2, 0.0], [0.0, 0.0, 1.0]]),
}
"""Edges of a regular simplex or prism as columns; a unit interval, square or cube is regular as it is."""


def cell_quality(mesh: Mesh, ideal: Mesh | None = None) -> Float[Array, " cell"]:
    r"""Mean-ratio quality of each cell, the least over its nodes; differentiable in the mesh's points.

    η = d (det A)^{2/d} / ‖A‖²,  A = (∂x/∂X) W⁻¹

    1 for a cell that has its ideal shape, whatever its size and orientation; 0 for a flat one, negative (with |det A|)
    for one that is turned inside out.

    **Arguments:**

    - `mesh`: the mesh with points x (node, dim), a length.
    - `ideal`: a mesh of the same cells whose ∂x/∂X is W: quality then measures how far `mesh` is distorted from it.
      By default W is a regular simplex, a square or a cube.

    **Returns:** η per cell, at most 1.

    **Raises:** `ValueError` if the two meshes have different cells, for cells of several types, and for pyramids.

    Reference: P. M. Knupp, Algebraic mesh quality metrics, SIAM J. Sci. Comput. 23 (2001) 193.
    """
    if len(mesh.blocks) > 1 or "pyramid" in mesh.cell_types:
        raise ValueError(f"The quality of cells of type {', '.join(mesh.cell_types)} in one mesh is not offered.")
    if ideal is not None and (ideal.cell_type, ideal.cells.shape) != (mesh.cell_type, mesh.cells.shape):
        raise ValueError(
            f"`ideal` must have the cells of `mesh` ({mesh.n_cells} of type {mesh.cell_type}), "
            f"got {ideal.n_cells} of type {ideal.cell_type}."
        )
    shape = _jacobians(mesh)
    if ideal is not None:
        shape = shape @ inverse_and_determinant(_jacobians(ideal))[0]
    elif mesh.cell_type in _REGULAR:
        shape = shape @ jnp.asarray(np.linalg.inv(_REGULAR[mesh.cell_type]), shape.dtype)
    # Quality has no unit: squares and determinants of lengths of 1e-15 would vanish in float32.
    shape = shape / power_of_two(jnp.max(jnp.abs(shape), axis=(-2, -1), keepdims=True))
    volume, dim = jnp.linalg.det(shape), mesh.dim
    ratio = dim * jnp.sign(volume) * jnp.abs(volume) ** (2 / dim) / jnp.sum(shape**2, axis=(-2, -1))
    # Minima have no safe derivative: of numbers found twice, with different rounding, none may be the least.
    worst = jnp.argmin(jax.lax.stop_gradient(ratio), axis=1)
    return jnp.take_along_axis(ratio, worst[:, None], axis=1)[:, 0]


def _jacobians(mesh):
    """∂x/∂X at the nodes of every cell, (cell, node, dim, reference)."""
    _, gradients = tabulate(mesh.cell_type, mesh.degree, reference_nodes(mesh.cell_type, mesh.degree))
    return jnp.einsum("qgr,egd->eqdr", jnp.asarray(gradients, mesh.points.dtype), mesh.points[mesh.cells])
