"""Checkpoints by parts: every process writes what it has, and any number of parts goes on from there."""

import hashlib
import json
import os
import pathlib
import shutil
from typing import NamedTuple

import jax
import numpy as np

from .._files import replacing
from .._typing import Array
from ..fem import FunctionSpace
from ..io import Entry, read_checkpoint, write_checkpoint
from ._parts import Parts
from ._sharded import own_rows, placed_by_part, together


MANIFEST = "manifest.json"


class Kept(NamedTuple):
    """What was kept: how far a computation was, and divided fields by name."""

    done: int
    fields: dict[str, Array]


def keep_parts(
    folder: str | os.PathLike, parts: Parts, space: FunctionSpace, fields: dict[str, Array], done: int
) -> None:
    """Keep divided fields in a folder, a file for each part; every process calls it, and writes the parts that it has.

    A manifest that names the files takes the place of the one before when all of them are there: whatever happens, one
    complete state is kept.

    **Arguments:**

    - `folder`: one that all processes see; made.
    - `parts`: of the mesh.
    - `space`: that the problem was posed on.
    - `fields`: name to divided values, (part, node, component).
    - `done`: how far the computation is, a whole number that grows.
    """
    folder = pathlib.Path(folder)
    before, state = _manifest(folder)["state"] if (folder / MANIFEST).exists() else None, f"state-{done:09d}"
    count = parts.nodes.shape[0]
    identity = {"mesh": _digest(space)}
    nodes, held = dict(own_rows(parts.nodes)), {name: dict(own_rows(values)) for name, values in fields.items()}
    for part, own in nodes.items():
        there = own < space.n_nodes
        tree = {"nodes": own[there]} | {f"field {name}": each[part][there] for name, each in held.items()}
        write_checkpoint(folder / state / f"part-{part:05d}.npz", identity, done, tree)
    together(f"{folder.name} {done}")
    if jax.process_index() == 0:
        content = {
            "state": state,
            "done": done,
            "parts": count,
            "mesh": identity["mesh"],
            "fields": {name: [values.dtype.name, values.shape[-1]] for name, values in fields.items()},
        }
        with replacing(folder / MANIFEST) as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        if before not in (None, state):
            shutil.rmtree(folder / before, ignore_errors=True)
    together(f"{folder.name} {done} kept")


def take_up(folder: str | os.PathLike, parts: Parts, space: FunctionSpace) -> Kept:
    """Return what `keep_parts` has kept, for these parts: as many as there were, or any other number.

    **Raises:** `ValueError` for a folder without a manifest, of another mesh, or with a part that is missing or damaged.
    """
    folder = pathlib.Path(folder)
    kept = _manifest(folder)
    identity = {"mesh": _digest(space)}
    if kept["mesh"] != identity["mesh"]:
        raise ValueError(f"The checkpoint in {folder} is of another mesh: name another folder.")
    whole = {
        name: np.full((space.n_nodes + 1, width), np.nan, dtype) for name, (dtype, width) in kept["fields"].items()
    }
    seen = np.zeros(space.n_nodes, bool)
    for part in range(kept["parts"]):
        file = folder / kept["state"] / f"part-{part:05d}.npz"
        if not file.exists():
            raise ValueError(f"The checkpoint in {folder} lacks part {part} of {kept['parts']} ({file.name}).")
        _, tree = read_checkpoint(file, identity, lambda _, file=file: _entries(file, kept["fields"]))
        if np.any(tree["nodes"] >= space.n_nodes) or np.any(tree["nodes"] < 0):
            raise ValueError(f"Part {part} of the checkpoint in {folder} names nodes that there are not.")
        seen[tree["nodes"]] = True
        for name, values in whole.items():
            values[tree["nodes"]] = tree[f"field {name}"]
    if not seen.all():
        raise ValueError(f"The checkpoint in {folder} lacks {np.sum(~seen)} of {seen.size} nodes.")
    place = np.asarray(parts.place)
    fields = {}
    for name, values in whole.items():
        own = np.zeros((parts.nodes.shape[0] * parts.nodes.shape[1], values.shape[1]), values.dtype)
        own[place] = values[:-1]
        fields[name] = own.reshape(*parts.nodes.shape, -1)
    return Kept(kept["done"], placed_by_part(fields, parts.devices))


def _entries(file, fields):
    """What the arrays of a part must be, given how many nodes it says to have."""
    with np.load(file, allow_pickle=False) as held:
        count = next((held[n].shape[0] for n in held.files if n == "leaf 0"), 0)
    rows = {f"field {name}": Entry((count, width), np.dtype(dtype)) for name, (dtype, width) in fields.items()}
    return rows | {"nodes": Entry((count,), np.dtype(np.int32))}


def _manifest(folder):
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"There is no checkpoint in {folder}: {MANIFEST} cannot be read ({error}).") from None


def _digest(space) -> str:
    digest = hashlib.sha256(str(space.shape).encode())
    for array in (space.nodes(), space.cells):
        digest.update(np.ascontiguousarray(np.asarray(array)).tobytes())
    return digest.hexdigest()
