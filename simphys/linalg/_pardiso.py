"""MKL's Pardiso: the fastest sparse factorisation on x86-64."""

import ctypes as ct
import functools

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

    **Arguments:**

    - `factors`: how many it can hold at a time, numbered from 0.
    - `like`: an instance for the same pattern and kind, whose order of unknowns is taken over where it is known.
    """

    MTYPE = {POSITIVE: 2, SYMMETRIC: -2, GENERAL: 11}  # noqa: RUF012

    def __init__(self, matrix: sps.csr_array, kind: str, factors: int = 1, like: "Pardiso | None" = None):
        self.kind, self.factors, self.handle = kind, factors, np.zeros(64, np.int64)
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
        self.data = {0: self._stored(matrix)}
        # The order of a Cholesky factor is the pattern's alone: it is asked for, or given.
        self.order = np.zeros(self.size, np.int32) if kind == POSITIVE and factors > 1 else None
        if self.order is not None:
            settings[4] = 2
            if like is not None and like.order is not None:
                self.order, settings[4] = like.order, 1
        self._call(ANALYSE)

    def _stored(self, matrix):
        """What Pardiso is given of a matrix in this pattern: the upper triangle of a symmetric one."""
        return np.array(matrix.data if self.kind == GENERAL else matrix.data[self.upper], np.float64)

    def _call(self, phase, b=None, factor=0):
        b = np.zeros((self.size, 1)) if b is None else np.asfortranarray(b, np.float64)
        x = np.zeros_like(b)
        error, number = ct.c_int32(0), lambda n: ct.byref(ct.c_int32(n))
        at = lambda array: array.ctypes.data_as(ct.c_void_p)
        which = number(self.factors), number(factor + 1)
        head = (at(self.handle), *which, number(self.MTYPE[self.kind]), number(phase), number(self.size))
        order = None if self.order is None else at(self.order)
        matrix = (at(self.data[factor]), at(self.indptr), at(self.indices), order, number(b.shape[1]))
        rest_after_calls()
        mkl_library().pardiso(*head, *matrix, at(self.settings), number(0), at(b), at(x), ct.byref(error))
        if error.value != 0:
            raise SingularMatrix(f"Pardiso ended with error {error.value} in phase {phase}.")
        return np.ascontiguousarray(x)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.indptr) - 1

    def factorise(self, matrix, number: int = 0) -> Factor:
        self.data[number] = self._stored(matrix)
        self._call(FACTORISE, factor=number)
        entries, operations = int(self.settings[17]), 1e6 * int(self.settings[18])
        # A solve makes 4 operations with each entry, waiting for memory; a factorisation runs 5 to 7 times as fast.
        # Counting 8 leans to a fresh factor.
        price = operations / (8 * 4 * entries) if entries > 0 else 8.0
        # In units of 1024 bytes it tells what all factors take.
        kept = 1024 * int(self.settings[16]) // len(self.data) + self.data[number].nbytes
        # Two steps of refinement, because pivots are perturbed.
        refined = 0 if self.kind == POSITIVE else 2
        solve, roughly = (functools.partial(self._solve, number, steps) for steps in (refined, 0))
        return Factor(matrix, solve, price, kept + (self._shared() if self.factors == 1 else 0), roughly)

    def _solve(self, number, refinements, b, transposed):
        self.settings[7] = refinements
        self.settings[11] = 2 if transposed and self.kind == GENERAL else 0
        return self._call(SOLVE, b, number)

    def _shared(self):
        """Bytes of what the analysis keeps."""
        return 1024 * int(self.settings[15]) + self.indptr.nbytes + self.indices.nbytes

    def rest(self, number: int = 0):
        self._call(REST, factor=number)
        return self._shared() + self.data[number].nbytes

    def release(self):
        self._call(RELEASE)
