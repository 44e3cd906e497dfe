"""NVIDIA's cuDSS: sparse factorisation on a GPU, through nvmath-python."""

import functools
import importlib.metadata
import logging

import jax
import numpy as np
import scipy.sparse as sps

from ._factor import GENERAL, POSITIVE, Factor, SingularMatrix


LARGEST_RESIDUAL = 1e-6


def cudss_available() -> bool:
    """Tell whether there is a GPU, and cuDSS can be loaded by nvmath-python."""
    return jax.default_backend() == "gpu" and _loads()


@functools.cache
def _loads() -> bool:
    try:
        from nvmath.bindings import cudss  # pyright: ignore[reportMissingImports]

        cudss.destroy(cudss.create())
    except (ImportError, OSError, RuntimeError):
        return False
    return True


class CuDSS:
    """One cuDSS solver per pattern and kind: analysed once, factorised as often as the entries change.

    Entries and right-hand sides come from the host, and answers go back to it.
    """

    def __init__(self, matrix: sps.csr_array, kind: str):
        self.kind = kind
        self.solver = self._planned(matrix)
        self.transposed, self.source = None, matrix

    def _planned(self, matrix):
        from nvmath.bindings.cudss import MatchingAlg  # pyright: ignore[reportMissingImports]
        from nvmath.sparse.advanced import DirectSolver, DirectSolverMatrixType as Type  # pyright: ignore[reportMissingImports]

        positive = self.kind == POSITIVE
        options = {"sparse_system_type": Type.SPD if positive else Type.GENERAL, "logger": _quiet()}
        if (library := _threads()) is not None:
            options["multithreading_lib"] = library
        solver = DirectSolver(_narrow(matrix), np.zeros(matrix.shape[0]), options=options)
        if not positive:
            # Pivots are only sought within a block: large entries are brought to the diagonal first.
            solver.plan_config.matching_algorithm = MatchingAlg.MAX_DIAG_PRODUCT
        solver.plan()
        return solver

    def factorise(self, matrix, number: int = 0) -> Factor:
        """Factorise, and see by one solve that the factor is one: a wrong pivot of a Cholesky factor only spoils it."""
        if self.transposed is not None:
            self.transposed.free()
        self.source, self.transposed = matrix, None
        _factorised(self.solver, matrix)
        b = np.random.default_rng(0).standard_normal((matrix.shape[0], 1))
        x = self.solve(b, False)
        if not np.linalg.norm(matrix @ x - b) <= LARGEST_RESIDUAL * np.linalg.norm(b):
            raise SingularMatrix("The factor does not solve a system of its matrix.")
        if self.kind == POSITIVE and not float(b[:, 0] @ x[:, 0]) > 0:
            raise SingularMatrix("The matrix is not positive definite.")
        entries = int(self.solver.factorization_info.lu_nnz)
        return Factor(matrix, self.solve, 20.0, 12 * entries)

    def solve(self, b, transposed):
        """Solve for the columns of b, one after the other."""
        solver = self.solver
        if transposed and self.kind == GENERAL:  # nvmath has no transposed solve
            if self.transposed is None:
                turned = sps.csr_array(self.source.T)
                self.transposed = _factorised(self._planned(turned), turned)
            solver = self.transposed
        x = np.empty(b.shape)
        for column in range(b.shape[1]):
            solver.reset_operands(b=np.ascontiguousarray(b[:, column]))
            x[:, column] = solver.solve()
        return x

    def rest(self, number: int = 0):
        return None

    def release(self):
        """Give the GPU's memory back."""
        for solver in (self.solver, self.transposed):
            if solver is not None:
                solver.free()


def _factorised(solver, matrix):
    solver.reset_operands(a=_narrow(matrix))
    solver.factorize()
    return solver


def _quiet() -> logging.Logger:
    """Without warnings that entries were changed: they are, and factorised after that."""
    logger = logging.getLogger("simphys.cudss")
    logger.setLevel(logging.ERROR)
    return logger


@functools.cache
def _threads() -> str | None:
    """Where cuDSS's own threads for its analysis on the host are; None if they are not installed."""
    for name in ("nvidia-cudss-cu13", "nvidia-cudss-cu12"):
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if "mtlayer_gomp" in file.name:
                return str(file.locate())
    return None


def _narrow(matrix):
    """With the integers that cuDSS takes."""
    parts = (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32))
    return sps.csr_array(parts, shape=matrix.shape)
