"""Marches in parts of which a file remembers what is needed of them."""

import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._typing import PyTree
from ..io import Entry, identity_digest, read_checkpoint, write_checkpoint
from ._gridded import Gridded
from ._parts import parts_of
from ._semidiscrete import Semidiscrete
from ._trajectory import Trajectory


FORMAT = 3


class Kept(NamedTuple):
    """What there is of a march.

    - `done`: steps taken so far.
    - `begin`, `begun`: the stepper's memory and the internal variables at the first time, and after these steps.
    - `parts`: what was kept of each part.
    """

    done: int
    begin: tuple
    begun: tuple
    parts: list[PyTree]


class Reached(NamedTuple):
    """Where a march is after a part.

    - `done`: steps taken so far.
    - `begun`: the stepper's memory and the internal variables there.
    - `kept`: what was kept of the part.
    - `found`: the part; None if it is from a file.
    """

    done: int
    begun: tuple
    kept: PyTree
    found: Trajectory | None


def identity_of(stepper, evolution, state, times, every, method, save, observe=None, name=None) -> dict[str, str]:
    """Return what a checkpoint must agree in, each part as a digest; with a name functions are not looked into."""
    functions = name is None
    problem = evolution.problem if isinstance(evolution, Semidiscrete | Gridded) else evolution
    drive = evolution.drive if isinstance(evolution, Semidiscrete | Gridded) else None
    looked_at = dict(stepper=stepper, problem=problem, drive=drive, state=state, times=times, method=method)
    looked_at |= dict(observe=observe)
    digests = {key: identity_digest(value, f"`{key}`", functions=functions) for key, value in looked_at.items()}
    return {"version": str(FORMAT), "name": repr(name), "every": str(every), "save": str(save)} | digests


def taken_up(file: pathlib.Path | None, identity: dict[str, str], begin: tuple, like, count: int, every: int) -> Kept:
    """Return what a file holds of a march, or the beginning if there is none.

    **Arguments:**

    - `identity`: see `identity_of`.
    - `begin`: memory and internal variables at the first time.
    - `like`: number of steps → what is kept of a part of so many steps, a pytree of `Entry`s.
    - `count`: steps of the whole march.

    **Raises:** `ValueError` for a file that is damaged, or of another march.
    """
    if file is None or not file.exists():
        return Kept(0, begin, begin, [])

    def wanted(done):
        if not 0 < done <= count or (done % every and done != count):
            raise ValueError(f"'done' must be a multiple of {every}, or {count}, got {done}")
        lengths = [min(every, done - start) for start in range(0, done, every)]
        state = jax.tree.map(Entry.like, begin)
        return state, state, [like(length) for length in lengths]

    done, (begin, begun, parts) = read_checkpoint(file, identity, wanted)
    return Kept(done, *jax.tree.map(jnp.asarray, (begin, begun, parts)))


def parts_kept(
    stepper,
    evolution,
    times,
    kept: Kept,
    keep: Callable[[Trajectory], PyTree],
    *,
    file: pathlib.Path | None,
    identity: dict[str, str],
    **options,
) -> Iterator[Reached]:
    """March in parts, the first of them as they were kept before; write what is kept of all after each.

    **Arguments:**

    - `kept`: see `taken_up`.
    - `keep`: part → what is to be kept of it.
    - `file`: None for no file at all. A part with a failed step, the last one, is not written.
    - `options`: of `parts_of`.
    """
    done, begin, begun, parts = kept
    counts = [min(options["every"] * (i + 1), done) for i in range(len(parts))]
    yield from (Reached(count, begun, part, None) for count, part in zip(counts, parts, strict=True))
    for found in parts_of(stepper, evolution, times, begun, done, **options):
        begun = found.final, found.history
        part = keep(found)
        if int(found.failed_step) < 0:
            done += len(found.newton_steps)
            parts.append(part)
            if file is not None:
                write_checkpoint(file, identity, done, (begin, begun, parts))
        yield Reached(done, begun, part, found)
