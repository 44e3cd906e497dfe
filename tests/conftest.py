"""Tests run in float64, with strict dtype promotion, rank promotion an error, and warnings as errors.

The suite's time is compilation: many small problems, each compiled once. So LLVM optimises little here (the CLI and the
slow tests' subprocesses included; measured: a third of the time), operations do not carry the stack of calls that led
to them (a tenth), all programs are lowered in one context of MLIR (a new one takes 8 ms, a third of a small program's
time), methods of modules are bound without ceremony (a twentieth), each of the two workers keeps to one core, and
garbage is looked for when there is some (two in a hundred). What was compiled is kept in `.pytest_cache/programs`,
unless `JAX_COMPILATION_CACHE_DIR` names another place: a run that compiles the same again takes a third of the time.
"""

# ruff: noqa: E402

import functools
import gc
import importlib.metadata
import os
import pathlib
import time
import zlib


FLAGS = "--xla_llvm_disable_expensive_passes=true --xla_backend_optimization_level=0"
# (What XLA checks of its own work, and what it tells an optimiser that does not run: a seventh of a large program's time.)
FLAGS += " --xla_disable_hlo_passes=hlo-verifier --xla_llvm_enable_invariant_load_metadata=false"
FLAGS += " --xla_llvm_enable_alias_scope_metadata=false --xla_llvm_enable_noalias_metadata=false"
if importlib.metadata.version("jax") < "0.11":  # later ones have no such flag, and refuse what they do not know
    # (Programs are small: to split them among threads costs a tenth.)
    FLAGS += " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
os.environ.setdefault("XLA_FLAGS", FLAGS)
os.environ.setdefault("JAX_INCLUDE_FULL_TRACEBACKS_IN_LOCATIONS", "false")
PROGRAMS = pathlib.Path(__file__).parent.parent / ".pytest_cache" / "programs"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(PROGRAMS))
os.environ.setdefault("SIMPHYS_CACHE", os.environ["JAX_COMPILATION_CACHE_DIR"])  # the command line's, shared with all
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
gc.set_threshold(50_000, 20, 20)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("MKL_NUM_THREADS", "1")

import equinox
import jax
import matplotlib
import pytest
from jax._src import compilation_cache
from jax._src.interpreters import mlir


matplotlib.use("Agg")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def _share_contexts():
    """One context of MLIR for all programs but those that are made while another is (constants)."""
    make = mlir.make_ir_context
    shared = functools.cache(make)

    def busy():
        try:
            return mlir.ir.Context.current is not None
        except ValueError:
            return False

    mlir.make_ir_context = lambda: make() if busy() else shared()


if hasattr(mlir, "make_ir_context"):
    _share_contexts()


def _compress_quickly():
    """Programs that are kept are made small by little work: six in a thousand of the time, for files a quarter larger."""
    if getattr(compilation_cache, "zstd", 0) is getattr(compilation_cache, "zstandard", 0) is None:
        compilation_cache.compress_executable = functools.partial(zlib.compress, level=1)


_compress_quickly()


def _bind_quickly():
    """Bind methods of Equinox's modules in 5 µs for 92, with the same fields: tracing does it thousands of times."""
    try:
        from equinox._module._flatten import WRAPPER_FIELD_NAMES
        from equinox._module._prebuilt import BoundMethod
    except ImportError:
        return
    meta = type(equinox.Module)
    make, put = meta.__call__, object.__setattr__

    def call(cls, *given, **named):
        if cls is not BoundMethod or named or len(given) != 2:
            return make(cls, *given, **named)
        bound = object.__new__(BoundMethod)
        put(bound, "__func__", given[0])
        put(bound, "__self__", given[1])
        for name in WRAPPER_FIELD_NAMES:
            if hasattr(given[0], name):
                put(bound, name, getattr(given[0], name))
        return bound

    meta.__call__ = call


_bind_quickly()


MOST_MEMORY = 2 * 2**30


MOST_MAPPINGS = 30_000
"""Of 65,530 that Linux allows: each program has some, and a process that has no more of them ends."""


DAYS_KEPT = 7


STARTED = time.time()


def pytest_sessionfinish(session):
    """Programs that no run has used for a week are let go."""
    if "PYTEST_XDIST_WORKER" not in os.environ and PROGRAMS.is_dir():
        for file in PROGRAMS.iterdir():
            if file.stat().st_atime < time.time() - 86_400 * DAYS_KEPT:
                file.unlink(missing_ok=True)


def pytest_addoption(parser):
    """`--minutes` bounds a run: for machines that give it so much time only."""
    parser.addoption("--minutes", type=float, help="skip what has not begun after so many minutes")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Of a test of breadth the first case stands for all in a run without the slow tests."""
    begun = set()
    for item in items:
        if item.get_closest_marker("breadth"):
            if (item.path, item.originalname) in begun:
                item.add_marker("slow")
            begun.add((item.path, item.originalname))


def pytest_runtest_setup(item):
    """Skip what comes too late, and say so."""
    minutes = item.config.getoption("--minutes")
    if minutes and time.time() - STARTED > 60 * minutes:
        pytest.skip(f"not reached within {minutes:g} minutes")


@pytest.fixture(autouse=True)
def _forget():
    """Let go of compiled programs where they fill gigabytes, or most of the mappings that a process may have."""
    yield
    used = _resident()
    # (What is kept besides programs stays: with few of them there is nothing to let go of.)
    if used > MOST_MEMORY / 2 and _mappings() > MOST_MAPPINGS // (6 if used > MOST_MEMORY else 1):
        equinox.clear_caches()
        jax.clear_caches()


def _resident():
    statm = pathlib.Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def _mappings():
    maps = pathlib.Path("/proc/self/maps")
    return maps.read_bytes().count(b"\n") if maps.exists() else 0
