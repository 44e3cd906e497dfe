"""What `print` shows: a few lines with counts, names and values, whatever the size, and of traced values their shapes."""

import dataclasses
import functools
from typing import Any

import equinox as eqx
import jax
import jax.core
import numpy as np

from ._result import RESULTS, name_of


FEW, LONGEST, DEEPEST = 6, 400, 3
_RESULT = type(RESULTS.successful)
"""Numbers of an array that are shown one by one; characters of a line; modules within modules that are looked into."""


def shown(value: Any) -> str:
    """Return what `repr` shows. Transformations put other things in the place of arrays: then the structure alone."""
    try:
        return told(value)
    except Exception:
        return eqx.tree_pformat(value)


class Told(eqx.Module):
    """A module that is shown in a line."""

    def __repr__(self):
        return shown(self)


def listing(value: Any, head: str = "") -> str:
    """Return a name and, line by line, the parts of a dataclass or module."""
    lines = [head or type(value).__name__]
    for field in dataclasses.fields(value):
        part = getattr(value, field.name, None)
        if part is not None and field.repr and not field.name.startswith("_"):
            lines.append(f"  {field.name}: {brief(part)}")
    return "\n".join(lines)


@functools.singledispatch
def told(value: Any) -> str:
    """Return what is printed of an object: its name and its parts, in one line."""
    return brief(value)


def brief(value: Any, depth: int = 0) -> str:
    """Return one line: of numbers their values, of long arrays the range, of modules the parts that are not left out."""
    text = _brief(value, depth)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} …"


def _brief(value, depth):
    if isinstance(value, jax.core.Tracer):
        return f"traced {kind_of(value)}"
    if _is_array(value):
        return _array(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, _RESULT):
        return name_of(value) if is_known(value) and np.ndim(value._value) == 0 else f"status {kind_of(value._value)}"
    if isinstance(value, dict):
        entries = [f"{name}: {brief(part, depth + 1)}" for name, part in list(value.items())[: FEW + 1]]
        return "{" + _some(entries, value) + "}"
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return "(" + _some([brief(part, depth + 1) for part in value[: FEW + 1]], value) + ")"
    if depth and told.dispatch(type(value)) is not told.dispatch(object):
        return told(value).split("\n")[0]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _module(value, depth)
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:58]} …"


def _some(shown, everything):
    more = len(everything) - FEW
    return ", ".join(shown) if more <= 0 else ", ".join([*shown[:FEW], f"{more} more"])


def _module(value, depth):
    name = type(value).__name__
    if depth >= DEEPEST:
        return f"{name}(…)"
    parts = []
    for field in dataclasses.fields(value):
        part = getattr(value, field.name, None)
        if part is None or field.name.startswith("_") or not field.repr or _is_default(part, field):
            continue
        parts.append(f"{field.name}={brief(part, depth + 1)}")
    return f"{name}({', '.join(parts)})"


def _is_default(part, field):
    return isinstance(part, bool | int | str | tuple) and part == field.default


def kind_of(value: Any) -> str:
    """Return type and shape of an array, such as f64[3,2]."""
    dtype = np.dtype(value.dtype) if not jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended) else value.dtype
    short = {"float": "f", "int": "i", "uint": "u", "complex": "c"}
    name = str(dtype)
    letters = name.rstrip("0123456789")
    name = short.get(letters, letters) + name[len(letters) :]
    return f"{name}[{','.join(map(str, np.shape(value)))}]"


def _is_array(value):
    return isinstance(value, jax.Array | np.ndarray | np.generic | jax.ShapeDtypeStruct)


def _array(value):
    if isinstance(value, jax.ShapeDtypeStruct) or jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return kind_of(value)
    known = np.asarray(value)
    number = lambda x: f"{x:.6g}" if np.issubdtype(known.dtype, np.inexact) else str(x)
    if known.ndim == 0:
        return number(known[()])
    if known.size <= FEW and known.ndim == 1:
        return "(" + ", ".join(map(number, known)) + ")"
    return f"{kind_of(value)}{_range(known)}"


def _range(known):
    if not np.issubdtype(known.dtype, np.floating) or known.size == 0:
        return ""
    finite = known[np.isfinite(known)]
    if finite.size == 0:
        return ", nothing finite"
    span = f" {finite.min():.4g} … {finite.max():.4g}"
    return span if finite.size == known.size else f"{span}, {known.size - finite.size} not finite"


def is_known(*trees: Any) -> bool:
    """Tell whether there are numbers in all arrays: none is traced, or a mere shape."""
    leaves = jax.tree.leaves(trees)
    return not any(isinstance(leaf, jax.core.Tracer | jax.ShapeDtypeStruct) for leaf in leaves)


def counted(number: int, word: str) -> str:
    """Return a number with its word, in the plural for all but one."""
    irregular = {"hexahedron": "hexahedra", "tetrahedron": "tetrahedra"}
    return f"{number:,} {word if number == 1 else irregular.get(word, f'{word}s')}"


def listed(names: dict[str, int], most: int = 12) -> str:
    """Return names with their sizes, the first of them where there are many."""
    shown = [f"{name} {size:,}" for name, size in list(names.items())[:most]]
    more = len(names) - most
    return ", ".join(shown if more <= 0 else [*shown, f"and {more} more"])
