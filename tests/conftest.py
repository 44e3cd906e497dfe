"""Tests run in float64, with strict dtype promotion, rank promotion an error, and warnings as errors.

The suite's time is compilation: many small problems, each compiled once. So LLVM optimises little here (the CLI and the
slow tests' subprocesses included; measured: a third of the time), and each of the two workers keeps to one core.
"""

# ruff: noqa: E402

import importlib.metadata
import os
import pathlib


FLAGS = "--xla_llvm_disable_expensive_passes=true --xla_backend_optimization_level=0"
if importlib.metadata.version("jax") < "0.11":  # later ones have no such flag, and refuse what they do not know
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", FLAGS)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("MKL_NUM_THREADS", "1")

import equinox
import jax
import matplotlib
import pytest


matplotlib.use("Agg")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


MOST_MEMORY = 2 * 2**30


@pytest.fixture(autouse=True, scope="module")
def _forget():
    """Let go of compiled programs where they fill gigabytes."""
    yield
    statm = pathlib.Path("/proc/self/statm")
    used = int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0
    if used > MOST_MEMORY:
        equinox.clear_caches()
        jax.clear_caches()
