"""What is printed of a balance law: its size, what it is made of, what holds and what loads it."""

import dataclasses

import numpy as np

from .._told import brief, counted, told
from ._balance import AbstractBalance


WORKINGS = frozenset(
    ("space", "constraints", "loads", "system", "rest", "domains", "sights", "stored_domain", "stored_sight")
)
"""What is told otherwise, or follows from the rest."""
MOST = 8
"""Constraints or loads that are told one by one."""


@told.register
def _(problem: AbstractBalance) -> str:
    spaces = problem.space if isinstance(problem.space, tuple) else (problem.space,)
    values = sum(int(np.prod(space.shape)) for space in spaces)
    reduction = getattr(problem.system, "reduction", None)
    free = "" if reduction is None else f", {counted(reduction.size, 'unknown')}"
    lines = [f"{type(problem).__name__}: {counted(values, 'value')}{free}"]
    lines += [f"  {line.replace('FunctionSpace: ', '')}" for space in spaces for line in told(space).split("\n")[:1]]
    lines += [f"  {line.strip()}" for line in told(spaces[0]).split("\n")[1:]]
    for field in dataclasses.fields(problem):
        part = getattr(problem, field.name)
        if field.name not in WORKINGS and part is not None:
            lines.append(f"  {field.name}: {brief(part)}")
    for kind in ("constraints", "loads"):
        parts = getattr(problem, kind)
        names = [f" {name!r}" for name in getattr(parts, "names", ())] or [""] * len(parts)
        lines += [f"  {kind[:-1]}{name}: {brief(part)}" for name, part in zip(names[:MOST], parts[:MOST], strict=True)]
        lines += [f"  ... and {len(parts) - MOST} more {kind}"] if len(parts) > MOST else []
    return "\n".join(lines)
