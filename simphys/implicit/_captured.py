"""Traced values that a function closes over: hidden from every derivative rule until they are made parameters."""

import equinox as eqx
import jax

from ._problem import RootProblem


def with_captured_values(problem: RootProblem, guess, args) -> RootProblem:
    """Return the problem with the traced values that its functions close over as leaves of the functions.

    In θ ↦ solve(RootProblem(lambda y, _: y² − θ)), θ is no leaf of the problem, and ∂y/∂θ would come out as 0.
    """

    y = problem.unknowns(guess)
    where = lambda p: (p.function, p.energy_function, p.jacobian_function)
    opened = tuple(with_closure_as_leaves(f, y, args) for f in where(problem))
    return eqx.tree_at(where, problem, opened, is_leaf=lambda leaf: leaf is None)


def with_closure_as_leaves(function, *arguments):
    """Return a function with the traced values that it closes over as its leaves; `arguments` are an example of its own."""
    if not _has_closure(function):
        return function
    jaxpr, _, _ = eqx.filter_make_jaxpr(lambda f, *arguments: f(*arguments))(function, *arguments)
    if not any(isinstance(value, jax.core.Tracer) for value in jaxpr.consts):
        return function
    return eqx.filter_closure_convert(function, *arguments)


def _has_closure(function) -> bool:
    function = getattr(function, "func", function)
    function = getattr(function, "__func__", function)
    return getattr(function, "__closure__", None) is not None
