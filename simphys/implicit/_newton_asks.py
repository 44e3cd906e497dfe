"""What Newton's method asks of a problem: F, ∂F/∂t on a path, and how far it may go."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ._failed import held_unless
from ._judged import derivative_along
from ._newton_state import trial_load
from ._problem import RootProblem, interpolate


def problems_of(fn, options, tags):
    problem = options.get("problem")
    if problem is None:
        problem = RootProblem(lambda y, args: fn(y, args)[0], tags=tags)
    return problem, options.get("start")


def judged_trial(problem, start, y, t, args):
    """F and ∂F/∂t at the trial point. Nothing but choices follows: they are constant where they have a derivative."""
    arrays, rest = eqx.partition((problem, start, y, t, args), eqx.is_array)
    return evaluated(*eqx.combine(jax.lax.stop_gradient(arrays), rest))


def evaluated(problem, start, y, t, args):
    """What there is at y and a load factor t, and ∂F/∂t where there is a path."""
    if start is None:
        return problem.evaluate(y, args), None
    return derivative_along(lambda t: interpolate(start, problem, t), y, t, args, None, jnp.ones_like(t))


def differentiable(follow, given, state):
    """What a Newton direction is made of, as functions of the parameters; of those that are not followed no derivative.

    A lane of `vmap` that failed stands where F may have none, and a cotangent of 0 must not meet a NaN there.
    """
    problem, start, args = given = held_unless(follow, given)
    state = eqx.tree_at(lambda s: s.y, state, held_unless(follow, state.y))
    found, rate = evaluated(problem, start, state.y, state.t, args)
    return given, (found.residual, rate), state


def longest_step(given, state, direction):
    """How much of the step is admissible; a constant, whoever differentiates the steps."""
    problem, start, args = given
    arrays, rest = eqx.partition((problem, start, args, state, direction), eqx.is_array)
    problem, start, args, state, direction = eqx.combine(jax.lax.stop_gradient(arrays), rest)
    at = lambda t: problem if start is None else interpolate(start, problem, t)
    beyond = jax.tree.map(jnp.add, state.y, direction)
    whole = eqx.tree_at(lambda s: s.alpha, state, jnp.ones_like(state.alpha))
    found = at(state.t).longest(state.y, at(trial_load(whole)), beyond, args)
    return jnp.ones_like(state.alpha) if found is None else jnp.minimum(found.astype(state.alpha.dtype), 1)
