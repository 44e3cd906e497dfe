"""Cartesian grids: fields at cells, faces and corners, conditions at the sides, and what is solved on them."""

from ._cell_space import CellSpace as CellSpace
from ._conditions import (
    AbstractCondition as AbstractCondition,
    Dirichlet as Dirichlet,
    Inflow as Inflow,
    Neumann as Neumann,
    Outflow as Outflow,
    Periodic as Periodic,
    Robin as Robin,
    Slip as Slip,
    Symmetry as Symmetry,
    Wall as Wall,
)
from ._diffusion import Diffusion as Diffusion
from ._face_space import FaceSpace as FaceSpace
from ._fields import (
    CellField as CellField,
    EdgeField as EdgeField,
    FaceField as FaceField,
    VertexField as VertexField,
)
from ._grid import Grid as Grid, stretched as stretched
from ._navier_stokes import Flow as Flow, NavierStokes as NavierStokes
from ._problem import AbstractGridProblem as AbstractGridProblem, GridStage as GridStage
from ._projection import Projection as Projection
from ._separable import Separable as Separable, SeparableInverse as SeparableInverse
