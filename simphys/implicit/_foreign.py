"""Methods of Optimistix, differentiated through their steps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx

from .._trees import all_finite
from ._failed import held_unless


def check_unrolled(method: optx.AbstractRootFinder):
    """Raise `ValueError` for a method through whose steps no derivative goes."""
    if isinstance(method, optx.AbstractMinimiser):
        raise ValueError(
            f"`{type(method).__name__}` minimises |F|², and the derivative of its steps is lost: take `Implicit()`, or "
            f"with `Unrolled()` a root finder or a method of least squares."
        )


def unrolled(run, problem, y0, args):
    """Return what `run(problem, fn, y0, args, differentiated)` finds, with derivatives through its steps if it succeeded.

    Where it did not, steps may have run away: a transposed step is then no number, which a cotangent of 0 does not undo,
    and Lineax raises. Such lanes of `vmap` are found out beforehand, and then solve y = y₀ instead: what they reached has
    derivatives 0.
    """
    still = lambda tree: jax.tree.map(lambda x: jax.lax.stop_gradient(x) if eqx.is_array(x) else x, tree)
    fixed, begin, known = still((problem, y0, args))
    first = run(fixed, lambda y, args: fixed.residual(y, args), begin, known, False)
    ok = (first.result == optx.RESULTS.successful) & all_finite(first.value)
    held = held_unless(ok, problem)

    def steered(y, args):
        at = jax.tree.map(lambda a, b: jnp.where(ok, a, b), y, begin)
        found = held.residual(at, args)
        return jax.tree.map(lambda f, a, b: jnp.where(ok, f, a - b), found, y, begin)

    second = run(held, steered, *held_unless(ok, (y0, args)), True)
    value = jax.tree.map(lambda a, b: jnp.where(ok, a, b), second.value, first.value)
    result = optx.RESULTS.where(ok, second.result, first.result)
    return eqx.tree_at(lambda s: (s.value, s.result), second, (value, result))
