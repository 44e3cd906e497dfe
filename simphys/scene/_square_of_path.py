"""The test function of `simphys check` for load steps each of which begins with what the one before has left."""

import dataclasses

import jax
import jax.numpy as jnp

from .. import implicit
from ..physics import begin_of, begun
from ._square import CHECK_RTOL, relative_squares


def square_of_path(model, numbers):
    """Return numbers → Σ |u|² at the last load step, through all of them, each found from the one that is known."""
    method = dataclasses.replace(model.method, rtol=CHECK_RTOL)
    solve = lambda problem, value, start: (
        implicit.solve(problem, value, method=method, adjoint=model.adjoint, start=start).value
    )
    at = lambda numbers, factor: dataclasses.replace(numbers, factor=factor).made()
    factors, begins, values = jnp.asarray(model.factors), [], []
    for step in model.march(throw=True):
        begins.append(begin_of(step.state))
        known = begun(at(numbers, factors[step.number - 1]), begins[-1])
        values.append(solve(known, step.solution.value, None))
    known = jax.tree.map(lambda *leaves: jnp.stack(leaves), *zip(begins, values, strict=True))

    def function(changed):
        def step(begin, given):
            factor, (known_begin, known_value) = given
            problem = begun(at(changed, factor), begin)
            found = solve(problem, known_value, begun(at(numbers, factor), known_begin))
            return begin_of(problem, found), found

        first = begin_of(at(changed, factors[0]))
        _, found = jax.lax.scan(step, first, (factors, known))
        return relative_squares(jax.tree.map(lambda a: a[-1], found), values[-1])

    return function
