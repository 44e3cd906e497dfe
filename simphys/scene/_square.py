"""What the test functions of `simphys check` have in common."""

import jax
import jax.numpy as jnp


CHECK_RTOL = 1e-11
"""Relative residual of the solves behind a Taylor test: what is left of it must not drown the remainders."""
CHECKED = 8
"""How many steps of a march are checked."""


def relative_squares(found, known):
    """Return Σ |u|² over the fields, each relative to what is known of it."""
    sizes = [jnp.sum(k * k) for k in jax.tree.leaves(known)]
    return sum(jnp.sum(u * u) / jnp.where(s > 0, s, 1.0) for u, s in zip(jax.tree.leaves(found), sizes, strict=True))
