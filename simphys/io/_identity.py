"""Is this the problem of the run that was interrupted? A digest of all that a problem is made of, functions included."""

import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import pathlib
import re
import types

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from .._typing import Any
from ._code import global_names, is_of_a_library, of_a_library


_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
_BY_TEXT = (
    slice, range, np.dtype, pathlib.PurePath, fractions.Fraction, decimal.Decimal, re.Pattern,
    datetime.date, datetime.time, datetime.timedelta,
    types.GenericAlias, types.UnionType, jax.tree_util.PyTreeDef, Jaxpr, ClosedJaxpr,
)  # fmt: skip
_BUILT_IN = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, np.ufunc)
_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_HEAP = 1 << 9
"""The flag of a class that Python code defines."""


def identity_digest(tree: Any, what: str, *, functions: bool = True) -> str:
    """Return a digest of a pytree that is the same in another process exactly if all that it is made of is the same.

    It covers structure, classes, numbers and static fields, and of functions the code, defaults, the values in their
    closures and of the global names that they read. Classes and functions of installed packages count by name and code.
    The random keys of sparsity patterns and where a function was written are left out.

    **Arguments:**

    - `what`: what it is, for messages.
    - `functions`: False to leave out all code, and what stands in closures.

    **Raises:** `ValueError` for what cannot be told to be the same in another process, such as open files.
    """
    return _Digests(functions).of(tree, what)


def _seal(kind: str, *parts: str | bytes) -> str:
    made = hashlib.sha256()
    for part in (kind, *parts):
        part = part.encode() if isinstance(part, str) else part
        made.update(f"{len(part)}:".encode() + part)
    return made.hexdigest()


