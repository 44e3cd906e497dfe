"""Results of members in files: arrays in containers, of which nothing is executed."""

import json
import pathlib
from typing import Any

import numpy as np

from .._files import replacing


def write_plain(file: pathlib.Path, value: Any) -> None:
    """Write arrays, numbers and texts in dictionaries, lists and tuples; complete, or not at all.

    **Raises:** `ValueError` for anything else, by its type.
    """
    arrays: list[np.ndarray] = []
    plan = json.dumps(_plan(value, arrays))
    named = {f"array {number}": array for number, array in enumerate(arrays)}
    with replacing(file) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, allow_pickle=False, plan=np.array(plan), **named)


def read_plain(file: pathlib.Path) -> Any:
    """Return what `write_plain` has written, numbers as NumPy's."""
    with np.load(file, allow_pickle=False) as held:
        return _made(json.loads(str(held["plan"])), held)


def _plan(value, arrays):
    if value is None or isinstance(value, str):
        return ["text", value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError(f"Keys of a member's result must be texts, got {list(value)}.")
        return ["dict", {key: _plan(part, arrays) for key, part in value.items()}]
    if type(value) in (list, tuple):
        return [type(value).__name__, [_plan(part, arrays) for part in value]]
    if not (hasattr(value, "dtype") or isinstance(value, bool | int | float | complex)):
        raise ValueError(
            "What a member returns must be arrays, numbers or texts, in dictionaries, lists or tuples, to be kept in a "
            f"folder; got a `{type(value).__name__}`."
        )
    arrays.append(np.asarray(value))
    return ["array", len(arrays) - 1]


def _made(plan, held):
    kind, part = plan
    if kind == "dict":
        return {key: _made(each, held) for key, each in part.items()}
    if kind in ("list", "tuple"):
        made = [_made(each, held) for each in part]
        return made if kind == "list" else tuple(made)
    return held[f"array {part}"] if kind == "array" else part
