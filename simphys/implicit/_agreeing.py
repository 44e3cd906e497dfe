"""Whether what a user's functions return, and a guess, can be solved with: told by name before a solver meets it."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import PyTree


def numbers(guess: PyTree) -> PyTree:
    """Return a guess as arrays of floating numbers of one type; `ValueError` for anything else."""
    leaves = [_floating(leaf) for leaf in jax.tree.leaves(guess)]
    if len(kinds := sorted({str(leaf.dtype) for leaf in leaves})) > 1:
        raise ValueError(f"All numbers of a `guess` must be of one type, got {', '.join(kinds)}.")
    return jax.tree.unflatten(jax.tree.structure(guess), leaves)


def _floating(leaf):
    if isinstance(leaf, str) or not eqx.is_array_like(leaf):
        raise ValueError(f"`guess` must hold numbers, got {leaf!r}.")
    leaf = jnp.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
        raise ValueError(f"`guess` must hold real numbers, got {leaf.dtype}: give real and imaginary parts.")
    return leaf if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf.astype(float)


def agreeing(residual: PyTree, y: PyTree) -> PyTree:
    """Return a residual with y's types; `ValueError` unless it has y's structure and shapes, and real numbers."""
    if (found := jax.tree.structure(residual)) != (wanted := jax.tree.structure(y)):
        raise ValueError(f"The residual must have the structure of y, {wanted}, got {found}.")
    each = zip(jax.tree.leaves(residual), jax.tree.leaves(y), strict=True)
    return jax.tree.unflatten(wanted, [_like(r, y) for r, y in each])


def _like(residual, y):
    residual = jnp.asarray(residual)
    if residual.shape != jnp.shape(y):
        raise ValueError(f"The residual must have the shape of y, {jnp.shape(y)}, got {residual.shape}.")
    if not jnp.issubdtype(residual.dtype, jnp.floating):
        raise ValueError(f"The residual must be real floating numbers, got {residual.dtype}.")
    return residual if residual.dtype == jnp.result_type(y) else residual.astype(jnp.result_type(y))


def scalar(energy: Callable) -> Callable:
    """Return an energy that is refused unless it is one real number."""

    def checked(y, args):
        found = jnp.asarray(energy(y, args))
        if found.shape or not jnp.issubdtype(found.dtype, jnp.floating):
            raise ValueError(f"The `energy` must be one real number, got {found.dtype} of shape {found.shape}.")
        return found

    return checked
