"""Functions compared by what they are: their code and all it refers to, not the object that one run of a line made."""

import dis
import functools
import hashlib
import types
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


MOST = 20_000
"""So many values are looked at; a function that refers to more is known by its identity."""


LIBRARIES = frozenset("jax jaxlib equinox lineax optimistix diffrax optax numpy scipy flax".split())
"""Their functions are what they are: nobody changes what these refer to."""


class Keyed:
    """A function that equals every other one with the same code, defaults, captured and global values.

    Compiled programs of which it is a static part are then found again when the line that made it runs once more. What
    the values are is noted when this is made, arrays by a digest; values that nothing is known of count by identity.
    """

    def __init__(self, function: Callable):
        self.function = function
        try:
            self.key: Any = _key(function, {}, None)
            self._hash = hash(self.key)
        except (_TooMuch, TypeError, RecursionError):
            self.key = _Same(function)
            self._hash = hash(self.key)

    def __call__(self, *arguments, **named):
        return self.function(*arguments, **named)

    def __eq__(self, other):
        return isinstance(other, Keyed) and self._hash == other._hash and self.key == other.key

    def __hash__(self):
        return self._hash


def keyed(function: Any) -> Any:
    """Return a plain function as one that is compared by what it is; anything else as it is given."""
    plain = isinstance(function, types.FunctionType | types.MethodType | functools.partial)
    return Keyed(function) if plain else function


class _TooMuch(Exception):
    pass


class _Same:
    """A value known by its identity, kept alive so that no other takes its place."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self):
        return id(self.value)


def _key(value, seen: dict, home):
    """A hashable description of a value; `home` are the globals of the function that is looked at, if any."""
    if value is None or isinstance(value, bool | int | str | bytes):
        return (type(value), value)
    if isinstance(value, float | complex | np.generic):
        return (type(value), repr(value))
    if id(value) in seen:
        return ("again", seen[id(value)][0])
    if len(seen) > MOST:
        raise _TooMuch
    seen[id(value)] = (len(seen), value)
    inside = lambda part: _key(part, seen, home)
    if isinstance(value, Keyed):
        return (Keyed, value.key)
    if isinstance(value, types.FunctionType) and (home is None or value.__globals__ is home) and not _foreign(value):
        return _function(value, seen)
    if isinstance(value, types.MethodType):
        return ("method", inside(value.__func__), inside(value.__self__))
    if isinstance(value, functools.partial):
        return ("partial", inside(value.func), inside(value.args), inside(value.keywords))
    if isinstance(value, jax.Array | np.ndarray):
        return _array(value)
    if isinstance(value, list | tuple):
        return (type(value), *map(inside, value))
    if isinstance(value, dict):
        return (dict, *((inside(name), inside(part)) for name, part in value.items()))
    own = None if type(value).__module__.startswith("jax") else getattr(value, "__dict__", None)
    if isinstance(value, type | types.ModuleType | types.FunctionType) or type(own) is not dict:
        return _Same(value)
    return (type(value), inside(own))


def _foreign(function) -> bool:
    return (function.__module__ or "").partition(".")[0] in LIBRARIES


def _function(function, seen):
    inside = lambda part: _key(part, seen, function.__globals__)
    names, rebound = _names(function.__code__)
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    captured = tuple((name, inside(cell.cell_contents)) for name, cell in cells if name not in rebound)
    shared = function.__globals__
    used = tuple((name, inside(shared[name])) for name in sorted(names - rebound) if name in shared)
    return (function.__code__, inside(function.__defaults__), inside(function.__kwdefaults__), captured, used)


def _names(code) -> tuple[set, set]:
    """Names that a code and those within it look up, and those of other scopes that it binds anew: counters, not input."""
    stored = ("STORE_DEREF", "STORE_GLOBAL")
    rebound = {i.argval for i in dis.get_instructions(code) if i.opname in stored} - set(code.co_cellvars)
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            more, bound = _names(constant)
            names, rebound = names | more, rebound | (bound - set(code.co_cellvars))
    return names, rebound


def _array(value):
    if isinstance(value, jax.core.Tracer) or jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return _Same(value)
    if value.dtype == object:
        return _Same(value)
    digest = hashlib.blake2b(np.ascontiguousarray(value).tobytes(), digest_size=16).hexdigest()
    weak = bool(getattr(value, "weak_type", False))
    return (type(value).__module__, str(value.dtype), value.shape, weak, digest)
