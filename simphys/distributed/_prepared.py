"""Divided problems in files: prepared once by who has room for the whole, read by processes each its own parts."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re

import equinox as eqx
import jax
import numpy as np

from .._files import replacing
from .._typing import Any
from ..io import Entry, read_checkpoint, write_checkpoint
from ..linalg import BlockProduct, BlockRows, accelerated
from ..physics import AbstractBalance
from ._agreement import agree
from ._divided import Divided
from ._exchange import Exchange
from ._multigrid import DividedMultigrid
from ._parameters import terms_of
from ._parts import Parts, checked, mesh_of, side_by_side
from ._restriction import Items, Restriction
from ._rows import DividedRows
from ._sharded import placed_of_parts
from ._transfer import Transfer


PLAN = "plan.json"
KINDS = {
    kind.__name__: kind
    for kind in (BlockProduct, BlockRows, DividedMultigrid, DividedRows, Exchange, Items, Restriction, Transfer)
}


def write_divided(folder: str | os.PathLike, parts: Parts, problem: AbstractBalance) -> None:
    """Write a divided problem: a file for each part, and a plan that tells what is in them.

    Done once, by one process that has room for the whole; `read_divided` needs no more than a part at a time.

    **Arguments:**

    - `folder`: made.
    - `parts`: of the problem, such as `Parts(body, 1, parts=64)` for 64 devices.
    - `problem`: that is to be solved.

    **Raises:** `ValueError` in several processes.
    """
    if jax.process_count() > 1:
        raise ValueError("`write_divided` is for one process, that has the whole problem.")
    folder, arrays = pathlib.Path(folder), []
    plan = _plan((parts.restriction, parts.multigrid, parts.pairs, parts.nodes), arrays)
    divided = parts.divide(problem)
    numbers = eqx.filter((divided.parameters, divided.rest), eqx.is_array)
    arrays += [np.asarray(leaf) for leaf in jax.tree.leaves(numbers)]
    content = {
        "plan": plan,
        "arrays": [[list(array.shape[1:]), array.dtype.name] for array in arrays],
        "parts": parts.nodes.shape[0],
        "nodes": parts.n_nodes,
        "blocks": parts.blocks,
        "scalar": parts.scalar,
        "rows_first": accelerated(),
        "problem": _about(problem),
        "laws": _laws(problem),
    }
    identity = {"plan": _digest(content)}
    for part in range(content["parts"]):
        write_checkpoint(_file(folder, part), identity, part, [array[part] for array in arrays])
    with replacing(folder / PLAN) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def read_divided(folder: str | os.PathLike, like: AbstractBalance, devices: Any = None) -> tuple[Parts, Divided]:
    """Return the parts and the divided problem that `write_divided` has written; a process reads its own parts alone.

    **Arguments:**

    - `folder`: one that all processes see.
    - `like`: the same problem on another mesh, as small as you like: laws, constraints and loads are code, and come from
      it; all numbers come from the files.
    - `devices`: as of `Parts`: as many as there are parts, or one.

    **Raises:** `ValueError` for a folder without a plan, files that are missing, damaged or of another plan, a problem of
    other terms, and another number of devices.
    """
    folder, devices = pathlib.Path(folder), mesh_of(devices)
    content = _content(folder)
    count = content["parts"]
    if devices.size not in (1, count):
        raise ValueError(
            f"What is in {folder} is divided into {count} parts, for so many devices or one, got {devices.size}."
        )
    if content["rows_first"] != accelerated():
        kinds = ["CPUs", "GPUs"]
        raise ValueError(
            f"What is in {folder} is laid out for {kinds[content['rows_first']]}, these are {kinds[accelerated()]}."
        )
    checked(like)
    if content["problem"] != _about(like):
        raise ValueError(
            f"What is in {folder} is of {content['problem']}, `like` of {_about(like)}: give the same problem."
        )
    if content["laws"] != _laws(like):
        raise ValueError(
            f"What is in {folder} has other laws than `like`, or fields in other places: give the same problem."
        )
    agree((like, np.frombuffer(bytes.fromhex(_digest(content)), np.uint8)), devices)
    beside = devices.size != count
    own = (
        range(count)
        if beside
        else [p for p, d in enumerate(devices.devices.flat) if d.process_index == jax.process_index()]
    )
    held = {part: _arrays(folder, part, content) for part in own}
    stacks = placed_of_parts(held, count, devices)
    tree = _made(content["plan"], stacks)
    parts = _parts(*(side_by_side(tree) if beside else tree), content, devices)
    shapes = parts.shapes(like)
    leaves, structure = jax.tree.flatten((shapes.parameters, shapes.rest))
    wanted = [[list(leaf.shape[1:]), leaf.dtype.name] for leaf in leaves if _is_shape(leaf)]
    numbers = iter(stacks[len(stacks) - len(wanted) :])
    if content["arrays"][len(stacks) - len(wanted) :] != wanted:
        raise ValueError(f"`like` has other parameters than what is in {folder}: give the same fields and types.")
    filled = jax.tree.unflatten(structure, [next(numbers) if _is_shape(leaf) else leaf for leaf in leaves])
    return parts, Divided(*filled, parts.multigrid, parts.pairs, parts.nodes, parts.blocks, devices)


def _is_shape(leaf) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)


def _parts(restriction, multigrid, pairs, nodes, content, devices) -> Parts:
    """Parts of which nobody knows the whole."""
    made = object.__new__(Parts)
    fields = dict(restriction=restriction, multigrid=multigrid, pairs=pairs, nodes=nodes, place=None, devices=devices)
    for name, value in (fields | {"n_nodes": content["nodes"]} | {n: content[n] for n in ("blocks", "scalar")}).items():
        object.__setattr__(made, name, value)
    return made


def _plan(value, arrays):
    """What there is, as plain containers; arrays are put beside."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple):
        return [_plan(part, arrays) for part in value]
    if eqx.is_array(value):
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1}
    kept = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Exchange):
        kept["origin"] = None  # which one device needs that has all parts
    return {"kind": type(value).__name__, "parts": {name: _plan(part, arrays) for name, part in kept.items()}}


