"""Sparse operators and linear solvers, all of them Lineax classes."""

from ._auto import Auto as Auto, describe as describe, iterates_with as iterates_with
from ._caches import Cache as Cache, caches as caches, clear_caches as clear_caches, register_cache as register_cache
from ._cg import ConjugateGradients as ConjugateGradients
from ._choice import (
    MatrixFacts as MatrixFacts,
    recommended as recommended,
    too_large_to_factorise as too_large_to_factorise,
)
from ._coloured import (
    ColouredJacobian as ColouredJacobian,
    coloured_hessian as coloured_hessian,
    coloured_jacobian as coloured_jacobian,
)
from ._dense import Dense as Dense
from ._direct import Direct as Direct
from ._eigenvectors import eigenvectors as eigenvectors, undifferentiated as undifferentiated
from ._factors import forget_factors as forget_factors, keep_factors as keep_factors
from ._fgmres import FGMRES as FGMRES
from ._galerkin import BlockProduct as BlockProduct
from ._hierarchy import Hierarchy as Hierarchy, hierarchy as hierarchy
from ._host_call import host_function as host_function
from ._level import chebyshev as chebyshev, eigenvalue_bound as eigenvalue_bound
from ._minres import Minres as Minres
from ._multigrid import Multigrid as Multigrid
from ._operator import (
    SparseOperator as SparseOperator,
    register_tagged as register_tagged,
    to_scipy as to_scipy,
)
from ._pattern import (
    SparsityPattern as SparsityPattern,
    padded_product as padded_product,
    separator_size as separator_size,
    sorted_distinct as sorted_distinct,
)
from ._platform import accelerated as accelerated
from ._preconditioned import Preconditioned as Preconditioned
from ._preconditioner import (
    DEFINITE as DEFINITE,
    GENERAL as GENERAL,
    AbstractPreconditioner as AbstractPreconditioner,
    Jacobi as Jacobi,
    Prepared as Prepared,
)
from ._rows import BlockRows as BlockRows
from ._saddle import Block as Block, SaddlePoint as SaddlePoint
from ._solvable import AbstractSolvable as AbstractSolvable
from ._solver import AbstractRealSolver as AbstractRealSolver, AbstractSymmetricSolver as AbstractSymmetricSolver
from ._sums import GatheredSums as GatheredSums
