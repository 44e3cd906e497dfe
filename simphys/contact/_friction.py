"""Coulomb's friction, smoothed over a small slip."""

import jax
import jax.numpy as jnp

from ._energy import barrier, way_to


def held_back(slip, reference, kinetic=1.0, static=None):
    """Return m(|s|) s/|s| of a slip s, what friction pulls back by, over the pressure; once differentiable.

    m(y) = μ_s (2y/ε − y²/ε²) up to ε, from there on it falls to μ_k at 2ε, μ_k + (μ_s − μ_k) (1 − 3t² + 2t³), t = y/ε − 1;
    where there is one coefficient alone it stays.

    **Arguments:**

    - `slip`: s, (dim,), within a step.
    - `reference`: ε, a length.
    - `kinetic`, `static`: μ_k and μ_s, that is μ_k where it is None.

    Reference: M. Li et al., ACM Trans. Graph. 39 (2020) 49, section 5.
    """
    squared = jnp.sum(slip**2)
    slides = squared >= reference**2
    y = jnp.sqrt(jnp.where(slides, squared, reference**2))
    # |s| s has a derivative at 0; its square root, taken as such, has none.
    moves = (squared > 0) & ~slides
    small = jnp.where(moves, jnp.sqrt(jnp.where(moves, squared, 1.0)), 0.0)
    most = kinetic if static is None else static
    beyond = kinetic
    if static is not None:
        t = jnp.minimum(y / reference - 1, 1.0)
        beyond = kinetic + (static - kinetic) * (1 - 3 * t**2 + 2 * t**3)
    return jnp.where(slides, beyond / y, most * (2 / reference - small / reference**2)) * slip


def of_pair(points, before, there, reach, held):
    """Return what friction adds to the residual of a sample and a target, over κ and the area.

    −b′ m(|s|) s/|s| of the sample, the opposite on the nearest point of the target; s is what they moved along each
    other since the step began. The pressure −b′ is that of the same state.

    **Arguments:**

    - `points`, `before`: positions of the sample and of the target's vertices, now and when the step began, (1 + dim, dim).
    - `there`: whether there is such a pair.
    - `reach`: δ.
    - `held`: m(|s|) s/|s| of a slip.
    """
    own, way, near, far = way_to(points, there, reach)
    moved = own @ (points - before)
    along = moved - way * jnp.sum(way * moved) / far**2
    push = jnp.where(near, -jax.grad(barrier)(far / reach), 0.0)
    return own[:, None] * (push * held(along))[None, :]
