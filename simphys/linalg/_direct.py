"""Sparse direct solution: MKL Pardiso where it is installed, SuperLU elsewhere; cuDSS on a GPU."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jax.flatten_util import ravel_pytree

from .. import _check
from ._cudss import cudss_available
from ._factor import GENERAL, POSITIVE, SYMMETRIC, SingularMatrix
from ._factors import ENGINES, STORE
from ._host_call import host_function
from ._lane_factors import Job
from ._operator import SparseOperator
from ._pardiso import pardiso_available
from ._solver import AbstractRealSolver


class _State(eqx.Module):
    operator: SparseOperator
    kind: str = eqx.field(static=True)
    transposed: bool = eqx.field(static=True)


class Direct(AbstractRealSolver):
    """Solve A x = b by sparse factorisation outside the compiled program, Cholesky, LDLᵀ or LU as A's tags allow.

    The factor is kept beside the program and serves later solves with equal entries, other right-hand sides, the
    transpose and, as a preconditioner, matrices that changed a little; see `patience`. Work and memory for a mesh of
    n unknowns: about n log n and n^1.5 in 2-D, n^4/3 and n² in 3-D.

    **Arguments:**

    - `rtol`: relative true residual to which a solve with a stale factor is iterated. (A fresh factor solves to rounding.)
    - `patience`: iterations with a stale factor at most before A is factorised anew, and never more than a factorisation
      costs; 0 factorises whenever A changed.
    - `backend`: "cudss" (on a GPU), "pardiso", "superlu", or None for the first that is installed.

    Reference: O. Schenk, K. Gärtner, Future Generation Computer Systems 20 (2004) 475.
    """

    rtol: float = eqx.field(static=True, default=1e-10)
    patience: int = eqx.field(static=True, default=24)
    backend: str | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)
        if self.backend not in (None, *ENGINES):
            raise ValueError(f'`backend` must be "pardiso", "superlu", "cudss" or None, got {self.backend!r}.')
        if self.backend == "cudss" and not cudss_available():
            raise ValueError('`backend="cudss"` needs a GPU and nvmath-python: pip install "simphys[cudss]".')
        if self.backend == "pardiso" and not pardiso_available():
            raise ValueError('`backend="pardiso"` needs MKL: pip install "simphys[pardiso]" (x86-64 only).')

    def init(self, operator, options):
        """Look at A's structure; nothing is factorised before a right-hand side comes."""
        if not isinstance(operator, SparseOperator):
            raise ValueError(
                f"`Direct` needs a `simphys.linalg.SparseOperator`, got a `{type(operator).__name__}`; "
                "for matrix-free operators use an iterative solver such as `lineax.GMRES`."
            )
        if lx.is_positive_semidefinite(operator):
            kind = POSITIVE
        else:
            kind = SYMMETRIC if lx.is_symmetric(operator) else GENERAL
        return _State(operator, kind, False)

    def compute(self, state, vector, options: dict[str, Any]):
        """Solve; stats count factorisations and iterations with a stale factor.

        `options={"needed": …}` is a boolean: where it is False nothing is done, and x is 0.
        """
        needed = options.get("needed")
        b, unravel = ravel_pytree(vector)
        p, data = state.operator.pattern, state.operator.data
        shapes = (jax.ShapeDtypeStruct(b.shape, b.dtype), jax.ShapeDtypeStruct((3,), jnp.int32))
        backend = self.backend or _first_installed()
        settings = dict(
            kind=state.kind, backend=backend, transposed=state.transposed, rtol=self.rtol, patience=self.patience
        )
        arrays = p.key, *p.on_host, data, b
        if needed is None:
            x, info = _solve_on_host(settings, shapes, *arrays)
        else:
            x, info = _solve_if_needed(settings, shapes, needed, *arrays)
        result = lx.RESULTS.where(info[2] == 0, lx.RESULTS.successful, lx.RESULTS.singular)
        return unravel(x), result, {"factorisations": info[0], "num_steps": info[1]}

    def transpose(self, state, options):
        """The same factor serves Aᵀ."""
        flipped = not state.transposed if state.kind == GENERAL else False
        return _State(state.operator, state.kind, flipped), options


