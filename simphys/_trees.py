"""Arithmetic on pytrees."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


def dot(a: Any, b: Any) -> jax.Array:
    """Return a · b over all leaves."""
    return sum(jax.tree.leaves(jax.tree.map(jnp.vdot, a, b)))  # pyright: ignore[reportReturnType]


def norm(tree: Any) -> jax.Array:
    """Return the Euclidean norm over all leaves.

    They are scaled before they are squared: the squares of forces of 1e-160, in float32 of 1e-24, are 0.
    """
    largest = jnp.max(jnp.stack([jnp.max(jnp.abs(leaf), initial=0.0) for leaf in jax.tree.leaves(tree)]))
    largest = jax.lax.stop_gradient(largest)
    scale = jnp.where(jnp.isfinite(largest) & (largest > 0), largest, 1)
    scaled = jax.tree.map(lambda leaf: leaf / scale, tree)
    square = dot(scaled, scaled)
    # A norm of 0 has the derivative 0 rather than NaN.
    return jnp.where(square == 0, 0, scale * jnp.sqrt(jnp.where(square == 0, 1, square)))


def all_finite(tree: Any) -> jax.Array:
    """Tell whether every number is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def choose(condition: jax.Array, yes: Any, no: Any) -> Any:
    """Return `yes` or `no`; leaves that are the same object in both are no choice, and nothing is compiled for them."""
    pick = lambda a, b: jnp.where(condition, a, b) if eqx.is_array(a) and a is not b else a
    return jax.tree.map(pick, yes, no)
