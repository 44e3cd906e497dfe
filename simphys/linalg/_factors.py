"""Factorisations on the host, kept by what they factorise and reused while they are good.

A compiled program cannot hold a factor: it hands over the matrix with every right-hand side. The store compares the
entries with those it factorised last for the same pattern. Equal entries: the factor serves as it is. Other entries:
the stale factor preconditions conjugate gradients (refinement if not positive definite) on the new matrix, which wins
while the change is small; otherwise the matrix is factorised anew. No answer depends on a factor that was not checked.
"""

import functools
import importlib.metadata
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sps
import scipy.sparse.linalg as spla

from ._regular import is_regular


LEAST_PATIENCE = 8
HOPELESS = 1.0
POSITIVE, SYMMETRIC, GENERAL = "positive definite", "symmetric", "general"


class SingularMatrix(ArithmeticError):
    """The factorisation met a zero pivot."""


@dataclass
class Factor:
    """A factorised matrix: `solve(b, transposed)` for b of shape (n, k)."""

    matrix: sps.csr_array
    solve: Callable[[np.ndarray, bool], np.ndarray]
    price: float
    """What the factorisation cost, in solves."""


@functools.cache
def pardiso_available() -> bool:
    """Tell whether MKL's Pardiso can be loaded."""
    _point_to_mkl()
    # MKL's threads else spin for 0.2 s after each call, on the cores that XLA computes on.
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    try:
        from pypardiso import PyPardisoSolver

        PyPardisoSolver()
    except (ImportError, OSError):
        return False
    return True


def _point_to_mkl():
    """Name MKL's library to pypardiso, which else looks through the whole installation for it, each time anew."""
    if "PYPARDISO_MKL_RT" in os.environ:
        return
    try:
        files = importlib.metadata.files("mkl") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for file in files:
        if "mkl_rt" in file.name and (file.name.endswith(".dll") or ".so" in file.name):
            os.environ["PYPARDISO_MKL_RT"] = str(file.locate())
            return


class _Pardiso:
    """One Pardiso instance per pattern and kind: analysed once, factorised as often as the entries change."""

    MTYPE = {POSITIVE: 2, SYMMETRIC: -2, GENERAL: 11}  # noqa: RUF012

    def __init__(self, matrix: sps.csr_array, kind: str):
        from pypardiso import PyPardisoSolver

        self.kind = kind
        self.solver = PyPardisoSolver(mtype=self.MTYPE[kind])
        self.solver.set_iparm(1, 1)
        self.solver.set_iparm(2, 2)  # nested dissection
        self.solver.set_iparm(10, 13 if kind == GENERAL else 8)
        if kind != POSITIVE:
            self.solver.set_iparm(11, 1)
            self.solver.set_iparm(13, 1)
        self.solver.iparm[17:19] = -1  # report entries of the factor, and operations
        if kind != GENERAL:
            rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
            self.upper = np.flatnonzero(matrix.indices >= rows)
            self.indptr = np.concatenate([[0], np.cumsum(np.bincount(rows[self.upper], minlength=matrix.shape[0]))])
            self.indices = matrix.indices[self.upper]
        self.stored = self._stored(matrix)
        self._call(11, np.zeros((matrix.shape[0], 1)))

    def _stored(self, matrix):
        """What Pardiso is given of a matrix in this pattern: the upper triangle of a symmetric one."""
        if self.kind == GENERAL:
            return matrix
        return sps.csr_array((matrix.data[self.upper], self.indices, self.indptr), shape=matrix.shape)

    def _call(self, phase, b):
        from pypardiso.pardiso_wrapper import PyPardisoError

        self.solver.set_phase(phase)
        try:
            return self.solver._call_pardiso(self.stored, b)
        except PyPardisoError as error:
            raise SingularMatrix(str(error)) from None

    def factorise(self, matrix) -> Factor:
        self.stored = self._stored(matrix)
        self._call(22, np.zeros((matrix.shape[0], 1)))
        entries, operations = int(self.solver.iparm[17]), 1e6 * int(self.solver.iparm[18])
        # A solve makes 4 operations with each entry, waiting for memory; a factorisation runs 5 to 7 times as fast.
        # Counting 8 leans to a fresh factor.
        return Factor(matrix, self.solve, operations / (8 * 4 * entries) if entries > 0 else 8.0)

    def solve(self, b, transposed):
        # Two steps of refinement, because pivots are perturbed.
        return self._solve(b, transposed, 0 if self.kind == POSITIVE else 2)

    def solve_roughly(self, b, transposed):
        """Solve without refinement, for whoever iterates with the factor of another matrix."""
        return self._solve(b, transposed, 0)

    def _solve(self, b, transposed, refinements):
        self.solver.set_iparm(8, refinements)
        self.solver.set_iparm(12, 2 if transposed and self.kind == GENERAL else 0)
        return self._call(33, np.asfortranarray(b))

    def release(self):
        self.solver.set_phase(-1)
        self.solver._call_pardiso(self.stored, np.zeros((self.stored.shape[0], 1)))


