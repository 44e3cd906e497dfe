"""Groups from numbers that files give their cells."""

import warnings
from typing import NamedTuple

import numpy as np

from ._raw import Block, RawMesh


ALWAYS = ("gmsh:physical", "medit:ref", "tetgen:ref")
"""Cell data whose numbers are groups by the meaning of their format; 0 is no group."""
_NO_TAGS = ("gmsh:geometrical", "vtkGhostType", "vtkOriginalCellIds", "vtkOriginalPointIds", "GlobalCellIds")
_MANY = 1000


class Tagged(NamedTuple):
    """What a file holds whose cells carry data instead of belonging to groups.

    - `order`: whose node numbering it follows, as in `RawMesh`.
    - `points`: (point, 2 or 3).
    - `blocks`: elements with the groups that the file names.
    - `data`: for each block name to values, (element,).
    - `point_sets`: name to point indices.
    """

    order: str
    points: np.ndarray
    blocks: list[Block]
    data: list[dict[str, np.ndarray]]
    point_sets: dict[str, np.ndarray]


def with_groups(tagged: Tagged, groups_from: tuple[str, ...]) -> RawMesh:
    """Return the mesh with groups called by the numbers in the named cell data (`name:number`, if there are several).

    **Raises:** `ValueError` if no cells have such data, or these are no whole numbers.
    """
    known = sorted({name for data in tagged.data for name in data})
    for name in groups_from:
        if name not in known:
            raise ValueError(
                f"no cell data {name!r} for `groups_from`; there are: {', '.join(map(repr, known)) or 'none'}."
            )
    if not groups_from:
        _name_unused(tagged)
    blocks = []
    for block, data in zip(tagged.blocks, tagged.data, strict=True):
        groups = dict(block.groups)
        for name in (*ALWAYS, *groups_from):
            if name in data:
                prefix = f"{name}:" if len(groups_from) > 1 and name in groups_from else ""
                groups |= _by_number(name, data[name], prefix, with_zero=name in groups_from)
        blocks.append(block._replace(groups=groups))
    return RawMesh(tagged.order, tagged.points, blocks, tagged.point_sets, {}, False)


def _by_number(name, values, prefix, with_zero):
    values = np.asarray(values).ravel()
    whole = values.astype(np.int64) if values.dtype.kind in "iub" or np.all(np.isfinite(values)) else None
    if whole is None or np.any(whole != values):
        raise ValueError(f"the cell data {name!r} are no whole numbers: they name no groups.")
    return {f"{prefix}{n}": np.flatnonzero(whole == n) for n in np.unique(whole).tolist() if n != 0 or with_zero}


def _name_unused(tagged):
    """Warn of whole numbers that would name groups but are not asked for."""
    found = {}
    for data in tagged.data:
        for name, values in data.items():
            values = np.asarray(values)
            if name not in (*ALWAYS, *_NO_TAGS) and values.dtype.kind in "iu" and values.size == len(values):
                found.setdefault(name, []).append(values.ravel())
    # Numbers that are all different number the cells.
    every = {name: np.concatenate(parts) for name, parts in found.items()}
    unused = sorted(name for name, values in every.items() if len(np.unique(values)) <= min(_MANY, values.size - 1))
    if unused:
        warnings.warn(
            f"The whole numbers in the cell data {', '.join(map(repr, unused))} make no groups: pass "
            f"`groups_from={unused[0]!r}` for groups that are called by them.",
            stacklevel=5,
        )
