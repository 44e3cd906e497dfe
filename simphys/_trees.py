"""Arithmetic on pytrees."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


def dot(a: Any, b: Any) -> jax.Array:
    """Return a · b over all leaves."""
    return sum(jax.tree.leaves(jax.tree.map(jnp.vdot, a, b)))  # pyright: ignore[reportReturnType]


def norm(tree: Any) -> jax.Array:
    """Return the Euclidean norm over all leaves."""
    return jnp.sqrt(dot(tree, tree))


def all_finite(tree: Any) -> jax.Array:
    """Tell whether every number is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def choose(condition: jax.Array, yes: Any, no: Any) -> Any:
    """Return `yes` or `no`; leaves that are the same object in both are no choice, and nothing is compiled for them."""
    pick = lambda a, b: jnp.where(condition, a, b) if eqx.is_array(a) and a is not b else a
    return jax.tree.map(pick, yes, no)
