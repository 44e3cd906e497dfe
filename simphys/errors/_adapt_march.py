"""Meshes that follow what moves: a march whose mesh is refined at a front and coarsened behind it."""

import time

import equinox as eqx
import numpy as np

from .._hidden import on_host
from .._typing import Array, Callable, PyTree
from ..implicit import Newton
from ..physics import AbstractBalance
from ..stepping import AbstractStepper, check_fits, checked_times, described_failure, evolution_of, march
from ._adapted_march import AdaptedMarch, MeshPart
from ._follower import Follower, Stand
from ._slopes import slope_errors
from ._transfer import IMPOSSIBLE


@on_host("An adaptation of the mesh")
def adapt_march(
    stepper: AbstractStepper,
    problem: AbstractBalance | Callable,
    state: PyTree | Callable,
    times: Array,
    *,
    tolerance: float = 0.1,
    levels: int = 4,
    every: int = 5,
    indicator: Callable[[AbstractBalance, PyTree], Array] = slope_errors,
    reach: float | None = None,
    loss: float = 1e-3,
    mesh=None,
    drive: Callable | None = None,
    method: Newton | None = None,
    observe: Callable | None = None,
    max_unknowns: int = 200_000,
    progress: Callable[[str], None] | None = None,
) -> AdaptedMarch:
    r"""March, and every few steps make the mesh anew: fine where a front is, coarse again where it has been.

    wanted level of a cell: ℓ + ⌈log₂(η_K / a) / (p + dim/2)⌉,   a² = (.8 tolerance)² Σ η⁴ / (Σ η²)²,   0 ≤ ℓ ≤ levels

    Each mesh is cut from the first one by bisection. A part at whose end the error is above the tolerance (the front has
    left what is fine) is led again on a mesh that suits its beginning and its end. A mesh that will do is kept. Fields are
    carried by interpolation, a memory from the nearest quadrature point, and what that loses is stated: cells in which
    more would be lost than `loss` allows stay as fine as they are. Steppers begin anew on each mesh (BDF2 with a step of
    backward Euler). Each mesh is a program of its own to be compiled, and gradients do not pass a change of mesh.

    **Arguments:**

    - `stepper`, `times`, `drive`, `method`, `observe`: as of `simphys.stepping.march`; `drive` and `observe` see problems
      on different meshes.
    - `problem`: on the coarsest mesh, of triangles, tetrahedra or lines; or a function mesh → balance law, with the first
      `mesh`.
    - `state`: at the first time, on the coarsest mesh; or a function of the problem, which is asked on finer ones.
    - `tolerance`: of the root of the sum of what `indicator` says, > 0.
    - `levels`: how often a cell of the first mesh is halved in length at most, 0 or more.
    - `every`: number of steps of a part.
    - `indicator`: (problem, fields) → η_K², (cell,).
    - `reach`: how far about it the mesh is as fine as at a front, for this to move in during a part; None for what it was
      seen to move during the part before, and a quarter more.
    - `loss`: what a change of mesh may change of the fields, ‖u_new − u‖/‖u‖, > 0.
    - `max_unknowns`: before a mesh with more the march ends, with a message.
    - `progress`: told a line about each part.

    **Returns:** an `AdaptedMarch`; look at `reached`.

    **Raises:** `ValueError` for input out of range, cells that are not bisected, and as `march`.

    Reference: A. Schmidt, K. G. Siebert, Design of Adaptive Finite Element Software, Springer 2005, section 1.6.
    """
    _check(tolerance, loss, reach, dict(levels=levels, every=every, max_unknowns=max_unknowns))
    make = None if isinstance(problem, AbstractBalance) else problem
    if make is not None and mesh is None:
        raise ValueError("`problem` is a function of the mesh: give the first `mesh`.")
    coarsest = problem if make is None else make(mesh)
    times, evolution = checked_times(times), evolution_of(coarsest, drive)
    if any(load.remembers for load in getattr(coarsest, "loads", ())):
        raise ValueError("What a `CohesiveZone` remembers is not carried over from mesh to mesh: `march` on one mesh.")
    check_fits(stepper, evolution)
    pair = evolution.derivatives == 2
    follow = Follower(coarsest, make, pair, indicator, tolerance, levels, reach, loss, max_unknowns)
    now, end, parts, message, steps = follow.begun(state), None, [], "", times.shape[0] - 1
    options = dict(drive=drive, method=method, observe=observe, save=None, throw=False)
    lead = lambda at, first: march(stepper, at.problem, at.state, times[first : first + every + 1], **options)
    for first in range(0, steps, every):
        begun = time.perf_counter()
        try:
            now = now if first == 0 else follow.next(now, end)
            now, end, found, repeated = _part(follow, now, lambda at, first=first: lead(at, first))
        except (MemoryError, *IMPOSSIBLE) as error:
            if not parts:
                raise
            why = (str(error) or type(error).__name__).splitlines()[0]
            message = f"The march ended at t = {float(times[first]):.4g}: {why}"
            break
        size, cells = now.problem.system.reduction.size, now.lineage.mesh.n_cells
        error = float(np.sqrt(follow.squares(end).sum()))
        span, spent = np.asarray(times[first : first + every + 1]), time.perf_counter() - begun
        parts.append(MeshPart(now.problem, found, span, cells, size, error, now.lost, now.lost_memory, repeated, spent))
        if progress is not None:
            progress(str(parts[-1]))
        if int(found.failed_step) >= 0:
            message = described_failure(found, span)
            break
    return AdaptedMarch.of(parts, tolerance, message)


def _part(follow: Follower, now: Stand, lead: Callable):
    """March over a part, twice where the first mesh turns out to be too coarse."""
    found = lead(now)
    end = _ended(follow, now, found)
    if int(found.failed_step) >= 0 or follow.squares(end).sum() <= follow.tolerance**2:
        return now, end, found, False
    again = follow.between(now, end)
    if again is None:
        return now, end, found, False
    found = lead(again)
    return again, _ended(follow, again, found), found, True


def _ended(follow, now, found) -> Stand:
    """Where a part ends."""
    problem = now.problem
    if getattr(problem, "state", None) is not None:
        problem = eqx.tree_at(lambda p: p.state, problem, found.history)
    state = (found.final.u, found.final.v) if follow.pair else found.final.u
    return Stand(problem, now.lineage, state)


def _check(tolerance, loss, reach, counts):
    for name, value in (("tolerance", tolerance), ("loss", loss)):
        if not value > 0:
            raise ValueError(f"`{name}` must be above 0, got {value!r}.")
    if reach is not None and not reach >= 0:
        raise ValueError(f"`reach` must be 0 or more, got {reach!r}.")
    for name, value in counts.items():
        least = 0 if name == "levels" else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"`{name}` must be a whole number of {least} or more, got {value!r}.")
