"""Friction of loads that touch: what it needs to know, and where a step begins."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from .._check import parameter
from .._typing import Array
from ..fem import NodalField


def checked_friction(friction, slip):
    """Return μ as a parameter; raise `ValueError` for one without ε, or the other way round."""
    if (friction is None) != (slip is None):
        raise ValueError(
            "`friction` needs `slip`, the small slip in a step over which it grows to its full size, and the other way "
            f"round: got {friction!r} and {slip!r}."
        )
    return parameter(friction)


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
