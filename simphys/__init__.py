"""Differentiable implicit simulation on JAX: equilibria, and gradients that can be trusted.

Everything is the root of an equation F(y, θ) = 0: build a problem (`simphys.physics`), `solve` it, and differentiate
the solution with respect to any array in the problem.
"""

from . import fem as fem, implicit as implicit, io as io, linalg as linalg, materials as materials, physics as physics
from ._result import RESULTS as RESULTS
from .implicit import (
    Implicit as Implicit,
    Newton as Newton,
    NotConverged as NotConverged,
    OneStep as OneStep,
    RootProblem as RootProblem,
    Solution as Solution,
    Unrolled as Unrolled,
    check_gradient as check_gradient,
    solve as solve,
    value_and_grad as value_and_grad,
)


__version__ = "0.1.0"
