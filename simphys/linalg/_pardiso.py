"""MKL's Pardiso: the fastest sparse factorisation on x86-64."""

import ctypes
import functools
import importlib.metadata
import os

import numpy as np
import scipy.sparse as sps

from ._factor import GENERAL, POSITIVE, SYMMETRIC, Factor, SingularMatrix


def pardiso_available() -> bool:
    """Tell whether MKL's Pardiso can be loaded."""
    return mkl_library() is not None


@functools.cache
def mkl_library() -> ctypes.CDLL | None:
    """MKL's library; None where it is not installed or cannot be loaded."""
    _point_to_mkl()
    # MKL's threads else spin for 0.2 s after each call, on the cores that XLA computes on.
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    try:
        from pypardiso import PyPardisoSolver

        return PyPardisoSolver().libmkl
    except (ImportError, OSError):
        return None


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


class Pardiso:
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
