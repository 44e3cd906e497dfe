"""Marches in parts of which a file remembers what is needed of them."""

import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import PyTree
from ..io import Entry, identity_digest, read_checkpoint, write_checkpoint
from ._divided_body import DividedBody
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
    led = isinstance(evolution, Semidiscrete | Gridded | DividedBody)
    problem, drive = (evolution.problem, evolution.drive) if led else (evolution, None)
    problem = evolution.undivided if isinstance(evolution, DividedBody) else problem
    looked_at = dict(stepper=stepper, problem=problem, drive=drive, state=state, times=times, method=method)
    looked_at |= dict(observe=observe)
    digests = {key: identity_digest(value, f"`{key}`", functions=functions) for key, value in looked_at.items()}
    return {"version": str(FORMAT), "name": repr(name), "every": str(every), "save": str(save)} | digests


def taken_up(
    file: pathlib.Path | None, identity: dict[str, str], evolution, begin: tuple, like, count: int, every: int
) -> Kept:
    """Return what a file holds of a march, or the beginning if there is none.

    **Arguments:**

    - `identity`: see `identity_of`.
    - `evolution`: what is led; a file is of the whole of it, whatever it is divided into.
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
        state = jax.tree.map(Entry.like, whole_of(evolution, begin))
        return state, state, [like(length) for length in lengths]

    done, found = read_checkpoint(file, identity, wanted)
    first, begun, parts = jax.tree.map(jnp.asarray, found)
    if isinstance(evolution, DividedBody):
        first, begun = (evolution.divided(state, begin) for state in (first, begun))
    return Kept(done, first, begun, parts)


def whole_of(evolution, memory: PyTree) -> PyTree:
    """Return a stepper's memory and internal variables of the whole, where it is divided on every device."""
    return _gathered(evolution, memory) if isinstance(evolution, DividedBody) else memory


@eqx.filter_jit
def _gathered(evolution, memory):
    return evolution.gathered(memory)


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
                _write(file, identity, done, (*whole_of(evolution, (begin, begun)), parts))
        yield Reached(done, begun, part, found)


def _write(file, identity, done, tree):
    """Write a file; of several processes the first one does."""
    if jax.process_index() == 0:
        write_checkpoint(file, identity, done, tree)
