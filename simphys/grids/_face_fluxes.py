"""What flows through the faces of a grid, by a reconstruction and a numerical flux."""

import jax
import jax.numpy as jnp

from ._reconstruction import cut, within


CHANGE = 0.9
"""Least share that a density keeps where values in the middle of faces are told from means."""


def face_flux(problem, u, axis: int):
    """Return the flux through all faces normal to an axis, (m, …), of a `ConservationLaw`."""
    scheme, law, grid = problem.reconstruction, problem.law, problem.grid
    others = [a for a in range(grid.dimension) if a != axis]
    across = scheme.across if others else 0
    width = max(scheme.reach, across)
    u = problem.sides.padded(law, u, width)
    for a in range(grid.dimension):
        spare = width - (scheme.reach if a == axis else across)
        u = cut(u, a, spare, u.shape[1 + a] - spare)
    h = problem.sides.lengths(grid.spacings[axis], axis, scheme.reach)
    left, right = scheme.faces(law, u, h, axis)
    if not across:
        return problem.flux.between(law, left, right, axis)
    (left, least), (right, other) = (_in_the_middle(law, scheme, side, others) for side in (left, right))
    flux = problem.flux.between(law, left, right, axis)
    steady = _least_around(jnp.minimum(least, other), others)
    return _trimmed(flux, others) + steady[None] * scheme.departure(flux, tuple(others), True)


def bed_fluxes(problem, u, axis: int):
    """Return what flows of water over a bed, as the cells below and above each face see it, and what the bed pushes.

    h* = max(0, h + b − max(b_l, b_r)),   F + g (h² − h*²)/2 n,   −g (h_- + h_+)/2 (b_+ − b_-) n

    Where the surface is level these balance.

    **Returns:** (below, above, push on each cell, F).

    Reference: E. Audusse, F. Bouchut, M.-O. Bristeau, R. Klein, B. Perthame, SIAM J. Sci. Comput. 25 (2004) 2050.
    """
    scheme, law, sides = problem.reconstruction, problem.law, problem.sides
    u = sides.along(law, u, axis, scheme.reach)
    bed = sides.extended(problem.bed[None], axis, scheme.reach)
    h = sides.lengths(problem.grid.spacings[axis], axis, scheme.reach)
    w = law.primitive(u)
    rise = scheme.rise(jnp.concatenate([w.at[:1].add(bed), bed]), h, axis)
    n, first = u.shape[1 + axis], scheme.reach - 1
    inner = lambda x: cut(x, axis, first, n - first)
    w, bed = inner(w), inner(bed)
    # No more than there is flows off to one end; the surface is kept.
    deep = jnp.clip(rise[:1] - rise[-1:], -jnp.maximum(w[:1], 0), jnp.maximum(w[:1], 0))
    rise = jnp.concatenate([deep, rise[1:-1], rise[:1] - deep])
    both = jnp.concatenate([w, bed])
    low, high = both - rise, both + rise
    cells = lambda x: cut(x, axis, 1, x.shape[1 + axis] - 1)
    g = jnp.asarray(law.gravity, u.dtype)
    push = -g * cells((low[0] + high[0])[None]) / 2 * cells(high[-1:] - low[-1:])
    left, right = cut(high, axis, 0, high.shape[1 + axis] - 1), cut(low, axis, 1, low.shape[1 + axis])
    step = jnp.maximum(left[-1:], right[-1:])
    flux_of, pushes = [], []
    for side in (left, right):
        wet = jnp.maximum(side[:1] + side[-1:] - step, 0)
        flux_of.append(law.conserved(jnp.concatenate([wet, side[1:-1]])))
        pushes.append(g * (side[:1] ** 2 - wet**2) / 2)
    flux = problem.flux.between(law, *flux_of, axis)
    normal = lambda row: jnp.concatenate([row if k == 1 + axis else 0 * row for k in range(len(flux))])
    return flux + normal(pushes[0]), flux + normal(pushes[1]), normal(push), flux


def _in_the_middle(law, scheme, means, others):
    """States in the middle of faces, and how much of the difference to means was taken."""
    change = scheme.departure(means, tuple(others), False)
    means = _trimmed(means, others)
    # From above as well: a fall of one side is a rise of the other.
    part = jnp.minimum(within(law, means, change, CHANGE), within(law, means, -change, CHANGE))
    return means + part[None] * change, part


def _trimmed(v, axes):
    for axis in axes:
        v = cut(v, axis, 2, v.shape[1 + axis] - 2)
    return v


def _least_around(part, axes):
    """The least number among two neighbours on both sides along some axes."""
    for axis in axes:
        n = part.shape[axis] - 4
        pieces = [jax.lax.slice_in_dim(part, k, k + n, axis=axis) for k in range(5)]
        for piece in pieces[1:]:
            pieces[0] = jnp.minimum(pieces[0], piece)
        part = pieces[0]
    return part
