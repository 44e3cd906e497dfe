"""From a goal to a part: layouts and shapes that make an objective small under constraints."""

from ._adam import Adam as Adam
from ._body import Body as Body, body_of as body_of
from ._combined import Maximise as Maximise, Robust as Robust, WeightedSum as WeightedSum
from ._compliance import Compliance as Compliance, potential as potential
from ._displacement import Displacement as Displacement
from ._dissipation import Dissipation as Dissipation
from ._eigenvalue import Eigenfrequency as Eigenfrequency
from ._evaluate import density_of as density_of
from ._filters import (
    AbstractFilter as AbstractFilter,
    ConeFilter as ConeFilter,
    NoFilter as NoFilter,
    SensitivityFilter as SensitivityFilter,
)
from ._goal import (
    AbstractGoal as AbstractGoal,
    AtLeast as AtLeast,
    AtMost as AtMost,
    Outcome as Outcome,
    Volume as Volume,
)
from ._helmholtz import HelmholtzFilter as HelmholtzFilter
from ._interpolation import RAMP as RAMP, SIMP as SIMP, AbstractInterpolation as AbstractInterpolation
from ._layout import Heaviside as Heaviside, Layout as Layout, Plane as Plane
from ._mesh_errors import (
    DesignErrors as DesignErrors,
    GoalError as GoalError,
    enriched as enriched,
    mesh_errors as mesh_errors,
)
from ._mma import MMA as MMA
from ._morph import Morph as Morph
from ._neural_density import NeuralDensity as NeuralDensity
from ._optimality_criteria import OptimalityCriteria as OptimalityCriteria
from ._optimise import Design as Design, optimise as optimise
from ._optimiser import AbstractOptimiser as AbstractOptimiser
from ._part_facts import PartFacts as PartFacts, part_facts as part_facts
from ._periodic_cell import PeriodicCell as PeriodicCell, engineering_constants as engineering_constants
from ._reanalysis import OfBody as OfBody, Reanalysis as Reanalysis, reanalysed as reanalysed
from ._search import Iteration as Iteration
from ._stage import Stage as Stage
from ._stationary import stationary as stationary
from ._stress import StressNorm as StressNorm
from ._surface import full_cells as full_cells, part_of as part_of
from ._unit_cell import UnitCell as UnitCell
