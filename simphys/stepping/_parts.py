"""Marches in parts, between which the host may look, write and stop."""

from collections.abc import Iterator

import jax.numpy as jnp

from .._hidden import compiled
from ..linalg import forget_factors
from ._march import march_through, solving
from ._trajectory import Trajectory, trimmed


def begun_at(stepper, evolution, state, t, method) -> tuple:
    """Return the stepper's memory and the internal variables at the first time."""
    forget_factors()
    return _begun(stepper, evolution, state, t, method)


@compiled
def _begun(stepper, evolution, state, t, method):
    return stepper.begin(evolution, t, state, solving(evolution, method, None)), evolution.history()


def parts_of(stepper, evolution, times, begun, done: int, *, every: int, method, observe, save) -> Iterator[Trajectory]:
    """March on from step `done`, so many steps at a time; each part's trajectory begins with the state before it.

    It ends after a part with a failed step. All parts share one compiled program.
    """
    count = times.shape[0] - 1
    while done < count:
        length = min(every, count - done)
        some = times[done : done + length + 1]
        # The last part may be shorter: steps that are not taken fill it up.
        beyond = jnp.arange(1, every - length + 1, dtype=times.dtype)
        some = jnp.concatenate([some, some[-1] + beyond * (some[-1] - some[-2])])
        # A stale factor leaves its rounding behind; a run that is resumed has none.
        forget_factors()
        options = dict(method=method, observe=observe, save=1 if save else None, begun=begun)
        found = march_through(stepper, evolution, None, some, jnp.asarray(length, jnp.int32), **options)
        found = trimmed(found, length)
        yield found
        if int(found.failed_step) >= 0:
            return
        begun, done = (found.final, found.history), done + length
