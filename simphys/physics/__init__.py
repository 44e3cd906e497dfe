"""Balance laws, each of them a root problem."""

from ._balance import (
    AbstractBalance as AbstractBalance,
    AbstractLoad as AbstractLoad,
    NodalForces as NodalForces,
    derivatives as derivatives,
    storage as storage,
    updated_state as updated_state,
)
from ._closure import Closure as Closure
from ._heat import Heat as Heat
from ._loads import BodyForce as BodyForce, Pressure as Pressure, Traction as Traction
from ._mixed_solid import MixedSolid as MixedSolid
from ._solid import Solid as Solid
from ._stage import Stage as Stage, reduced_forces as reduced_forces
from ._stokes import Stokes as Stokes
from ._thermal_loads import (
    AbstractThermalLoad as AbstractThermalLoad,
    Convection as Convection,
    Flux as Flux,
    LateralConvection as LateralConvection,
    Radiation as Radiation,
    Source as Source,
)
