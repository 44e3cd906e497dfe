"""Evaluation of fields at arbitrary positions."""

import functools as ft
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._small import inverse_and_determinant
from .._told import Told
from .._trees import any_traced
from .._typing import Array, Float, Int
from ._element import Element, lagrange_element, tabulate
from ._mesh_checks import reference_nodes


CANDIDATES = 24
PROJECTIONS = 100
FAR = 1e6
"""Sizes of the body beyond which a point is far from it in other units, and no point of the body is the nearest."""


class Sensors(Told):
    """Positions found in a mesh: for each the cell it lies in and its coordinates in the reference cell."""

    positions: Float[Array, "point dim"]
    cells: Int[Array, " point"]
    reference: Float[Array, "point dim"]


def locate(space, points, tolerance: float, outside: str = "refuse") -> Sensors:
    """Find the cell and the reference coordinates of each position; see `FunctionSpace.locate`."""
    if outside not in ("refuse", "nearest"):
        raise ValueError(f'`outside` must be "refuse" or "nearest", got {outside!r}.')
    mesh = space.mesh
    points, found, reference, distance = _found(mesh, points, tolerance)
    lost = np.flatnonzero(distance > tolerance)
    if lost.size and outside == "refuse":
        some = ", ".join(f"{i}: {np.array2string(points[i], precision=4)}" for i in lost[:3])
        nodes = np.asarray(mesh.points)
        raise ValueError(
            f"{lost.size} of {len(points)} points lie outside the body, the first are {some}; "
            f"the body spans {nodes.min(axis=0)} to {nodes.max(axis=0)}. "
            'With `outside="nearest"` they are read at the nearest point of the body.'
        )
    if lost.size:
        if len(mesh.blocks) > 1 or "pyramid" in mesh.cell_types:
            raise ValueError(
                f"The nearest point of a body is looked for among cells of one type that is no pyramid, this mesh has "
                f"{', '.join(mesh.cell_types)}."
            )
        corners = _corners(mesh)
        _check_near(corners, points[lost])
        found[lost], reference[lost], points[lost] = _nearest(mesh, corners, points[lost])
    real = lambda a: jnp.asarray(a, mesh.points.dtype)
    return Sensors(real(points), int32(found), real(reference))


def contains(space, points, tolerance: float) -> np.ndarray:
    """Tell for each position whether it lies in the body; see `FunctionSpace.contains`."""
    return _found(space.mesh, points, tolerance)[-1] <= tolerance


def _found(mesh, points, tolerance):
    """Positions, and for each its cell, reference coordinates, and how far it is outside of it: of all blocks the best."""
    points = _checked(mesh, points)
    found, reference, outside = _find(mesh.block(0), points, tolerance)
    for k in range(1, len(mesh.blocks)):
        other = _find(mesh.block(k), points, tolerance)
        better = other[2] < outside
        found[better] = other[0][better] + mesh.starts[k]
        reference[better], outside[better] = other[1][better], other[2][better]
    return points, found, reference, outside


