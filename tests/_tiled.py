"""An L, and meshes of several cell types: quadrilaterals and triangles; hexahedra, pyramids, tetrahedra and prisms."""

import numpy as np

from simphys.fem import Mesh, rectangle
from simphys.fem._element import tabulate
from simphys.fem._mesh_checks import orientation, reference_nodes
from simphys.io._node_order import mirror


SQUARE = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float)
CUBE = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
# Each side of a cube: its square in Basix order, or two triangles with their diagonal from low to high.
SIDES = [(0, 2, 4, 6), (1, 3, 5, 7), (0, 1, 4, 5), (2, 3, 6, 7), (0, 1, 2, 3), (4, 5, 6, 7)]
CENTRE = np.full((1, 3), 0.5)


def square(n: int, degree: int = 1, moved: float = 0.0, curved: float = 0.0) -> Mesh:
    """The unit square: quadrilaterals to the left, triangles to the right, interior vertices at random."""
    at = np.stack(np.meshgrid(range(n), range(n)), -1).reshape(-1, 2).astype(float)
    left, right = at[at[:, 0] < n // 2], at[at[:, 0] >= n // 2]
    triangles = np.concatenate([right[:, None] + SQUARE[[0, 1, 3]], right[:, None] + SQUARE[[0, 3, 2]]])
    return tiled({"triangle": triangles, "quadrilateral": left[:, None] + SQUARE}, n, degree, moved, curved)


def l_shaped(n: int, kind: str = "triangle") -> Mesh:
    """2 × 2 without its lower right quarter, n squares a unit."""
    whole = rectangle((2 * n, 2 * n), (2.0, 2.0), cell_type=kind)
    points, cells = np.asarray(whole.points), np.asarray(whole.cells)
    middle = points[cells].mean(axis=1)
    cells = cells[(middle[:, 0] < 1) | (middle[:, 1] > 1)]
    used, renumbered = np.unique(cells, return_inverse=True)
    return Mesh(points[used], renumbered.reshape(cells.shape), kind)


def bar(n: int, degree: int = 1, moved: float = 0.0, curved: float = 0.0) -> Mesh:
    """The unit cube in n × n × n blocks, layers of hexahedra, of pyramids and tetrahedra, and of prisms along x."""
    at = np.stack(np.meshgrid(range(n), range(n), range(n)), -1).reshape(-1, 3).astype(float)
    layer = np.minimum(at[:, 0], 2)
    hexahedra, middle, prisms = (at[layer == k][:, None] for k in range(3))
    pyramid = np.concatenate([CUBE[list(SIDES[0])], CENTRE])
    split = [(s[0], s[k], s[3]) for s in SIDES[1:] for k in (1, 2)]
    tetrahedra = [np.concatenate([CUBE[list(corners)], CENTRE]) for corners in split]
    wedges = [CUBE[[0, 2, 6, 1, 3, 7]], CUBE[[0, 6, 4, 1, 7, 5]]]
    blocks = {
        "hexahedron": hexahedra + CUBE,
        "pyramid": middle + pyramid,
        "tetrahedron": np.concatenate([middle + part for part in tetrahedra]),
        "prism": np.concatenate([prisms + part for part in wedges]),
    }
    return tiled({name: own for name, own in blocks.items() if len(own)}, n, degree, moved, curved)


def extruded(n: int, degree: int = 1, moved: float = 0.0) -> Mesh:
    """The unit cube in hexahedra (to the left) and prisms along z (to the right)."""
    at = np.stack(np.meshgrid(range(n), range(n), range(n)), -1).reshape(-1, 3).astype(float)
    left, right = at[at[:, 0] < n // 2][:, None], at[at[:, 0] >= n // 2][:, None]
    prisms = np.concatenate([right + CUBE[[0, 1, 3, 4, 5, 7]], right + CUBE[[0, 3, 2, 4, 7, 6]]])
    return tiled({"hexahedron": left + CUBE, "prism": prisms}, n, degree, moved, 0.0)


def tiled(blocks, n, degree, moved, curved) -> Mesh:
    """A mesh of cells given by their corners, n blocks a side, with the sides `left`, `right` (x), `low`, `high` (y)."""
    corners = np.concatenate([own.reshape(-1, own.shape[-1]) for own in blocks.values()])
    places, number = numbered(corners)
    shift = np.random.default_rng(0).uniform(-moved, moved, places.shape)
    inside = np.all((places > 1e-9) & (places < n - 1e-9), axis=1)
    places = places + shift * inside[:, None]
    parts, first, cells = [], 0, []
    for name, own in blocks.items():
        vertices = number[first : first + own.shape[0] * own.shape[1]].reshape(own.shape[:2])
        first += vertices.size
        basis = tabulate(name, 1, reference_nodes(name, degree), 0)[0]
        parts.append(np.einsum("av,cvd->cad", basis, places[vertices] / n))
    points, number = numbered(np.concatenate([x.reshape(-1, x.shape[-1]) for x in parts]))
    first = 0
    for name, x in zip(blocks, parts, strict=True):
        own = number[first : first + x.shape[0] * x.shape[1]].reshape(x.shape[:2])
        first += own.size
        cells.append(upright(points, own, name, degree))
    points = points + curved * np.prod(np.sin(np.pi * points), axis=1)[:, None]
    mesh = Mesh(points, cells, list(blocks), degree)
    for side, axis, where in (("left", 0, 0), ("right", 0, 1), ("low", 1, 0), ("high", 1, 1)):
        mesh = mesh.with_facet_group(side, lambda x, axis=axis, where=where: abs(x[axis] - where) < 1e-9)
    return mesh


def numbered(x):
    """Different positions, and the number of each."""
    _, first, number = np.unique(np.round(x, 8), axis=0, return_index=True, return_inverse=True)
    return x[first], number.ravel()


def upright(points, cells, name, degree):
    """Cells turned so that all are positively oriented."""
    sign = orientation(points, cells, name, degree)
    return np.where((sign == -1)[:, None], cells[:, mirror(name, degree)], cells)
