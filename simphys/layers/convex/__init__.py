"""Quadratic and cone programs as layers: their matrices, their optimality as a root problem, an interior-point method."""

from ._cvxpy import CvxpyLayer as CvxpyLayer, from_cvxpy as from_cvxpy
from ._interior_point import InteriorPoint as InteriorPoint
from ._program import Refinement as Refinement
from ._qp import QP as QP, QPSolution as QPSolution
from ._sparse_qp import SparseQP as SparseQP