class _SuperLU:
    def __init__(self, matrix: sps.csr_array, kind: str):
        self.kind = kind

    def factorise(self, matrix) -> Factor:
        symmetric = self.kind != GENERAL
        options = dict(SymmetricMode=True) if symmetric else {}
        try:
            lu = spla.splu(
                sps.csc_array(matrix),
                permc_spec="MMD_AT_PLUS_A" if symmetric else "COLAMD",
                diag_pivot_thresh=0.0 if self.kind == POSITIVE else None,
                options=options,
            )
        except RuntimeError as error:
            raise SingularMatrix(str(error)) from None
        if self.kind == POSITIVE and (np.any(lu.perm_r != lu.perm_c) or np.any(lu.U.diagonal() <= 0)):
            raise SingularMatrix("The matrix is not positive definite.")
        return Factor(matrix, lambda b, transposed: lu.solve(np.asarray(b), trans="T" if transposed else "N"), 20.0)

    def release(self):
        pass


@dataclass
class _Entry:
    engine: _Pardiso | _SuperLU
    kind: str
    data: np.ndarray
    factor: Factor


class FactorStore:
    """The last few factors, by pattern; `solve` answers from them or factorises.

    **Arguments:**

    - `capacity`: number of patterns whose factor is kept; the least recently used one is released.
    """

    def __init__(self, capacity: int = 4):
        self.capacity = capacity
        self.entries: OrderedDict[tuple, _Entry] = OrderedDict()
        self.lock = threading.Lock()

    def solve(self, key, indptr, columns, data, b, *, kind, backend, transposed, rtol, patience):
        """Solve A x = b (or Aᵀ x = b) for b of shape (n, k).

        **Returns:** x; the number of factorisations; the number of iterations with a stale factor.
        """
        with self.lock:
            entry = self.entries.get(key := (bytes(key), kind, backend))
            if entry is not None:
                self.entries.move_to_end(key)
                if np.array_equal(entry.data, data):
                    return entry.factor.solve(b, transposed), 0, 0
            matrix = sps.csr_array((data, columns, indptr), shape=(indptr.size - 1,) * 2)
            spent = 0
            if entry is not None and patience > 0:
                x, spent = _with_stale_factor(matrix, b, entry, transposed, rtol, patience)
                if x is not None:
                    return x, 0, spent
            # What is kept must not lie in the caller's memory, which is a running program's.
            entry = self._factorise(key, matrix.copy(), data.copy(), kind, backend)
            return entry.factor.solve(b, transposed), 1, spent

    def _factorise(self, key, matrix, data, kind, backend) -> _Entry:
        # A symmetric matrix is always tried as a positive definite one first: Cholesky is much the faster, stops at the
        # first wrong pivot, and its failure is a proof. Only one engine is kept: the other's memory is worth more.
        old = self.entries.pop(key, None)
        make = _Pardiso if backend == "pardiso" else _SuperLU
        for attempt in [POSITIVE, SYMMETRIC] if kind == SYMMETRIC else [kind]:
            if old is not None and old.kind != attempt:
                old.engine.release()
                old = None
            engine = old.engine if old is not None else make(matrix, attempt)
            old = None
            try:
                factor = engine.factorise(matrix)
                if not is_regular(matrix, factor.solve, attempt == POSITIVE):
                    raise SingularMatrix("The matrix is singular to working precision.")
                break
            except SingularMatrix:
                engine.release()
                if attempt == kind:
                    raise
        entry = self.entries[key] = _Entry(engine, attempt, data, factor)
        while len(self.entries) > self.capacity:
            self.entries.popitem(last=False)[1].engine.release()
        return entry

    def clear(self):
        """Release every factor."""
        with self.lock:
            for entry in self.entries.values():
                entry.engine.release()
            self.entries.clear()


