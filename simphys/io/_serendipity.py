"""Serendipity cells as full quadratic cells of the same shape."""

import numpy as np

from ..fem._facets import row_ids


# Basis values at the centre of the 8-node quadrilateral and of the 20-node hexahedron: corners, then edges.
_FACE = np.array([-1 / 4] * 4 + [1 / 2] * 4)
_BODY = np.array([-1 / 4] * 8 + [1 / 4] * 12)

# Faces of the hexahedron in the order of VTK's 27-node cell: corners, then the edge nodes.
_HEX_FACES = np.array(
    [
        [0, 3, 7, 4, 11, 19, 15, 16],
        [1, 2, 6, 5, 9, 18, 13, 17],
        [0, 1, 5, 4, 8, 17, 12, 16],
        [3, 2, 6, 7, 10, 18, 14, 19],
        [0, 1, 2, 3, 8, 9, 10, 11],
        [4, 5, 6, 7, 12, 13, 14, 15],
    ]
)


def complete(points: np.ndarray, cells: np.ndarray):
    r"""Add the face and body nodes that serendipity cells lack, where the serendipity map puts them.

    The eight-node and twenty-node bases lie in the full quadratic ones, so with the centre of each face at
    $-\tfrac14 \sum_{corners} x + \tfrac12 \sum_{edges} x$, and the centre of each hexahedron at
    $-\tfrac14 \sum_{corners} x + \tfrac14 \sum_{edges} x$, the geometry does not change.

    **Arguments:**

    - `points`: shape (point, dim).
    - `cells`: shape (cell, 8 or 20), in VTK order.

    **Returns:** the points with the new ones behind them, and the cells, shape (cell, 9 or 27), in VTK order.
    """
    if cells.shape[1] == 8:
        centre = np.einsum("a,cad->cd", _FACE, points[cells])
        new = len(points) + np.arange(len(cells))
        return np.concatenate([points, centre]), np.column_stack([cells, new])
    faces = cells[:, _HEX_FACES].reshape(-1, 8)
    _, first, ids = np.unique(row_ids(np.sort(faces[:, :4], axis=1)), return_index=True, return_inverse=True)
    face_points = np.einsum("a,cad->cd", _FACE, points[faces[first]])
    body_points = np.einsum("a,cad->cd", _BODY, points[cells])
    on_faces = len(points) + ids.reshape(-1, 6)
    inside = len(points) + len(first) + np.arange(len(cells))
    return np.concatenate([points, face_points, body_points]), np.column_stack([cells, on_faces, inside])
