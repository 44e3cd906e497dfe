"""Facets of two bodies that lie upon each other, node on node, seen from both."""

import jax.core
import numpy as np
import scipy.spatial

from ._facets import all_facets
from ._interior import Interior, between
from ._space import FunctionSpace
from ._spread import Spread


def interface_of(
    space: FunctionSpace, near: str, far: str, degree: int | None = None, *, tolerance: float = 1e-6
) -> Interior | Spread:
    """The domain of pairs of facets, of two groups, that lie upon each other and share no cell.

    Integrands see `Sides`, as on facets between two cells; the normal points out of the near one.

    **Arguments:**

    - `near`, `far`: names of facet groups; each facet of one lies upon one of the other, vertex upon vertex.
    - `degree`: of the quadrature rule.
    - `tolerance`: how far vertices may be apart, relative to the size of a facet.

    **Raises:** `ValueError` for facets without a partner, how many and how far, and for a mesh that is traced.
    """
    mesh = space.mesh
    if isinstance(mesh.points, jax.core.Tracer):
        raise ValueError(
            f"Facets of {near!r} and {far!r} are matched on a concrete mesh: make the problem outside `jit` and `grad`."
        )
    if mesh.forest is not None:
        raise ValueError("An interface is not offered where cells of several sizes lie side by side.")
    facets = [np.asarray(mesh.facets(name)) for name in (near, far)]
    corners, middles = zip(*(_corners(mesh, own) for own in facets), strict=True)
    points = np.asarray(mesh.points, float)
    size = np.ptp(points[corners[0][:, :2]], axis=1).max(axis=1).max()
    distance, partner = scipy.spatial.cKDTree(middles[1]).query(middles[0])
    alone = len(middles[0]) - len(np.unique(partner[distance <= tolerance * size]))
    if alone or len(middles[0]) < len(middles[1]):
        raise ValueError(
            f"Facets of {near!r} must lie upon those of {far!r} one by one: of {len(middles[0])} and {len(middles[1])}, "
            f"{alone} have no partner, the farthest by {distance.max():.3g}. Meshes that do not match are tied by `Tie`."
        )
    alike = np.arange(mesh.n_points)
    first, second = corners[0], corners[1][partner]
    apart = np.linalg.norm(points[second][:, :, None] - points[first][:, None], axis=-1)
    if (worst := apart.min(axis=2).max()) > tolerance * size:
        raise ValueError(f"Vertices of {near!r} and {far!r} must lie upon each other, got some {worst:.3g} apart.")
    alike[second] = np.take_along_axis(first, apart.argmin(axis=2), axis=1)
    return between(space, facets[0], facets[1][partner], degree, f"facets {near!r} on {far!r}", alike)


def _corners(mesh, facets):
    """Vertices of facets, triangles among quadrilaterals repeating one, and the means of their places."""
    every = all_facets(tuple(np.asarray(block.nodes) for block in mesh.blocks), mesh.cell_types)
    rows = every.rows[every.of_cells(facets[:, 0])[0][:, 0] + facets[:, 1]]
    there = (rows >= 0)[:, :, None]
    middles = np.sum(np.asarray(mesh.points, float)[rows] * there, axis=1) / there.sum(axis=1)
    return np.where(rows < 0, rows[:, -1:], rows), middles
