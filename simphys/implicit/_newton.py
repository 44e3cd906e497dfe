"""Newton's method, globalised by a line search and by continuation in the load."""

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx

from .. import _check
from .._result import RESULTS
from .._trees import all_finite, choose, dot, norm
from .._typing import Array, Bool, Callable, Float, Int, PyTree, Scalar
from ..linalg import Auto, describe
from ._certificate import Stats, relative_norm, sized
from ._failed import held_unless
from ._method import AbstractMethod, tolerance_within_reach
from ._problem import RootProblem, interpolate
from ._reuse import Reuse, begin_reuse, exact_enough, solve_linear
from ._tangent import Product, has_own_matrix, largest_row, product_at, row_sizes, scattered


PATH_TOLERANCE = 1e-6
SUFFICIENT = 1e-4
RUNAWAY = 1e8
ROUGHLY = 10


class _State(eqx.Module):
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
    along: PyTree  # numbers in [-1, 1), of which the direction is made that the Jacobian is tried with
    rows: PyTree  # size of each row of F, by the last Jacobian; 0 before there was one
    unsettled: Scalar  # largest residual of a row in its own size, at y*
    reuse: Reuse
    product: Product | None
    stats: Stats
    history: Float[Array, " steps"]
    done: Bool[Array, ""]
    result: RESULTS


