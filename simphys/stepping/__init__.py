"""Implicit integration in time."""

from ._adaptive import march_adaptively as march_adaptively
from ._average_vector_field import AverageVectorField as AverageVectorField
from ._backward_euler import BackwardEuler as BackwardEuler
from ._bdf2 import BDF2 as BDF2
from ._convex_splitting import ConvexSplitting as ConvexSplitting
from ._equilibrium import Equilibrium as Equilibrium
from ._evolution import ODE as ODE, AbstractEvolution as AbstractEvolution, Semidiscrete as Semidiscrete
from ._generalised_alpha import GeneralisedAlpha as GeneralisedAlpha, Newmark as Newmark
from ._march import (
    StepFailed as StepFailed,
    Trajectory as Trajectory,
    check_fits as check_fits,
    march as march,
)
from ._midpoint import ImplicitMidpoint as ImplicitMidpoint
from ._resumable import march_resumably as march_resumably
from ._sdirk import SDIRK2 as SDIRK2, SDIRK3 as SDIRK3
from ._signals import (
    AbstractSignal as AbstractSignal,
    Drive as Drive,
    Ramp as Ramp,
    Sine as Sine,
    Tabulated as Tabulated,
)
from ._stepper import AbstractStepper as AbstractStepper, Taken as Taken
from ._theta import Theta as Theta
