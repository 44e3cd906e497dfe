"""The cells of a grid as those of a mesh."""

import itertools

import numpy as np

from ..fem import Mesh


_KINDS = {1: "interval", 2: "quadrilateral", 3: "hexahedron"}


def mesh_of_cells(*faces) -> Mesh:
    """Return the mesh of intervals, quadrilaterals or hexahedra whose cells are those of a grid, the last axis running
    fastest, as `values.ravel()` of a `CellField` has them.

    **Arguments:**

    - `faces`: increasing positions along each axis, (n + 1,), as of `Grid.faces`.
    """
    faces = [np.asarray(x) for x in faces]
    shape = [len(x) for x in faces]
    points = np.stack([x.ravel() for x in np.meshgrid(*faces, indexing="ij")], axis=1)
    number = np.arange(len(points)).reshape(shape)
    # Basix counts corners with the first axis running fastest.
    corners = [corner[::-1] for corner in itertools.product((0, 1), repeat=len(faces))]
    take = lambda corner: tuple(slice(c, n - 1 + c) for c, n in zip(corner, shape, strict=True))
    cells = np.stack([number[take(corner)].ravel() for corner in corners], axis=1)
    return Mesh(points, cells, _KINDS[len(faces)])
