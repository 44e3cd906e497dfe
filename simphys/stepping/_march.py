"""The time loop."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from .._hidden import compiled, hidden_values
from .._progress import Progress
from .._result import RESULTS
from .._typing import Array, Callable, Float, Int, PyTree
from ..distributed import Parts
from ..implicit import AbstractAdjoint, Implicit, Newton, Solution, influence, nan_unless, solve
from ._divided_body import DividedBody
from ._evolution import AbstractEvolution
from ._first_state import first_state
from ._gridded import Gridded
from ._kinds import evolution_of
from ._progress import report, telling_steps
from ._scan import checkpointed_scan
from ._semidiscrete import Semidiscrete
from ._stepper import AbstractStepper
from ._trajectory import Trajectory, described_failure, unless_failed


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
    parts: Parts | None = None,
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
    - `parts`: a `distributed.Parts` of the problem, whose steps are then divided among its devices. `values` are by parts
      (`parts.whole` puts them together); state, drive and `observe` are of the whole mesh, as without.
    - `method`: as for `simphys.solve`.
    - `adjoint`: derivative rule of each solve; `Implicit()` by default.
    - `checkpoints`: number of states kept for reverse mode; the steps between them are repeated when they are needed.
      √steps is a good number: memory then grows as √steps, for one forward sweep more. None keeps what each step needs.
    - `observe`: (t, u, problem at t) → anything small, at every time.
    - `save`: every how many steps u is saved, the first and the last state included; None for the last one alone.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
      With True or a function the line says how many steps are done, from inside the compiled loop.
    - `on_iteration`: called with (steps done, steps, t) from inside the compiled loop, up to 100 times. Without it (and
      where `progress` is not asked for) there is no way back to the host in the loop.
    - `throw`: raise if a step fails.

    **Returns:** a `Trajectory`.

    **Raises:** `ValueError` for times that do not increase, or a stepper of another order than the problem; `StepFailed`
    (under a transformation `equinox.EquinoxRuntimeError`) with all earlier states.

    Reference: A. Griewank, A. Walther, ACM Trans. Math. Software 26 (2000) 19, for checkpoints.
    """
    evolution = evolution_of(problem, drive, parts)
    times = checked_times(times)
    check_fits(stepper, evolution)
    state, steps = first_state(stepper, evolution, state), times.shape[0] - 1
    for name, value in (("checkpoints", checkpoints), ("save", save)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"`{name}` must be a whole number of 1 or more, or None, got {value!r}.")
    options = dict(method=method, adjoint=adjoint, checkpoints=checkpoints, observe=observe, save=save)
    with telling_steps("march", progress, on_iteration) as options["tell"]:
        found = march_through(stepper, evolution, state, times, jnp.asarray(steps, jnp.int32), **options)
    told = lambda: described_failure(found, times, evolution, stepper)
    return unless_failed(found, found.failed_step >= 0, told) if may_raise(found, throw, parts) else found


def may_raise(found: Trajectory, throw: bool, parts: Parts | None) -> bool:
    """Whether a failure raises: programs of several processes do not, for whoever raised alone would leave the others."""
    return throw and not (parts is not None and isinstance(found.failed_step, jax.core.Tracer))


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
    if evolution.rubbing:
        _check_friction(stepper, evolution)
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


def _check_friction(stepper, evolution):
    """Raise `ValueError` if loads have friction that a stepper does not know, or too little is known of it."""
    names = ", ".join(type(load).__name__ for load in evolution.rubbing)
    if not stepper.rubs:
        raise ValueError(
            f"`{type(stepper).__name__}` does not tell loads with friction what they act against, and this problem has "
            f"{names}: take `Newmark()`, `GeneralisedAlpha()` or `Equilibrium()`."
        )
    if stepper.derivatives == 2 and any(load.slip_speed is None for load in evolution.rubbing):
        raise ValueError(
            f"In motion friction acts against a velocity: give {names} a `slip_speed`, a small part of the speeds that "
            "there are."
        )


def problem_seen(evolution, t, history):
    """The problem at t with the internal variables of that time."""
    now = evolution.remembering(history, jnp.zeros_like(t))
    return now.at(t) if isinstance(now, Semidiscrete | Gridded) else now


def seen_at(evolution, t, u, history) -> tuple:
    """Return u and the problem at t, of the whole mesh where it is divided."""
    if isinstance(evolution, DividedBody):
        return evolution.remembering(history, jnp.zeros_like(t)).seen(u, t)
    return u, problem_seen(evolution, t, history)


def observed_by(observe, stepper, evolution, t, memory, history):
    """What `observe` sees: the problem at t, with the friction of the step that led there."""
    if observe is None:
        return None
    seen = observe(t, *seen_at(stepper.rubbed(evolution, memory), t, memory.u, history))
    return evolution.parts.shared(seen) if isinstance(evolution, DividedBody) else seen


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
        seen = nan_unless(there, jax.tree.map(jnp.asarray, watch(following, memory, history)), source)
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
    watch = lambda t, memory, history: observed_by(observe, stepper, evolution, t, memory, history)
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
    observed = first(watch(times[0], begin, start), observed)
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
