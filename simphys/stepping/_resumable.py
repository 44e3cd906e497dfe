"""Marches that survive an interruption."""

import os
import pathlib

import jax
import jax.numpy as jnp

from .._progress import Progress, told
from .._result import RESULTS
from .._typing import Callable, PyTree
from ..distributed import Parts
from ..implicit import Newton
from ..io import Entry
from ._kept import identity_of, parts_kept, taken_up
from ._kinds import evolution_of
from ._march import check_fits, checked_times, observed_by
from ._parts import begun_at
from ._stepper import AbstractStepper
from ._trajectory import StepFailed, Trajectory, described_failure


@told("march")
def march_resumably(
    stepper: AbstractStepper,
    problem,
    state: PyTree,
    times,
    *,
    file: str | os.PathLike,
    every: int = 100,
    drive: Callable | None = None,
    parts: Parts | None = None,
    method: Newton | None = None,
    observe: Callable | None = None,
    save: bool = True,
    progress: Progress = None,
    on_iteration: Callable[[int, int], None] | None = None,
    name: str | None = None,
) -> Trajectory:
    """March in parts, and write what was reached to a file after each: a run that was killed goes on where it was.

    The result does not depend, to the last bit, on whether the run was interrupted. A file is replaced as a whole, so
    there is always a good one. It is numbers only; nothing in it is executed, and a digest of each tells whether it was
    changed. A file is taken up by the same march alone: the same stepper, problem, state, times, `drive`, `method`,
    `observe`, `every` and `save`, by structure, numbers, static fields and the code of functions with what they read.
    Not differentiable: see `march`.

    **Arguments:**

    - `file`: the checkpoint, `.npz`; if it exists, the run goes on from it.
    - `every`: steps of a part.
    - `save`: keep u of all steps; False for the last one alone.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
    - `on_iteration`: called with the steps done and their number after each part.
    - `parts`: as for `march`; `values` are then of the whole mesh, as the file is, from which any number of parts goes on
      (with other roundings). The first process writes it, all of them read it.
    - `name`: by which you vouch for all functions and what stands in their closures: code is then not looked into, for
      where that cannot be done, or where a change of it is to be no other march. Arrays and fields are compared still.
    - all others: as for `march`.

    **Returns:** the `Trajectory` of the whole run.

    **Raises:** `ValueError` for a checkpoint that is damaged, or of another problem, stepper, times or version (it says in
    what), or that was changed; for a function that reads what cannot be compared; `StepFailed` as `march`.
    """
    evolution, times, file = evolution_of(problem, drive, parts), checked_times(times), pathlib.Path(file)
    check_fits(stepper, evolution)
    if not isinstance(every, int) or every < 1:
        raise ValueError(f"`every` must be a whole number of 1 or more, got {every!r}.")
    count = times.shape[0] - 1
    identity = identity_of(stepper, evolution, state, times, every, method, save, observe, name)
    begin = begun_at(stepper, evolution, state, times[0], method)
    look = lambda begin: jax.tree.map(jnp.asarray, observed_by(observe, stepper, evolution, times[0], *begin))
    first = look(begin)
    whole = lambda u: u if parts is None else parts.whole(u)
    like = lambda length: _rows(whole(begin[0].u) if save else None, first, length)
    kept = taken_up(file, identity, evolution, begin, like, count, every)
    begin, first = kept.begin, first if kept.done == 0 else look(kept.begin)
    keep = lambda part: _after_first(whole(part.values) if save else None, part)
    found_parts, begun, result, failed = [], begin, RESULTS.successful, -1
    options = dict(every=every, method=method, observe=observe, save=save, file=file, identity=identity)
    for reached in parts_kept(stepper, evolution, times, kept, keep, **options):
        found_parts.append(reached.kept)
        begun, found = reached.begun, reached.found
        if found is None:
            continue
        result = found.result
        if int(found.failed_step) >= 0:
            failed = reached.done + int(found.failed_step)
            continue
        progress(f"step {reached.done} of {count}")  # pyright: ignore[reportOptionalCall]
        if on_iteration is not None:
            on_iteration(reached.done, count)
    trajectory = _joined(times, (whole(begin[0].u), first), whole(begun[0].u), begun, found_parts, save, result, failed)
    if failed >= 0:
        raise StepFailed(described_failure(trajectory, times, evolution, stepper), trajectory)
    return trajectory


def _rows(u, observed, length):
    """What is kept of so many steps, as entries of a file."""
    rows = lambda tree, finite=None: jax.tree.map(lambda a: Entry.like(a, rows=length, finite=finite), tree)
    return rows(u), rows(observed, finite=False), *(rows(jnp.zeros((), jnp.int32)),) * 3


def _after_first(values, part):
    """What is kept of a part."""
    rest = lambda tree: jax.tree.map(lambda a: a[1:], tree)
    return rest(values), rest(part.observed), part.newton_steps, part.linear_steps, part.weakly_active


def _joined(times, first, last, begun, parts, save, result, failed) -> Trajectory:
    values, observed, *counts = zip(*parts, strict=True) if parts else ((),) * 5
    from_first = lambda i, rows: jax.tree.map(lambda a, *rest: jnp.concatenate([a[None], *rest]), first[i], *rows)
    whole = lambda rows: jnp.concatenate(rows) if rows else jnp.zeros(0, jnp.int32)
    reached = sum(len(part) for part in counts[0])
    kept = jnp.arange(reached + 1) if save else jnp.array([reached])
    values = from_first(0, values) if save else jax.tree.map(lambda a: a[None], last)
    number = lambda n: jnp.asarray(n, jnp.int32)
    return Trajectory(
        times[kept],
        values,
        from_first(1, observed),
        *begun,
        result,
        number(failed),
        *map(whole, counts),
        number(reached),
        number(0),
    )
