"""How far a compiled march is."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from .._keyed import keyed
from .._progress import Progress, telling
from .._typing import Callable


REPORTS = 100
"""Reports of one march, at most."""
_listening: list[Callable[[str], object]] = []
"""Who is told lines: the march that runs comes last. A compiled program knows none of them, so that it serves all."""


class Teller(NamedTuple):
    """What a compiled loop calls with (steps done, steps, t); equal ones share a program.

    - `aloud`: whether the line of the march is told.
    - `function`: the user's, or None.
    """

    aloud: bool
    function: Any

    def __call__(self, done, steps, t):
        if self.aloud and _listening:
            _listening[-1](f"step {int(done)} of {int(steps)}, t = {float(t):.4g}")
        if self.function is not None:
            self.function(done, steps, t)


@contextlib.contextmanager
def telling_steps(what: str, progress: Progress, on_iteration: Callable | None) -> Iterator[Teller | None]:
    """Tell of a march; yields what its loop is to call, or None.

    **Raises:** `ValueError` for what cannot be called.
    """
    if on_iteration is not None and not callable(on_iteration):
        raise ValueError(f"`on_iteration` must be a function (steps done, steps, t), got {on_iteration!r}.")
    aloud = progress is not None and progress is not False
    with telling(what, progress) as say:
        teller = Teller(aloud, keyed(on_iteration)) if aloud or on_iteration is not None else None
        _listening.append(say)
        try:
            yield teller
            if aloud:
                jax.effects_barrier()
        finally:
            _listening.remove(say)


def report(tell: Callable | None, i, count, t, steps: int):
    """Tell the host about step i of `steps`, at most `REPORTS` times, from inside a compiled loop."""
    if tell is None:
        return
    stride = max(steps // REPORTS, 1)
    due = ((i + 1) % stride == 0) | (i + 1 == count)
    call = lambda: jax.debug.callback(tell, i + 1, count, t)
    jax.lax.cond(due & (i < count), call, lambda: None)
