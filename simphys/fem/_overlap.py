"""Whether cells lie side by side: the two that share a facet must see it from opposite sides."""

import numpy as np

from ._domain import outward_signs
from ._facets import facet_vertices, is_proper, row_ids


def check_overlap(cells: np.ndarray, cell_type: str):
    """Raise `ValueError` if cells lie on each other.

    Two positively oriented cells beside each other run through the vertices of their common facet in opposite
    directions; if they run in the same one, both lie on the same side of it.

    **Arguments:**

    - `cells`: node numbers of positively oriented cells, shape (cell, local), vertices first as in Basix.
    - `cell_type`: Basix name of the cell.
    """
    local = facet_vertices(cell_type)
    facets = cells[:, local].reshape(-1, local.shape[1])
    ranked = np.sort(facets, axis=1)
    proper = is_proper(ranked)
    ids, side = row_ids(ranked), np.where(proper, _direction(facets, len(local), cell_type), 0)
    count = np.bincount(ids, proper)
    seen = np.bincount(ids, side)
    bad = np.flatnonzero(proper & ((count[ids] > 2) | ((count[ids] == 2) & (seen[ids] != 0))))
    if len(bad):
        owners = np.unique(bad // len(local))
        raise ValueError(
            f"{len(owners)} cells lie on others or are inverted: {', '.join(map(str, owners[:5]))}"
            f"{', …' if len(owners) > 5 else ''}. Cells that share a facet must lie on opposite sides of it."
        )


def _direction(facets, per_cell, cell_type):
    """1 or −1 for each facet: which way round its vertices run, seen from outside the cell, from the lowest one."""
    signs = np.tile(outward_signs(cell_type), len(facets) // per_cell)
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
