"""Differentiable implicit simulation on JAX: equilibria, and gradients that can be trusted.

Everything is the root of an equation F(y, θ) = 0: build a problem (`simphys.physics`), `solve` it, and differentiate
the solution with respect to any array in the problem.

What is named here is imported when it is first used, so that `simphys --help` need not wait for JAX.
"""

import importlib
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from . import (
        assembly as assembly,
        design as design,
        distributed as distributed,
        errors as errors,
        fem as fem,
        grids as grids,
        implicit as implicit,
        inverse as inverse,
        io as io,
        layers as layers,
        linalg as linalg,
        materials as materials,
        physics as physics,
        report as report,
        scene as scene,
        stepping as stepping,
        tesseract as tesseract,
        viz as viz,
    )
    from ._frozen import Frozen as Frozen, frozen as frozen, thawed as thawed, trainable as trainable
    from ._result import RESULTS as RESULTS
    from .errors import adapt as adapt, estimate_error as estimate_error
    from .implicit import (
        ArcLength as ArcLength,
        Implicit as Implicit,
        Newton as Newton,
        NotConverged as NotConverged,
        OneStep as OneStep,
        RootProblem as RootProblem,
        Solution as Solution,
        Unrolled as Unrolled,
        check_gradient as check_gradient,
        follow as follow,
        solve as solve,
        value_and_grad as value_and_grad,
    )


__version__ = "0.1.0"

_ROOMS = frozenset(
    (
        "assembly",
        "design",
        "distributed",
        "errors",
        "fem",
        "grids",
        "implicit",
        "inverse",
        "io",
        "layers",
        "linalg",
        "materials",
        "physics",
        "report",
        "scene",
        "stepping",
        "tesseract",
        "viz",
    )
)
_HOMES = (
    {
        "RESULTS": "_result",
    }
    | dict.fromkeys(("Frozen", "frozen", "thawed", "trainable"), "_frozen")
    | dict.fromkeys(("adapt", "estimate_error"), "errors")
    | dict.fromkeys(
        (
            "ArcLength",
            "Implicit",
            "Newton",
            "NotConverged",
            "OneStep",
            "RootProblem",
            "Solution",
            "Unrolled",
            "check_gradient",
            "follow",
            "solve",
            "value_and_grad",
        ),
        "implicit",
    )
)


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted((set(globals()) | _ROOMS | set(_HOMES)) - {"importlib", "TYPE_CHECKING"})
