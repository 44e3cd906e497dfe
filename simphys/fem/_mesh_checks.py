"""What makes a mesh unusable, each defect with its own message; on concrete arrays."""

import functools as ft
import warnings

import basix
import numpy as np


CELL_DIMENSION = {
    "interval": 1, "triangle": 2, "quadrilateral": 2, "tetrahedron": 3, "hexahedron": 3, "prism": 3, "pyramid": 3
}  # fmt: skip
"""Topological dimension of each supported cell, by its Basix name."""
SIMPLICES = "interval", "triangle", "tetrahedron"
APEX = 4
"""The vertex of a pyramid at which the gradients of its functions have no value."""

_SHOWN = 5


def tabulate(cell_type: str, degree: int, order: int, where: np.ndarray) -> np.ndarray:
    """Basis values (order 0) or first derivatives (order 1) of the Lagrange element of a cell.

    **Returns:** array (1, point, local), or (dim, point, local).
    """
    table = lagrange(cell_type, degree).tabulate(order, np.asarray(where, dtype=np.float64))
    return np.asarray(table)[order:, :, :, 0]


@ft.cache
def reference_nodes(cell_type: str, degree: int) -> np.ndarray:
    """Positions of the nodes in the reference cell in Basix order, shape (local, dim)."""
    return np.array(lagrange(cell_type, degree).points)


def lagrange(cell_type, degree):
    """The equispaced Basix Lagrange element whose node order cells follow.

    Made anew each time: an element that outlives the interpreter makes its bindings report a leak.
    """
    variant = basix.LagrangeVariant.equispaced
    return basix.create_element(
        basix.ElementFamily.P, basix.CellType[cell_type], degree, variant, discontinuous=degree == 0
    )


def check_kind(cell_type: str, degree: int, points_shape, cells_shape):
    """Raise `ValueError` unless cell type, degree and array shapes fit each other."""
    if cell_type not in CELL_DIMENSION:
        raise ValueError(f"`cell_type` must be one of {', '.join(CELL_DIMENSION)}, got {cell_type!r}.")
    if degree not in (1, 2, 3):
        raise ValueError(f"`degree` of a mesh must be 1, 2 or 3, got {degree!r}.")
    dim, local = CELL_DIMENSION[cell_type], len(reference_nodes(cell_type, degree))
    if len(points_shape) != 2 or points_shape[1] != dim:
        raise ValueError(f"`points` of a {cell_type} mesh must have shape (node, {dim}), got {points_shape}.")
    if len(cells_shape) != 2 or cells_shape[1] != local:
        raise ValueError(
            f"`cells` of a {cell_type} mesh of degree {degree} must have shape (cell, {local}), got {cells_shape}."
        )
    if cells_shape[0] == 0:
        raise ValueError("The mesh has no cells.")


def check_cells(blocks: list[np.ndarray], n_points: int):
    """Raise `ValueError` if a cell of any block names a node that does not exist or a node belongs to no cell."""
    outside = np.concatenate([np.any((cells < 0) | (cells >= n_points), axis=1) for cells in blocks])
    if outside.any():
        raise ValueError(
            f"{_count(outside, 'cell')} name{_verb(outside)} nodes outside 0 … {n_points - 1}: {_first(outside)}."
        )
    orphan = sum(np.bincount(cells.ravel(), minlength=n_points) for cells in blocks) == 0
    if orphan.any():
        raise ValueError(
            f"{_count(orphan, 'node')} belong{_verb(orphan)} to no cell (orphan): {_first(orphan)}. "
            "An unknown there would have no equation; drop such nodes first."
        )


def check_points(points: np.ndarray):
    """Raise `ValueError` if a coordinate is NaN or infinite."""
    bad = ~np.all(np.isfinite(points), axis=1)
    if bad.any():
        raise ValueError(f"{_count(bad, 'node')} with NaN or infinite coordinates: {_first(bad)}.")


