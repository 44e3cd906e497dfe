"""Which nodes a user means: by a function of position, a mask or numbers."""

import jax
import numpy as np

from .._check import indices


SAMPLE = 32
"""So many nodes inside and outside are asked one by one where all have been asked at once."""


def selected(chosen, points: np.ndarray) -> np.ndarray:
    """Return a boolean for each node.

    **Arguments:**

    - `chosen`: a function of one position (dim,) that returns a boolean, or of all, (points, dim), that returns one for
      each, in NumPy or JAX (nothing need be traceable); or a mask, (points,); or numbers of nodes.
    - `points`: positions, (points, dim).

    **Raises:** `ValueError` for what does not return booleans, one for each position.
    """
    if not callable(chosen):
        mask = np.zeros(len(points), bool)
        mask[indices("predicate", chosen, len(points))] = True
        return mask
    try:
        first = np.asarray(chosen(points[0].copy()))
    except Exception:  # it needs all positions; what is wrong otherwise is raised below
        first = None
    if first is not None and first.shape == ():
        _checked(first, (), points.shape[1])
        return _one_by_one(chosen, points)
    return _checked(chosen(points.copy()), (len(points),), points.shape[1])


def _one_by_one(chosen, points):
    """A function of one position; where asking all at once means the same, which is looked at, it is asked so."""
    ask = lambda some: np.array([bool(chosen(points[k].copy())) for k in some], bool)
    for at_once in (lambda: chosen(points.T.copy()), lambda: jax.vmap(chosen)(points)):
        try:
            found = np.asarray(at_once())
        except Exception:  # the function is the user's, and need not take more than one position
            continue
        if found.shape == (len(points),) and found.dtype == bool:
            spread = lambda where: where[np.linspace(0, len(where) - 1, min(SAMPLE, len(where)), dtype=int)]
            sample = np.concatenate([spread(np.flatnonzero(found)), spread(np.flatnonzero(~found))])
            if np.array_equal(ask(sample), found[sample]):
                return found
    return ask(range(len(points)))


def _checked(found, shape, dim):
    found = np.asarray(found)
    if found.shape == shape and found.dtype == bool:
        return found
    raise ValueError(
        f"A predicate takes one position, shape ({dim},), and returns a boolean, or all, shape (points, {dim}), and "
        f"returns one for each; got {found.dtype} of shape {found.shape}. (DOLFINx hands over (3, points): write `x[0]` "
        "of one position or `x[:, 0]` of all.)"
    )
