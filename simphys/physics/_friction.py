"""Friction of loads that touch: what it needs to know, and where a step begins."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._check import parameter
from .._trees import any_traced
from .._typing import PyTree, Scalar
from ..fem import NodalField
from ._memory import memory_of, remembering, updated_memory


def checked_friction(friction, slip, static_friction=None, slip_speed=None):
    """Return μ and μ_s as parameters; raise `ValueError` for one without ε, or the other way round, and for μ_s below μ."""
    if friction is None and slip_speed is not None:
        raise ValueError("`slip_speed` is of `friction` in motion: give both.")
    if (friction is None) != (slip is None):
        raise ValueError(
            "`friction` needs `slip`, the small slip in a step over which it grows to its full size, and the other way "
            f"round: got {friction!r} and {slip!r}."
        )
    if static_friction is None:
        return parameter(friction), None
    if friction is None:
        raise ValueError("`static_friction` is what `friction` is before a surface slides: give both.")
    kinetic, static = parameter(friction), parameter(static_friction)
    if not any_traced(kinetic, static) and not np.all(np.asarray(static) >= np.asarray(kinetic)):
        raise ValueError(f"`static_friction` must be `friction` or more, got {static_friction!r} and {friction!r}.")
    return kinetic, static


def at_start(load: Any, space) -> NodalField | None:
    """Return the displacements when the first step begins: none; and None without friction."""
    if load.friction is None or load.before is not None:
        return load.before
    return NodalField(jnp.zeros(space.shape, space.mesh.points.dtype))


def reference_slip(load: Any) -> PyTree:
    """Return the slip at which friction has its full size: ε of a load increment, ε_v τ of a step in time."""
    return load.slip if load.span is None else load.slip_speed * load.span


def stepped(problem: Any, value: PyTree) -> Any:
    """Return a problem whose next step begins at a displacement: friction then acts against what moves from there on.

    Differentiable by `value`. Loads with friction are told where they begin, cohesive zones and laws with a memory keep
    what the step has left in them, all else stays.

    **Arguments:**

    - `problem`: a `Solid`, `MixedSolid` or `GradientDamage` with `Obstacle`s or `Contact`s that have friction,
      `CohesiveZone`s, or a law with a memory.
    - `value`: the solution of the step before: a displacement, or all fields.

    **Raises:** `ValueError` for a problem with none of them.
    """
    if memory_of(problem) is None and not any(load.stepwise for load in problem.loads):
        raise ValueError(
            "`stepped` is for problems with friction, cohesive zones or a law with a memory: this one has none of them."
        )
    return sliding(remembering(problem, updated_memory(problem, value), None), value, None)


def sliding(problem: Any, before: PyTree, span: Scalar | None) -> Any:
    """Return a problem whose friction acts against what has moved from `before` on, in a step of time if `span` is given.

    The velocity is (u − u_before)/τ then, u_before any displacement that makes it so.

    **Arguments:**

    - `problem`: a body whose loads may have friction.
    - `before`: u_before, a displacement or all fields.
    - `span`: τ, a time; None for a load increment.
    """
    rubbing = [k for k, load in enumerate(problem.loads) if load.stepwise]
    if not rubbing:
        return problem
    fields = before if isinstance(before, tuple) else (before,)
    where = lambda p: [leaf for k in rubbing for leaf in (p.loads[k].before, p.loads[k].span)]
    dtype = problem.spaces[0].mesh.points.dtype
    span = None if span is None else jnp.asarray(span, dtype)
    given = [leaf for k in rubbing for leaf in (NodalField(fields[problem.loads[k].field]), span)]
    return eqx.tree_at(where, problem, given, is_leaf=lambda x: x is None)
