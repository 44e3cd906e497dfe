"""Whether cells lie side by side: the two that share a facet must see it from opposite sides."""

import numpy as np

from ._domain import outward_signs
from ._facets import all_facets, facet_shapes, facet_vertices, is_proper, row_ids


def check_overlap(cells: tuple[np.ndarray, ...], cell_types: tuple[str, ...]):
    """Raise `ValueError` if cells lie on each other.

    Two positively oriented cells beside each other run through the vertices of their common facet in opposite
    directions; if they run in the same one, both lie on the same side of it.

    **Arguments:**

    - `cells`: node numbers of positively oriented cells of each block, shape (cell, local), vertices first as in Basix.
    - `cell_types`: Basix name of the cells of each block.
    """
    every = all_facets(cells, cell_types)
    proper, ids = is_proper(every.rows), row_ids(every.rows)
    direction = [_directions(own, name).ravel() for own, name in zip(cells, cell_types, strict=True)]
    side = np.where(proper, np.concatenate(direction), 0)
    count = np.bincount(ids, proper)
    seen = np.bincount(ids, side)
    bad = np.flatnonzero(proper & ((count[ids] > 2) | ((count[ids] == 2) & (seen[ids] != 0))))
    if len(bad):
        owners = np.unique(every.pairs(bad)[:, 0])
        raise ValueError(
            f"{len(owners)} cells lie on others or are inverted: {', '.join(map(str, owners[:5]))}"
            f"{', …' if len(owners) > 5 else ''}. Cells that share a facet must lie on opposite sides of it."
        )


def _directions(cells, cell_type):
    """1 or −1 for each facet of each cell: which way round its vertices run, seen from outside, from the lowest one."""
    found = np.zeros((len(cells), len(facet_shapes(cell_type))), int)
    for shape in sorted(set(facet_shapes(cell_type))):
        local = facet_vertices(cell_type, shape)
        at = np.flatnonzero(local[:, 0] >= 0)
        facets = cells[:, local[at]].reshape(-1, local.shape[1])
        signs = np.tile(outward_signs(cell_type, shape)[at], len(cells))
        found[:, at] = _direction(facets, signs).reshape(len(cells), -1)
    return found


def _direction(facets, signs):
    width = facets.shape[1]
    if width == 1:
        return signs
    loop = facets[:, [0, 1, 3, 2]] if width == 4 else facets
    if width == 2:
        return signs * np.where(loop[:, 0] < loop[:, 1], 1, -1)
    lowest = np.argmin(loop, axis=1)
    rows = np.arange(len(loop))
    after, before = loop[rows, (lowest + 1) % width], loop[rows, (lowest - 1) % width]
    return signs * np.where(after < before, 1, -1)
