"""What a march finds, and how its failure is told."""

import equinox as eqx
import jax
import jax.core

from .._result import RESULTS, name_of
from .._told import listing
from .._typing import Array, Callable, Float, Int, PyTree
from ..implicit import error_if_failed
from ._evolution import AbstractEvolution
from ._imex import FARTHEST, IMEX2
from ._rk3 import RK3
from ._semidiscrete import Semidiscrete


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


def unless_failed(found: Trajectory, failed, told: Callable[[], str]) -> Trajectory:
    """Return a trajectory; raise `StepFailed` with a text if it failed, at run time where that is traced."""
    if isinstance(failed, jax.core.Tracer):
        return error_if_failed(found, found.result)
    if failed:
        raise StepFailed(told(), found)
    return found


def described_failure(found: Trajectory, times, evolution: AbstractEvolution | None = None, stepper=None) -> str:
    """Say which step failed, and how; of an explicit one that was too long how long it may be."""
    i = int(found.failed_step)
    status, h = name_of(found.result), float(times[i + 1] - times[i])
    longest, remedy = "", "Shorten the step, or let `march_adaptively` find it."
    if status == "inadmissible_guess" and isinstance(evolution, Semidiscrete):
        problem = evolution.at(times[i + 1])
        if said := problem.blamed(problem.unknowns(found.final.u), None):
            remedy = f"There {'; '.join(said)}."
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
        f"{longest}{remedy}"
    )


def _largest(stepper, evolution, u, t):
    """How long a step may be that begins with u."""
    if isinstance(stepper, IMEX2):
        return FARTHEST / evolution.carried(u, t)[1]
    return evolution.at(t).longest_step(u) if isinstance(stepper, RK3) else evolution.bounds(u, t).largest_step


def trimmed(found: Trajectory, count: int) -> Trajectory:
    """Leave away what lies beyond a number of steps."""
    steps = lambda f: (f.newton_steps, f.linear_steps, f.weakly_active)
    rows = lambda f: (f.times, f.values, f.observed)
    cut = lambda length: lambda tree: jax.tree.map(lambda a: a[:length], tree)
    found = eqx.tree_at(steps, found, cut(count)(steps(found)))
    return eqx.tree_at(rows, found, cut(count + 1)(rows(found)), is_leaf=lambda x: x is None)
