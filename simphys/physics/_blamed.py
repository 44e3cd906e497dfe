"""Where a residual is no number, in words: what a failed solve says of its guess."""

import jax.numpy as jnp
import numpy as np

from ..assembly import AbstractTerm
from ..fem import Integral
from ._obstacle import Obstacle


def blamed(problem, fields: tuple) -> list[str]:
    """Return a sentence's part for each obstacle that the body is in, and each term that is not finite, at some fields."""
    said = [words for load in problem.loads if isinstance(load, Obstacle) and (words := _within(problem, load, fields))]
    for term in problem.integrals():
        if said and term.name == Obstacle.__name__:
            continue
        said += [words for piece, own in term.pieces(problem.spaces) if (words := _not_finite(piece, own, fields))]
    return said


def _within(problem, obstacle, fields):
    """Of a barrier: how deep the surface is inside."""
    if obstacle.law != "barrier":
        return None
    found = obstacle.forces(problem.spaces[obstacle.field], fields[obstacle.field])
    gap, place = np.asarray(found.gap).ravel(), np.asarray(found.position).reshape(-1, found.position.shape[-1])
    inside = np.count_nonzero(gap <= 0)
    if not inside:
        return None
    name, deepest = type(obstacle.shape).__name__, np.argmin(gap)
    depth = "touches" if gap[deepest] == 0 else f"is {-gap[deepest]:.3g} deep in"
    count = f"{inside} of {gap.size} points"
    return f"the surface {obstacle.where!r} {depth} its obstacle, a {name}, at {_place(place[deepest])} ({count})"


def _not_finite(piece: AbstractTerm, spaces, fields):
    residuals, energy = piece.local(spaces, fields)
    bad = ~np.all([np.isfinite(np.asarray(r)).reshape(len(r), -1).all(axis=1) for r in residuals], axis=0)
    if not bad.any():
        return None
    told = f"{np.count_nonzero(bad)} of {bad.size} items of {piece.where!r} contribute no number to {piece.name!r}"
    if not isinstance(piece, Integral):
        return told
    nodes = np.asarray(piece.unknowns(spaces)[0])[np.argmax(bad)]
    middle = np.asarray(jnp.mean(spaces[piece.fields[0]].nodes()[nodes], axis=0))
    return f"{told} (the first at {_place(middle)})"


def _place(x):
    return f"({', '.join(f'{v:.3g}' for v in x)})"
