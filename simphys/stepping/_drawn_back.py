"""Guesses that lie beyond what bodies touch."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._trees import all_finite
from .._typing import PyTree
from ..implicit import AbstractRootProblem


HALVINGS = 40


def drawn_back(problem: AbstractRootProblem, u: PyTree, guess: PyTree) -> PyTree:
    """Return u + α (guess − u): α where the way meets something, halved until the residual is finite, or 0.

    Not differentiated, as no guess is.

    **Arguments:**

    - `problem`: what the guess is of.
    - `u`: a state in which nothing has gone through anything.
    - `guess`: values of its structure.
    """
    arrays, static = eqx.partition((problem, u, guess), eqx.is_array)
    problem, u, guess = eqx.combine(jax.lax.stop_gradient(arrays), static)
    here, there = problem.unknowns(u), problem.unknowns(guess)
    free = problem.longest(here, problem, there, None)
    first = jnp.ones((), jax.tree.leaves(here)[0].dtype) if free is None else free
    at = lambda part: jax.tree.map(lambda a, b: a + part * (b - a), here, there)
    outside = lambda part: ~all_finite(problem.evaluate(at(part)).residual)
    halved = lambda s: (s[0] / 2, s[1] + 1)
    part, count = jax.lax.while_loop(lambda s: (s[1] < HALVINGS) & outside(s[0]), halved, (first, 0))
    part = jnp.where(count < HALVINGS, part, 0)
    return problem.value(at(part))
