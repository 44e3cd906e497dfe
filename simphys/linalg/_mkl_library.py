"""MKL where it is installed, loaded without a word in the environment of the process."""

import contextlib
import ctypes
import ctypes.util
import functools
import importlib.metadata
import os
import pathlib
import sys
from collections.abc import Iterator


@functools.cache
def mkl_library() -> ctypes.CDLL | None:
    """MKL's library; None where it is not installed or cannot be loaded."""
    for place in _places():
        try:
            library = ctypes.CDLL(place)
            library.pardiso  # noqa: B018
            return library
        except (OSError, AttributeError):
            continue
    return None


def _places() -> Iterator[str]:
    """Where the library may be: what the user says, the package `mkl`, the system's, this environment's."""
    if given := os.environ.get("PYPARDISO_MKL_RT"):
        yield given
    try:
        files = importlib.metadata.files("mkl") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    yield from (str(file.locate()) for file in files if _is_library(file.name))
    if found := ctypes.util.find_library("mkl_rt"):
        yield found
    for folder in ("lib", "Library/bin"):
        yield from (str(path) for path in sorted(pathlib.Path(sys.prefix, folder).glob("*mkl_rt*")))


def _is_library(name: str) -> bool:
    return "mkl_rt" in name and (name.endswith(".dll") or ".so" in name)


def rest_after_calls():
    """Let MKL's threads for this one rest between calls: they else spin for 0.2 s, on the cores that XLA computes on.

    It holds for the calling thread's own threads, so it comes before every call that is made on threads of XLA.
    """
    if (set_blocktime := _set_blocktime()) is not None:
        set_blocktime(0)


@contextlib.contextmanager
def single_threaded():
    """Have MKL work with one thread for the calling one, which is one of several that do."""
    library = mkl_library()
    if library is None:
        yield
        return
    before = library.MKL_Set_Num_Threads_Local(1)
    try:
        yield
    finally:
        library.MKL_Set_Num_Threads_Local(before)


@functools.cache
def _set_blocktime():
    """OpenMP's function for it, as MKL has loaded it; None where another OpenMP is at work, or the user has chosen."""
    library = mkl_library()
    if library is None:
        return None
    library.mkl_get_max_threads()  # loads what it computes with
    _unset("MEMKIND_HEAP_MANAGER")
    if "KMP_BLOCKTIME" in os.environ:
        return None
    name = "libiomp5md.dll" if sys.platform == "win32" else "libiomp5.so"
    try:
        # By the bare name: the one that is loaded already, or none.
        openmp = ctypes.CDLL(name, mode=getattr(os, "RTLD_NOLOAD", 0) | ctypes.DEFAULT_MODE)
        return openmp.kmp_set_blocktime
    except (OSError, AttributeError):
        return None


def _unset(name: str):
    """Take back what Intel's OpenMP writes into the environment as it starts; Python's view of it does not know."""
    if name not in os.environ and sys.platform != "win32":
        ctypes.CDLL(None).unsetenv(name.encode())
