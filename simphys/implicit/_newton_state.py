"""Where Newton's method stands, and what a trial point makes of it."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._result import RESULTS
from .._trees import choose, norm
from .._typing import Array, Bool, Float, Int, PyTree, Scalar
from ._certificate import Stats
from ._reuse import Reuse
from ._tangent import Product, largest_row


PATH_TOLERANCE = 1e-6
SUFFICIENT = 1e-4


class State(eqx.Module):
    """`y` of the loop is the trial point; this is everything else. t is the load factor, * marks the accepted point."""

    y: PyTree  # y*
    t: Scalar  # t*
    merit: Scalar
    size: Scalar  # relative residual at y*
    weights: PyTree  # 1 / scale at y*
    direction: PyTree
    slope: Scalar  # derivative of the merit along the direction
    increment: Scalar  # load increment that belongs to a full step
    alpha: Scalar
    longest: Scalar  # part of the step that is admissible
    force: Bool[Array, ""]  # the trial point is a starting point: take it as it is
    safe_y: PyTree  # last converged point, and its load factor
    safe_t: Scalar
    plan: Scalar  # next load increment
    corrections: Int[Array, ""]  # Newton steps since the load was last raised
    rounding: Bool[Array, ""]  # the step is as small as rounding allows
    lost: Bool[Array, ""]  # it is rounding of what F is made of, beside which the value is nothing
    along: PyTree  # numbers in [-1, 1), of which the direction is made that the Jacobian is tried with
    rows: PyTree  # size of each row of F, by the last Jacobian; 0 before there was one
    unsettled: Scalar  # largest residual of a row in its own size, at y*
    reuse: Reuse
    product: Product | None
    stats: Stats
    history: Float[Array, " steps"]
    done: Bool[Array, ""]
    result: RESULTS


def ended_at(state, failed):
    """The point that is returned, its load factor, and whether it is an earlier one than that reached."""
    back = failed & (state.safe_t < 1)
    return choose(back, state.safe_y, state.y), jnp.where(back, state.safe_t, state.t), back


def trial_load(state):
    """Load factor of the trial point; exactly 1 at the end of the path."""
    t = state.t + state.alpha * state.increment
    return jnp.where(t > 1 - 1e-6, jnp.ones_like(t), t)


def taken_at(state, y, t, residual, energy, scale, size, tolerance, path: bool):
    """The state in which the trial point has been accepted."""
    started = state.force & (t < 1)
    full = t >= 1
    root = (size <= tolerance) & full
    # What nothing pushes has no residual that could be small beside anything: a step that is rounding ends it, too.
    small = (size <= jnp.maximum(tolerance, PATH_TOLERANCE)) | state.rounding
    passed = started | (small & ~full)
    grown = jnp.where(state.force, state.plan, jnp.where(state.corrections <= 6, 2.0, 1.0) * (t - state.safe_t))
    plan = jnp.where(passed, jnp.minimum(grown, 1 - t), state.plan)
    weights = _weights(scale, size.dtype)
    merit = squares(residual, weights) if energy is None else energy
    moved = state.increment > 0
    taken = eqx.tree_at(
        lambda s: (s.y, s.t, s.merit, s.size, s.weights, s.safe_y, s.safe_t, s.plan),
        state,
        (y, t, merit, size, weights, choose(passed, y, state.safe_y), jnp.where(passed, t, state.safe_t), plan),
    )
    return eqx.tree_at(
        lambda s: (s.increment, s.force, s.corrections, s.history, s.done),
        taken,
        (
            jnp.where(passed, plan, 0.0),
            jnp.zeros((), bool),
            jnp.where(passed | moved | state.force, 0, state.corrections + 1),
            state.history.at[state.stats.newton_steps].set(size, mode="drop"),
            root,
        ),
    )


def ended(state, failed, reason):
    result = RESULTS.where(failed, reason, state.result)
    return eqx.tree_at(lambda s: (s.done, s.result), state, (state.done | failed, result))


def decreased(state, merit, size, slope):
    """Sufficient decrease; near the root, where energies differ by rounding only, of the residual alone.

    Of small strains an energy is rounding long before that: a step that takes away nine tenths of the residual, and of
    the derivative along it (`slope`), has led downhill whatever the energies say.
    """
    slack = 64 * jnp.finfo(merit.dtype).eps * (jnp.abs(state.merit) + jnp.abs(state.slope))
    descent = (merit <= state.merit + SUFFICIENT * state.alpha * state.slope + slack) & (state.slope <= 0)
    close = (size < 0.5 * state.size) & ((state.size < 1e-3) | (state.slope > 0))
    arrived = (size < 0.1 * state.size) & (jnp.abs(slope) <= -0.1 * state.slope)
    return descent | close | arrived


def within_rounding(step, value, sizes):
    """Whether a step is rounding, and whether it is that of `sizes` alone; field by field, for they may differ in units.

    Where F takes differences of numbers that are larger than the value, a step that is rounding of these is as small as
    it gets. It may be a thousandth of the value then, and no more: else all of this is rounding.
    """
    steps, values = jax.tree.leaves(step), jax.tree.leaves(value)
    alike = len(steps) == len(values)
    eps = jnp.finfo(jnp.result_type(*steps)).eps
    lengths = lambda tree: jnp.stack([norm(leaf) for leaf in (jax.tree.leaves(tree) if alike else [tree])])
    s, v = lengths(step), lengths(value)
    whole = s <= 8 * eps * v
    if sizes is None:
        return jnp.all(whole), jnp.zeros((), bool)
    seen = whole | (s <= 8 * eps * lengths(sizes))
    tiny = jnp.all(whole | (seen & (s <= 1e-3 * v)))
    return tiny, jnp.all(seen) & ~tiny


def balanced(residual, rows, y):
    """Whether F is rounding of what numbers as large as those of y make of it, |J v|: each field, and no row by far more.

    A pressure that is to be 0 never is by a step that is small beside it. (What is 0 in all its numbers has no size yet.)
    """
    leaves = [jax.tree.leaves(each) for each in (residual, rows, y)]
    eps = jnp.finfo(jnp.result_type(*leaves[2])).eps
    one = lambda f, size, y: jnp.any(y != 0) & (norm(f) <= 8 * eps * norm(size))
    fields = jnp.all(jnp.stack([one(*each) for each in zip(*leaves, strict=True)]))
    return fields & (largest_row(residual, rows) <= 1e3 * eps)


def _weights(scale, dtype):
    return jax.tree.map(lambda s: 1 / jnp.maximum(s, jnp.finfo(dtype).tiny).astype(dtype), scale)


def known_weights(weights, scale):
    """The weights of the accepted point; those of the trial point for an equation in which nothing had a size there."""
    own = _weights(scale, jnp.result_type(*jax.tree.leaves(weights)))
    return jax.tree.map(lambda w, new: jnp.where(w * jnp.finfo(w.dtype).tiny < 0.5, w, new), weights, own)


def squares(residual, weights):
    each = jax.tree.map(lambda r, w: jnp.sum((r * w) ** 2), residual, weights)
    return 0.5 * sum(jax.tree.leaves(each))
