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
    """How different both derivatives are; 0 where there is none."""
    rich = enrichment(problem)
    above, pull = jax.vjp(enrichment.prolonged, value)
    here = jax.grad(lambda v: goal(problem, v))(value)
    (there,) = pull(jax.grad(lambda v: goal(rich, v))(above))
    size = lambda tree: sum(jnp.sum(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree))
    whole = size(here)
    return jnp.where(whole > 0, size(jax.tree.map(jnp.subtract, there, here)) / jnp.where(whole > 0, whole, 1.0), 0.0)
