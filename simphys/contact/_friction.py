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


def of_pair(x, before, shares, reach, reference):
    """Return what friction of coefficient 1 adds to the residual of a sample and a target, over κ and the area.

    −b′ f₁(|s|) s/|s| of the sample, the opposite on the nearest point of the target; s is what they moved along each
    other since the step began. The pressure −b′ is that of the same state.

    **Arguments:**

    - `x`, `before`: positions of the sample's nodes and of the target's, now and when the step began, (k + dim, dim).
    - `shares`: of the sample's nodes in it, (k,); all of them 0 where there is no pair.
    - `reach`, `reference`: δ and ε.
    """
    k = shares.shape[0]
    own = jnp.concatenate([shares, -facet_shares(jnp, shares @ x[:k], x[k:])])
    way = own @ x
    squared = jnp.sum(way**2)
    near = jnp.any(shares > 0) & (squared < reach**2)
    far = jnp.sqrt(jnp.where(near, squared, reach**2))
    moved = own @ (x - before)
    along = moved - way * jnp.sum(way * moved) / far**2
    push = jnp.where(near, -jax.grad(barrier)(far / reach), 0.0)
    return own[:, None] * (push * held_back(along, reference))[None, :]
