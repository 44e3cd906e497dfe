"""How wrong a number is because of the mesh: goal-oriented estimates on richer spaces, and meshes that follow them."""

from ._adapt import Adaptation as Adaptation, Round as Round, adapt as adapt, marked as marked
from ._adapt_march import adapt_march as adapt_march
from ._adapted_march import AdaptedMarch as AdaptedMarch, MeshPart as MeshPart
from ._eigenvalues import EigenvalueErrors as EigenvalueErrors, estimate_eigenvalues as estimate_eigenvalues
from ._enriched import Enrichment as Enrichment
from ._estimate import (
    Comparison as Comparison,
    Estimate as Estimate,
    compare as compare,
    compared as compared,
    estimate_error as estimate_error,
)
from ._goals import PointValue as PointValue, ResultantValue as ResultantValue
from ._march import (
    Led as Led,
    MarchEstimate as MarchEstimate,
    compare_marches as compare_marches,
    estimate_march_error as estimate_march_error,
    prolonged_state as prolonged_state,
)
from ._peak import Peak as Peak, peak as peak
from ._recovery import (
    Recovered as Recovered,
    RecoveredValue as RecoveredValue,
    Recoverer as Recoverer,
    recovered as recovered,
)
from ._refined import Refinement as Refinement
from ._remedies import remedies as remedies
from ._sizes import finer_mesh as finer_mesh, size_field as size_field
from ._slopes import slope_errors as slope_errors
from ._transfer import IMPOSSIBLE as IMPOSSIBLE, Transfer as Transfer
from ._two_grid import TwoGrid as TwoGrid, solved as solved
from ._unassembled import enriched as enriched
from ._zz import EnergyError as EnergyError, zz as zz