def check_orientation(points: np.ndarray, cells: np.ndarray, cell_type: str, degree: int):
    """Raise `ValueError` if the map from the reference cell folds or flattens at a quadrature point.

    Integrals see these points only: a cell that folds or flattens at one of its nodes, as one with its middle nodes at a
    quarter of their edges does at a crack tip, is used as it is, with a warning.
    """
    sign = orientation(points, cells, cell_type, degree)
    if np.all(sign == -1):
        raise ValueError(
            f"All {len(sign)} cells are negatively oriented (det J < 0 at every node): the node order is mirrored."
        )
    for value, word in ((0, "degenerate (det J = 0 within rounding)"), (-2, "folded (det J changes sign)")):
        bad = sign == value
        if bad.any():
            raise ValueError(f"{_count(bad, 'cell')} {word}: {_first(bad)}.")
    if (bad := sign < 0).any():
        raise ValueError(f"{_count(bad, 'cell')} inverted (det J < 0): {_first(bad)}.")
    if _is_affine(cell_type, degree):
        return
    nodes = reference_nodes(cell_type, degree)
    nodes = np.delete(nodes, APEX, axis=0) if cell_type == "pyramid" else nodes
    at_nodes = _signs(points, cells, cell_type, degree, nodes)
    if (bad := at_nodes != 1).any():
        warnings.warn(
            f"{_count(bad, 'cell')} folded or flat at a node (det J ≤ 0 there, > 0 at all quadrature points): "
            f"{_first(bad)}. Integrals are taken as they are; fields read off at that node are not to be trusted.",
            stacklevel=4,
        )


def orientation(points: np.ndarray, cells: np.ndarray, cell_type: str, degree: int) -> np.ndarray:
    r"""The sign of det J over each cell, J = ∂x/∂X sampled at the points of a quadrature rule.

    A determinant counts as zero if rounding of the coordinates could turn its sign,
    $|\det J| \le 8 \epsilon \sum_{ij} \max|x_i|\, |\operatorname{cof} J_{ij}|$: thin cells pass.

    **Returns:** int array (cell,): 1 positive, -1 negative, 0 zero somewhere, -2 both signs.
    """
    where = reference_nodes(cell_type, degree)[:1] if _is_affine(cell_type, degree) else _samples(cell_type, degree)
    return _signs(points, cells, cell_type, degree, where)


def _is_affine(cell_type, degree):
    return degree == 1 and cell_type in SIMPLICES


@ft.cache
def _samples(cell_type, degree):
    """The quadrature points of a field of the cell's own degree."""
    return np.asarray(basix.make_quadrature(basix.CellType[cell_type], 2 * degree + 1)[0])


def _signs(points, cells, cell_type, degree, where):
    table = tabulate(cell_type, degree, 1, where)
    rounding = 8 * np.finfo(points.dtype).eps
    x = points.astype(np.float64)
    # Chunks keep the sampled Jacobians in cache and bound the memory.
    chunks = [_chunk_sign(x[part], table, rounding) for part in np.array_split(cells, len(cells) // 8192 + 1)]
    return np.concatenate(chunks)


def _chunk_sign(x, table, rounding):
    jacobian = np.einsum("cad,kqa->cqdk", x, table, optimize=True)
    cofactor = _cofactor(jacobian)
    det = np.sum(jacobian[..., 0, :] * cofactor[..., 0, :], axis=-1)
    reach = np.max(np.abs(x), axis=1)
    tolerance = rounding * np.einsum("cqdk,cd->cq", np.abs(cofactor), reach)
    positive, negative = det > tolerance, det < -tolerance
    sign = np.where(positive.all(axis=1), 1, np.where(negative.all(axis=1), -1, 0))
    return np.where(positive.any(axis=1) & negative.any(axis=1), -2, sign)


def _cofactor(j):
    """Cofactor matrix of J (…, n, n) for n = 1, 2, 3; det J is the product of any row of J with its row."""
    if j.shape[-1] == 1:
        return np.ones_like(j)
    if j.shape[-1] == 2:
        return np.stack([np.stack([j[..., 1, 1], -j[..., 1, 0]], -1), np.stack([-j[..., 0, 1], j[..., 0, 0]], -1)], -2)
    a, b, c = j[..., 0, :], j[..., 1, :], j[..., 2, :]
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], -2)


def _count(bad, noun):
    return f"{bad.sum()} {noun}{'' if bad.sum() == 1 else 's'}"


def _verb(bad):
    return "s" if bad.sum() == 1 else ""


def _first(bad):
    where = np.flatnonzero(bad)
    return ", ".join(map(str, where[:_SHOWN])) + (", …" if len(where) > _SHOWN else "")
