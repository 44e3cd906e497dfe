"""Solves that are divided because somebody around them says so: of scenes, whose code knows of one process only."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

from ..implicit import Solution, solve
from ..physics import AbstractBalance
from ._parts import Parts
from ._sharded import here


_state = threading.local()


@contextlib.contextmanager
def dividing(devices: Any = None) -> Iterator[None]:
    """Divide all problems that `solved` is given, among these devices (as of `Parts`)."""
    before = getattr(_state, "team", None)
    _state.team = _Team(devices)
    try:
        yield
    finally:
        _state.team = before


def solved(problem, guess=None, *, start=None, throw: bool = True, **options) -> Solution:
    """Solve as `simphys.solve` does; within `dividing` on all of its devices, every process with the whole solution.

    **Arguments:**

    - `problem`, `guess`, `start`, `throw`, `options`: as of `simphys.solve`; values are those of the whole mesh.
    """
    team = getattr(_state, "team", None)
    if team is None:
        return solve(problem, guess, start=start, throw=throw, **options)
    parts = team.parts(problem)
    if start is None:
        begin, divided = None, parts.divide(problem)
    else:
        begin, divided = parts.between(start, problem)
    found = solve(divided, guess, start=begin, throw=throw, **options)
    whole = dataclasses.replace(found, value=parts.whole(found.value), reached=parts.whole(found.reached))
    return here(whole)


def parts_around(problem: AbstractBalance) -> Parts | None:
    """Return the parts of a problem's mesh within `dividing`, None outside."""
    team = getattr(_state, "team", None)
    return None if team is None else team.parts(problem)


class _Team:
    """Devices, and the parts of the mesh that was divided last."""

    def __init__(self, devices):
        self.devices, self.mesh, self.made = devices, None, None

    def parts(self, problem: AbstractBalance) -> Parts:
        mesh = getattr(problem, "space", None)
        if self.made is None or mesh is not self.mesh:
            self.made, self.mesh = Parts(problem, self.devices), mesh
        return self.made
