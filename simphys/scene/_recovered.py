"""Stresses and fluxes at nodes: recovered, where a scene draws, writes or observes them."""

import functools as ft

from .. import errors
from .._typing import Array


@ft.lru_cache(maxsize=16)
def recoverer(model, found) -> errors.Recoverer:
    """Return what recovers a quantity of a model's problems; it is made once."""
    return errors.Recoverer(model.base, found)


def at_nodes(model, found, problem, value) -> Array | None:
    """Return a quantity at the nodes that are shown; None where it has values of cells alone, or jumps there."""
    if found.seen is None:
        return None
    field, shown = recoverer(model, found)(problem, value), problem.shown_space
    fits = field.space.continuous and shown.continuous and field.space.degree == shown.degree
    return field.values if fits else None


def nodal_quantities(model, problem, value) -> dict[str, Array]:
    """Return those quantities of cells that the scene draws as they are recovered at nodes."""
    from ._pictures import wanted_of

    every = {
        q.name: at_nodes(model, q, problem, value) for q in wanted_of(model.scene.data, problem) if q.where == "cell"
    }
    return {name: values for name, values in every.items() if values is not None}
