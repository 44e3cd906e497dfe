"""Equations as layers of a network: fixed points, roots, minimisers and convex programs, each a root problem."""

from ._interior_point import InteriorPoint as InteriorPoint
from ._program import Refinement as Refinement
from ._qp import QP as QP, QPSolution as QPSolution
