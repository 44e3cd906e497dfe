"""How wrong what is read off a march is: by its steps in time, and by the mesh."""

import functools
import time
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._hidden import on_host
from .._keyed import keyed
from .._told import Told
from .._typing import Array, Callable, PyTree
from ..implicit import Newton
from ..physics import AbstractBalance
from ..stepping import (
    AbstractEvolution,
    AbstractStepper,
    Gridded,
    Semidiscrete,
    StepFailed,
    begun_at,
    check_fits,
    checked_times,
    described_failure,
    evolution_of,
    parts_of,
)
from ._asking import check_asks, uneven
from ._enriched import Enrichment
from ._estimate import check_real
from ._goals import placed
from ._transfer import IMPOSSIBLE


PARTS = 8
"""Parts in which the march with half the steps is led, all by one program; between them it may be stopped."""
LEAST = 4
"""Steps from which on a march with twice their length says of which order their error is."""


class MarchEstimate(Told):
    """What `estimate_march_error` finds.

    **Attributes:**

    - `value`: what is read at the times of the march, each array (time, …).
    - `step`: estimate of what it lacks because of the steps, its sign included; `mesh`: because of the mesh, None where
      that is not known or there is no mesh.
    - `order`: power of the step's length that `step` goes with, as measured, one for each array.
    - `degree`: of the richer space, 0 without one; `remark`: why `mesh` is not known.
    - `seconds`: what it took.
    """

    value: PyTree
    step: PyTree
    mesh: PyTree | None
    order: PyTree
    degree: int
    remark: str
    seconds: float

    @property
    def error(self) -> PyTree:
        """The sum of both, their signs included."""
        return self.step if self.mesh is None else jax.tree.map(np.add, self.step, self.mesh)

    @property
    def corrected(self) -> PyTree:
        """The value with its error."""
        return jax.tree.map(np.add, self.value, self.error)

    @property
    def last(self) -> "MarchEstimate":
        """At the last time."""
        return self.of(lambda history: jax.tree.map(lambda rows: rows[-1], history))

    def of(self, function: Callable[[PyTree], PyTree]) -> "MarchEstimate":
        """Return the errors of what is made of histories, such as a mean or a maximum: history → numbers."""
        found = function(self.value)
        lacks = lambda error: jax.tree.map(
            np.subtract, function(jax.tree.map(np.add, self.value, error)), found
        )  # fmt: skip
        mesh = None if self.mesh is None else lacks(self.mesh)
        return MarchEstimate(found, lacks(self.step), mesh, self.order, self.degree, self.remark, self.seconds)

    def __str__(self):
        now = self.last if all(np.ndim(rows) for rows in jax.tree.leaves(self.value)) else self
        shown = lambda x, digits: np.array2string(np.asarray(x), formatter={"float_kind": lambda v: f"{v:.{digits}g}"})
        errors = {"mesh": now.mesh, "step": now.step}
        errors = {name: jax.tree.leaves(error) for name, error in errors.items() if error is not None}
        lines = []
        for i, (value, corrected) in enumerate(zip(*map(jax.tree.leaves, (now.value, now.corrected)), strict=True)):
            parts = " ".join(f"± {shown(np.abs(error[i]), 2)} ({name})" for name, error in errors.items())
            lines.append(f"{shown(value, 8)} {parts}, corrected {shown(corrected, 8)}")
        return "\n".join(lines)


class Led(NamedTuple):
    """A problem in time, its first state, and what is read: (problem, value) → numbers."""

    evolution: AbstractEvolution
    state: PyTree
    read: Callable


