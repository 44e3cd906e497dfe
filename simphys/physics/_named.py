"""Constraints and loads as users state them: one, several, or several by name."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .._check import finite, parameter
from .._told import Told
from .._typing import PyTree


class Named(Told):
    """Several things in their order, found by their place or by their name.

    **Arguments:**

    - `parts`: the things.
    - `names`: one for each.

    **Raises:** `KeyError` for a name that is none of them.
    """

    parts: tuple[Any, ...]
    names: tuple[str, ...] = eqx.field(static=True)

    def __len__(self):
        return len(self.parts)

    def __iter__(self):
        return iter(self.parts)

    def __getitem__(self, key):
        if not isinstance(key, str):
            return self.parts[key]
        if key not in self.names:
            raise KeyError(f"no {key!r}; there are {', '.join(map(repr, self.names))}")
        return self.parts[self.names.index(key)]


def several(name: str, given, kinds: type | tuple[type, ...], words: str) -> tuple | Named:
    """Return one thing, a list of them or a dictionary as a tuple, or by name.

    **Raises:** `ValueError` for anything else than `kinds`, which `words` speak of, and for names that are no texts.
    """
    parts = tuple(given.values()) if isinstance(given, dict) else given
    parts = tuple(parts) if isinstance(parts, tuple | list | Named) else (parts,)
    for part in parts:
        if not isinstance(part, kinds):
            raise ValueError(f"`{name}` must be {words}, one, a list or a dictionary of them, got {_told(part)}.")
    if isinstance(given, Named):
        return given
    if not isinstance(given, dict):
        return parts
    if bad := [key for key in given if not isinstance(key, str)]:
        raise ValueError(f"`{name}` must have texts as names, got {bad[0]!r}.")
    return Named(parts, tuple(given))


def unloaded_parts(parts: tuple | Named) -> tuple | Named:
    """Return each constraint with prescribed values 0, under the names that they had."""
    still = tuple(part.unloaded() for part in parts)
    return Named(still, parts.names) if isinstance(parts, Named) else still


def _told(part):
    return f"a `{type(part).__name__}`" if isinstance(part, eqx.Module) else repr(part)


def where_named(problem: eqx.Module, name: str) -> str:
    """Return whether a problem has the name among its "constraints" or "loads".

    **Raises:** `ValueError` if it has it nowhere, or in both.
    """
    names = {kind: getattr(getattr(problem, kind), "names", ()) for kind in ("constraints", "loads")}
    kinds = [kind for kind, own in names.items() if name in own]
    if len(kinds) > 1:
        raise ValueError(f"A constraint and a load are both called {name!r}: rename one.")
    if not kinds:
        known = ", ".join(repr(n) for own in names.values() for n in own)
        hint = f"there are {known}" if known else "they have names where they are given as dictionaries"
        raise ValueError(f"No constraint or load {name!r}; {hint}.")
    return kinds[0]


def replaced(part: eqx.Module, name: str, values: dict[str, PyTree]) -> eqx.Module:
    """Return a constraint or a load with other values of what it holds, whose shapes stay.

    **Raises:** `ValueError` for a name that it holds no values by, and for a shape or values that do not fit.
    """
    known = [f.name for f in dataclasses.fields(part) if f.repr and not f.metadata.get("static", False)]
    known = [field for field in known if getattr(part, field) is not None]
    for field, value in values.items():
        if field not in known:
            raise ValueError(f"{name!r} is a `{type(part).__name__}`, which has no values {field!r}, but {known}.")
        old = getattr(part, field)
        new = finite(field, parameter(value))
        if jax.tree.structure(old) != jax.tree.structure(new):
            raise ValueError(f"{field!r} of {name!r} is a `{type(old).__name__}`, and must stay one; got {value!r}.")
        fitted = jax.tree.map(lambda o, n, field=field: _fitted(f"{field!r} of {name!r}", o, n), old, new)
        part = eqx.tree_at(lambda p, field=field: getattr(p, field), part, fitted)
    if hasattr(part, "__check_init__"):
        part.__check_init__()
    return part


def _fitted(what, old, new):
    try:
        return jnp.broadcast_to(jnp.asarray(new, old.dtype), old.shape)
    except ValueError:
        raise ValueError(f"{what} has shape {old.shape}, got {jnp.shape(new)}.") from None
