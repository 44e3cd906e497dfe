"""SuperLU, which SciPy brings along everywhere."""

import numpy as np
import scipy.sparse as sps
import scipy.sparse.linalg as spla

from ._factor import GENERAL, POSITIVE, Factor, SingularMatrix


class SuperLU:
    """LU for each matrix anew: the analysis is not kept."""

    def __init__(self, matrix: sps.csr_array, kind: str, factors: int = 1, like: "SuperLU | None" = None):
        self.kind = kind

    def factorise(self, matrix, number: int = 0) -> Factor:
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
        solve = lambda b, transposed: lu.solve(np.asarray(b), trans="T" if transposed else "N")
        return Factor(matrix, solve, 20.0, 12 * lu.nnz + 12 * matrix.shape[0])

    def rest(self, number: int = 0):
        return None

    def release(self):
        pass