@on_host("An estimate")
def estimate_march_error(
    stepper: AbstractStepper,
    problem,
    state: PyTree | Callable,
    times,
    goal: Callable,
    *,
    drive: Callable | None = None,
    method: Newton | None = None,
    mesh: bool = True,
    progress: Callable[[str], None] | None = None,
) -> MarchEstimate:
    r"""Estimate how wrong what is read off a march is, because of its steps and because of the mesh.

    steps: J_h − J ≈ (J_h − J_{h/2}) 2^q / (2^q − 1),   2^q = ‖J_h − J_{2h}‖ / ‖J_{h/2} − J_h‖
    mesh: J⁺_h − J_h, of a march on the space of one degree more with the same steps

    Three marches and a half on the mesh, and one on the richer space. q, the order that the march has for this goal, is
    measured (a law with a memory, stages with prescribed values may lower that of the stepper) within 1 and the stepper's,
    or 2.

    **Arguments:**

    - `stepper`, `problem`, `times`, `drive`, `method`: as of `simphys.stepping.march`.
    - `state`: at the first time; or a function of the problem that returns it, which is asked on the richer space too.
    - `goal`: (problem, value) → real numbers, in any structure, read at every time; it must ask the problem for its space,
      never for numbers of nodes. Or a `PointValue` or `ResultantValue`. Of an `ODE` `problem` is the ODE.
    - `mesh`: False to leave the mesh's part away.
    - `progress`: told a line now and then.

    **Returns:** a `MarchEstimate` of all times; `.last` is that of the end, `.of(...)` that of a mean, say.

    **Raises:** `ValueError` as `march`, and for a goal without real numbers, or that reads nodes by their numbers;
    `StepFailed` where the march, or one with half its steps, fails.

    Reference: E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential Equations I, Springer 1993, II.4.
    """
    if not callable(goal):
        raise ValueError(f"`goal` must be a function (problem, value) → numbers, got {goal!r}.")
    evolution, times = evolution_of(problem, drive), checked_times(times)
    check_fits(stepper, evolution)
    problem = evolution.problem if isinstance(evolution, Semidiscrete | Gridded) else evolution
    here = keyed(placed(goal, problem))
    led = Led(evolution, state(problem) if callable(state) else state, here)
    made = functools.cache(lambda: Enrichment(problem, recommend=True))
    mesh = mesh and isinstance(problem, AbstractBalance)
    if mesh and placed(goal, problem) is goal:
        _check_asks(goal, made, problem, led.state)

    def richer():
        enrichment, rich = made(), made()(problem)
        there = state(rich) if callable(state) else prolonged_state(enrichment, problem, state)
        return Led(evolution_of(rich, drive), there, here), enrichment.degree

    return compare_marches(stepper, led, richer if mesh else None, times, method=method, progress=progress)


def _check_asks(goal, made, problem, state):
    """Raise `ValueError` for numbers that are others on the richer space, where there is one."""
    while not _is_fields(problem, state):
        if not isinstance(state, tuple):
            return
        state = state[0]

    try:
        enrichment = made()
        # A first state is often 0, where many goals have no slope.
        moved = jax.tree.map(lambda u: jnp.asarray(u) + 1e-3 * uneven(u), problem.value(problem.unknowns(state)))
    except IMPOSSIBLE:
        return
    check_asks(goal, enrichment, problem, moved)


