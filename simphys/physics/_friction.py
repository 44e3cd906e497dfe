"""Friction of loads that touch: what it needs to know, and where a step begins."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._check import parameter
from .._trees import any_traced
from .._typing import Array
from ..fem import NodalField


def checked_friction(friction, slip, static_friction=None):
    """Return μ and μ_s as parameters; raise `ValueError` for one without ε, or the other way round, and for μ_s below μ."""
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


def stepped(problem: Any, value: Array) -> Any:
    """Return a problem whose next step begins at a displacement: friction then acts against what moves from there on.

    Differentiable by `value`. Loads with friction are told where they begin, all else stays.

    **Arguments:**

    - `problem`: a `Solid` with `Obstacle`s or `Contact`s that have friction.
    - `value`: a displacement, the solution of the step before.

    **Raises:** `ValueError` for a problem without friction.
    """
    rubbing = [k for k, load in enumerate(problem.loads) if load.stepwise]
    if not rubbing:
        raise ValueError("`stepped` is for problems with friction: no load of this one has any.")
    where = lambda p: [p.loads[k].before.values for k in rubbing]
    return eqx.tree_at(where, problem, [value] * len(rubbing))
