"""Evaluation of fields at arbitrary positions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._typing import Array, Float, Int
from ._element import lagrange_values, tabulate


CANDIDATES = 24


class Sensors(eqx.Module):
    """Positions found in a mesh: for each the cell it lies in and its coordinates in the reference cell."""

    positions: Float[Array, "point dim"]
    cells: Int[Array, " point"]
    reference: Float[Array, "point dim"]


def locate(space, points, tolerance: float) -> Sensors:
    """Find the cell and the reference coordinates of each position; see `FunctionSpace.locate`."""
    mesh = space.mesh
    if any(isinstance(a, jax.core.Tracer) for a in (mesh.points, mesh.cells, points)):
        raise ValueError(
            "The mesh or the positions are traced, and a search for cells is not: call `space.locate(positions)` "
            "before `jit`, `grad` or `vmap`, and evaluate at the sensors it returns."
        )
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != mesh.dim:
        raise ValueError(f"`points` must have shape (point, {mesh.dim}), got {points.shape}.")
    if not np.all(np.isfinite(points)):
        raise ValueError("`points` must be finite.")
    corners = np.asarray(mesh.points, dtype=float)[np.asarray(mesh.cells)]
    found, reference, outside = _search(mesh, corners, points, CANDIDATES, tolerance)
    lost = np.flatnonzero(outside > tolerance)
    if lost.size:
        # Long thin cells may have far centres: look through more of them before giving up.
        more = _search(mesh, corners, points[lost], 40 * CANDIDATES, tolerance)
        found[lost], reference[lost], outside[lost] = more
        lost = np.flatnonzero(outside > tolerance)
    if lost.size:
        some = ", ".join(f"{i}: {np.array2string(points[i], precision=4)}" for i in lost[:3])
        raise ValueError(
            f"{lost.size} of {len(points)} points lie outside the body, the first are {some}; "
            f"the body spans {corners.min(axis=(0, 1))} to {corners.max(axis=(0, 1))}."
        )
    real = lambda a: jnp.asarray(a, mesh.points.dtype)
    return Sensors(real(points), int32(found), real(reference))


def interpolate_at(space, field, sensors: Sensors):
    """Evaluate u = Σ_a N_a(X) u_a at the sensors.

    X is corrected by two Newton steps for x(X) = position. They do not change its value, but carry how X moves when the
    mesh does: each step doubles the number of right derivatives, so that the first three are.
    """
    mesh = space.mesh
    corners = mesh.points[mesh.cells[sensors.cells]]
    at = jax.vmap(lambda X, c: lagrange_values(mesh.cell_type, mesh.degree, X) @ c)
    slope = jax.vmap(jax.jacfwd(lambda X, c: lagrange_values(mesh.cell_type, mesh.degree, X) @ c))
    X = sensors.reference
    for _ in range(2):
        X = X + jnp.linalg.solve(slope(X, corners), (sensors.positions - at(X, corners))[..., None])[..., 0]
    basis = jax.vmap(lambda X: lagrange_values(mesh.cell_type, space.degree, X))(X)
    return jnp.einsum("pa,pa...->p...", basis.astype(field.dtype), field[space.cells[sensors.cells]])


def _search(mesh, corners, points, candidates, tolerance):
    """Invert the map of the nearest cells for every point; the cell it is least outside of is its cell."""
    # Not at the top: it takes 0.6 s to import, and few programs locate points.
    from scipy.spatial import cKDTree

    tree = cKDTree(corners.mean(axis=1))
    count = min(candidates, len(corners))
    _, near = tree.query(points, k=count)
    near = near.reshape(len(points), count)
    found, best = near[:, 0].copy(), np.full(len(points), np.inf)
    reference = np.zeros_like(points)
    for column in near.T:
        open_ = np.flatnonzero(best > tolerance)
        if not open_.size:
            break
        where = _invert(mesh, corners[column[open_]], points[open_])
        outside = _distance_outside(mesh.cell_type, where)
        better = outside < best[open_]
        chosen = open_[better]
        found[chosen], reference[chosen], best[chosen] = column[chosen], where[better], outside[better]
    return found, reference, best


def _invert(mesh, corners, points):
    """Reference coordinates of points in given cells, by Newton's method."""
    simplex = mesh.cell_type in ("triangle", "tetrahedron")
    centre = 1 / (mesh.dim + 1) if simplex else 0.5
    where = np.full(points.shape, centre)
    for _ in range(1 if mesh.degree == 1 and simplex else 12):
        basis, gradients = tabulate(mesh.cell_type, mesh.degree, where)
        error = points - np.einsum("pg,pgd->pd", basis, corners)
        jacobian = np.einsum("pgr,pgd->pdr", gradients, corners)
        singular = np.abs(np.linalg.det(jacobian)) < 1e-300
        jacobian[singular] = np.eye(mesh.dim)
        step = np.linalg.solve(jacobian, error[..., None])[..., 0]
        where = np.clip(where + step, -3.0, 4.0)
        if np.abs(step).max(initial=0.0) < 1e-13:
            break
    return where


def _distance_outside(cell_type, where):
    if cell_type in ("triangle", "tetrahedron"):
        return np.maximum(0, np.maximum(-where.min(axis=1), where.sum(axis=1) - 1))
    return np.maximum(0, np.maximum(-where, where - 1).max(axis=1))
