"""What a march begins with, looked at before anything is traced."""

import jax
import jax.numpy as jnp

from .._arrays import as_arrays
from .._typing import PyTree
from ._evolution import AbstractEvolution
from ._stepper import AbstractStepper


def first_state(stepper: AbstractStepper, evolution: AbstractEvolution, state: PyTree) -> PyTree:
    """Return a state with arrays for its plain numbers; raise `ValueError` for one that is no state of this problem."""
    like = evolution.like()
    if stepper.derivatives < 2:
        return _fitting("state", state, like)
    arrays = hasattr(state, "shape") and len(state.shape) > 0
    if not (isinstance(state, tuple | list) or arrays) or len(state) != 2:
        raise ValueError(f"`state` must be the pair (u, u̇) for `{type(stepper).__name__}`, got {_told(state)}.")
    return tuple(_fitting(name, part, like) for name, part in zip(("u of `state`", "u̇ of `state`"), state, strict=True))


def _fitting(name, given, like):
    leaves = jax.tree.leaves(given)
    if like is None and any(map(callable, leaves)):  # of positions on a grid, which looks at them itself
        return as_arrays(given)
    if not leaves or not all(hasattr(x, "dtype") or isinstance(x, int | float | complex) for x in leaves):
        raise ValueError(f"{_quoted(name)} must be numbers or arrays, got {_told(given)}.")
    if like is None:
        return as_arrays(given)
    if jax.tree.structure(given) != jax.tree.structure(like):
        raise ValueError(f"{_quoted(name)} must be {_told(like)}, or numbers in their place, got {_told(given)}.")
    for leaf, wanted in zip(leaves, jax.tree.leaves(like), strict=True):
        try:
            fits = jnp.broadcast_shapes(jnp.shape(leaf), wanted.shape) == wanted.shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"{_quoted(name)} must have shape {wanted.shape}, got {jnp.shape(leaf)}.")
    return as_arrays(given)


def _quoted(name):
    return name if "`" in name else f"`{name}`"


def _told(tree):
    if hasattr(tree, "shape"):
        return f"an array of shape {tuple(tree.shape)}"
    if isinstance(tree, tuple | list):
        return f"{len(tree)} things: {', '.join(map(_told, tree))}"
    return repr(tree)
