"""Cells of any degree cut into straight ones on their own nodes."""

import functools as ft

import numpy as np

from ..fem import kuhn_simplices, reference_nodes


@ft.cache
def subdivision(cell_type: str, degree: int) -> np.ndarray:
    r"""Linear cells that fill a Lagrange cell of some degree.

    Cubes are cut along the lattice of nodes. For simplices, $y_i = \sum_{j \ge i} X_j$ maps the cell to
    $p \ge y_1 \ge y_2 \ge y_3 \ge 0$, which is a union of the simplices around the diagonals of unit cubes.

    **Arguments:**

    - `cell_type`: Basix name of the cell.
    - `degree`: p, 1 or more.

    **Returns:** local nodes of the parts, shape (p^dim, vertex), both in Basix order.

    ??? cite "Reference"
        Freudenthal, Simplizialzerlegungen von beschränkter Flachheit, Annals of Mathematics 43 (1942).
    """
    if cell_type in ("prism", "pyramid"):
        raise ValueError(
            f"A {cell_type} of degree {degree} is not cut into straight cells: write fields of degree 1 or 2."
        )
    lattice = np.rint(degree * reference_nodes(cell_type, degree)).astype(np.int64)
    dim = lattice.shape[1]
    cubes = np.stack([x.ravel() for x in np.indices((degree,) * dim)], axis=1)
    if cell_type in ("interval", "quadrilateral", "hexahedron"):
        corners = cubes[:, None] + np.rint(reference_nodes(cell_type, 1)).astype(np.int64)
    else:
        y = (cubes[:, None, None] + kuhn_simplices(dim)).reshape(-1, dim + 1, dim)
        inside = np.all(y[..., :-1] >= y[..., 1:], axis=(1, 2))
        corners = y[inside] - np.concatenate([y[inside][..., 1:], np.zeros_like(y[inside][..., :1])], axis=-1)
    number = {tuple(x): i for i, x in enumerate(lattice.tolist())}
    parts = [[number[tuple(x)] for x in part] for part in corners.tolist()]
    return np.array(parts, dtype=np.int64)
