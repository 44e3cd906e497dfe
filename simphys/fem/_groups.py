"""Named groups of cells, facets and points: as they are given, checked, sorted, looked up and extended."""

import difflib
from functools import partial

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._trees import any_traced
from ._blocks import by_block, by_kind


def concrete(what: str, array) -> np.ndarray:
    """Return an array of the mesh as one of NumPy's; `ValueError` for a traced one."""
    if any_traced(array):
        raise ValueError(f"`{what}` needs a concrete mesh: call it outside `jit`, `grad` and `vmap`.")
    return np.asarray(array)


def integers(name: str, value):
    """Return whole numbers as an array of 32 bits; `ValueError` for others."""
    if isinstance(value, jax.Array):
        kind, size = value.dtype, 0
    else:
        value = np.asarray(value)
        value = value.astype(np.int32) if value.size == 0 else value
        kind, size = value.dtype, value.max(initial=0)
    if not jnp.issubdtype(kind, jnp.integer):
        raise ValueError(f"`{name}` must hold integers, got {kind}.")
    if size > np.iinfo(np.int32).max:
        raise ValueError(f"`{name}` must fit into 32 bits, got {size}.")
    return value.astype(jnp.int32) if isinstance(value, jax.Array) else int32(value)


def members(what: str, groups, shape: tuple[int, ...]) -> dict:
    """Return groups as whole numbers: what a mask of the given shape selects, or the numbers themselves."""
    found = {}
    for name, value in (groups or {}).items():
        shown = f"{what}[{name!r}]"
        if not isinstance(value, jax.core.Tracer) and (mask := np.asarray(value)).dtype == bool:
            if mask.shape != shape:
                raise ValueError(f"`{shown}`: a mask must have shape {shape}, got {mask.shape}.")
            value = np.argwhere(mask) if len(shape) == 2 else np.flatnonzero(mask)
        found[name] = integers(shown, value)
    return found


def check_groups(kind: str, groups, bounds: tuple[int, ...]):
    """Raise `ValueError` for members that lie not in 0 … bound − 1, or are not of the shape of their kind."""
    for name, each in groups.items():
        _check_group(kind, name, np.asarray(each), bounds)


def _check_group(kind, name, members, bounds):
    shape = (2,) if len(bounds) == 2 else ()
    if members.ndim != len(bounds) or members.shape[1:] != shape:
        raise ValueError(
            f"{kind.capitalize()} group {name!r} must have shape {'(n, 2)' if shape else '(n,)'}, got {members.shape}."
        )
    columns = members.T if shape else (members,)
    for column, bound in zip(columns, bounds, strict=True):
        if column.size and (column.min() < 0 or column.max() >= bound):
            raise ValueError(
                f"{kind.capitalize()} group {name!r} must have entries in 0 … {bound - 1}, "
                f"got {column.min()} … {column.max()}."
            )


def look_up(kind: str, groups, name: str):
    """Return a group; `ValueError`, with what it may have been, for one that there is not."""
    if name in groups:
        return groups[name]
    near = difflib.get_close_matches(str(name), groups, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"No {kind} group {name!r}; there {_listing(groups)}.{hint}")


def _listing(groups):
    return f"are {', '.join(map(repr, sorted(groups)))}" if groups else "are none"


def extended(kind: str, groups, name: str, members) -> dict:
    """Return groups with one more; `ValueError` if there is one of the name, or nothing in it."""
    if name in groups:
        raise ValueError(f"There is already a {kind} group {name!r}.")
    if len(members) == 0:
        raise ValueError(f"No {kind} satisfies the predicate of group {name!r}.")
    return {**groups, name: int32(members)}


def sorted_groups(blocks, cell_groups, facet_groups) -> tuple[dict, dict, tuple]:
    """Return groups sorted by block and by kind of facet, and how many members of each there are."""
    sizes, types = [len(block.nodes) for block in blocks], tuple(block.type for block in blocks)
    ways = dict(cell=partial(by_block, sizes), facet=partial(by_kind, types, sizes))
    found, splits = {"cell": {}, "facet": {}}, []
    for kind, groups in (("cell", cell_groups), ("facet", facet_groups)):
        for name, each in groups.items():
            each, counts = ways[kind](concrete("groups of cells or facets of several kinds", each))
            found[kind][name] = int32(each)
            splits.append((kind, name, counts))
    return found["cell"], found["facet"], tuple(splits)
