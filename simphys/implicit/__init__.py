"""The root problem, its solve, its gradient and its certificate."""

from . import _told as _told
from ._adjoint import (
    AbstractAdjoint as AbstractAdjoint,
    Implicit as Implicit,
    OneStep as OneStep,
    Unrolled as Unrolled,
)
from ._arclength import ArcLength as ArcLength
from ._certificate import (
    REPORT_SIZE as REPORT_SIZE,
    AdjointCertificate as AdjointCertificate,
    Certificate as Certificate,
    Solution as Solution,
    Stats as Stats,
    adjoint_certificate as adjoint_certificate,
    relative_norm as relative_norm,
)
from ._checked import checked_solve as checked_solve
from ._continuation import follow as follow
from ._failed import (
    held_unless as held_unless,
    influence as influence,
    nan_unless as nan_unless,
    where_finite as where_finite,
)
from ._lanes import error_if_failed as error_if_failed
from ._local import affine_local_root as affine_local_root, local_root as local_root
from ._method import (
    AbstractMethod as AbstractMethod,
    least_tolerance as least_tolerance,
    tolerance_within_reach as tolerance_within_reach,
)
from ._newton import Newton as Newton
from ._path import CriticalPoint as CriticalPoint, Path as Path, Step as Step
from ._probe import current_probe as current_probe, probing as probing
from ._problem import (
    AbstractRootProblem as AbstractRootProblem,
    Evaluated as Evaluated,
    RootProblem as RootProblem,
    interpolate as interpolate,
)
from ._reuse import Reuse as Reuse
from ._solve import NotConverged as NotConverged, solve as solve
from ._symmetry import symmetry_defect as symmetry_defect
from ._taylor import TaylorTest as TaylorTest, check_gradient as check_gradient
from ._value_and_grad import (
    MismatchedTolerances as MismatchedTolerances,
    value_and_grad as value_and_grad,
    warn_of_mismatch as warn_of_mismatch,
)
from ._verify import Verify as Verify
