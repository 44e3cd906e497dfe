"""Steps that end where something begins to touch."""

import jax
import jax.numpy as jnp

from .._typing import Array, Callable, Scalar
from ..physics import AbstractBalance, AbstractContact


LANDING = 0.02
"""By what part of its reach a contact is entered at the end of such a step: else it would be met again."""

HALVINGS = 24


def until_touch(problem: AbstractBalance, ahead: Callable, h: Scalar) -> Scalar:
    """Return h, or the time after which a contact that is open now is entered; never differentiated.

    **Arguments:**

    - `problem`: a body with contacts.
    - `ahead`: time ↦ the displacement that is expected after it, at first that of now.
    - `h`: a length of time.
    """
    zero = jnp.zeros_like(h)
    now, then = ahead(zero), ahead(h)
    open_now = _open(problem, now, 0.0)
    # Of what bodies have gone through nobody knows how far it is apart.
    ways = jnp.stack([load.way(_space(problem, load), now, then) for load in _contacts(problem)])
    far = h * jnp.min(jnp.where(open_now, ways, 1.0)).astype(h.dtype)
    enters = lambda time: jnp.any(open_now & ~_open(problem, ahead(time), LANDING))

    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        inside = enters(middle)
        return jnp.where(inside, low, middle), jnp.where(inside, middle, high)

    search = lambda: jax.lax.fori_loop(0, HALVINGS, halve, (zero, far))[1]
    return jax.lax.cond(enters(far), search, lambda: far)


def _open(problem: AbstractBalance, value: Array, depth: float) -> Array:
    """For each contact whether no more than a part of its reach is entered."""
    return jnp.stack([load.clearance(_space(problem, load), value) >= -depth for load in _contacts(problem)])


def _contacts(problem):
    return [load for load in problem.loads if isinstance(load, AbstractContact)]


def _space(problem, load):
    return problem.spaces[load.field]
