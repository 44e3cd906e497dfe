"""Profiles of what flows in."""

import jax.numpy as jnp
import numpy as np

from ._error import SceneError


def parabola(space, where):
    """Return Π 4 s (1 − s) at the nodes of a straight group, s from 0 to 1 along each axis that it extends over."""
    x = space.nodes()[space.nodes_on(where)]
    low, size = jnp.min(x, axis=0), jnp.ptp(x, axis=0)
    along = np.asarray(size > 1e-9 * jnp.max(size))
    if along.all():
        raise SceneError(f"a parabolic profile needs a plane inlet across an axis; {where!r} extends over all of them.")
    s = (x - low[None])[:, along] / size[along][None]
    return jnp.prod(4 * s * (1 - s), axis=1)