class _Digests:
    """Digests of objects, each looked into once."""

    def __init__(self, functions: bool):
        self.functions = functions
        self.known: dict[int, tuple[Any, str]] = {}

    def of(self, x, where: str) -> str:
        """The digest of anything; `where` leads there."""
        if type(x) in _PLAIN:
            return _seal(type(x).__name__, repr(x))
        if id(x) not in self.known:
            self.known[id(x)] = (x, "itself")
            self.known[id(x)] = (x, self._look(x, where))
        return self.known[id(x)][1]

    def _look(self, x, where):
        if isinstance(x, jax.core.Tracer):
            raise ValueError(f"{where} is traced: what is resumed is run outside of `jit` and `grad`.")
        if isinstance(x, jax.Array | np.ndarray | np.generic):
            return self._array(x, where)
        if isinstance(x, _BY_TEXT):
            constants = self.of(x.consts, where) if isinstance(x, ClosedJaxpr) else ""
            return _seal(type(x).__name__, re.sub(r"0x[0-9a-f]+", "", repr(x)), constants)
        if isinstance(x, enum.Enum):
            return _seal("enum", type(x).__qualname__, x.name)
        if isinstance(x, types.ModuleType):
            return _seal("module", x.__name__)
        if isinstance(x, dict | types.MappingProxyType):
            rows = ((self.of(k, f"a key of {where}"), self.of(v, f"{where}[{k!r}]")) for k, v in x.items())
            return _seal(type(x).__name__, *(part for row in sorted(rows) for part in row))
        if isinstance(x, set | frozenset):
            return _seal("set", *sorted(self.of(item, f"an item of {where}") for item in x))
        if isinstance(x, tuple | list):
            kind = type(x).__name__ if type(x) in (tuple, list) else self.of(type(x), where)
            return _seal(kind, *(self.of(item, f"{where}[{i}]") for i, item in enumerate(x)))
        found = self._callable(x, where)
        return self._object(x, where) if found is None else found

    def _array(self, x, where):
        if isinstance(x, jax.Array) and jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
            return _seal("key", str(jax.random.key_impl(x)), self.of(jax.random.key_data(x), where))
        host = np.asarray(x)
        if host.dtype.hasobject:
            return _seal("objects", *(self.of(item, where) for item in host.ravel().tolist()), str(host.shape))
        return _seal("array", host.dtype.str, str(host.shape), host.tobytes())

    def _callable(self, x, where):
        """The digest of classes, functions and what wraps them; None for all else."""
        if isinstance(x, type):
            return self._class(x, where)
        if isinstance(x, types.FunctionType):
            return self._function(x, where)
        if isinstance(x, types.MethodType):
            parts = (x.__func__, x.__self__)
        elif isinstance(x, functools.partial):
            parts = (x.func, x.args, x.keywords)
        elif isinstance(x, staticmethod | classmethod):
            parts = (x.__func__,)
        elif isinstance(x, property):
            parts = (x.fget,)
        elif isinstance(x, functools.cached_property):
            parts = (x.func,)
        elif isinstance(x, _BUILT_IN):
            owner = getattr(x, "__self__", None)
            parts = () if owner is None or isinstance(owner, types.ModuleType) else (owner,)
            name = f"{getattr(x, '__module__', '')}.{getattr(x, '__qualname__', x.__name__)}"
            return _seal("built in", name, *(self.of(part, where) for part in parts))
        else:
            return None
        return _seal(type(x).__name__, *(self.of(part, where) for part in parts))

    def _function(self, f, where):
        if not self.functions:
            return _seal("function")
        where = f"{where} → {f.__qualname__}"
        parts = [self._code(f.__code__, where)]
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:
                parts.append(_seal("empty"))
                continue
            parts.append(self.of(value, f"{where} → `{name}`"))
        if of_a_library(f):
            return _seal("library", f.__module__ or "", f.__qualname__, *parts)
        beside = {"defaults": f.__defaults__, "keywords": f.__kwdefaults__, "attributes": f.__dict__}
        parts += [self.of(value, f"{where}, its {name}") for name, value in beside.items()]
        for name, found in global_names(f):
            parts += [name, _seal("missing") if found is None else self.of(found[0], f"{where} → the global `{name}`")]
        return _seal("function", *parts)

    def _code(self, code, where):
        constants = (
            self._code(item, where) if isinstance(item, types.CodeType) else self.of(item, where)
            for item in code.co_consts
        )
        counts = f"{code.co_argcount} {code.co_posonlyargcount} {code.co_kwonlyargcount} {code.co_flags}"
        exceptions = code.co_exceptiontable
        return _seal("code", code.co_code, exceptions, counts, " ".join(code.co_names), *constants)

    def _class(self, cls, where):
        name = cls.__qualname__
        if is_of_a_library(cls.__module__) or not self.functions:
            return _seal("class", cls.__module__ if is_of_a_library(cls.__module__) else "", name)
        parts = [self.of(base, where) for base in cls.__bases__]
        for key, value in sorted(vars(cls).items()):
            about = key.startswith("__") and not (callable(value) or hasattr(type(value), "__get__"))
            if not (about or key.startswith("_abc_") or key == "__annotate__" or isinstance(value, _SLOTS)):
                parts += [key, self.of(value, f"{where} → {name}.{key}")]
        return _seal("class", name, *parts)

    def _object(self, x, where):
        """The digest of an instance: its class and what it holds."""
        cls = type(x)
        if dataclasses.is_dataclass(x):
            # The random key of a sparsity pattern, and how it is laid out on this machine, follow from no problem.
            names = [f.name for f in dataclasses.fields(x)]
            names = ["indptr", "columns"] if cls.__name__ == "SparsityPattern" else names
        elif _is_pythons(cls):
            names = sorted({*getattr(x, "__dict__", {}), *_slots(cls)} - {"__weakref__", "__dict__", "__wrapped__"})
            # What was computed before, or was not yet, makes no other object.
            computed = lambda name: isinstance(getattr(cls, name, None), functools.cached_property)
            names = [name for name in names if not computed(name)]
        elif hasattr(x, "__wrapped__"):
            return _seal("wrapped", cls.__qualname__, self.of(x.__wrapped__, where))
        elif not self.functions:
            return _seal("object", cls.__qualname__)
        else:
            raise ValueError(
                f"{where} is a `{cls.__module__}.{cls.__qualname__}`: nothing tells whether it is the same in another run. "
                "Leave it out, or give a `name=`, by which you vouch for functions and all that stands in them."
            )
        held = [(name, getattr(x, name)) for name in names if hasattr(x, name)]
        parts = [part for name, value in held for part in (name, self.of(value, f"{where}.{name}"))]
        return _seal("object", self.of(cls, where), *parts)


def _slots(cls) -> list[str]:
    found = (vars(base).get("__slots__", ()) for base in cls.__mro__)
    return [name for names in found for name in ((names,) if isinstance(names, str) else names)]


def _is_pythons(cls) -> bool:
    """Whether all that an instance holds stands in its `__dict__` and slots, as where a class was defined in Python."""
    words = 2 + len(_slots(cls))  # for the addresses of `__dict__` and weak references
    small = cls.__basicsize__ <= object.__basicsize__ + words * object.__basicsize__ // 2
    return small and all(base is object or base.__flags__ & _HEAP for base in cls.__mro__)
