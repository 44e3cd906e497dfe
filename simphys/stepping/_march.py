"""The time loop."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from .._hidden import compiled, hidden_values
from .._progress import Progress
from .._result import RESULTS, name_of
from .._told import listing
from .._typing import Array, Callable, Float, Int, PyTree
from ..implicit import AbstractAdjoint, Implicit, Newton, Solution, error_if_failed, influence, nan_unless, solve
from ._evolution import AbstractEvolution, Semidiscrete
from ._gridded import Gridded
from ._imex import FARTHEST, IMEX2
from ._kinds import evolution_of
from ._progress import report, telling_steps
from ._rk3 import RK3
from ._stepper import AbstractStepper


class Trajectory(eqx.Module):
    """What a march found.

    **Attributes:**

    - `times`: of the saved values, (saved,).
    - `values`: u at those times, stacked; NaN after a step that failed.
    - `observed`: what `observe` returned at every time, stacked, the first time included.
    - `final`: the stepper's memory after the last successful step; `final.u` is the state.
    - `history`: internal variables then.
    - `result`: an item of `RESULTS`; `successful`, or the status of the step that failed.
    - `failed_step`: number of the step that failed, from 0; −1 for none.
    - `newton_steps`, `linear_steps`: of each step, (step,).
    - `weakly_active`: how many points stood at a kink of their law (yield, the onset of damage) at the end of each step,
      (step,): there a derivative of the trajectory is one-sided.
    - `steps`, `rejected`: how many steps there are, and how many more were tried.
    """

    times: Float[Array, " saved"]
    values: PyTree
    observed: PyTree
    final: PyTree
    history: PyTree
    result: RESULTS
    failed_step: Int[Array, ""]
    newton_steps: Int[Array, " step"]
    linear_steps: Int[Array, " step"]
    weakly_active: Int[Array, " step"]
    steps: Int[Array, ""]
    rejected: Int[Array, ""]

    def __repr__(self):
        return listing(self)


class StepFailed(RuntimeError):
    """A step could not be solved; `trajectory` holds everything before it."""

    def __init__(self, text: str, trajectory: Trajectory):
        super().__init__(text)
        self.trajectory = trajectory


class _Carry(eqx.Module):
    memory: PyTree
    history: PyTree
    result: RESULTS
    failed: Int[Array, ""]


def march(
    stepper: AbstractStepper,
    problem,
    state: PyTree,
    times,
    *,
    drive: Callable | None = None,
    method: Newton | None = None,
    adjoint: AbstractAdjoint | None = None,
    checkpoints: int | None = None,
    observe: Callable | None = None,
    save: int | None = 1,
    progress: Progress = None,
    on_iteration: Callable | None = None,
    throw: bool = True,
) -> Trajectory:
    r"""Step a problem through given times, as one compiled scan.

    Each step is a root problem, solved and certified as any other; the derivative of the trajectory with respect to the
    problem's leaves, the initial state and the times is that of all its steps.

    **Arguments:**

    - `stepper`: `Equilibrium()` for what stores nothing; `BackwardEuler()`, `Theta()`, `BDF2()`, `ImplicitMidpoint()`,
      `SDIRK2()`, `SDIRK3()`; with inertia `Newmark()`, `GeneralisedAlpha()`.
    - `problem`: a balance law that stores something, or an `ODE`.
    - `state`: u at the first time; for problems with inertia the pair (u, u̇). Numbers are spread.
    - `times`: increasing, (steps + 1,).
    - `drive`: (problem, t) → problem at time t, for balance laws whose loads or parameters change.
    - `method`: as for `simphys.solve`.
    - `adjoint`: derivative rule of each solve; `Implicit()` by default.
    - `checkpoints`: number of states kept for reverse mode; the steps between them are repeated when they are needed.
      √steps is a good number: memory then grows as √steps, for one forward sweep more. None keeps what each step needs.
    - `observe`: (t, u, problem at t) → anything small, at every time.
    - `save`: every how many steps u is saved, the first and the last state included; None for the last one alone.
    - `progress`: by default a line on a terminal or in a notebook where it takes more than 2 s; True always, False never;
      or a function that is told each line. With True or a function the line says how many steps are done, from
      inside the compiled loop.
    - `on_iteration`: called with (steps done, steps, t) from inside the compiled loop, up to 100 times. Without it (and
      where `progress` is not asked for) there is no way back to the host in the loop.
    - `throw`: raise if a step fails.

    **Returns:** a `Trajectory`.

    **Raises:** `ValueError` for times that do not increase, or a stepper of another order than the problem; `StepFailed`
    (under a transformation `equinox.EquinoxRuntimeError`) with all earlier states.

    Reference: A. Griewank, A. Walther, ACM Trans. Math. Software 26 (2000) 19, for checkpoints.
    """
    evolution = evolution_of(problem, drive)
    times = checked_times(times)
    steps = times.shape[0] - 1
    check_fits(stepper, evolution)
    for name, value in (("checkpoints", checkpoints), ("save", save)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"`{name}` must be a whole number of 1 or more, or None, got {value!r}.")
    options = dict(method=method, adjoint=adjoint, checkpoints=checkpoints, observe=observe, save=save)
    with telling_steps("march", progress, on_iteration) as options["tell"]:
        found = march_through(stepper, evolution, state, times, jnp.asarray(steps, jnp.int32), **options)
    if not throw:
        return found
    failed = found.failed_step >= 0
    if isinstance(failed, jax.core.Tracer):
        return error_if_failed(found, found.result)
    if failed:
        raise StepFailed(described_failure(found, times, evolution, stepper), found)
    return found


def checked_times(times) -> Float[Array, " n"]:
    """Return times as an array; raise `ValueError` where they do not increase."""
    times = jnp.asarray(times)
    times = times if jnp.issubdtype(times.dtype, jnp.floating) else times.astype(float)
    if times.ndim != 1 or times.shape[0] < 2:
        raise ValueError(f"`times` must be a list of two or more times, got shape {times.shape}.")
    if not isinstance(times, jax.core.Tracer):
        host = np.asarray(times)
        bad = np.flatnonzero(~(np.diff(host) > 0))
        if bad.size:
            i = int(bad[0])
            raise ValueError(f"`times` must increase: number {i} is {host[i]:g} and number {i + 1} is {host[i + 1]:g}.")
    return times


def check_fits(stepper: AbstractStepper, evolution: AbstractEvolution):
    """Raise `ValueError` if a stepper is not for problems of this order."""
    if not isinstance(stepper, AbstractStepper):
        raise ValueError(f"`stepper` must be a stepper such as `BackwardEuler()`, got {stepper!r}.")
    if evolution.derivatives == 0 and stepper.derivatives > 0:
        raise ValueError(
            "This problem stores nothing that could change in time: give it a `capacity` (heat) or a `density` (solids), "
            "or go through its equilibria by `Equilibrium()`."
        )
    if evolution.history() is not None and not stepper.remembers:
        raise ValueError(
            f"`{type(stepper).__name__}` cannot lead internal variables: a law with a memory is balanced at the end of "
            "each step. Take `BackwardEuler()`, `Newmark()` or `Equilibrium()`."
        )
    if stepper.derivatives != evolution.derivatives:
        kinds = {
            0: "no order in time (equilibria)",
            1: "the first order in time (no inertia)",
            2: "the second order in time (inertia)",
        }
        raise ValueError(
            f"`{type(stepper).__name__}` is for problems of {kinds[stepper.derivatives]}, this one is of "
            f"{kinds[evolution.derivatives]}."
        )


def described_failure(found: Trajectory, times, evolution: AbstractEvolution | None = None, stepper=None) -> str:
    """Say which step failed, and how; of an explicit one that was too long how long it may be."""
    i = int(found.failed_step)
    status, h = name_of(found.result), float(times[i + 1] - times[i])
    longest = ""
    if status == "step_too_long" and evolution is not None:
        largest = float(_largest(stepper, evolution, found.final.u, times[i]))
        where = (
            f"{largest:.3g} at most at its beginning"
            if h > largest
            else f"too long from its second stage on ({largest:.3g})"
        )
        longest = f"It was {h:.3g}, {where}. "
    return (
        f"Step {i} from t = {float(times[i]):g} to {float(times[i + 1]):g} failed, {status}: {RESULTS[found.result]} "
        f"{longest}Shorten the step, or let `march_adaptively` find it."
    )


def _largest(stepper, evolution, u, t):
    """How long a step may be that begins with u."""
    if isinstance(stepper, IMEX2):
        return FARTHEST / evolution.carried(u, t)[1]
    return evolution.at(t).longest_step(u) if isinstance(stepper, RK3) else evolution.bounds(u, t).largest_step


def problem_seen(evolution, t, history):
    """The problem at t with the internal variables of that time."""
    now = evolution.remembering(history, jnp.zeros_like(t))
    return now.at(t) if isinstance(now, Semidiscrete | Gridded) else now


def observed_by(observe, evolution, t, u, history):
    """What `observe` sees."""
    return None if observe is None else observe(t, u, problem_seen(evolution, t, history))


def _one_step(stepper, evolution, solver, watch, count, saved: bool, telling, source) -> Callable:
    """Return the body of the scan; after a failure, and beyond `count`, it stays where it is."""

    def step(carry, inputs):
        i, t, following = inputs
        h = following - t

        def go(carry):
            now = evolution.remembering(carry.history, h)
            found = stepper.step(now, carry.memory, t, h, solver)
            history = now.remembered(found.memory.u, following)
            return found.memory, history, found.result, (found.newton_steps, found.linear_steps, found.weakly_active)

        zero = jnp.zeros((), jnp.int32)
        stay = lambda carry: (carry.memory, carry.history, carry.result, (zero, zero, zero))
        active = (carry.failed < 0) & (i < count)
        memory, history, result, counts = jax.lax.cond(active, go, stay, carry)
        good = checkpoint_name(result == RESULTS.successful, "simphys_root")
        keep = lambda new, old: jax.tree.map(lambda a, b: jnp.where(good, a, b), new, old)
        memory, history = keep(memory, carry.memory), keep(history, carry.history)
        failed = jnp.where(active & ~good, i, carry.failed)
        # What is not there is masked last: a NaN that went through `observe` would come back as a derivative.
        there = good & (i < count)
        seen = nan_unless(there, jax.tree.map(jnp.asarray, watch(following, memory.u, history)), source)
        out = (nan_unless(there, memory.u, source) if saved else None, seen, counts)
        telling(i, following)
        return _Carry(memory, history, result, failed), out

    return step


@compiled
def march_through(
    stepper,
    evolution,
    state,
    times,
    count,
    *,
    method=None,
    adjoint=None,
    checkpoints=None,
    observe=None,
    save=1,
    tell=None,
    begun=None,
) -> Trajectory:
    """March through the first `count` steps of `times`, which may be traced; see `march`.

    With `begun`, the `final` and `history` of a trajectory, it goes on from there.
    """
    solver = solving(evolution, method, adjoint)
    if begun is None:
        begun = stepper.begin(evolution, times[0], state, solver), evolution.history()
    begin, start = begun
    steps = times.shape[0] - 1
    watch = lambda t, u, history: observed_by(observe, evolution, t, u, history)
    telling = lambda i, t: report(tell, i, count, t, steps)
    # What a step that failed leaves away depends on every parameter, on those that functions hide too.
    source = influence((evolution, hidden_values(_flow_at, evolution, begin.u, times[0])))
    step = _one_step(stepper, evolution, solver, watch, count, save is not None, telling, source)

    carry = _Carry(begin, start, RESULTS.successful, jnp.full((), -1, jnp.int32))
    inputs = (jnp.arange(steps, dtype=jnp.int32), times[:-1], times[1:])
    carry, (values, observed, counts) = checkpointed_scan(
        step, carry, inputs, None if checkpoints is None else min(checkpoints, steps)
    )
    first = lambda start, rest: jax.tree.map(lambda a, b: jnp.concatenate([jnp.asarray(a)[None], b]), start, rest)
    observed = first(watch(times[0], begin.u, start), observed)
    if save is None:
        last = nan_unless(carry.failed < 0, carry.memory.u, source)
        kept, values = np.array([steps]), jax.tree.map(lambda a: a[None], last)
    else:
        kept = np.unique(np.append(np.arange(0, steps + 1, save), steps))
        values = jax.tree.map(lambda a: a[kept], first(begin.u, values))
    return Trajectory(
        times[kept],
        values,
        observed,
        carry.memory,
        carry.history,
        carry.result,
        carry.failed,
        *counts,
        count,
        jnp.zeros((), jnp.int32),
    )


def _flow_at(evolution, u, t):
    return evolution.flow(u, t), evolution.stored(u, t) if evolution.derivatives else None


def solving(evolution, method, adjoint) -> Callable:
    """Return how the steps of a march solve their root problems."""
    method = evolution.method() if method is None else method
    adjoint = Implicit() if adjoint is None else adjoint
    if isinstance(adjoint, Implicit):
        # What Newton's method has left would have to be kept for every step.
        adjoint = dataclasses.replace(adjoint, recycle=False)
    options = dict(method=method, adjoint=adjoint, throw=False)
    return lambda problem, guess, start=None: finite(solve(problem, guess, start=start, **options))


def finite(solution: Solution) -> Solution:
    """Put the point reached in the place of a value that is none: a step is judged, and thrown away, by its status."""
    return eqx.tree_at(lambda s: s.value, solution, solution.best())


def checkpointed_scan(step, carry, inputs, checkpoints: int | None):
    """`lax.scan` whose reverse mode keeps the carry of so many steps, evenly spread, and repeats the others.

    Without checkpoints it keeps the state after each step, and evaluates what the adjoint needs there once more.
    """
    inner = jax.checkpoint(step, policy=_keeps_roots, prevent_cse=False)
    if checkpoints is None:
        return jax.lax.scan(inner, carry, inputs)
    count = inputs[0].shape[0]
    length = -(-count // checkpoints)
    segments = -(-count // length)

    # The last segment is filled up with steps beyond the end, which do nothing.
    def fill(a):
        more = segments * length - count
        tail = jnp.broadcast_to(a[-1], (more, *a.shape[1:]))
        tail = tail + jnp.arange(1, more + 1, dtype=a.dtype) if a is inputs[0] else tail
        return jnp.concatenate([a, tail]).reshape(segments, length, *a.shape[1:])

    segment = jax.checkpoint(lambda carry, part: jax.lax.scan(inner, carry, part), prevent_cse=False)
    carry, found = jax.lax.scan(segment, carry, jax.tree.map(fill, inputs))
    return carry, jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:count], found)


def _keeps_roots(primitive, /, *arguments, prim=None, **parameters):
    """Keep what a solve has found; Equinox's primitives have a parameter called as the first argument of JAX's policy."""
    del prim
    return jax.checkpoint_policies.save_only_these_names("simphys_root")(primitive, *arguments, **parameters)


def trimmed(found: Trajectory, count: int) -> Trajectory:
    """Leave away what lies beyond a number of steps."""
    steps = lambda f: (f.newton_steps, f.linear_steps, f.weakly_active)
    rows = lambda f: (f.times, f.values, f.observed)
    cut = lambda length: lambda tree: jax.tree.map(lambda a: a[:length], tree)
    found = eqx.tree_at(steps, found, cut(count)(steps(found)))
    return eqx.tree_at(rows, found, cut(count + 1)(rows(found)), is_leaf=lambda x: x is None)
