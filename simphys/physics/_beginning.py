"""Where a step of a body with friction or a memory begins."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import PyTree
from ._balance import AbstractBalance
from ._friction import sliding
from ._memory import memory_of, remembering, updated_memory


def carries(problem: Any) -> bool:
    """Whether a problem is a body whose steps depend on the one before: one with friction or a memory."""
    if not isinstance(problem, AbstractBalance):
        return False
    return memory_of(problem) is not None or any(load.stepwise for load in problem.loads)


def begin_of(problem: AbstractBalance, value: PyTree = None) -> tuple:
    """Return where a problem's step begins, in arrays of its own: what friction acts against, and the memory.

    **Arguments:**

    - `value`: its solution: where the next step begins, then.
    """
    memory = memory_of(problem)
    if value is not None:
        memory, problem = updated_memory(problem, value), sliding(problem, value, None)
    befores = tuple(load.before for load in problem.loads if load.stepwise)
    return jax.tree.map(lambda a: jnp.array(a, copy=True), (befores, memory))


def begun(problem: AbstractBalance, begin: tuple) -> AbstractBalance:
    """Return a problem whose step begins so."""
    befores, memory = begin
    problem = remembering(problem, memory, None)
    if not befores:
        return problem
    where = lambda p: [load.before for load in p.loads if load.stepwise]
    return eqx.tree_at(where, problem, list(befores))
