"""Equations as layers of a network: fixed points, roots, minimisers and convex programs, each a root problem."""

from ._anderson import Anderson as Anderson
from ._argmin import Argmin as Argmin
from ._branch import (
    Branch as Branch,
    BranchJump as BranchJump,
    branch as branch,
    branch_jump as branch_jump,
)
from ._broyden import Broyden as Broyden
from ._cells import (
    AbstractCell as AbstractCell,
    ConvCell as ConvCell,
    DenseCell as DenseCell,
    MultiscaleCell as MultiscaleCell,
)
from ._damped import Damped as Damped
from ._deep_equilibrium import DeepEquilibrium as DeepEquilibrium
from ._fixed_point import FixedPoint as FixedPoint, FixedPointProblem as FixedPointProblem
from ._iterated import Iterated as Iterated
from ._iteration import AbstractIteration as AbstractIteration
from ._lista import LISTA as LISTA, ista as ista, soft_threshold as soft_threshold
from ._newton_krylov import newton_krylov as newton_krylov
from ._relaxation import Relaxation as Relaxation
from ._root import Root as Root
from ._spectrum import jacobian_penalty as jacobian_penalty, spectral_radius as spectral_radius
from ._summary import Summary as Summary, brief as brief, summarise as summarise
from ._to_torch import GradientFailed as GradientFailed, to_torch as to_torch
from .convex import (
    QP as QP,
    CvxpyLayer as CvxpyLayer,
    InteriorPoint as InteriorPoint,
    QPSolution as QPSolution,
    Refinement as Refinement,
    SparseQP as SparseQP,
    from_cvxpy as from_cvxpy,
)
