"""Numbers that a run can be taken up from: one file, replaced as a whole, of which nothing is executed or believed."""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import pathlib

import jax
import numpy as np

from .._files import replacing
from .._typing import Callable, PyTree
from ._npz import read_arrays, read_headers


MOST_TEXT = 1000
"""Bytes of an entry that is text, for each array there is: its digest, by name, takes 400."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What an array in a checkpoint must be.

    **Attributes:**

    - `shape`, `dtype`: of the array.
    - `finite`: whether every number in it must be finite.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    finite: bool = True

    @staticmethod
    def like(array, *, rows: int | None = None, finite: bool | None = None) -> "Entry":
        """Return the entry of an array, or of so many of them stacked; by default finite if the array is."""
        shape, dtype = np.shape(array), np.dtype(getattr(array, "dtype", type(array)))
        finite = _is_finite(np.asarray(array)) if finite is None else finite
        return Entry(shape if rows is None else (rows, *shape), dtype, finite)


def _is_finite(array) -> bool:
    return not np.issubdtype(array.dtype, np.inexact) or bool(np.all(np.isfinite(array)))


def write_checkpoint(file: pathlib.Path, identity: dict[str, str], done: int, tree: PyTree):
    """Write the leaves of a pytree and a digest of each, so that there is always a good file.

    **Arguments:**

    - `file`: the `.npz` file.
    - `identity`: what a run must agree in to be taken up from it.
    - `done`: how far the run is.
    - `tree`: arrays.
    """
    arrays = {f"is {name}": np.array(text) for name, text in identity.items()} | {"done": np.array(done, np.int64)}
    for number, leaf in enumerate(jax.tree.leaves(tree)):
        arrays[f"leaf {number}"] = np.asarray(leaf)
    arrays["digests"] = np.array(json.dumps({name: _digest(array) for name, array in arrays.items()}))
    with replacing(file) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
        stream.flush()
        os.fsync(stream.fileno())


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + array.tobytes()).hexdigest()


def read_checkpoint(
    file: pathlib.Path, identity: dict[str, str], wanted: Callable[[int], PyTree]
) -> tuple[int, PyTree]:
    """Return how far the run was, and its pytree of arrays; nothing that the file says is believed.

    **Arguments:**

    - `identity`: what it must agree in.
    - `wanted`: done → a pytree of an `Entry` for each array; `ValueError` for a number that cannot be.

    **Raises:** `ValueError` for a file of another run (it says in what), and for one that is damaged or was changed since
    it was written: arrays missing, left over, altered, of another shape or type, or not finite (it says which).
    """
    with _damage(file):
        # What it may hold is what this run would have written: that is the limit.
        headers = read_headers(file, math.inf)
        texts = _texts(file, headers)
    for name, text in identity.items():
        if texts.get(f"is {name}") != text:
            raise ValueError(f"The checkpoint {file} is of another {name}: delete it, or name another file.")
    with _damage(file):
        digests = json.loads(texts.pop("digests", "{}"))
        done = _done(file, headers, digests)
        entries, structure = jax.tree_util.tree_flatten_with_path(wanted(done))
        named = {f"leaf {k}": (jax.tree_util.keystr(path), entry) for k, (path, entry) in enumerate(entries)}
        _agree(headers, named, {"done", "digests", *texts})
        arrays = read_arrays(file, named)
        _unaltered(digests, arrays | {name: np.array(text) for name, text in texts.items()})
        for name, (path, entry) in named.items():
            if entry.finite and not _is_finite(arrays[name]):
                raise ValueError(f"{name!r}, {path}, holds numbers that are not finite")
    return done, jax.tree.unflatten(structure, [arrays[name] for name in named])


@contextlib.contextmanager
def _damage(file):
    try:
        yield
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f"The checkpoint {file} is damaged ({error}): delete it to start anew.") from None


def _texts(file, headers) -> dict[str, str]:
    names = [name for name in headers if name.startswith("is ") or name == "digests"]
    for name in names:
        shape, dtype = headers[name]
        if shape != () or dtype.kind != "U" or dtype.itemsize > MOST_TEXT * len(headers):
            raise ValueError(f"{name!r} must be a text, it has shape {shape} and type {dtype}")
    return {name: str(text) for name, text in read_arrays(file, names).items()}


def _done(file, headers, digests) -> int:
    if headers.get("done") != ((), np.dtype(np.int64)):
        raise ValueError("'done' must be a whole number")
    found = read_arrays(file, ["done"])
    _unaltered(digests, found)
    return int(found["done"])


def _agree(headers, named, others):
    """Raise `ValueError` unless there are just the arrays that are wanted, of the right shapes and types."""
    found = headers.keys() - others
    for text, names in (("lacks", named.keys() - found), ("must not hold", found - named.keys())):
        if names:
            raise ValueError(f"it {text} {', '.join(map(repr, sorted(names)))}")
    for name, (path, entry) in named.items():
        if headers[name] != (entry.shape, entry.dtype):
            shape, dtype = headers[name]
            wanted = f"shape {entry.shape} and type {entry.dtype}"
            raise ValueError(f"{name!r}, {path}, must have {wanted}, it has {shape} and {dtype}")


def _unaltered(digests, arrays):
    for name, array in arrays.items():
        if not isinstance(digests, dict) or digests.get(name) != _digest(array):
            raise ValueError(f"{name!r} was altered since it was written")