def _made(plan, stacks):
    if isinstance(plan, list):
        return tuple(_made(part, stacks) for part in plan)
    if not isinstance(plan, dict):
        return plan
    if "array" in plan:
        return stacks[plan["array"]]
    kind = KINDS[plan["kind"]]
    made, parts = object.__new__(kind), plan["parts"]
    for field in dataclasses.fields(kind):
        object.__setattr__(made, field.name, _made(parts[field.name], stacks))
    return made


def _about(problem) -> str:
    names = [term.name for terms in terms_of(problem).values() for term in terms]
    space = problem.spaces[0]
    element = f"{space.mesh.cell_type}, degree {space.degree}, components {space.components}"
    return f"a {type(problem).__name__} of {', '.join(names)} ({element})"


def _laws(problem) -> str:
    """A digest of what the parameters of all terms are: their types, not their numbers."""
    structure = jax.tree.structure([term.parameters for terms in terms_of(problem).values() for term in terms])
    # Functions are told by where they are in memory.
    return hashlib.sha256(re.sub(r"0x[0-9a-f]+", "", str(structure)).encode()).hexdigest()


def _arrays(folder, part, content):
    file = _file(folder, part)
    if not file.exists():
        raise ValueError(f"{folder} lacks part {part} of {content['parts']} ({file.name}).")
    wanted = [Entry(tuple(shape), np.dtype(kind), finite=False) for shape, kind in content["arrays"]]
    number, arrays = read_checkpoint(file, {"plan": _digest(content)}, lambda _: wanted)
    if number != part:
        raise ValueError(f"{file} holds part {number}.")
    return arrays


def _content(folder):
    try:
        return json.loads((folder / PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"There is no divided problem in {folder}: {PLAN} cannot be read ({error}).") from None


def _digest(content) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _file(folder, part):
    return folder / f"part-{part:05d}.npz"