def _first_installed() -> str:
    if cudss_available():
        return "cudss"
    return "pardiso" if pardiso_available() else "superlu"


@host_function("simphys_direct_solve")
def _solve_on_host(settings, key, indptr, columns, unknowns, data, b):
    return _solve_lanes(settings, key, (indptr, columns, unknowns), data, b)


@host_function("simphys_direct_solve_if_needed")
def _solve_if_needed(settings, needed, key, indptr, columns, unknowns, data, b):
    return _solve_lanes(settings, key, (indptr, columns, unknowns), data, b, needed)


def _solve_lanes(settings, key, stored, data, b, needed=True):
    """Solve A x = b, for as many lanes as there are; (x, info), info the factorisations, steps and failures."""
    lanes = np.broadcast_shapes(b.shape[:-1], data.shape[:-1])
    x, info = np.zeros((*lanes, b.shape[-1]), b.dtype), np.zeros((*lanes, 3), np.int32)
    needed = np.broadcast_to(needed, lanes)
    if not (np.any(needed) and b.shape[-1]):  # (a body whose values are all prescribed has no unknowns)
        return x, info
    first = lambda index: index.reshape(-1, index.shape[-1])[0] if index.size else index.ravel()
    pattern = first(key), tuple(map(first, stored))
    # Axes along which the matrix is one and the same are columns of its right-hand sides.
    count = int(np.prod(data.shape[:-1], dtype=int))
    own = [axis for axis in range(len(lanes)) if data.ndim > 1 and data.shape[axis] > 1]
    order = [*own, *(axis for axis in range(len(lanes)) if axis not in own)]
    ordered = lambda a: a.transpose(*order, *range(len(lanes), a.ndim)).reshape(count, -1, *a.shape[len(lanes) :])
    rhs = ordered(np.broadcast_to(b, (*lanes, b.shape[-1])))
    chosen = ordered(needed) & (np.all(np.isfinite(rhs), axis=-1) | (count > 1))
    matrices = data.reshape(count, -1)
    jobs = [Job(k, matrices[k], rhs[k, chosen[k]].T) for k in range(count) if chosen[k].any()]
    flat_x, flat_info = np.zeros(rhs.shape, b.dtype), np.zeros((*rhs.shape[:2], 3), np.int32)
    flat_x[ordered(needed) & ~chosen], flat_info[..., 2] = np.nan, ordered(needed) & ~chosen
    for job, (found, *counts) in zip(jobs, _solved(settings, pattern, count, jobs), strict=True):
        flat_x[job.lane, chosen[job.lane]] = found.T
        flat_info[job.lane, chosen[job.lane]] = counts
    back = lambda a, tail: a.reshape([lanes[axis] for axis in order] + tail).transpose(
        *np.argsort(order), *range(len(lanes), len(lanes) + len(tail))
    )
    return back(flat_x, [b.shape[-1]]), back(flat_info, [3])


def _solved(settings, pattern, lanes, jobs):
    """For each job x, and the numbers of factorisations, steps and failures."""
    if lanes == 1 or settings["backend"] == "cudss":
        return [_solve_columns(settings, *pattern, job.data, job.b) for job in jobs]
    wide = [Job(job.lane, job.data.astype(np.float64, copy=False), job.b.astype(np.float64)) for job in jobs]
    return STORE.solve_lanes(*pattern, lanes, wide, **settings)


def _solve_columns(settings, key, stored, data, b):
    """Solve for the columns of b; (x, factorisations, steps, failed)."""
    if not (np.all(np.isfinite(data)) and np.all(np.isfinite(b))):
        return np.full(b.shape, np.nan), 0, 0, 1
    data, b = data.astype(np.float64), b.astype(np.float64)
    try:
        x, factorisations, steps = STORE.solve(key, stored, data, b, **settings)
    except SingularMatrix:
        return np.full(b.shape, np.nan), 1, 0, 1
    return x, factorisations, steps, 0
