"""How much is made of a program before it runs: one that is wanted now and small need not be the fastest."""

import functools
import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


SMALL = 10_000
"""Unknowns below which a program compiles for longer than it runs."""


def compiled_for(program, size: int, given: Any):
    """Return `program`, a function, as it is to be called: compiled sooner where nothing but a CPU's caller waits for it.

    XLA's older emitters of code make as good a code in three quarters of the time, where there are still two of them; with
    fewer passes of LLVM a program of few unknowns runs some 3 % longer, and compiles in seven tenths. Within another
    program, or a derivative, it is not ours to say; nor where `XLA_FLAGS` says it.
    """
    options = _options(size <= SMALL)
    if not options or _within(given):
        return _plainly(program)
    return _with_options(program, tuple(options.items()))


@functools.cache
def _options(small: bool) -> dict[str, Any]:
    given = os.environ.get("XLA_FLAGS", "")
    if jax.default_backend() != "cpu" or "optimization_level" in given or "fusion_emitters" in given:
        return {}
    emitters = {} if jax.__version_info__ >= (0, 11) else {"xla_cpu_use_fusion_emitters": False}
    return emitters | ({"xla_backend_optimization_level": 1} if small else {})


def _within(given) -> bool:
    traced = lambda x: isinstance(x, jax.core.Tracer)
    return any(map(traced, jax.tree.leaves(given))) or traced(jnp.zeros(()))


@functools.cache
def _plainly(program):
    return eqx.filter_jit(program)


@functools.cache
def _with_options(program, options):
    return eqx.filter_jit(program, compiler_options=dict(options))