class Newton(AbstractMethod):
    """Newton's method for F(y) = 0 that judges convergence at the point it returns.

    J(y) δ = −F(y) − ΔT ∂F/∂t,   y ← y + α δ,   t ← t + α Δt

    α is halved until the energy (where the problem has one) or the scaled residual decreases sufficiently and the
    point is feasible. Where there is a path of problems θ(t), from an unloaded or previously solved one (t = 0) to the
    one posed (t = 1), the load rises along it: the whole way at once if that works, else by increments that are cut
    back after a failure and regrown after success, each predicted by the tangent. One step costs one residual, one
    Jacobian and one linear solve. A point is a root where ‖F‖ is small beside its scale and each row F_i beside |J v|_i,
    for a random v as large as y (and beside |J_ii| max |y| of a sparse J), or has ceased to fall.

    **Arguments:**

    - `rtol`: relative residual wanted at the returned point; None for 1e-9 in float64, 1e-4 in float32.
    - `linear_solver`: a `lineax.AbstractLinearSolver` for the Newton direction.
    - `max_steps`: residual evaluations at most.
    - `max_corrections`: Newton steps at one load factor before the load step is cut back, if they have ceased to halve
      the residual.
    - `first_increment`: load increment tried first.
    - `smallest_increment`: load increment below which continuation gives up.
    - `least_steps`: Newton steps that are taken even if the guess is a root to the tolerance: over a short step in time
      the solution changes by less, and the changes add up.
    - `damped`: False to take every full step at which F is finite: for steps in time, whose guesses are near and whose
      unknowns may start from 0, so that no residual tells whether all is better.

    Reference: P. Deuflhard, Newton Methods for Nonlinear Problems, Springer 2011, chapters 3 and 5.
    """

    rtol: float | None = eqx.field(static=True, default=None)
    linear_solver: lx.AbstractLinearSolver = Auto(rtol=1e-6)
    max_steps: int = eqx.field(static=True, default=200)
    max_corrections: int = eqx.field(static=True, default=16)
    first_increment: float = 1.0
    smallest_increment: float = 1e-3
    least_steps: int = eqx.field(static=True, default=0)
    damped: bool = eqx.field(static=True, default=True)
    atol: float = eqx.field(static=True, default=0.0)
    norm: Callable[[PyTree], Scalar] = eqx.field(static=True, default=optx.two_norm)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)

    def tolerance(self, dtype) -> float:
        """Return the relative tolerance for numbers of type `dtype`; refuse one that rounding puts out of reach."""
        return tolerance_within_reach(self.rtol, dtype, 1e-9)

    def init(self, fn, y, args, options, f_struct, aux_struct, tags):
        """Start at the guess, with the load of the start problem if there is one."""
        problem, start = _problems(fn, options, tags)
        dtype = jnp.result_type(*jax.tree.leaves(y))
        real = lambda x: jnp.asarray(x, dtype)
        zero = jnp.zeros((), jnp.int32)
        t = real(1.0 if start is None else 0.0)
        false = jnp.zeros((), bool)
        reuse = begin_reuse(self.linear_solver, problem, y, args, options.get("lag", False))
        operator = eqx.filter_eval_shape(problem.jacobian, y, args)
        product = None
        if reuse.entries is None and has_own_matrix(problem, operator, y, args):
            product = Product(y, t, jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), y))
        return _State(
            y=y,
            t=t,
            merit=real(jnp.inf),
            size=real(jnp.inf),
            weights=jax.tree.map(lambda _: real(1.0), y),
            direction=jax.tree.map(jnp.zeros_like, y),
            slope=real(0.0),
            increment=real(0.0),
            alpha=real(1.0),
            longest=real(1.0),
            force=~false,
            safe_y=y,
            safe_t=t,
            plan=real(0.0) if start is None else real(self.first_increment),
            corrections=zero,
            rounding=false,
            along=scattered(y),
            rows=jax.tree.map(jnp.zeros_like, y),
            unsettled=real(jnp.inf),
            reuse=reuse,
            product=product,
            stats=Stats(zero, zero, zero, zero, zero, describe(self.linear_solver, operator)),
            history=jnp.full(self.max_steps, jnp.nan, dtype),
            done=false,
            result=RESULTS.successful,
        )

    def step(self, fn, y, args, options, state, tags):
        """Judge the trial point; go on from it, or shorten the step."""
        problem, start = _problems(fn, options, tags)
        tolerance = self.tolerance(state.size.dtype)
        t = _advance(state)
        found, rate = _judged(problem, start, y, t, args)
        residual, energy = found.residual, found.energy
        scale = sized(found.scale, residual, state.rows)
        finite = all_finite(residual) if energy is None else all_finite((residual, energy))
        size = relative_norm(residual, scale)
        merit = _squares(residual, _known(state.weights, scale)) if energy is None else energy
        free = state.force | (state.increment > 0) | (not self.damped) | (state.rounding & (t < 1))
        accept = finite & (free | _decreased(state, merit, size))
        evaluations = state.stats.residual_evaluations + 1
        state = eqx.tree_at(lambda s: s.stats.residual_evaluations, state, evaluations)

        unsettled = largest_row(residual, state.rows).astype(size.dtype)
        # Small forces beside large ones, or a guess that none has looked at yet: on, as long as that wins something.
        wins = (state.stats.newton_steps == 0) | (unsettled < 0.25 * state.unsettled)
        quiet = (unsettled <= ROUGHLY * tolerance) | ~wins
        # A tolerance below 0 is never met: the next step is taken whatever the residual.
        wanted = jnp.where(quiet & (state.stats.newton_steps >= self.least_steps), tolerance, -1.0)
        taken = _take(state, y, t, residual, energy, scale, size, wanted, start is not None)
        taken = eqx.tree_at(lambda s: (s.unsettled, s.rounding), taken, (unsettled, jnp.zeros((), bool)))
        taken = eqx.tree_at(lambda s: s.reuse, taken, taken.reuse.forced(state.size, size, tolerance, problem, y))
        taken, restart = self._fail_correction(taken, state.size, start is not None)
        dynamic, static = eqx.partition(taken, eqx.is_array)

        follow = accept & ~taken.done & ~restart

        def onwards(found):
            state = eqx.combine(dynamic, static)
            given = problem, start, args
            if not options.get("lag", False):
                given, found, state = _differentiable(follow, given, state)
            state = self._direct(given, *found, state, energy is not None, quiet, follow)
            return eqx.partition(state, eqx.is_array)[0]

        # Under `vmap` both branches are evaluated for all lanes, unless none of them goes on.
        stay = lambda _: dynamic
        some = lambda found: jax.lax.cond(follow, onwards, stay, found)
        taken = eqx.combine(jax.lax.cond(eqxi.unvmap_any(follow), some, stay, (residual, rate)), static)
        # A singular tangent at a load below the full one is a failed load step as well.
        lost = follow & ~all_finite(taken.direction)
        enough = (size <= tolerance) & (t >= 1)
        taken = _end(taken, lost & enough, RESULTS.successful)
        taken, _ = self._retreat(taken, lost & ~enough, RESULTS.tangent_singular, start is not None)
        shrunk = self._shrink(state, finite, start is not None)
        # What is to be reused is changed by a solve only, which follows an accepted point and is told anew how exact to be.
        shrunk = eqx.tree_at(lambda s: s.reuse, shrunk, taken.reuse)
        state = choose(accept, taken, shrunk)
        trial = jax.tree.map(lambda a, d: a + state.alpha * d, state.y, state.direction)
        trial = choose(state.force, state.safe_y, trial)
        # A last step that is rounding of a field may be none of its smaller numbers: it is taken.
        end = choose(follow & state.done & state.rounding, trial, state.y)
        state = eqx.tree_at(lambda s: s.y, state, end)
        return choose(state.done, end, trial), state, None

    def terminate(self, fn, y, args, options, state, tags):
        """Stop when the accepted point is a root, or when nothing is left to be tried; stats hold our own status."""
        good = state.result == RESULTS.successful
        return state.done, optx.RESULTS.where(good, optx.RESULTS.successful, optx.RESULTS.nonlinear_divergence)

    def postprocess(self, fn, y, aux, args, options, state, tags, result):
        """Return the accepted point, or the last converged one of a load path that could not be finished."""
        back = (result != optx.RESULTS.successful) & (state.safe_t < 1)
        y = choose(back, state.safe_y, state.y)
        load = jnp.where(back, state.safe_t, state.t)
        report = dict(
            counts=state.stats,
            history=state.history,
            load_factor=load,
            rounding=state.rounding,
            reuse=state.reuse,
            product=state.product,
            rows=state.rows,
            status=RESULTS.where(back & (state.result == RESULTS.successful), RESULTS.load_limit, state.result),
        )
        return y, aux, report

    def _direct(self, given, residual, rate, state, guarded: bool, quiet: Bool[Array, ""], needed: Bool[Array, ""]):
        """Find the Newton direction at the accepted point, with the next load increment in it; end if it is rounding."""
        problem, start, args = given
        at = problem if start is None else interpolate(start, problem, state.t)
        rhs = residual
        if start is not None:
            ahead = lambda r, d: r + jnp.where(state.increment > 0, state.increment.astype(d.dtype) * d, 0)
            rhs = jax.tree.map(ahead, residual, rate)
        operator, rhs = at.jacobian(state.y, args), jax.tree.map(jnp.negative, rhs)
        if state.reuse.entries is not None:
            operator = eqx.tree_at(lambda o: o.data, operator, state.reuse.entries)
        solver = (
            exact_enough(self.linear_solver, self.tolerance(state.size.dtype)) if problem.linear else self.linear_solver
        )
        direction, good, counts, reuse = solve_linear(operator, rhs, solver, state.reuse, needed)
        slope = jax.lax.stop_gradient(dot(residual, direction)) if guarded else -2 * state.merit
        # Where an energy guards the step, any way downhill will do: an indefinite matrix stops an iteration on one.
        bad = ~all_finite(direction) | (~good & ((slope >= 0) | ~jnp.asarray(guarded)))
        direction = jax.tree.map(lambda d: jnp.where(bad, jnp.nan, d), direction)
        stats = eqx.tree_at(
            lambda s: (s.newton_steps, s.factorisations, s.linear_steps),
            state.stats,
            (
                state.stats.newton_steps + 1,
                state.stats.factorisations + counts[0],
                state.stats.linear_steps + counts[1],
            ),
        )
        tiny = _within_rounding(direction, at.value(state.y)) & (state.increment == 0) & ~bad
        product = None if state.product is None else product_at(operator, state.y, state.t, state.along)
        state = eqx.tree_at(lambda s: s.product, state, product, is_leaf=lambda x: x is None)
        rows = row_sizes(operator, state.y, product, state.along)
        longest = _longest(given, state, direction)
        return eqx.tree_at(
            lambda s: (s.direction, s.slope, s.stats, s.alpha, s.longest, s.rounding, s.rows, s.reuse, s.done),
            state,
            (
                direction,
                slope,
                stats,
                longest,
                longest,
                tiny,
                rows,
                reuse,
                state.done | (tiny & quiet & (state.t >= 1)),
            ),
        )

    def _shrink(self, state, finite, path: bool):
        """Halve a rejected step; when nothing is left of it, go back to the last converged load."""
        alpha = state.alpha * jnp.where(finite, 0.5, 0.25)
        predicting = state.increment > 0
        # On a path the load is cut long before the step has vanished.
        floor = 1e-2 if path else 1e-5
        least = jnp.where(predicting, self.smallest_increment / jnp.maximum(state.increment, 1e-30), floor)
        # A step that contact has shortened already is not yet a failure.
        least = jnp.where(state.longest < 1, jnp.minimum(least, floor * state.longest), least)
        smaller = eqx.tree_at(
            lambda s: (s.alpha, s.stats.cutbacks), state, (alpha, state.stats.cutbacks + predicting.astype(jnp.int32))
        )
        reason = RESULTS.where(
            state.force,
            RESULTS.inadmissible_guess,
            RESULTS.where(state.size <= 1e-3, RESULTS.stagnated, RESULTS.line_search_failed),
        )
        # A step beyond the tolerance was taken, and rounding is all that was left.
        enough = (state.size <= self.tolerance(state.size.dtype)) & (alpha < least) | state.rounding
        enough = enough & (state.t >= 1) & ~state.force
        smaller = _end(smaller, enough, RESULTS.successful)
        ended, _ = self._retreat(smaller, state.force | (alpha < least) & ~enough, reason, path)
        return ended

    def _fail_correction(self, state, before, path: bool):
        """Give up a load factor at which Newton's method runs away, or takes too long without halving the residual."""
        diverged = ~state.done & (state.size > RUNAWAY * jnp.maximum(1.0, state.history[0]))
        late = ~state.done & (state.corrections > self.max_corrections) & (state.size > 0.5 * before) & path
        reason = RESULTS.where(diverged, RESULTS.diverged, RESULTS.nonlinear_max_steps_reached)
        return self._retreat(state, diverged | late, reason, path)

    def _retreat(self, state, failed, reason, path):
        """After a failure return to the last converged load with half the increment, or end."""
        if not path:
            return _end(state, failed, reason), jnp.zeros((), bool)
        raised = jnp.maximum(state.t, state.t + state.alpha * state.increment) - state.safe_t
        half = 0.5 * jnp.where(raised > 0, raised, state.plan)
        held = state.t > state.safe_t
        nothing_won = state.force | (state.safe_t >= 1) | ((reason == RESULTS.tangent_singular) & ~held)
        hopeless = (half < self.smallest_increment) | nothing_won
        reason = RESULTS.where(nothing_won, reason, RESULTS.load_limit)
        again = failed & ~hopeless
        back = eqx.tree_at(
            lambda s: (s.y, s.t, s.increment, s.force, s.plan, s.alpha, s.stats.cutbacks),
            state,
            (
                state.safe_y,
                state.safe_t,
                jnp.zeros_like(state.increment),
                jnp.ones((), bool),
                half,
                jnp.ones_like(state.alpha),
                state.stats.cutbacks + 1,
            ),
        )
        return _end(choose(again, back, state), failed & hopeless, reason), again


