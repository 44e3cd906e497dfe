"""Weights of networks on disk: arrays and nothing else."""

import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._typing import PyTree


def save_weights(path, model: PyTree) -> pathlib.Path:
    """Write the floating arrays of a model to an .npz file, each under its path in the model."""
    path = pathlib.Path(path)
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(model, eqx.is_inexact_array))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_name(where): np.asarray(leaf) for where, leaf in leaves})
    return path


def load_weights(path, like: PyTree) -> PyTree:
    """Return a model of the structure of `like` with the arrays of a file that `save_weights` wrote.

    **Raises:** `ValueError` if arrays are missing, left over, or of another shape.
    """
    with np.load(path, allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}
    free, fixed = eqx.partition(like, eqx.is_inexact_array)
    wanted = {_name(where): leaf for where, leaf in jax.tree_util.tree_leaves_with_path(free)}
    if stored.keys() != wanted.keys():
        raise ValueError(f"{path} must hold the arrays {sorted(wanted)}, got {sorted(stored)}.")
    for name, leaf in wanted.items():
        if stored[name].shape != leaf.shape:
            raise ValueError(f"{path}: {name} must have shape {leaf.shape}, got {stored[name].shape}.")
    put = lambda where, leaf: jnp.asarray(stored[_name(where)], leaf.dtype)
    return eqx.combine(jax.tree_util.tree_map_with_path(put, free), fixed)


def _name(where) -> str:
    return jax.tree_util.keystr(where).strip(".")
