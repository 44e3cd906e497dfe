"""Energies of single pairs."""

import jax
import jax.numpy as jnp

from ._nearest import edge_edge, facet_shares, point_facet


PARALLEL = 1e-3
"""Below this sin² of the angle between two edges their barrier is faded out, where its slope would jump."""


def barrier(s):
    """Return b/δ = −(s − 1)² ln s of s = d/δ below 1, else 0; not finite where s is 0."""
    near = s < 1
    inside = jnp.where(near, s, 1.0)
    return jnp.where(near, -((inside - 1) ** 2) * jnp.log(inside), 0.0)


def of_point(points, there, reach):
    """Return b of one sample and one target, a length.

    **Arguments:**

    - `points`: positions of the sample and of the target's vertices, (1 + dim, dim).
    - `there`: whether there is such a pair.
    - `reach`: δ.
    """
    return _of_distance(point_facet(jnp, points[0], points[1:]), there, reach)


def slope_of_point(points, there, reach):
    """Return the derivative of that by the points: the shares of the nearest point need not be differentiated for it."""
    own, way, near, far = way_to(points, there, reach)
    return own[:, None] * (jnp.where(near, jax.grad(barrier)(far / reach), 0.0) * way / far)[None, :]


def way_to(points, there, reach):
    """Return the shares of the way from a target's nearest point to a sample, that way, whether it is near, and how far."""
    own = jnp.concatenate([jnp.ones(1, points.dtype), -facet_shares(jnp, points[0], points[1:])])
    way = own @ points
    squared = jnp.sum(way**2)
    near = there & (squared < reach**2)
    far = jnp.sqrt(jnp.where(near, squared, reach**2))
    return own, way, near, far


def of_edges(x, rest, there, reach):
    """Return b of two edges, a length, faded out where they are parallel.

    **Arguments:**

    - `x`, `rest`: positions of their ends, and undeformed, (4, 3).
    - `there`: whether there is such a pair.
    - `reach`: that of edges.
    """
    turned = jnp.cross(x[1] - x[0], x[3] - x[2])
    lengths = jnp.sum((rest[1] - rest[0]) ** 2) * jnp.sum((rest[3] - rest[2]) ** 2)
    c = jnp.sum(turned**2) / (PARALLEL * jnp.where(there, lengths, 1.0))
    fade = jnp.where(c < 1, c * (2 - c), 1.0)
    return fade * _of_distance(edge_edge(jnp, x[:2], x[2:]), there, reach)


def _of_distance(squared, there, reach):
    near = there & (squared < reach**2)
    inside = jnp.where(near, squared, reach**2)
    return jnp.where(near, reach * barrier(jnp.sqrt(inside) / reach), 0.0)
