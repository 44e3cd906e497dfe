"""Quadrature rules on reference cells and their facets, tabulated by Basix."""

import functools as ft

import basix
import numpy as np

from ._facets import facet_type, facet_vertices
from ._mesh_checks import CELL_DIMENSION, reference_nodes


RULES = basix.QuadratureType.default, basix.QuadratureType.xiao_gimbutas, basix.QuadratureType.gauss_jacobi


@ft.cache
def quadrature(cell_type: str, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (q, dim) and weights (q,) > 0 of a rule exact for polynomials of `degree` on the reference cell.

    Basix's default on tetrahedra (Keast's) has a negative weight at degrees 3, 7 and 8, with which what is stored or
    dissipated may come out negative; the rule taken there is that of Xiao and Gimbutas.
    """
    _check_degree(degree)
    for rule in RULES:
        points, weights = basix.make_quadrature(basix.CellType[cell_type], degree, rule=rule)
        if np.all(weights > 0):
            return np.asarray(points), np.asarray(weights)
    raise ValueError(f"No quadrature rule of degree {degree} on a {cell_type} is known to have positive weights.")


@ft.cache
def facet_quadrature(
    cell_type: str, degree: int, shape: str | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A quadrature rule on each facet of the reference cell; with facets of several shapes on those of one shape.

    **Returns:** points in cell coordinates (facet, q, dim); weights (q,); tangents (facet, dim − 1, dim) that span each
    facet, scaled so that weights × |their cross product| integrate over the facet. NaN on facets of another shape.
    """
    _check_degree(degree)
    corners = reference_nodes(cell_type, 1)
    sides = facet_vertices(cell_type, shape)
    if CELL_DIMENSION[cell_type] == 1:
        return corners[sides], np.ones(1), np.zeros((2, 0, 1))
    points, weights = quadrature(shape or facet_type(cell_type), degree)
    origin = corners[sides[:, 0]]
    # The second and third vertex of a Basix facet lie along its first and second axis.
    axes = np.arange(1, CELL_DIMENSION[cell_type])
    tangents = corners[sides[:, axes]] - origin[:, None]
    at = origin[:, None] + np.einsum("qt,ftd->fqd", points, tangents)
    other = sides[:, 0] < 0
    at[other], tangents[other] = np.nan, np.nan
    return at, weights, tangents


def _check_degree(degree):
    # Basix ends the process (a division by 0) where a degree is negative.
    if not isinstance(degree, int | np.integer) or degree < 0:
        raise ValueError(f"The degree of a quadrature must be a whole number, 0 or more, got {degree!r}.")
