"""MKL's Pardiso: the fastest sparse factorisation on x86-64."""

import ctypes as ct

import numpy as np
import scipy.sparse as sps

from ._factor import GENERAL, POSITIVE, SYMMETRIC, Factor, SingularMatrix
from ._mkl_library import mkl_library, rest_after_calls


ANALYSE, FACTORISE, SOLVE, REST, RELEASE = 11, 22, 33, 0, -1


def pardiso_available() -> bool:
    """Tell whether MKL's Pardiso can be loaded."""
    return mkl_library() is not None


class Pardiso:
    """One Pardiso instance per pattern and kind: analysed once, factorised as often as the entries change.

    It has memory of its own; instances may work at the same time, each in one thread.
    """

    MTYPE = {POSITIVE: 2, SYMMETRIC: -2, GENERAL: 11}  # noqa: RUF012

    def __init__(self, matrix: sps.csr_array, kind: str):
        self.kind, self.handle = kind, np.zeros(64, np.int64)
        # Numbered from 0; MKL's manual counts them from 1.
        self.settings = settings = np.zeros(64, np.int32)
        settings[[0, 1, 34]] = 1, 2, 1  # not the default settings, nested dissection, indices from 0
        settings[9] = 13 if kind == GENERAL else 8
        if kind != POSITIVE:
            settings[[10, 12]] = 1
        settings[[17, 18]] = -1  # report entries of the factor, and operations
        self.indptr, self.indices = matrix.indptr, matrix.indices
        if kind != GENERAL:
            rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
            self.upper = np.flatnonzero(matrix.indices >= rows)
            self.indptr = np.concatenate([[0], np.cumsum(np.bincount(rows[self.upper], minlength=matrix.shape[0]))])
            self.indices = matrix.indices[self.upper]
        self.indptr, self.indices = (np.array(numbers, np.int32) for numbers in (self.indptr, self.indices))
        self.data = self._stored(matrix)
        self._call(ANALYSE)

    def _stored(self, matrix):
        """What Pardiso is given of a matrix in this pattern: the upper triangle of a symmetric one."""
        return np.array(matrix.data if self.kind == GENERAL else matrix.data[self.upper], np.float64)

    def _call(self, phase, b=None):
        b = np.zeros((self.size, 1)) if b is None else np.asfortranarray(b, np.float64)
        x = np.zeros_like(b)
        error, number = ct.c_int32(0), lambda n: ct.byref(ct.c_int32(n))
        at = lambda array: array.ctypes.data_as(ct.c_void_p)
        head = (at(self.handle), number(1), number(1), number(self.MTYPE[self.kind]), number(phase), number(self.size))
        matrix = (at(self.data), at(self.indptr), at(self.indices), None, number(b.shape[1]))
        rest_after_calls()
        mkl_library().pardiso(*head, *matrix, at(self.settings), number(0), at(b), at(x), ct.byref(error))
        if error.value != 0:
            raise SingularMatrix(f"Pardiso ended with error {error.value} in phase {phase}.")
        return np.ascontiguousarray(x)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.indptr) - 1

    def factorise(self, matrix) -> Factor:
        self.data = self._stored(matrix)
        self._call(FACTORISE)
        entries, operations = int(self.settings[17]), 1e6 * int(self.settings[18])
        # A solve makes 4 operations with each entry, waiting for memory; a factorisation runs 5 to 7 times as fast.
        # Counting 8 leans to a fresh factor.
        price = operations / (8 * 4 * entries) if entries > 0 else 8.0
        # What the analysis keeps, and the factor: in units of 1024 bytes.
        kept = 1024 * (int(self.settings[15]) + int(self.settings[16]))
        return Factor(matrix, self.solve, price, kept + self.data.nbytes + self.indptr.nbytes + self.indices.nbytes)

    def solve(self, b, transposed):
        # Two steps of refinement, because pivots are perturbed.
        return self._solve(b, transposed, 0 if self.kind == POSITIVE else 2)

    def solve_roughly(self, b, transposed):
        """Solve without refinement, for whoever iterates with the factor of another matrix."""
        return self._solve(b, transposed, 0)

    def _solve(self, b, transposed, refinements):
        self.settings[7] = refinements
        self.settings[11] = 2 if transposed and self.kind == GENERAL else 0
        return self._call(SOLVE, b)

    def rest(self):
        self._call(REST)
        return 1024 * int(self.settings[15]) + self.data.nbytes + self.indptr.nbytes + self.indices.nbytes

    def release(self):
        self._call(RELEASE)
