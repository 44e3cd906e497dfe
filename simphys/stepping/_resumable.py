"""Marches that survive an interruption."""

import os
import pathlib

import jax
import jax.numpy as jnp

from .._result import RESULTS
from .._typing import Callable, PyTree
from ..implicit import Newton
from ..io import digest, read_checkpoint, write_checkpoint
from ._evolution import evolution_of
from ._march import StepFailed, Trajectory, check_fits, checked_times, explain, watched
from ._parts import begun_at, parts_of
from ._stepper import AbstractStepper


FORMAT = 1


def march_resumably(
    stepper: AbstractStepper,
    problem,
    state: PyTree,
    times,
    *,
    file: str | os.PathLike,
    every: int = 100,
    drive: Callable | None = None,
    method: Newton | None = None,
    observe: Callable | None = None,
    save: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Trajectory:
    """March in parts, and write what was reached to a file after each: a run that was killed goes on where it was.

    The result does not depend, to the last bit, on whether the run was interrupted. A file is replaced as a whole, so
    there is always a good one. It is numbers only; nothing in it is executed. Not differentiable: see `march`.

    **Arguments:**

    - `file`: the checkpoint, `.npz`; if it exists, the run goes on from it.
    - `every`: steps of a part.
    - `save`: keep u of all steps; False for the last one alone.
    - `progress`: called with the steps done and their number after each part.
    - all others: as for `march`.

    **Returns:** the `Trajectory` of the whole run.

    **Raises:** `ValueError` for a checkpoint that is damaged, or of another problem, stepper, times or version (it says of
    which); `StepFailed` as `march`.
    """
    evolution, times, file = evolution_of(problem, drive), checked_times(times), pathlib.Path(file)
    check_fits(stepper, evolution)
    if not isinstance(every, int) or every < 1:
        raise ValueError(f"`every` must be a whole number of 1 or more, got {every!r}.")
    count = times.shape[0] - 1
    identity = _identity(stepper, evolution, state, times, every, method, save)
    begin = begun_at(stepper, evolution, state, times[0], method)
    seen = jax.tree.map(jnp.asarray, watched(observe, evolution, times[0], begin[0].u, begin[1]))
    blank = ([begin[0].u], [seen], [], [])
    done, begun, parts = _load(file, identity, begin, blank) if file.exists() else (0, begin, blank)
    found = None
    options = dict(every=every, method=method, observe=observe, save=save)
    for found in parts_of(stepper, evolution, times, begun, done, **options):
        begun = found.final, found.history
        rest = lambda tree: jax.tree.map(lambda a: a[1:], tree)
        values = rest(found.values) if save else None
        new = values, rest(found.observed), found.newton_steps, found.linear_steps
        parts = tuple([*part, more] for part, more in zip(parts, new, strict=True))
        if int(found.failed_step) >= 0:
            break
        done += len(found.newton_steps)
        write_checkpoint(file, identity, done, (begun, parts))
        if progress is not None:
            progress(done, count)
    failed = -1 if found is None or int(found.failed_step) < 0 else done + int(found.failed_step)
    result = RESULTS.successful if found is None else found.result
    trajectory = _joined(times, begun, parts, save, result, failed)
    if failed >= 0:
        raise StepFailed(explain(trajectory, times), trajectory)
    return trajectory


def _joined(times, begun, parts, save, result, failed) -> Trajectory:
    values, observed, newton, linear = parts
    first = lambda trees: jax.tree.map(lambda a, *rest: jnp.concatenate([a[None], *rest]), *trees)
    whole = lambda trees: jnp.concatenate(trees) if trees else jnp.zeros(0, jnp.int32)
    reached = sum(len(part) for part in newton)
    kept = jnp.arange(reached + 1) if save else jnp.array([reached])
    values = first(values) if save else jax.tree.map(lambda a: a[None], begun[0].u)
    number = lambda n: jnp.asarray(n, jnp.int32)
    return Trajectory(
        times[kept],
        values,
        first(observed),
        *begun,
        result,
        number(failed),
        whole(newton),
        whole(linear),
        number(reached),
        number(0),
    )


def _identity(stepper, evolution, state, times, every, method, save) -> dict[str, str]:
    """What a checkpoint must agree in, each part as a digest."""

    return {
        "version": str(FORMAT),
        "stepper": f"{stepper!r} every {every}, {method!r}, save {save}",
        "problem": f"{type(evolution).__name__} {digest((evolution, state))}",
        "times": digest(times),
    }


def _load(file, identity, begun, blank):
    done, stored = read_checkpoint(file, identity)
    leaves = [jnp.asarray(leaf) for leaf in stored]
    start, structure = jax.tree.flatten(begun)
    begun, rest = jax.tree.unflatten(structure, leaves[: len(start)]), leaves[len(start) :]
    parts = []
    sizes = [len(jax.tree.leaves(part[0])) if part else 1 for part in blank]
    segments = (len(rest) - sum(s for s, part in zip(sizes, blank, strict=True) if part)) // max(sum(sizes), 1)
    for size, part in zip(sizes, blank, strict=True):
        like = jax.tree.structure(part[0]) if part else jax.tree.structure(0)
        number = segments + len(part)
        chunk, rest = rest[: size * number], rest[size * number :]
        parts.append([jax.tree.unflatten(like, chunk[k * size : (k + 1) * size]) for k in range(number)])
    return done, begun, tuple(parts)