def _with_stale_factor(matrix, b, entry, transposed, rtol, patience):
    """Iterate on the new matrix, preconditioned by the old factor; (None, steps) if that does not pay."""
    # A fresh factor serves the adjoint solves that follow as well: that is worth more than the few solves it saves now.
    patience = min(patience, max(LEAST_PATIENCE, round(entry.factor.price / 4)))
    if entry.kind != POSITIVE:
        return _refine(matrix.T if transposed else matrix, b, entry, transposed, rtol, patience)
    return _conjugate_gradients(matrix, b, entry, rtol, patience)


def _conjugate_gradients(matrix, b, entry, rtol, patience):
    """Conjugate gradients, one column of b beside the other."""
    x, r = np.zeros_like(b), b.copy()
    target = rtol * np.linalg.norm(b, axis=0)
    z = entry.factor.solve(r, False)
    p, rz = z, np.einsum("ij,ij->j", r, z)
    for step in range(1, patience + 1):
        ap = matrix @ p
        curvature = np.einsum("ij,ij->j", p, ap)
        if not np.all(curvature >= 0) or not np.all(rz >= 0):
            return None, step
        alpha = rz / np.where(curvature > 0, curvature, 1.0)
        x, r = x + alpha * p, r - alpha * ap
        size = np.linalg.norm(r, axis=0)
        if np.all(size <= target):
            # The recursive residual drifts from the true one: what counts is the true one.
            if np.all(np.linalg.norm(b - matrix @ x, axis=0) <= 2 * target):
                return x, step
            return None, step
        if step >= 2 and _projected(np.max(size / np.maximum(target, 1e-300)), step, rtol) > HOPELESS * patience:
            return None, step
        z = entry.factor.solve(r, False)
        rz, before = np.einsum("ij,ij->j", r, z), rz
        p = z + rz / np.where(before > 0, before, 1.0) * p
    return None, patience


def _projected(left, step, rtol):
    """Steps in all, if the rest of the way to the target is as slow as the way so far."""
    gained = -np.log(max(rtol * left, 1e-300))
    return np.inf if gained <= 0 else step * (-np.log(rtol)) / gained


def _refine(matrix, b, entry, transposed, rtol, patience):
    """Iterative refinement with the old factor; given up as soon as it contracts too slowly."""
    solve = getattr(entry.engine, "solve_roughly", entry.factor.solve)
    x = solve(b, transposed)
    target, size = rtol * np.linalg.norm(b, axis=0), np.inf
    for step in range(1, patience + 1):
        r = b - matrix @ x
        before, size = size, np.linalg.norm(r, axis=0)
        if np.all(size <= target):
            return x, step
        if not np.all(size <= np.maximum(0.3 * before, target)):
            return None, step
        x = x + solve(r, transposed)
    return None, patience


STORE = FactorStore()


def forget_factors():
    """Release all factors that are kept: the solves that follow do not depend, to the last bit, on those before."""
    STORE.clear()
