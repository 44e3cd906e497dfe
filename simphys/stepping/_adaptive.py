"""Steps chosen by an estimate of their error."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import _check
from .._arrays import as_arrays
from .._hidden import compiled
from .._progress import Progress, told
from .._result import RESULTS, name_of
from .._typing import Array, Callable, Float, Int, PyTree, Scalar
from ..distributed import Parts
from ..implicit import AbstractAdjoint, Newton
from ._first_state import first_state
from ._kinds import evolution_of
from ._march import check_fits, march_through, may_raise, solving
from ._stepper import AbstractStepper
from ._trajectory import Trajectory, trimmed, unless_failed


SAFETY, LEAST, MOST, CUTBACK = 0.9, 0.2, 2.0, 0.25


class _State(eqx.Module):
    memory: PyTree
    history: PyTree
    t: Scalar
    h: Scalar
    past: PyTree
    """The last accepted values, newest first, (order + 1, …)."""
    past_times: Float[Array, " k"]
    known: Int[Array, ""]
    """How many of them there are."""
    times: Float[Array, " n"]
    count: Int[Array, ""]
    attempts: Int[Array, ""]
    rejected: Int[Array, ""]
    result: RESULTS
    done: Array


class Tolerances(eqx.Module):
    """What decides on a step: see `march_adaptively`."""

    rtol: Scalar
    atol: PyTree
    smallest: Scalar
    largest: Scalar


@told("march")
def march_adaptively(
    stepper: AbstractStepper,
    problem,
    state: PyTree,
    span: tuple,
    *,
    rtol: float = 1e-4,
    atol: PyTree = 1e-8,
    first_step: float | None = None,
    smallest_step: float | None = None,
    largest_step: float | None = None,
    max_steps: int = 1_000,
    land: bool = True,
    drive: Callable | None = None,
    parts: Parts | None = None,
    method: Newton | None = None,
    adjoint: AbstractAdjoint | None = None,
    checkpoints: int | None = None,
    observe: Callable | None = None,
    throw: bool = True,
    progress: Progress = None,
) -> Trajectory:
    r"""Step a problem from one time to another, each step as long as its error allows.

    ‖e‖ ≤ 1,   e = error of the step / (atol + rtol max|u|),   h ← h · min(2, max(0.2, 0.9 ‖e‖^{−1/k}))

    The error is the embedded estimate of the stepper, or Milne's: the error constant times a divided difference of the
    last states. A step whose equation cannot be solved is repeated with a quarter of its length, and the length grows
    again after. The times are found in a first sweep; the trajectory, and with it every derivative, is that of `march`
    through the accepted times, which themselves are held fixed.

    **Arguments:**

    - `span`: first and last time.
    - `rtol`, `atol`: relative to the largest value of each leaf of u; `atol` one for all or one for each leaf.
    - `first_step`: by default a thousandth of the span.
    - `smallest_step`, `largest_step`: by default what rounding of the time allows, and the span.
    - `max_steps`: attempts at most; the trajectory has room for so many.
    - `land`: end steps where bodies in flight come to touch: where the nearest point is within the reach of its contact
      by a fiftieth. Of problems with inertia; a step that is cut for it is no rejected one.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
    - all others: as for `march`.

    **Returns:** a `Trajectory` of all accepted times. (Inside `jit` it has `max_steps` + 1 rows; those beyond the last
    are NaN, and `steps` tells how many there are.)

    **Raises:** as `march`; `StepFailed` also where the step would become too small, or the attempts are used up.

    Reference: E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential Equations I, Springer 1993, II.4.
    """
    del progress  # the sweep that finds the times is one compiled loop
    evolution, atol = evolution_of(problem, drive, parts), as_arrays(atol)
    check_fits(stepper, evolution)
    state = first_state(stepper, evolution, state)
    if stepper.error_constant is None and stepper.error_order is None:
        raise ValueError(
            f"`{type(stepper).__name__}` has no estimate of its error: take `march`, or a stepper that has one."
        )
    begin, end = (jnp.asarray(t, float) for t in span)
    if not isinstance(end - begin, jax.core.Tracer) and not end > begin:
        raise ValueError(f"`span` must be two increasing times, got {float(begin):g} and {float(end):g}.")
    _check.tolerance("rtol", rtol)
    length = end - begin
    part = lambda given, default: default * length if given is None else jnp.asarray(given, float)
    limits = Tolerances(jnp.asarray(rtol), atol, part(smallest_step, 0.0), part(largest_step, 1.0))
    fixed = jax.lax.stop_gradient(eqx.filter((evolution, state), eqx.is_array))
    fixed_evolution, fixed_state = eqx.combine(fixed, (evolution, state))
    first = part(first_step, 1e-3)
    solves = method, adjoint, max_steps, land
    found = _choose_times(stepper, fixed_evolution, fixed_state, begin, end, first, limits, *solves)
    times, count = jax.lax.stop_gradient((found.times, found.count))
    if concrete := not isinstance(count, jax.core.Tracer):
        # A whole number of sizes, so that close by counts share one compiled program.
        times = times[: min(max_steps, _room(int(count))) + 1]
    options = dict(method=method, adjoint=adjoint, checkpoints=checkpoints, observe=observe)
    trajectory = march_through(stepper, evolution, state, times, count, **options)
    result = RESULTS.where(found.result == RESULTS.successful, trajectory.result, found.result)
    trajectory = eqx.tree_at(lambda f: (f.result, f.rejected), trajectory, (result, found.rejected))
    trajectory = trimmed(trajectory, int(count)) if concrete else trajectory
    told = lambda: (
        f"At t = {float(found.t):g}, after {int(count)} steps and {int(found.rejected)} rejected ones, with a step of "
        f"{float(found.h):.3g}, {name_of(result)}: {RESULTS[result]}"
    )
    if not may_raise(trajectory, throw, parts):
        return trajectory
    return unless_failed(trajectory, result != RESULTS.successful, told)


def _room(count):
    size = 16
    while size < count:
        size = math.ceil(size * 1.5)
    return size


@compiled
def _choose_times(stepper, evolution, state, begin, end, first, limits, method, adjoint, max_steps, lands):
    solver = solving(evolution, method, adjoint)
    memory = stepper.begin(evolution, begin, state, solver)
    kept = stepper.order + 1
    past = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (kept, *leaf.shape)), memory.u)
    zero = jnp.zeros((), jnp.int32)
    times = jnp.full(max_steps + 1, end).at[0].set(begin)
    known = past, jnp.full(kept, begin), zero + 1, times
    still = zero, zero, zero, RESULTS.successful, jnp.zeros((), bool)
    start = _State(memory, evolution.history(), begin, jnp.minimum(first, limits.largest), *known, *still)

    def attempt(s):
        h = _fitting(s.h, end - s.t)
        if lands and stepper.derivatives == 2:
            h = evolution.remembering(s.history, h).until_touch(s.t, h, lambda part: stepper.ahead(s.memory, part))
        now = evolution.remembering(s.history, h)
        found = stepper.step(now, s.memory, s.t, h, solver)
        error, order, judged = _error(stepper, found, s, h)
        size = _weighted(evolution.judged(error), s.memory.u, found.memory.u, limits).astype(h.dtype)
        solved = (found.result == RESULTS.successful) & jnp.isfinite(size)
        accepted = solved & ((size <= 1) | ~judged)
        following = jnp.minimum(h * _growth(size, order, judged, solved), limits.largest)
        # A last step that was shortened to end in time says nothing against the length before.
        t = jnp.where(accepted & (h >= end - s.t), end, s.t + jnp.where(accepted, h, 0))
        unresolved = 16 * jnp.finfo(t.dtype).eps * jnp.maximum(jnp.abs(t), first)
        small = (following < jnp.maximum(limits.smallest, unresolved)) & (t < end)
        late = ~small & (s.attempts + 1 >= max_steps) & (t < end)
        status = RESULTS.where(solved, RESULTS.step_too_small, found.result)
        result = RESULTS.where(small, status, RESULTS.where(late, RESULTS.steps_used_up, RESULTS.successful))
        history = now.remembered(found.memory.u, s.t + h)
        return _taken(s, accepted, found.memory, history, t, following, result, small | late | (t >= end))

    return jax.lax.while_loop(lambda s: ~s.done, attempt, start)


def _growth(size, order, judged, solved):
    """By what the next step is longer, after an error of this size beside what is allowed."""
    grown = SAFETY * jnp.maximum(size, 1e-10) ** (-1 / order)
    factor = jnp.where(judged, jnp.clip(grown, LEAST, MOST), 1.0)
    return jnp.where(solved, factor, CUTBACK)


def _taken(s, accepted, memory, history, t, following, result, done):
    """The state after an attempt, that has gone on where it was accepted."""
    pick = lambda new, old: jax.tree.map(lambda a, b: jnp.where(accepted, a, b), new, old)
    shifted = jax.tree.map(lambda p, u: jnp.concatenate([u[None], p[:-1]]), s.past, memory.u)
    count = s.count + accepted.astype(jnp.int32)
    return _State(
        pick(memory, s.memory),
        pick(history, s.history),
        t,
        following,
        pick(shifted, s.past),
        pick(jnp.concatenate([t[None], s.past_times[:-1]]), s.past_times),
        jnp.where(accepted, jnp.minimum(s.known + 1, s.past_times.shape[0]), s.known),
        s.times.at[count].set(jnp.where(accepted, t, s.times[count])),
        count,
        s.attempts + 1,
        s.rejected + (~accepted).astype(jnp.int32),
        result,
        done,
    )


def _fitting(h, left):
    """A step that ends in time, without a tiny last one."""
    return jnp.where(h >= 0.999 * left, left, jnp.where(2 * h > left, left / 2, h))


def _error(stepper, found, s, h):
    """The estimate of the local error, the power of h that it goes with, and whether there is one."""
    if found.error is not None:
        return found.error, stepper.error_order, jnp.ones((), bool)
    p = stepper.order
    points = jnp.concatenate([(s.t + h)[None], s.past_times])
    values = jax.tree.map(lambda u, past: jnp.concatenate([u[None], past]), found.memory.u, s.past)
    enough = s.known >= p + 1
    difference = _divided(values, jnp.where(enough, points, -jnp.arange(p + 2, dtype=points.dtype)))
    factor = abs(stepper.error_constant) * math.factorial(p + 1) * h ** (p + 1)
    return jax.tree.map(lambda d: factor.astype(d.dtype) * d, difference), p + 1, enough


def _divided(values, points):
    """Newton's divided difference over all points, u[x₀ … x_k]."""
    k = points.shape[0]
    shape = lambda gap, leaf: gap.reshape(-1, *(1,) * (leaf.ndim - 1)).astype(leaf.dtype)
    for level in range(1, k):
        gap = points[:-level] - points[level:]
        values = jax.tree.map(lambda v: (v[:-1] - v[1:]) / shape(gap, v), values)
    return jax.tree.map(lambda v: v[0], values)


def _weighted(error, before, after, limits):
    """The largest over leaves of ‖e‖_rms / (atol + rtol max|u|)."""
    structure = jax.tree.structure(error)
    atol = limits.atol
    each = jax.tree.leaves(atol)
    each = each if jax.tree.structure(atol) == structure else each * structure.num_leaves
    sizes = []
    for e, u, v, a in zip(*map(jax.tree.leaves, (error, before, after)), each, strict=True):
        largest = jnp.maximum(jnp.max(jnp.abs(u)), jnp.max(jnp.abs(v)))
        allowed = jnp.asarray(a, e.dtype) + limits.rtol.astype(e.dtype) * largest
        sizes.append(jnp.sqrt(jnp.mean(e * e)) / jnp.maximum(allowed, jnp.finfo(e.dtype).tiny))
    return jnp.max(jnp.stack(sizes))
