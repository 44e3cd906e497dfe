"""Finite elements: meshes, spaces, integrals, assembly and constraints."""

from . import _told as _told
from ._blocks import altered as altered
from ._builtin import box as box, kuhn_simplices as kuhn_simplices, line as line, rectangle as rectangle
from ._constraints import Dirichlet as Dirichlet, Periodic as Periodic
from ._diagonals import diagonals as diagonals
from ._domain import Domain as Domain
from ._element import lagrange_element as lagrange_element, tabulate as tabulate
from ._facets import (
    boundary_facets as boundary_facets,
    facet_kinds as facet_kinds,
    facet_shapes as facet_shapes,
    facet_vertices as facet_vertices,
    kinds_of_facets as kinds_of_facets,
    match_facets as match_facets,
    nodes_by_kind as nodes_by_kind,
    other_side as other_side,
    row_ids as row_ids,
)
from ._fields import (
    AbstractField as AbstractField,
    CellField as CellField,
    DomainField as DomainField,
    NodalField as NodalField,
    QuadratureField as QuadratureField,
)
from ._form import AbstractForm as AbstractForm, Energy as Energy, Sight as Sight, Weak as Weak
from ._integral import Integral as Integral
from ._interface import interface_of as interface_of
from ._join import join as join
from ._mass import MassLayout as MassLayout
from ._mesh import Mesh as Mesh
from ._mesh_checks import (
    CELL_DIMENSION as CELL_DIMENSION,
    check_points as check_points,
    orientation as orientation,
    reference_nodes as reference_nodes,
)
from ._multigrid import (
    build_multigrid as build_multigrid,
    matrix_facts as matrix_facts,
    multigrid_makings as multigrid_makings,
)
from ._named_nodes import known_nodes as known_nodes
from ._overlap import check_overlap as check_overlap
from ._pairs import (
    check_pair as check_pair,
    mini as mini,
    scott_vogelius as scott_vogelius,
    taylor_hood as taylor_hood,
)
from ._patches import Topology as Topology
from ._places import cells_of as cells_of, facets_of as facets_of
from ._point import Local as Local, Point as Point
from ._quadrature import quadrature as quadrature
from ._quality import cell_quality as cell_quality
from ._recovery import Recovery as Recovery
from ._refine import refined as refined, refinement as refinement, split_at_centres as split_at_centres
from ._residuals import density_at_points as density_at_points, total_energy as total_energy
from ._richer import Interpolation as Interpolation, richer as richer
from ._sensors import Sensors as Sensors
from ._shown import raised as raised, shown as shown, shown_space as shown_space
from ._slip import Slip as Slip
from ._space import FunctionSpace as FunctionSpace, affine as affine
from ._streamed import streamable as streamable
from ._tie import Tie as Tie
from ._ties import MultiPoint as MultiPoint, RigidTie as RigidTie, rigid_modes as rigid_modes
from ._trial import trial_energy as trial_energy