def _problems(fn, options, tags):
    problem = options.get("problem")
    if problem is None:
        problem = RootProblem(lambda y, args: fn(y, args)[0], tags=tags)
    return problem, options.get("start")


def _judged(problem, start, y, t, args):
    """F and ∂F/∂t at the trial point. Nothing but choices follows: they are constant where they have a derivative."""
    arrays, rest = eqx.partition((problem, start, y, t, args), eqx.is_array)
    return _evaluated(*eqx.combine(jax.lax.stop_gradient(arrays), rest))


def _evaluated(problem, start, y, t, args):
    """What there is at y and a load factor t, and ∂F/∂t where there is a path."""
    if start is None:
        return problem.evaluate(y, args), None

    def at(t):
        found = interpolate(start, problem, t).evaluate(y, args)
        return found.residual, found

    _, rate, found = jax.jvp(at, (t,), (jnp.ones_like(t),), has_aux=True)
    return found, rate


def _differentiable(follow, given, state):
    """What a Newton direction is made of, as functions of the parameters; of those that are not followed no derivative.

    A lane of `vmap` that failed stands where F may have none, and a cotangent of 0 must not meet a NaN there.
    """
    problem, start, args = given = held_unless(follow, given)
    state = eqx.tree_at(lambda s: s.y, state, held_unless(follow, state.y))
    found, rate = _evaluated(problem, start, state.y, state.t, args)
    return given, (found.residual, rate), state


