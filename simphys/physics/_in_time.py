"""What a problem of several fields says of itself in time: which equations store nothing, which fields nothing stores."""

import functools

from ..fem import Integral


@functools.singledispatch
def balanced(problem) -> tuple[int, ...]:
    """Return the numbers of the equations that store nothing: they hold at every time."""
    del problem
    return ()


@functools.singledispatch
def immediate(problem) -> tuple[int, ...]:
    """Return the numbers of the fields that no equation stores: they follow from the others at once."""
    del problem
    return ()


@functools.singledispatch
def storage_gauges(problem) -> tuple[Integral, ...]:
    """Return terms that count for the scale of what is stored only, of a problem that may store next to nothing."""
    del problem
    return ()


@functools.singledispatch
def convex_split(problem) -> tuple[object, Integral]:
    """Return a problem with the convex part of its energy alone, and the concave part as a term of its balance.

    **Raises:** `ValueError` for a problem whose energy has no such parts.
    """
    raise ValueError(
        f"A `{type(problem).__name__}` has no energy that is split into a convex and a concave part: "
        "`ConvexSplitting()` is for `AllenCahn` and `CahnHilliard`."
    )
