"""Integration in time, implicit for the most part.

What needs Diffrax is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING

from ._adaptive import march_adaptively as march_adaptively
from ._average_vector_field import AverageVectorField as AverageVectorField
from ._backward_euler import BackwardEuler as BackwardEuler
from ._bdf2 import BDF2 as BDF2
from ._convex_splitting import ConvexSplitting as ConvexSplitting
from ._divided_body import DividedBody as DividedBody
from ._equilibrium import Equilibrium as Equilibrium
from ._evolution import AbstractEvolution as AbstractEvolution, Bounds as Bounds
from ._generalised_alpha import GeneralisedAlpha as GeneralisedAlpha, Newmark as Newmark
from ._gridded import Gridded as Gridded
from ._hypersolver import Hypersolver as Hypersolver, local_errors as local_errors
from ._imex import IMEX2 as IMEX2
from ._kept import identity_of as identity_of, parts_kept as parts_kept, taken_up as taken_up, whole_of as whole_of
from ._kinds import evolution_of as evolution_of
from ._march import (
    check_fits as check_fits,
    checked_times as checked_times,
    march as march,
    observed_by as observed_by,
    problem_seen as problem_seen,
)
from ._midpoint import ImplicitMidpoint as ImplicitMidpoint
from ._ode import ODE as ODE
from ._parts import begun_at as begun_at, parts_of as parts_of
from ._resumable import march_resumably as march_resumably
from ._rk3 import RK3 as RK3
from ._sdirk import SDIRK2 as SDIRK2, SDIRK3 as SDIRK3
from ._semidiscrete import Semidiscrete as Semidiscrete
from ._settle import settle as settle
from ._signals import (
    AbstractSignal as AbstractSignal,
    Drive as Drive,
    Ramp as Ramp,
    Sine as Sine,
    Tabulated as Tabulated,
)
from ._ssp import SSPRK3 as SSPRK3
from ._stepper import AbstractStepper as AbstractStepper, Taken as Taken
from ._theta import Theta as Theta
from ._trajectory import StepFailed as StepFailed, Trajectory as Trajectory, described_failure as described_failure


if TYPE_CHECKING:
    from ._diffrax_term import (
        DiffraxTerm as DiffraxTerm,
        diffrax_loads as diffrax_loads,
        diffrax_term as diffrax_term,
    )
    from ._forced import (
        Augmented as Augmented,
        Corrected as Corrected,
        NeuralRate as NeuralRate,
        Oscillator as Oscillator,
        network as network,
        simulate as simulate,
    )
    from ._signal import Signal as Signal, derivative as derivative, sampled as sampled
    from ._sparse_implicit import SparseImplicit as SparseImplicit

_HOMES = {
    "DiffraxTerm": "_diffrax_term",
    "diffrax_loads": "_diffrax_term",
    "diffrax_term": "_diffrax_term",
    "SparseImplicit": "_sparse_implicit",
    "Augmented": "_forced",
    "Corrected": "_forced",
    "NeuralRate": "_forced",
    "Oscillator": "_forced",
    "network": "_forced",
    "simulate": "_forced",
    "Signal": "_signal",
    "sampled": "_signal",
    "derivative": "_signal",
}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
