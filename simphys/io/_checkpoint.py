"""Numbers that a run can be taken up from: one file, replaced as a whole, of which nothing is executed."""

import hashlib
import os
import pathlib
import zipfile

import equinox as eqx
import jax
import numpy as np

from .._typing import PyTree


def digest(tree: PyTree) -> str:
    """Return a digest of all arrays in a pytree, but for sparsity patterns: those carry a random key."""
    patterns = lambda x: type(x).__name__ == "SparsityPattern"
    bare = jax.tree.map(lambda leaf: None if patterns(leaf) else leaf, tree, is_leaf=patterns)
    parts = hashlib.sha256()
    for leaf in jax.tree.leaves(eqx.filter((bare,), eqx.is_array_like)):
        array = np.asarray(leaf)
        parts.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return parts.hexdigest()


def write_checkpoint(file: pathlib.Path, identity: dict[str, str], done: int, tree: PyTree):
    """Write the leaves of a pytree, so that there is always a good file.

    **Arguments:**

    - `file`: the `.npz` file.
    - `identity`: what a run must agree in to be taken up from it.
    - `done`: how far the run is.
    - `tree`: arrays.
    """
    arrays = {f"is {name}": np.array(text) for name, text in identity.items()} | {"done": np.array(done)}
    for number, leaf in enumerate(jax.tree.leaves(tree)):
        arrays[f"leaf {number}"] = np.asarray(leaf)
    temporary = file.with_name(file.name + ".part")
    with open(temporary, "wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, file)


def read_checkpoint(file: pathlib.Path, identity: dict[str, str]) -> tuple[int, list[np.ndarray]]:
    """Return how far the run was and its leaves.

    **Raises:** `ValueError` for a file that is damaged, or of another run (it says in what).
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            content = {name: stored[name] for name in stored.files}
        done = int(content["done"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"The checkpoint {file} is damaged ({error}): delete it to start anew.") from None
    for name, text in identity.items():
        if str(content.get(f"is {name}")) != text:
            raise ValueError(f"The checkpoint {file} is of another {name}: delete it, or name another file.")
    count = sum(1 for name in content if name.startswith("leaf "))
    return done, [content[f"leaf {number}"] for number in range(count)]