def _checked(mesh, points):
    if any_traced(mesh.points, points, [block.nodes for block in mesh.blocks]):
        raise ValueError(
            "The mesh or the positions are traced, and a search for cells is not: call `space.locate(positions)` "
            "before `jit`, `grad` or `vmap`, and evaluate at the sensors it returns."
        )
    points = np.array(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != mesh.dim:
        raise ValueError(f"`points` must have shape (point, {mesh.dim}), got {points.shape}.")
    if not np.all(np.isfinite(points)):
        raise ValueError("`points` must be finite.")
    return points


def _corners(mesh):
    return np.asarray(mesh.points, dtype=float)[np.asarray(mesh.cells)]


def _find(mesh, points, tolerance):
    corners = _corners(mesh)
    near = _drawn_near(corners, points)
    found, reference, outside = _search(mesh, corners, near, CANDIDATES, tolerance)
    lost = np.flatnonzero(outside > tolerance)
    if lost.size:
        # Long thin cells may have far centres: look through more of them before giving up.
        more = _search(mesh, corners, near[lost], 40 * CANDIDATES, tolerance)
        found[lost], reference[lost], outside[lost] = more
    return found, reference, outside


def _drawn_near(corners, points):
    """Points, the farthest of them moved to the sides of a box: squares of their distances overflow."""
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    reach = FAR * (high - low).max()
    return np.clip(points, low - reach, high + reach)


def interpolate_at(space, field, sensors: Sensors):
    """Evaluate u = Σ_a N_a(X) u_a at the sensors.

    X is corrected by two Newton steps for x(X) = position. They do not change its value, but carry how X moves when the
    mesh does: each step doubles the number of right derivatives, so that the first three are.
    """
    if len(space.blocks) == 1:
        return _interpolated(space, field, sensors)
    # A sensor in a cell of another type is read at the centre of some cell, and left away.
    total, starts = 0, space.mesh.starts
    for k, (first, last) in enumerate(itertools.pairwise(starts)):
        own = space.block(k)
        mine = (sensors.cells >= first) & (sensors.cells < last)
        cells = jnp.where(mine, sensors.cells - first, 0)
        centre = jnp.asarray(_centre(own.mesh.cell_type), sensors.reference.dtype)
        reference = jnp.where(mine[:, None], sensors.reference, centre)
        basis = lagrange_element(own.mesh.cell_type, own.mesh.degree).at(centre)[:, 0]
        middle = jnp.einsum("a,pad->pd", basis, jax.lax.stop_gradient(own.mesh.points[own.mesh.cells[cells]]))
        positions = jnp.where(mine[:, None], sensors.positions, middle)
        value = _interpolated(own, field, Sensors(positions, cells, reference))
        total = total + jnp.where(mine.reshape(-1, *(1,) * (value.ndim - 1)), value, 0)
    return total


@eqx.filter_jit
def _interpolated(space, field, sensors):
    mesh = space.mesh
    corners = mesh.points[mesh.cells[sensors.cells]]
    basis = _basis_at(lagrange_element(mesh.cell_type, mesh.degree), space.element, sensors, corners).astype(
        field.dtype
    )
    local = field[space.cells[sensors.cells]]
    if space.orientation is not None:
        turned = jnp.asarray(space.transforms(), field.dtype)[space.orientation[sensors.cells]]
        local = jnp.einsum("pab,pa...->pb...", turned, local)
    if space.element.vectorial:
        return jnp.einsum("pac,pa...->pc...", basis, local)
    return jnp.einsum("pa,pa...->p...", basis[..., 0], local)


@ft.partial(jax.jit, static_argnums=(0, 1))
def _basis_at(of_mesh: Element, element: Element, sensors, corners):
    """Values of the basis functions at the sensors, (point, a, component), brought to the cell."""
    at = jax.vmap(lambda X, c: of_mesh.at(X)[:, 0] @ c)
    slope = jax.vmap(jax.jacfwd(lambda X, c: of_mesh.at(X)[:, 0] @ c))
    X = sensors.reference
    for _ in range(2):
        inverse, _ = inverse_and_determinant(slope(X, corners))
        X = X + jnp.einsum("prd,pd->pr", inverse, sensors.positions - at(X, corners))
    values = jax.vmap(element.at)(X)
    if not element.vectorial:
        return values
    J = slope(X, corners)
    inverse, determinant = inverse_and_determinant(J)
    M = jnp.swapaxes(inverse, 1, 2) if element.map == "covariant" else J / determinant[:, None, None]
    return jnp.einsum("pdr,par->pad", M, values)


def _check_near(corners, points):
    away = np.any(points != _drawn_near(corners, points), axis=1)
    if away.any():
        raise ValueError(
            f"{away.sum()} points lie more than {FAR:.0e} sizes of the body away, the first is {points[away][0]}: "
            "no point of the body is meant. Are these its units?"
        )


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
    where = np.tile(_centre(mesh.cell_type), (len(points), 1))
    for _ in range(1 if mesh.degree == 1 and simplex else 12):
        if mesh.cell_type == "pyramid":
            # At the apex the gradients of its functions have no value.
            where[:, 2] = np.minimum(where[:, 2], 1 - 1e-9)
        basis, gradients = tabulate(mesh.cell_type, mesh.degree, where)
        error = points - np.einsum("pg,pgd->pd", basis, corners)
        jacobian = np.einsum("pgr,pgd->pdr", gradients, corners)
        singular = np.abs(np.linalg.det(jacobian)) < 1e-300
        jacobian[singular] = np.eye(mesh.dim)
        step = np.linalg.solve(jacobian, error[..., None])[..., 0]
        where = np.clip(where + step, -3.0, 4.0)
        if np.abs(step).max(initial=0.0) < 1e-13:
            break
    if mesh.cell_type == "pyramid":
        (basis,) = tabulate(mesh.cell_type, mesh.degree, where, 0)
        error = np.linalg.norm(points - np.einsum("pg,pgd->pd", basis, corners), axis=1)
        where[error > 1e-6 * np.linalg.norm(np.ptp(corners, axis=1), axis=1)] = 4.0
    return where


def _centre(cell_type):
    return np.array(reference_nodes(cell_type, 1).mean(axis=0))


def _distance_outside(cell_type, where):
    if cell_type in ("triangle", "tetrahedron"):
        return np.maximum(0, np.maximum(-where.min(axis=1), where.sum(axis=1) - 1))
    if cell_type == "prism":
        return np.maximum(_distance_outside("triangle", where[:, :2]), _distance_outside("interval", where[:, 2:]))
    if cell_type == "pyramid":
        return np.maximum(0, np.maximum(-where.min(axis=1), where[:, :2].max(axis=1) + where[:, 2] - 1))
    return np.maximum(0, np.maximum(-where, where - 1).max(axis=1))


def _nearest(mesh, corners, points):
    """Cell, reference coordinates and position of the point of the body that is nearest to each, by projected gradients."""
    from scipy.spatial import cKDTree

    _, near = cKDTree(corners.mean(axis=1)).query(points, k=min(8 * CANDIDATES, len(corners)))
    near = near.reshape(len(points), -1)
    best, found, reference = np.full(len(points), np.inf), near[:, 0].copy(), np.zeros_like(points)
    for column in near.T:
        where = _into_cell(mesh.cell_type, _invert(mesh, corners[column], points))
        distance = np.linalg.norm(_mapped(mesh, corners[column], where)[0] - points, axis=1)
        better = distance < best
        best[better], found[better], reference[better] = distance[better], column[better], where[better]
    at = corners[found]
    for _ in range(PROJECTIONS):
        there, jacobian = _mapped(mesh, at, reference)
        slope = np.einsum("pdr,pd->pr", jacobian, there - points)
        step = slope / np.einsum("pdr,pdr->p", jacobian, jacobian)[:, None]
        reference = _into_cell(mesh.cell_type, reference - step)
    return found, reference, _mapped(mesh, at, reference)[0]


def _mapped(mesh, corners, where):
    basis, gradients = tabulate(mesh.cell_type, mesh.degree, where)
    return np.einsum("pg,pgd->pd", basis, corners), np.einsum("pgr,pgd->pdr", gradients, corners)


def _into_cell(cell_type, where):
    """The nearest point of the reference cell."""
    if cell_type == "prism":
        return np.concatenate([_into_cell("triangle", where[:, :2]), np.clip(where[:, 2:], 0.0, 1.0)], axis=1)
    if cell_type not in ("triangle", "tetrahedron"):
        return np.clip(where, 0.0, 1.0)
    inside = np.maximum(where, 0.0)
    # Beyond the slanted side: down to the sum 1, what is negative then to 0 (the projection on a simplex).
    falling = -np.sort(-where, axis=1)
    excess = (np.cumsum(falling, axis=1) - 1) / np.arange(1, where.shape[1] + 1)
    last = np.sum(falling > excess, axis=1) - 1
    onto = np.maximum(where - excess[np.arange(len(where)), last][:, None], 0.0)
    return np.where(inside.sum(axis=1)[:, None] > 1, onto, inside)
