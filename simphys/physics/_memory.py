"""What a body remembers from step to step: internal variables of its law, and of loads that break."""

from typing import Any

import equinox as eqx

from .._told import Told
from .._typing import PyTree, Scalar


class Memory(Told):
    """What a body with loads that break remembers.

    **Attributes:**

    - `law`: internal variables of its law; None without any.
    - `loads`: for each load its own, or None.
    """

    law: PyTree
    loads: tuple[PyTree, ...]


def memory_of(problem: Any) -> PyTree:
    """Return what a problem remembers: its `state` where no load has a memory, else a `Memory`; None for nothing."""
    state, loads = getattr(problem, "state", None), tuple(getattr(problem, "loads", ()))
    if not any(load.remembers for load in loads):
        return state
    return Memory(state, tuple(load.state if load.remembers else None for load in loads))


def remembering(problem: Any, memory: PyTree, interval: Scalar | None) -> Any:
    """Return a problem whose step of length Δt (None for that of the problem) begins with a memory."""
    if memory is None:
        return problem
    law = memory.law if isinstance(memory, Memory) else memory
    if law is not None:
        interval = problem.interval if interval is None else interval
        problem = eqx.tree_at(lambda p: (p.state, p.interval), problem, (law, interval))
    if not isinstance(memory, Memory):
        return problem
    where = lambda p: [load.state for load in p.loads if load.remembers]
    return eqx.tree_at(where, problem, [state for state in memory.loads if state is not None])


def updated_memory(problem: Any, value: PyTree) -> PyTree:
    """Return what a problem remembers at the end of the step that led to a solution."""
    loads = tuple(getattr(problem, "loads", ()))
    if not any(load.remembers for load in loads):
        return problem.updated_state(value)
    fields = value if isinstance(value, tuple) else (value,)
    carried = lambda load: load.carried(problem.spaces[load.field], fields[load.field]) if load.remembers else None
    return Memory(problem.updated_state(value), tuple(carried(load) for load in loads))
