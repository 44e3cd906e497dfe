"""Serendipity cells as full quadratic cells of the same shape."""

import numpy as np

from ..fem import row_ids


# Basis values at the centre of the 8-node quadrilateral and of the 20-node hexahedron: corners, then edges.
_FACE = np.array([-1 / 4] * 4 + [1 / 2] * 4)
_BODY = np.array([-1 / 4] * 8 + [1 / 4] * 12)

# Quadrilateral faces in the order of VTK's full cells: corners, then the edge nodes.
_FACES = {
    "quad8": [[0, 1, 2, 3, 4, 5, 6, 7]],
    "hexahedron20": [
        [0, 3, 7, 4, 11, 19, 15, 16],
        [1, 2, 6, 5, 9, 18, 13, 17],
        [0, 1, 5, 4, 8, 17, 12, 16],
        [3, 2, 6, 7, 10, 18, 14, 19],
        [0, 1, 2, 3, 8, 9, 10, 11],
        [4, 5, 6, 7, 12, 13, 14, 15],
    ],
    "wedge15": [[0, 1, 4, 3, 6, 13, 9, 12], [1, 2, 5, 4, 7, 14, 10, 13], [2, 0, 3, 5, 8, 12, 11, 14]],
    "pyramid13": [[0, 1, 2, 3, 5, 6, 7, 8]],
}


def complete(points: np.ndarray, cells: list[np.ndarray], kinds: list[str]):
    r"""Add the face and body nodes that serendipity cells lack, where the serendipity map puts them.

    The bases of eight, fifteen and twenty nodes lie in the full quadratic ones, so with the centre of each face at
    $-\tfrac14 \sum_{corners} x + \tfrac12 \sum_{edges} x$, and the centre of each hexahedron at
    $-\tfrac14 \sum_{corners} x + \tfrac14 \sum_{edges} x$, the geometry does not change. (Within pyramids with curved edges
    it does, as there is more than one basis of thirteen nodes.)

    **Arguments:**

    - `points`: shape (point, dim).
    - `cells`: of each kind, shape (cell, local), in VTK order.
    - `kinds`: their kinds; those that lack no nodes stay as they are.

    **Returns:** the points with the new ones behind them, and the full cells of each kind in VTK order.
    """
    lacking = [k for k, kind in enumerate(kinds) if kind in _FACES]
    faces = np.concatenate([cells[k][:, _FACES[kinds[k]]].reshape(-1, 8) for k in lacking])
    _, first, ids = np.unique(row_ids(np.sort(faces[:, :4], axis=1)), return_index=True, return_inverse=True)
    centres, start, last = [np.einsum("a,cad->cd", _FACE, points[faces[first]])], 0, len(points) + len(first)
    full = list(cells)
    for k in lacking:
        own, each = cells[k], len(_FACES[kinds[k]])
        added = [len(points) + ids[start : start + len(own) * each].reshape(-1, each)]
        start += len(own) * each
        if kinds[k] == "hexahedron20":
            centres.append(np.einsum("a,cad->cd", _BODY, points[own]))
            added.append(last + np.arange(len(own))[:, None])
            last += len(own)
        full[k] = np.column_stack([own, *added])
    return np.concatenate([points, *centres]), full