def _longest(given, state, direction):
    """How much of the step is admissible; a constant, whoever differentiates the steps."""
    problem, start, args = given
    arrays, rest = eqx.partition((problem, start, args, state, direction), eqx.is_array)
    problem, start, args, state, direction = eqx.combine(jax.lax.stop_gradient(arrays), rest)
    at = lambda t: problem if start is None else interpolate(start, problem, t)
    beyond = jax.tree.map(jnp.add, state.y, direction)
    whole = eqx.tree_at(lambda s: s.alpha, state, jnp.ones_like(state.alpha))
    found = at(state.t).longest(state.y, at(_advance(whole)), beyond, args)
    return jnp.ones_like(state.alpha) if found is None else jnp.minimum(found.astype(state.alpha.dtype), 1)


def _advance(state):
    """Load factor of the trial point; exactly 1 at the end of the path."""
    t = state.t + state.alpha * state.increment
    return jnp.where(t > 1 - 1e-6, jnp.ones_like(t), t)


def _take(state, y, t, residual, energy, scale, size, tolerance, path: bool):
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
    merit = _squares(residual, weights) if energy is None else energy
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


def _end(state, failed, reason):
    result = RESULTS.where(failed, reason, state.result)
    return eqx.tree_at(lambda s: (s.done, s.result), state, (state.done | failed, result))