def compare_marches(
    stepper: AbstractStepper,
    led: Led,
    richer: Callable[[], tuple[Led, int]] | None,
    times: Array,
    *,
    method: Newton | None = None,
    observed: PyTree | None = None,
    progress: Callable[[str], None] | None = None,
) -> MarchEstimate:
    """Read the same off marches with other steps and on richer spaces.

    **Arguments:**

    - `richer`: makes the problem on richer spaces, and says of which degree; what it raises is a remark.
    - `observed`: what the march itself read at `times`, where that is known already.
    """
    begun, steps, tell = time.perf_counter(), times.shape[0] - 1, progress or (lambda _: None)
    options = dict(method=method, every=-(-2 * steps // PARTS), tell=tell)
    if observed is None:
        observed = _read(stepper, led, times, doing="the march itself", **options)
    value = jax.tree.map(np.asarray, observed)
    finer = jnp.sort(jnp.concatenate([times, (times[1:] + times[:-1]) / 2]))
    halved = _read(stepper, led, finer, doing="steps of half the length", **options)
    change = jax.tree.map(lambda fine, rows: fine[::2] - rows, halved, value)
    order = _orders(stepper, led, times, value, change, options)
    step = jax.tree.map(lambda rows, q: rows / (1 - 2.0**-q), change, order)
    mesh, degree, remark = _by_the_mesh(stepper, richer, times, value, options)
    return MarchEstimate(value, step, mesh, order, degree, remark, time.perf_counter() - begun)


def _by_the_mesh(stepper, richer, times, value, options):
    """What the richer space changes, its degree, and why that is not known."""
    if richer is None:
        return None, 0, ""
    try:
        rich, degree = richer()
        found = _read(stepper, rich, times, doing="the richer space", **options)
    except IMPOSSIBLE as error:
        return None, 0, f"mesh error not known: {(str(error) or type(error).__name__).splitlines()[0]}"
    return jax.tree.map(np.subtract, found, value), degree, ""


def _orders(stepper, led, times, value, change, options):
    """The order of the error of each array, by a march with steps of twice the length."""
    declared = jax.tree.map(lambda _: float(stepper.order), value)
    steps = times.shape[0] - 1
    if steps < LEAST:
        return declared
    kept = np.unique(np.append(np.arange(0, steps + 1, 2), steps))
    try:
        doubled = _read(stepper, led, times[kept], doing="steps of twice the length", **options)
    except StepFailed:
        return declared
    return jax.tree.map(lambda *rows: _order(stepper.order, kept, *rows), value, doubled, change)


def _order(declared, kept, value, doubled, change) -> float:
    coarse, fine = np.linalg.norm(value[kept] - doubled), np.linalg.norm(change[kept])
    if not (np.isfinite(coarse) and coarse > 0 and fine > 0):
        return float(declared)
    return float(np.clip(np.log2(coarse / fine), 1.0, max(declared, 2.0)))


def _read(stepper, led: Led, times, *, method, every, tell, doing):
    """March, and return what is read at every time."""
    look = _Looked(led.read)
    memory, history = begun_at(stepper, led.evolution, led.state, times[0], method)
    check_real(led.read, _seen(led.evolution, times[0]), memory.u)
    rows, count, done = [], times.shape[0] - 1, 0
    options = dict(every=min(every, count), method=method, observe=look, save=False)
    tell(f"errors: {doing}")
    for part in parts_of(stepper, led.evolution, times, (memory, history), 0, **options):
        if int(part.failed_step) >= 0:
            failed = eqx.tree_at(lambda p: p.failed_step, part, part.failed_step + done)
            raise StepFailed(f"With {doing}: {described_failure(failed, times)}", part)
        found = jax.tree.map(np.asarray, part.observed)
        rows.append(found if not rows else jax.tree.map(lambda a: a[1:], found))
        done += len(part.newton_steps)
        tell(f"errors: {doing}, step {done} of {count}")
    return jax.tree.map(lambda *parts: np.concatenate(parts), *rows)


def _seen(evolution, t):
    return evolution.at(t) if isinstance(evolution, Semidiscrete | Gridded) else evolution


class _Looked(eqx.Module):
    """What `march` observes."""

    read: Callable

    def __call__(self, t, u, problem):
        return self.read(problem, u)


def prolonged_state(enrichment: Enrichment, problem: AbstractBalance, state: PyTree) -> PyTree:
    """Return a first state on the mesh as one on richer spaces: a field, one of each space, or fields with their rates."""
    if _is_fields(problem, state):
        # As the constraints have it: they would make another function of what is richer and does not obey them.
        return enrichment.prolonged(problem.value(problem.unknowns(state)))
    if not isinstance(state, tuple):
        return state
    first, *rates = state
    up = lambda rate: enrichment.prolonged(rate) if _is_fields(problem, rate) else rate
    return type(state)([prolonged_state(enrichment, problem, first), *map(up, rates)])


def _is_fields(problem, state) -> bool:
    shapes = tuple(space.shape for space in problem.spaces)
    if len(shapes) == 1 and not isinstance(problem.space, tuple):
        return hasattr(state, "shape") and state.shape == shapes[0]
    return isinstance(state, tuple) and tuple(map(jnp.shape, state)) == shapes
