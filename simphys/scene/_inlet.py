"""Profiles of what flows in."""

import jax.core
import jax.numpy as jnp

from ._error import SceneError


def parabola(space, where):
    """Return Π 4 s (1 − s) at the nodes of a straight group, s from 0 to 1 along each axis that it extends over."""
    x = space.nodes()[space.nodes_on(where)]
    low, size = jnp.min(x, axis=0), jnp.ptp(x, axis=0)
    along = size > 1e-6 * jnp.max(size)
    if not isinstance(along, jax.core.Tracer) and along.all():
        raise SceneError(f"a parabolic profile needs a plane inlet across an axis; {where!r} extends over all of them.")
    s = (x - low[None]) / jnp.where(along, size, 1.0)[None]
    return jnp.prod(jnp.where(along[None], 4 * s * (1 - s), 1.0), axis=1)
