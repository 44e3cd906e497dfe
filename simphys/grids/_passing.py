"""What passes the sides of a grid that prescribe the normal velocity."""

import jax
import jax.numpy as jnp

from .._hidden import is_traced
from ._face_space import FaceSpace
from ._lines import end


def net_flux(space: FaceSpace):
    """Return what enters through all sides, volume per time, and the sum of magnitudes."""
    total, size = 0.0, 0.0
    for a in range(space.grid.dimension):
        if space.periodic(a):
            continue
        for side, condition in enumerate(space.sides[a].pairs[a]):
            area = end(jnp.broadcast_to(space.grid.area(a), space.grid.shape), a, side)
            through = area * jnp.asarray(condition.value, area.dtype)
            total, size = total + (1 - 2 * side) * jnp.sum(through), size + jnp.sum(jnp.abs(through))
    return total, size


def balanced(space: FaceSpace):
    """Return whether what enters leaves, to rounding."""
    total, size = net_flux(space)
    return jnp.abs(total) <= float(jnp.finfo(space.grid.dtype).eps) ** 0.6 * size


def check_balanced(space: FaceSpace):
    """Raise `ValueError` unless it does, where that is known."""
    with jax.ensure_compile_time_eval():  # while a program is traced as well
        known, net = balanced(space), net_flux(space)[0]
    if not is_traced(known) and not bool(known):
        raise ValueError(
            "What enters through the sides must leave through them: the prescribed normal velocities bring in a net "
            f"{float(net):.3g} (volume per time), and no side is open. Give one an `Outflow`."
        )
