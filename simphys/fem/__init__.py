"""Finite elements: meshes, spaces, integrals, assembly and constraints."""

from ._builtin import box as box, line as line, rectangle as rectangle
from ._constraints import (
    Dirichlet as Dirichlet,
    MultiPoint as MultiPoint,
    Periodic as Periodic,
    RigidTie as RigidTie,
    rigid_modes as rigid_modes,
)
from ._domain import Domain as Domain
from ._fields import (
    AbstractField as AbstractField,
    CellField as CellField,
    NodalField as NodalField,
    QuadratureField as QuadratureField,
)
from ._form import AbstractForm as AbstractForm, Energy as Energy, Sight as Sight, Weak as Weak
from ._integral import Integral as Integral
from ._mass import MassLayout as MassLayout
from ._mesh import Mesh as Mesh
from ._multigrid import build_multigrid as build_multigrid
from ._places import cells_of as cells_of, facets_of as facets_of
from ._point import Local as Local, Point as Point
from ._quality import cell_quality as cell_quality
from ._residuals import density_at_points as density_at_points, total_energy as total_energy
from ._sensors import Sensors as Sensors
from ._shown import raised as raised, shown as shown, shown_space as shown_space
from ._space import FunctionSpace as FunctionSpace
from ._taylor_hood import check_taylor_hood as check_taylor_hood, taylor_hood as taylor_hood
from ._trial import trial_energy as trial_energy
