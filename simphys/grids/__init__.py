"""Cartesian grids: fields at cells, faces and corners, conditions at the sides, and what is solved on them."""

from ._body import Ball as Ball, Body as Body, Box as Box, HalfSpace as HalfSpace
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
from ._conservation_law import ConservationLaw as ConservationLaw
from ._diffusion import Diffusion as Diffusion
from ._euler import Euler as Euler
from ._face_space import FaceSpace as FaceSpace
from ._fields import (
    CellField as CellField,
    CellState as CellState,
    EdgeField as EdgeField,
    FaceField as FaceField,
    Flow as Flow,
    VertexField as VertexField,
)
from ._grid import Grid as Grid, stretched as stretched
from ._law import AbstractContactLaw as AbstractContactLaw, AbstractLaw as AbstractLaw
from ._navier_stokes import NavierStokes as NavierStokes
from ._numerical_flux import (
    HLLC as HLLC,
    AbstractNumericalFlux as AbstractNumericalFlux,
    Rusanov as Rusanov,
)
from ._problem import AbstractGridProblem as AbstractGridProblem, GridStage as GridStage
from ._projection import Projection as Projection
from ._reconstruction import (
    MUSCL as MUSCL,
    WENO5Z as WENO5Z,
    AbstractReconstruction as AbstractReconstruction,
    AbstractSlopes as AbstractSlopes,
    FirstOrder as FirstOrder,
)
from ._scalar_laws import Burgers as Burgers, FluxFunction as FluxFunction, LinearAdvection as LinearAdvection
from ._separable import Separable as Separable, SeparableInverse as SeparableInverse
from ._shallow_water import ShallowWater as ShallowWater
