"""Equations as layers of a network: fixed points, roots, minimisers and convex programs, each a root problem."""

from ._argmin import Argmin as Argmin
from ._cvxpy import CvxpyLayer as CvxpyLayer, from_cvxpy as from_cvxpy
from ._interior_point import InteriorPoint as InteriorPoint
from ._lista import LISTA as LISTA, ista as ista, soft_threshold as soft_threshold
from ._program import Refinement as Refinement
from ._qp import QP as QP, QPSolution as QPSolution
from ._root import Root as Root
from ._sparse_qp import SparseQP as SparseQP
