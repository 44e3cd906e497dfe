"""What a function of the user's reads beside its arguments, and which code is an installed package's."""

import builtins
import dis
import functools
import pathlib
import sys
import sysconfig
import types
from collections.abc import Iterator


_PLACES = tuple(
    {str(pathlib.Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {str(pathlib.Path(__file__).resolve().parents[1])}
)
_READS = ("LOAD_GLOBAL", "LOAD_NAME")
_GOES_ON = ("LOAD_ATTR", "LOAD_METHOD")
_NO_READ = ("EXTENDED_ARG", "CACHE", "PRECALL", "PUSH_NULL", "NOP")


@functools.lru_cache(maxsize=4096)
def _is_installed(file: str) -> bool:
    if file.startswith("<frozen"):
        return True
    path = pathlib.Path(file)
    return not file.startswith("<") and any(str(path.resolve()).startswith(place + "/") for place in _PLACES)


def of_a_library(function: types.FunctionType) -> bool:
    """Whether a function belongs to simphys, Python or an installed package."""
    file = function.__code__.co_filename
    return is_of_a_library(function.__module__) if file.startswith("<") else _is_installed(file)


def is_of_a_library(module: str | None) -> bool:
    """Whether a module belongs to simphys, Python or an installed package."""
    if module in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(module or ""), "__file__", None)
    return file is not None and _is_installed(file)


def global_names(function: types.FunctionType) -> Iterator[tuple[str, tuple | None]]:
    """Yield the global names that a function reads, as far as they lead through modules, and their values in a tuple.

    None stands for a name that is not bound; names of an installed package's module end there, with its name as value.
    """
    for chain in sorted(set(_chains(function.__code__))):
        names, value = list(chain), function.__globals__
        first = names.pop(0)
        if first in value:
            value = value[first]
        elif hasattr(builtins, first):
            continue
        else:
            yield first, None
            continue
        read = [first]
        while isinstance(value, types.ModuleType) and names and hasattr(value, names[0]):
            if is_of_a_library(value.__name__) or value.__name__ in sys.builtin_module_names:
                value = f"{value.__name__}.{'.'.join(names)}"
                break
            read.append(names.pop(0))
            value = getattr(value, read[-1])
        yield ".".join(read), (value,)


def _chains(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    """`a.b.c` as ("a", "b", "c") for every global a."""
    chain: list[str] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname in _NO_READ:
            continue
        if instruction.opname in _GOES_ON and chain:
            chain.append(instruction.argval)
            continue
        if chain:
            yield tuple(chain)
        chain = [instruction.argval] if instruction.opname in _READS else []
    if chain:
        yield tuple(chain)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _chains(constant)
