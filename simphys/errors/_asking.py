"""Goals that read nodes by their numbers, which mean other places on a richer space."""

import jax
import jax.numpy as jnp

from .._hidden import compiled
from .._typing import Callable, PyTree, Scalar
from ..physics import AbstractBalance
from ._enriched import Enrichment


FOREIGN = 0.75
"""How far, relative to its size, the derivative of a goal may be from that of the same goal on the richer space: sums over
points differ by a half on the coarsest meshes, single numbers of nodes by nine tenths or more."""


def check_asks(goal: Callable, enrichment: Enrichment, problem: AbstractBalance, value: PyTree):
    """Raise `ValueError` for a goal whose derivative sits elsewhere in the richer space, Pᵀ ∂J⁺/∂u ≠ ∂J/∂u."""
    if float(_foreign(goal, enrichment, problem, value)) > FOREIGN:
        raise ValueError(
            "`goal` means something else on a richer space: it reads the value by numbers of nodes, or sums over them. Ask "
            "the problem: `problem.space.evaluate(value, sensors)`, `problem.resultant(value, name)`, an integral; or "
            "give a `PointValue`."
        )


@compiled
def _foreign(goal, enrichment, problem, value) -> Scalar:
    """How different the derivatives of what a goal returns are, at most; 0 where there is none."""
    rich = enrichment(problem)
    above, pull = jax.vjp(enrichment.prolonged, value)
    here, slopes_here = jax.vjp(lambda v: _numbers(goal, problem, v), value)
    _, slopes_there = jax.vjp(lambda v: _numbers(goal, rich, v), above)
    size = lambda tree: sum(jnp.sum(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree))
    found = []
    for k in range(len(here)):
        one = [jnp.where(j == k, jnp.ones_like(n), 0) for j, n in enumerate(here)]
        (own,), (other,) = slopes_here(one), pull(slopes_there(one)[0])
        whole = size(own)
        change = size(jax.tree.map(jnp.subtract, other, own))
        found.append(jnp.where(whole > 0, change / jnp.where(whole > 0, whole, 1.0), 0.0))
    return jnp.max(jnp.stack(found))


def _numbers(goal, problem, value):
    """What a goal returns, array by array, each as one number that all its entries change."""
    return [jnp.vdot(uneven(leaf), leaf) for leaf in jax.tree.leaves(goal(problem, value))]


def uneven(leaf):
    """Return numbers of order 1, no two of which are alike."""
    places = jnp.arange(jnp.size(leaf), dtype=jnp.result_type(leaf)).reshape(jnp.shape(leaf))
    return 1 + jnp.sin(1.7 * places) / 2
