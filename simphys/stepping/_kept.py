"""Marches in parts of which a file remembers what is needed of them."""

import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._typing import PyTree
from ..io import digest, read_checkpoint, write_checkpoint
from ._march import Trajectory
from ._parts import parts_of


FORMAT = 2


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


def identity_of(stepper, evolution, state, times, every, method, save) -> dict[str, str]:
    """Return what a checkpoint must agree in, each part as a digest."""
    return {
        "version": str(FORMAT),
        "stepper": f"{stepper!r} every {every}, {method!r}, save {save}",
        "problem": f"{type(evolution).__name__} {digest((evolution, state))}",
        "times": digest(times),
    }


def begun_from(file: pathlib.Path | None, identity: dict[str, str], begin: tuple) -> tuple:
    """Return the first memory and internal variables: those of the file if there is one, else those given."""
    return begin if file is None or not file.exists() else _load(file, identity, begin, None)[1]


def parts_kept(
    stepper,
    evolution,
    times,
    begin: tuple,
    keep: Callable[[Trajectory], PyTree],
    like: PyTree,
    *,
    file: pathlib.Path | None,
    identity: dict[str, str],
    **options,
) -> Iterator[Reached]:
    """March in parts, the first of them read from a file if there is one; write what is kept of all after each.

    **Arguments:**

    - `begin`: memory and internal variables at the first time.
    - `keep`: part → what is to be kept of it, a pytree of the structure of `like`.
    - `file`: None for no file at all. A part with a failed step, the last one, is not written.
    - `identity`: see `identity_of`.
    - `options`: of `parts_of`.
    """
    done, begun, kept = 0, begin, []
    if file is not None and file.exists():
        done, begin, begun, kept = _load(file, identity, begin, like)
        counts = [min(options["every"] * (i + 1), done) for i in range(len(kept))]
        yield from (Reached(count, begun, part, None) for count, part in zip(counts, kept, strict=True))
    for found in parts_of(stepper, evolution, times, begun, done, **options):
        begun = found.final, found.history
        part = keep(found)
        if int(found.failed_step) < 0:
            done += len(found.newton_steps)
            kept.append(part)
            if file is not None:
                write_checkpoint(file, identity, done, (begin, begun, kept))
        yield Reached(done, begun, part, found)


def _load(file, identity, begin, like):
    done, stored = read_checkpoint(file, identity)
    leaves, (start, structure) = [jnp.asarray(leaf) for leaf in stored], jax.tree.flatten(begin)
    begin, begun = (jax.tree.unflatten(structure, leaves[i * len(start) : (i + 1) * len(start)]) for i in (0, 1))
    rest, structure = leaves[2 * len(start) :], jax.tree.structure(like)
    size = structure.num_leaves
    parts = range(0, len(rest), size) if size else ()
    return done, begin, begun, [jax.tree.unflatten(structure, rest[i : i + size]) for i in parts]
