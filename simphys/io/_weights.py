"""Weights of networks on disk: arrays and nothing else."""

import functools
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._files import replacing
from .._trees import any_traced
from .._typing import PyTree
from ._npz import read_arrays, read_headers


def save_weights(path, model: PyTree) -> pathlib.Path:
    """Write the floating arrays of a model to an .npz file, each under its path in the model.

    **Arguments:**

    - `path`: of the file; folders on the way are made.
    - `model`: any pytree: a network, a law, a whole problem.

    **Returns:** the path.

    **Raises:** `ValueError` for a model without floating arrays, or with traced ones.
    """
    path = pathlib.Path(path)
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(model, eqx.is_inexact_array))
    if not leaves:
        raise ValueError("`model` has no floating arrays to be saved.")
    if any_traced(model):
        raise ValueError("The weights are traced, they have no values yet: save them outside of `jit` and `grad`.")
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_name(where): np.asarray(leaf) for where, leaf in leaves})
    return path


def read_weights(path) -> dict[str, np.ndarray]:
    """Return the arrays of a file that `save_weights` wrote, by name; nothing in it is executed.

    **Raises:** `ValueError` for a file of another kind, one that holds Python objects, or one that is larger unpacked than
    4 GiB; `FileNotFoundError`.
    """
    return read_arrays(path)


def load_weights(path, like: PyTree) -> PyTree:
    """Return a model of the structure of `like` with the arrays of a file that `save_weights` wrote.

    **Arguments:**

    - `path`: of the file.
    - `like`: a model of the same structure, whose floating arrays are replaced; they keep their precision.

    **Raises:** `ValueError` if arrays are missing, left over, of another shape, or not of finite floating numbers.
    """
    stored = read_headers(path)
    free, fixed = eqx.partition(like, eqx.is_inexact_array)
    wanted = {_name(where): leaf for where, leaf in jax.tree_util.tree_leaves_with_path(free)}
    if stored.keys() != wanted.keys():
        parts = (
            ("lacks", sorted(wanted.keys() - stored.keys())),
            ("must not hold", sorted(stored.keys() - wanted.keys())),
        )
        few = lambda names: f"{names[:5]}" + (" and more" if len(names) > 5 else "")
        found = ", and ".join(f"{verb} the arrays {few(names)}" for verb, names in parts if names)
        raise ValueError(f"{path} {found}.")
    for name, leaf in wanted.items():
        shape, dtype = stored[name]
        if shape != leaf.shape:
            raise ValueError(f"{path}: {name} must have shape {leaf.shape}, got {shape}.")
        kind = np.inexact if np.issubdtype(leaf.dtype, np.complexfloating) else np.floating
        if not np.issubdtype(dtype, kind):
            raise ValueError(f"{path}: {name} must hold floating numbers, got {dtype}.")
    arrays = read_arrays(path, wanted)
    return eqx.combine(jax.tree_util.tree_map_with_path(functools.partial(_finite, path, arrays), free), fixed)


def _finite(path, arrays, where, leaf):
    """An array in the precision of a leaf."""
    with np.errstate(over="ignore"):
        array = arrays[_name(where)].astype(leaf.dtype)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{path}: {_name(where)} holds numbers that are not finite in {leaf.dtype}.")
    return jnp.asarray(array)


def _name(where) -> str:
    return jax.tree_util.keystr(where).strip(".") or "array"
