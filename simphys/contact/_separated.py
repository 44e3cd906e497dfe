"""Bodies that overlap, moved apart."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..fem import FunctionSpace, Mesh
from ._crossed import crossed
from ._inside import inside, parts_of
from ._near import Known
from ._surface import build_surface


HALVINGS = 40


def separated(mesh: Mesh, where: tuple[str, str], gap: float) -> Mesh:
    """Return a mesh in which the body of the second group is moved, as it is, until it is free of the first one's.

    It moves along the mean normal of the first group, out of that body, by the least way that leaves no facets crossed and
    no nodes inside, and by `gap` on top; a mesh without overlap stays as it is.

    **Arguments:**

    - `mesh`: with both bodies, of `fem.join` say.
    - `where`: names of two facet groups, of bodies that no cells connect.
    - `gap`: a length, below the `reach` of the contact.

    **Raises:** `ValueError` for groups of one body, for a first group whose normals cancel, and where not even a way as
    long as both bodies helps.
    """
    if not gap > 0:
        raise ValueError(f"`gap` must be positive, got {gap!r}.")
    space = FunctionSpace(mesh, mesh.degree, mesh.dim)
    surface = build_surface(space, tuple(where), 1)
    nodes, middles = np.asarray(surface.nodes), np.asarray(surface.middles)
    facets, edges, side = (np.asarray(each) for each in (surface.facets, surface.edges, surface.side_of))
    _, part = parts_of(space)
    first, second = (np.unique(part[nodes[middles[side == k].ravel()]]) for k in (0, 1))
    if np.intersect1d(first, second).size:
        raise ValueError(f"The groups {where[0]!r} and {where[1]!r} are of one body: none of them can be moved.")
    points = np.asarray(mesh.points, float)
    at = np.asarray(space.nodes(), float)
    moves = np.isin(part, second)
    way = _normal(at[nodes][middles].mean(axis=1), facets[side[facets[:, 0]] == 0], at, part, first)
    known = Known(side, middles, True)
    moved = lambda t: eqx.tree_at(
        lambda m: m.points, mesh, jnp.asarray(points + t * way[None] * _of_points(space, moves)[:, None])
    )

    def free(t):
        x = (at + t * way[None] * moves[:, None])[nodes]
        apart = not len(crossed(known, x[middles].mean(axis=1), facets, edges)[0])
        return apart and not inside(FunctionSpace(moved(t), mesh.degree, mesh.dim), nodes).any()

    if free(0.0):
        return mesh
    low, high = 0.0, float(np.linalg.norm(np.ptp(points, axis=0)))
    if not free(high):
        raise ValueError(f"The bodies of {where[0]!r} and {where[1]!r} overlap wherever one is moved along {way}.")
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if free(middle) else (middle, high)
    return moved(high + gap)


def _normal(x, facets, at, part, first):
    """The mean normal of facets, out of the body that they bound."""
    corners = x[facets]
    e = corners[:, 1] - corners[:, 0]
    flat = e.shape[1] == 2
    each = np.stack([e[:, 1], -e[:, 0]], axis=1) if flat else np.cross(e, corners[:, 2] - corners[:, 0])
    out = corners.mean(axis=1) - at[np.isin(part, first)].mean(axis=0)
    each = each * np.sign(np.einsum("fd,fd->f", each, out))[:, None]
    total = each.sum(axis=0)
    size = np.linalg.norm(total)
    if size < 1e-6 * np.linalg.norm(each, axis=1).sum():
        raise ValueError("The normals of the first group cancel: it says no direction to move along.")
    return total / size


def _of_points(space, moves):
    """Which points of the mesh are of the body whose nodes move."""
    found = np.zeros(space.mesh.n_points, bool)
    for b in range(len(space.blocks)):
        block = space.block(b)
        found[np.asarray(block.mesh.cells)[moves[np.asarray(block.cells)[:, 0]]]] = True
    return found
