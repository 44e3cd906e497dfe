"""Newton's method, globalised by a line search and by continuation in the load."""

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx

from .. import _check
from .._result import RESULTS
from .._trees import all_finite, choose, dot
from .._typing import Array, Bool, Callable, PyTree, Scalar
from ..linalg import Auto, describe
from ._certificate import Stats, relative_norm, sized
from ._method import AbstractMethod, tolerance_within_reach
from ._newton_asks import differentiable, judged_trial, longest_step, problems_of
from ._newton_state import (
    State,
    balanced,
    decreased,
    ended,
    ended_at,
    known_weights,
    squares,
    taken_at,
    trial_load,
    within_rounding,
)
from ._problem import interpolate
from ._reuse import begin_reuse, exact_enough, solve_linear
from ._tangent import Product, has_own_matrix, largest_row, product_at, row_sizes, scattered


RUNAWAY = 1e8
ROUGHLY = 10


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
        problem, start = problems_of(fn, options, tags)
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
        return State(
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
            lost=false,
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
        problem, start = problems_of(fn, options, tags)
        tolerance = self.tolerance(state.size.dtype)
        t = trial_load(state)
        found, rate = options["evaluated"] if "evaluated" in options else judged_trial(problem, start, y, t, args)
        residual, energy = found.residual, found.energy
        scale = sized(found.scale, residual, state.rows)
        finite = all_finite(residual) if energy is None else all_finite((residual, energy))
        size = relative_norm(residual, scale)
        merit = squares(residual, known_weights(state.weights, scale)) if energy is None else energy
        free = state.force | (state.increment > 0) | (not self.damped) | (state.rounding & (t < 1))
        accept = finite & (free | decreased(state, merit, size, dot(residual, state.direction)))
        evaluations = state.stats.residual_evaluations + 1
        state = eqx.tree_at(lambda s: s.stats.residual_evaluations, state, evaluations)

        unsettled = largest_row(residual, state.rows).astype(size.dtype)
        # Small forces beside large ones, or a guess that none has looked at yet: on, as long as that wins something.
        wins = (state.stats.newton_steps == 0) | (unsettled < 0.25 * state.unsettled)
        quiet = (unsettled <= ROUGHLY * tolerance) | ~wins
        # A tolerance below 0 is never met: the next step is taken whatever the residual.
        wanted = jnp.where(quiet & (state.stats.newton_steps >= self.least_steps), tolerance, -1.0)
        taken = taken_at(state, y, t, residual, energy, scale, size, wanted, start is not None)
        taken = eqx.tree_at(lambda s: (s.unsettled, s.rounding), taken, (unsettled, jnp.zeros((), bool)))
        taken = eqx.tree_at(lambda s: s.reuse, taken, taken.reuse.forced(state.size, size, tolerance, problem, y))
        # Surfaces that part cell by cell: every full step takes away energy, and the residual is as large as before.
        eps = jnp.finfo(merit.dtype).eps
        falls = jnp.asarray(energy is not None) & (state.alpha >= 1) & (merit < state.merit - 64 * eps * jnp.abs(merit))
        taken, restart = self._fail_correction(taken, state.size, falls, start is not None)
        dynamic, static = eqx.partition(taken, eqx.is_array)

        follow = accept & ~taken.done & ~restart & options.get("active", True)

        def onwards(found):
            state = eqx.combine(dynamic, static)
            given = problem, start, args
            if not options.get("lag", False):
                given, found, state = differentiable(follow, given, state)
            state = self._direct(given, *found, state, energy is not None, quiet, follow)
            return eqx.partition(state, eqx.is_array)[0]

        # Under `vmap` both branches are evaluated for all lanes, unless none of them goes on.
        stay = lambda _: dynamic
        some = lambda found: jax.lax.cond(follow, onwards, stay, found)
        taken = eqx.combine(jax.lax.cond(eqxi.unvmap_any(follow), some, stay, (residual, rate)), static)
        # A singular tangent at a load below the full one is a failed load step as well.
        lost = follow & ~all_finite(taken.direction)
        enough = (size <= tolerance) & (t >= 1)
        taken = ended(taken, lost & enough, RESULTS.successful)
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
        y, load, back = ended_at(state, result != optx.RESULTS.successful)
        unfinished = state.result == RESULTS.successful
        status = RESULTS.where(back & unfinished, RESULTS.load_limit, state.result)
        report = dict(
            counts=state.stats,
            history=state.history,
            load_factor=load,
            rounding=state.rounding,
            reuse=state.reuse,
            product=state.product,
            rows=state.rows,
            status=RESULTS.where(~state.done & unfinished & state.lost, RESULTS.lost_in_rounding, status),
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
        product = None if state.product is None else product_at(operator, state.y, state.t, state.along)
        rows = row_sizes(operator, state.y, product, state.along)
        tiny, lost = within_rounding(direction, at.value(state.y), at.sizes(state.y))
        tiny = tiny | balanced(residual, rows, state.y)
        lost = lost & ~tiny
        settling = (state.increment == 0) & ~bad
        tiny, lost = tiny & settling, jnp.where(settling, lost, state.lost)
        state = eqx.tree_at(lambda s: s.product, state, product, is_leaf=lambda x: x is None)
        longest = longest_step(given, state, direction)
        return eqx.tree_at(
            lambda s: (s.direction, s.slope, s.stats, s.alpha, s.longest, s.rounding, s.lost, s.rows, s.reuse, s.done),
            state,
            (
                direction,
                slope,
                stats,
                longest,
                longest,
                tiny,
                lost,
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
        smaller = ended(smaller, enough, RESULTS.successful)
        return self._retreat(smaller, state.force | (alpha < least) & ~enough, reason, path)[0]

    def _fail_correction(self, state, before, falls, path: bool):
        """Give up a load factor at which Newton's method runs away, or takes long and wins neither residual nor energy."""
        diverged = ~state.done & (state.size > RUNAWAY * jnp.maximum(1.0, state.history[0]))
        late = ~state.done & (state.corrections > self.max_corrections) & (state.size > 0.5 * before) & ~falls & path
        reason = RESULTS.where(diverged, RESULTS.diverged, RESULTS.nonlinear_max_steps_reached)
        return self._retreat(state, diverged | late, reason, path)

    def _retreat(self, state, failed, reason, path):
        """After a failure return to the last converged load with half the increment, or end."""
        if not path:
            return ended(state, failed, RESULTS.where(state.lost, RESULTS.lost_in_rounding, reason)), jnp.zeros(
                (), bool
            )
        raised = jnp.maximum(state.t, state.t + state.alpha * state.increment) - state.safe_t
        half = 0.5 * jnp.where(raised > 0, raised, state.plan)
        held = state.t > state.safe_t
        nothing_won = state.force | (state.safe_t >= 1) | ((reason == RESULTS.tangent_singular) & ~held)
        hopeless = (half < self.smallest_increment) | nothing_won
        reason = RESULTS.where(nothing_won, reason, RESULTS.load_limit)
        reason = RESULTS.where(state.lost, RESULTS.lost_in_rounding, reason)
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
        return ended(choose(again, back, state), failed & hopeless, reason), again
