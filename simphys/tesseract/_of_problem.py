"""A Tesseract of a problem."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._typing import PyTree
from ._endpoints import Endpoints
from ._of_function import of_function


def of_problem(problem: PyTree, parameters: dict[str, Callable], quantities: Callable, *, keep: int = 2) -> Endpoints:
    r"""Return the endpoints of a Tesseract that solves a problem for some of its parameters.

    y = g(problem with θ),   θ̄ = (∂g/∂θ)ᵀ ȳ

    **Arguments:**

    - `problem`: any pytree of arrays: a balance law, a problem on a grid, an `ODE`, a `Drive`; what is no parameter stays
      as it is.
    - `parameters`: name of an input → where it stands, (problem) → array, as for `equinox.tree_at`. The problem's own
      values are the defaults.
    - `quantities`: g, (problem) → dictionary of arrays; it calls `simphys.solve` or `stepping.march`.
    - `keep`: as for `of_function`.

    **Raises:** `ImportError` without tesseract-core; `ValueError` for a parameter that is no floating array.
    """
    names = tuple(parameters)
    pick = lambda problem: [parameters[name](problem) for name in names]
    if not names:
        raise ValueError("`parameters` must name one parameter or more.")
    for name, value in zip(names, pick(problem), strict=True):
        if not eqx.is_inexact_array(value):
            raise ValueError(f"Parameter `{name}` must be a floating array of the problem, got {value!r}.")

    def computed(given):
        replaced = [jnp.asarray(given[name], value.dtype) for name, value in zip(names, pick(problem), strict=True)]
        return quantities(eqx.tree_at(pick, problem, replaced))

    example = dict(zip(names, map(np.asarray, pick(problem)), strict=True))
    return of_function(computed, example, keep=keep)
