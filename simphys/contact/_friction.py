"""Coulomb's friction, smoothed over a small slip."""

import jax
import jax.numpy as jnp

from ._energy import barrier
from ._nearest import facet_shares


def held_back(slip, reference):
    """Return f₁(|s|) s/|s| of a slip s: f₁(y) = 2y/ε − y²/ε² below ε, 1 from there on; once differentiable.

    **Arguments:**

    - `slip`: s, (dim,), within a step.
    - `reference`: ε, a length.

    Reference: M. Li et al., ACM Trans. Graph. 39 (2020) 49, section 5.
    """
    squared = jnp.sum(slip**2)
    slides = squared >= reference**2
    y = jnp.sqrt(jnp.where(slides, squared, reference**2))
    # |s| s has a derivative at 0; its square root, taken as such, has none.
    moves = (squared > 0) & ~slides
    small = jnp.where(moves, jnp.sqrt(jnp.where(moves, squared, 1.0)), 0.0)
    return jnp.where(slides, 1 / y, 2 / reference - small / reference**2) * slip


def of_pair(points, before, there, reach, reference):
    """Return what friction of coefficient 1 adds to the residual of a sample and a target, over κ and the area.

    −b′ f₁(|s|) s/|s| of the sample, the opposite on the nearest point of the target; s is what they moved along each
    other since the step began. The pressure −b′ is that of the same state.

    **Arguments:**

    - `points`, `before`: positions of the sample and of the target's vertices, now and when the step began, (1 + dim, dim).
    - `there`: whether there is such a pair.
    - `reach`, `reference`: δ and ε.
    """
    own = jnp.concatenate([jnp.ones(1, points.dtype), -facet_shares(jnp, points[0], points[1:])])
    way = own @ points
    squared = jnp.sum(way**2)
    near = there & (squared < reach**2)
    far = jnp.sqrt(jnp.where(near, squared, reach**2))
    moved = own @ (points - before)
    along = moved - way * jnp.sum(way * moved) / far**2
    push = jnp.where(near, -jax.grad(barrier)(far / reach), 0.0)
    return own[:, None] * (push * held_back(along, reference))[None, :]
