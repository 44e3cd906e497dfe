"""LAPACK on batches, so that no two batches wait for each other for ever.

On the CPU JAX shares a batch of factorisations or triangular solves among the threads of XLA's pool, and waits for them
on one of those threads. As many batches at once as there are threads (two, on two cores: two layers under `vmap` in one
program) and none is left to do the work. On machines of few cores matrices are therefore worked off one by one.
"""

import os

import jax
import jax.numpy as jnp

from ._typing import Callable


FEW = 8
"""Cores; more batches than this hardly meet in one program."""


def one_by_one(function: Callable) -> Callable:
    """Return a function of arrays that calls LAPACK, so that under `vmap` it calls it for one matrix after another.

    On accelerators, and with many cores, it stays one batch. It is not to be differentiated.
    """
    whole = jax.custom_batching.custom_vmap(function)

    @whole.def_vmap
    def rule(size, batched, *arrays):
        axes = tuple(0 if b else None for b in batched)
        mapped = tuple(a for a, b in zip(arrays, batched, strict=True) if b)

        def single(some):
            some = iter(some)
            return whole(*(next(some) if b else a for a, b in zip(arrays, batched, strict=True)))

        def together(*_):
            return jax.vmap(function, axes)(*arrays)

        def in_turn(*_):
            return jax.lax.map(single, mapped)

        found = jax.lax.platform_dependent(cpu=in_turn if _cores() <= FEW else together, default=together)
        return found, jax.tree.map(lambda _: True, found)

    return whole


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


@one_by_one
def cholesky(matrix):
    """Return the lower triangular factor (n, n); NaN where the matrix is not positive definite."""
    return jax.lax.linalg.cholesky(matrix, symmetrize_input=False)


@one_by_one
def cholesky_solve(lower, rhs):
    """Solve by the factor, (n,) or (n, k)."""
    return jax.scipy.linalg.cho_solve((lower, True), rhs)


@one_by_one
def upper_solve(matrix, rhs):
    """Solve with an upper triangular matrix."""
    return jax.scipy.linalg.solve_triangular(matrix, rhs)


@one_by_one
def lu(matrix):
    """Return the factors and the pivots."""
    return jax.scipy.linalg.lu_factor(matrix)


@one_by_one
def lu_solve(factors, pivots, rhs):
    """Solve by the factors."""
    return jax.scipy.linalg.lu_solve((factors, pivots), rhs)


@one_by_one
def lu_solve_transposed(factors, pivots, rhs):
    """Solve with the transpose by the factors."""
    return jax.scipy.linalg.lu_solve((factors, pivots), rhs, trans=1)


def definite(matrix):
    """Whether a matrix has a Cholesky factor."""
    return jnp.all(jnp.isfinite(jnp.diagonal(cholesky(matrix))))
