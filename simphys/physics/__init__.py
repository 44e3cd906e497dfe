"""Balance laws, each of them a root problem."""

from . import _told as _told
from ._acting import AbstractLoad as AbstractLoad, NodalForces as NodalForces
from ._allen_cahn import AllenCahn as AllenCahn
from ._backflow import Backflow as Backflow
from ._balance import (
    AbstractBalance as AbstractBalance,
    layout_at_rest as layout_at_rest,
    layout_of_storage as layout_of_storage,
)
from ._balance_of_terms import Balance as Balance
from ._beginning import begin_of as begin_of, begun as begun, carries as carries
from ._boussinesq import Boussinesq as Boussinesq
from ._cahn_hilliard import CahnHilliard as CahnHilliard
from ._closure import Closure as Closure
from ._cohesive_zone import CohesiveZone as CohesiveZone, Separation as Separation, separation as separation
from ._contact import Contact as Contact
from ._contact_forces import (
    AbstractContact as AbstractContact,
    ContactForces as ContactForces,
    contact as contact,
)
from ._curvature_energy import CurvatureEnergy as CurvatureEnergy
from ._distances import (
    AbstractShape as AbstractShape,
    Box as Box,
    Cylinder as Cylinder,
    Distance as Distance,
    HalfSpace as HalfSpace,
    Inverted as Inverted,
    SampledDistance as SampledDistance,
    Sphere as Sphere,
)
from ._friction import sliding as sliding, stepped as stepped
from ._gradient_damage import GradientDamage as GradientDamage
from ._heat import Heat as Heat
from ._loads import (
    BodyForce as BodyForce,
    ElasticSupport as ElasticSupport,
    Pressure as Pressure,
    Traction as Traction,
)
from ._memory import (
    Memory as Memory,
    memory_of as memory_of,
    remembering as remembering,
    updated_memory as updated_memory,
)
from ._mixed_solid import MixedSolid as MixedSolid
from ._modes import Modes as Modes, matrices as matrices, modes as modes
from ._navier_stokes import NavierStokes as NavierStokes
from ._obstacle import Obstacle as Obstacle
from ._quantity import Quantity as Quantity, averaged as averaged, nodal as nodal
from ._ritz import Trial as Trial, boundary_defect as boundary_defect, ritz_energy as ritz_energy
from ._separation_law import DamagedZone as DamagedZone
from ._solid import Solid as Solid
from ._stage import Stage as Stage, reduced_forces as reduced_forces, settled as settled
from ._stokes import Stokes as Stokes
from ._storage import check_storage as check_storage, refuse_stepwise as refuse_stepwise
from ._terms import Terms as Terms, build as build
from ._thermal_loads import (
    AbstractThermalLoad as AbstractThermalLoad,
    Convection as Convection,
    Flux as Flux,
    LateralConvection as LateralConvection,
    Radiation as Radiation,
    Source as Source,
)
from ._thermo_solid import ThermoSolid as ThermoSolid
from ._weak_velocity import WeakVelocity as WeakVelocity
