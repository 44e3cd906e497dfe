"""Where fields are rough for their mesh, from their values alone."""

import numpy as np

from .._typing import Array, PyTree
from ..fem import quadrature, tabulate
from ..physics import AbstractBalance


def slope_errors(problem: AbstractBalance, value: PyTree) -> Array:
    r"""Return each cell's part of the relative error of gradients, by how they differ from averaged ones.

    η_K² = ∫_K |G − ∇u_h|² dV / ∫ |∇u_h|² dV,   G at a node the mean of the gradients of its cells, weighted by volume

    Of several fields the sum of theirs. No law is asked, nothing is solved or compiled: it is what `adapt_march` follows.

    **Arguments:**

    - `problem`, `value`: a balance law on a mesh of cells of one type, and fields of its spaces.

    **Returns:** η², (cell,); the root of their sum is the relative error of the gradients.

    **Raises:** `ValueError` for cells of several types, and fields whose degrees of freedom are not values at points.

    Reference: O. C. Zienkiewicz, J. Z. Zhu, Int. J. Numer. Methods Eng. 24 (1987) 337.
    """
    mesh = problem.spaces[0].mesh
    if len(mesh.blocks) > 1 or not all(space.nodal for space in problem.spaces):
        raise ValueError("Slopes are averaged on meshes of one type of cells, of fields that are values at points.")
    total = np.zeros(mesh.n_cells)
    fields = value if isinstance(value, tuple) else (value,)
    for space, field in zip(problem.spaces, fields, strict=True):
        if not space.element.whole:
            total += _errors(space, np.asarray(field, float).reshape(space.n_nodes, -1))
    return total


def _errors(space, field):
    cells = np.asarray(space.cells)
    points, weights = quadrature(space.mesh.cell_type, 2 * space.degree)
    (basis,) = (table[..., 0] for table in space.element.tabulate(points, 0))
    slopes, determinant = _slopes(space, field, points)
    volume = determinant * weights
    at_nodes, _ = _slopes(space, field, space.element.points)
    share = volume.sum(axis=1)[:, None, None, None]
    recovered, weight = np.zeros((space.n_nodes, *at_nodes.shape[2:])), np.zeros(space.n_nodes)
    np.add.at(recovered, cells, share * at_nodes)
    np.add.at(weight, cells, np.broadcast_to(share[..., 0, 0], cells.shape))
    recovered /= weight[:, None, None]
    smooth = np.einsum("qa,eakd->eqkd", basis, recovered[cells])
    square = lambda g: (volume * (g**2).sum(axis=(2, 3))).sum(axis=1)
    whole = square(slopes).sum()
    return square(smooth - slopes) / whole if whole else np.zeros(len(cells))


def _slopes(space, field, points):
    """Gradients in all cells at reference points, (cell, point, component, dim), and |det ∂x/∂ξ|, (cell, point)."""
    mesh = space.mesh
    shape = tabulate(mesh.cell_type, mesh.degree, points)[1]
    jacobian = np.einsum("qad,eac->eqcd", shape, np.asarray(mesh.points, float)[np.asarray(mesh.cells)])
    gradients = space.element.tabulate(points, 1)[1][:, :, 0]
    inner = np.einsum("qad,eak->eqkd", gradients, field[np.asarray(space.cells)])
    return np.einsum("eqkd,eqdc->eqkc", inner, np.linalg.inv(jacobian)), np.abs(np.linalg.det(jacobian))