def _decreased(state, merit, size):
    """Sufficient decrease; near the root, where energies differ by rounding only, of the residual alone."""
    slack = 64 * jnp.finfo(merit.dtype).eps * (jnp.abs(state.merit) + jnp.abs(state.slope))
    descent = (merit <= state.merit + SUFFICIENT * state.alpha * state.slope + slack) & (state.slope <= 0)
    close = (size < 0.5 * state.size) & ((state.size < 1e-3) | (state.slope > 0))
    return descent | close


def _within_rounding(step, value):
    """Whether a step is rounding of the value; field by field, for they may differ in units."""
    steps, values = jax.tree.leaves(step), jax.tree.leaves(value)
    pairs = zip(steps, values, strict=True) if len(steps) == len(values) else [(step, value)]
    eps = jnp.finfo(jnp.result_type(*steps)).eps
    return jnp.all(jnp.stack([norm(s) <= 8 * eps * norm(v) for s, v in pairs]))


def _weights(scale, dtype):
    return jax.tree.map(lambda s: 1 / jnp.maximum(s, jnp.finfo(dtype).tiny).astype(dtype), scale)


def _known(weights, scale):
    """The weights of the accepted point; those of the trial point for an equation in which nothing had a size there."""
    own = _weights(scale, jnp.result_type(*jax.tree.leaves(weights)))
    return jax.tree.map(lambda w, new: jnp.where(w * jnp.finfo(w.dtype).tiny < 0.5, w, new), weights, own)


def _squares(residual, weights):
    each = jax.tree.map(lambda r, w: jnp.sum((r * w) ** 2), residual, weights)
    return 0.5 * sum(jax.tree.leaves(each))
