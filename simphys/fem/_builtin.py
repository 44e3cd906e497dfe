"""Meshes of lines, rectangles and boxes."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import placed
from .._check import positive
from ._facets import facet_vertices
from ._mesh import Mesh
from ._mesh_checks import reference_nodes, tabulate


_SIDES = {1: (("left", "right"),), 2: (("left", "right"), ("bottom", "top"))}
_SIDES[3] = (("left", "right"), ("front", "back"), ("bottom", "top"))


def line(n: int, length=1.0, *, degree: int = 1) -> Mesh:
    """The interval [0, length] in `n` equal cells.

    **Arguments:**

    - `n`: number of cells.
    - `length`: length; may be traced.
    - `degree`: 1 or 2.

    **Returns:** a `Mesh` of intervals with facet groups `left` (x = 0) and `right`.

    **Raises:** `ValueError` if `n` is not a positive integer or `length` is not positive.
    """
    return _grid((n,), (length,), "interval", degree)


def rectangle(n, lengths=(1.0, 1.0), *, cell_type: str = "quadrilateral", degree: int = 1) -> Mesh:
    """The rectangle [0, lx] × [0, ly] in nx × ny equal cells, or twice as many triangles.

    **Arguments:**

    - `n`: numbers of cells (nx, ny).
    - `lengths`: side lengths (lx, ly); may be traced.
    - `cell_type`: `quadrilateral`, or `triangle`: each rectangle is cut along its rising diagonal.
    - `degree`: 1 or 2.

    **Returns:** a `Mesh` with facet groups `left`, `right` (x) and `bottom`, `top` (y).

    **Raises:** `ValueError` if a number or a length is not positive, or the cell type does not fit.
    """
    return _grid(n, lengths, cell_type, degree, ("quadrilateral", "triangle"))


def box(n, lengths=(1.0, 1.0, 1.0), *, cell_type: str = "hexahedron", degree: int = 1) -> Mesh:
    """The box [0, lx] × [0, ly] × [0, lz] in nx × ny × nz equal cells, or six times as many tetrahedra.

    **Arguments:**

    - `n`: numbers of cells (nx, ny, nz).
    - `lengths`: side lengths (lx, ly, lz); may be traced.
    - `cell_type`: `hexahedron`, or `tetrahedron`: each box is cut into six around its main diagonal.
    - `degree`: 1 or 2.

    **Returns:** a `Mesh` with facet groups `left`, `right` (x), `front`, `back` (y) and `bottom`, `top` (z).

    **Raises:** `ValueError` if a number or a length is not positive, or the cell type does not fit.

    ??? cite "Reference"
        Freudenthal, Simplizialzerlegungen von beschränkter Flachheit, Annals of Mathematics 43 (1942).
    """
    return _grid(n, lengths, cell_type, degree, ("hexahedron", "tetrahedron"))


def _grid(n, lengths, cell_type, degree, allowed=("interval",)):
    if cell_type not in allowed:
        raise ValueError(f"`cell_type` must be {' or '.join(map(repr, allowed))}, got {cell_type!r}.")
    if degree not in (1, 2):
        raise ValueError(f"`degree` of a mesh must be 1 or 2, got {degree!r}.")
    dim = reference_nodes(cell_type, 1).shape[1]
    n, lengths = tuple(n), tuple(lengths)
    if len(n) != dim or not all(isinstance(k, int | np.integer) and k > 0 for k in n):
        raise ValueError(f"`n` must be {dim} positive integers, got {n}.")
    if len(lengths) != dim:
        raise ValueError(f"`lengths` must be {dim} numbers, got {len(lengths)}.")
    positive("lengths", lengths)

    parts = _parts(cell_type)
    corner = _lattice(n)  # (block, dim)
    stride = np.cumprod([1, *(degree * k + 1 for k in n[:-1])])
    # Node positions inside a block on the refined lattice; whole numbers by construction.
    offsets = np.rint(degree * _images(parts, cell_type, degree)).astype(np.int64)  # (part, local, dim)
    nodes = (degree * corner @ stride)[:, None, None] + offsets @ stride
    lattice = _lattice([degree * k + 1 for k in n]) / (degree * np.asarray(n))
    traced = any(isinstance(size, jax.Array) for size in lengths)
    sides = jnp.stack([jnp.asarray(size, float) for size in lengths]) if traced else np.array(lengths, float)
    points = lattice * sides[None]
    return Mesh(
        points if traced else placed(points, float),
        nodes.reshape(-1, nodes.shape[-1]),
        cell_type,
        degree,
        facet_groups=_sides(n, parts, corner, cell_type),
    )


def _lattice(n):
    """Integer points of a grid with n points a side, x running fastest."""
    return np.stack([x.ravel(order="F") for x in np.indices(n)], axis=1)


def _parts(cell_type):
    """Corners in {0, 1}^dim of each cell of a block, shape (part, vertex, dim), positively oriented."""
    if cell_type in ("interval", "quadrilateral", "hexahedron"):
        return np.rint(reference_nodes(cell_type, 1))[None].astype(np.int64)
    return kuhn_simplices(reference_nodes(cell_type, 1).shape[1])


def kuhn_simplices(dim: int) -> np.ndarray:
    """Corners in {0, 1}^dim of the simplices around the diagonal of a cube, shape (dim!, dim + 1, dim)."""
    parts = []
    for axes in itertools.permutations(range(dim)):
        steps = np.eye(dim, dtype=np.int64)[list(axes)]
        corners = np.concatenate([np.zeros((1, dim), dtype=np.int64), np.cumsum(steps, axis=0)])
        if np.linalg.det(steps) < 0:
            corners[[-2, -1]] = corners[[-1, -2]]
        parts.append(corners)
    return np.stack(parts)


def _images(parts, cell_type, degree):
    """Positions in the block of the nodes of each part, shape (part, local, dim)."""
    shape = tabulate(cell_type, 1, 0, reference_nodes(cell_type, degree))[0]
    return np.einsum("av,pvd->pad", shape, parts)


def _sides(n, parts, corner, cell_type):
    facets = parts[:, facet_vertices(cell_type)]  # (part, facet, vertex, dim)
    groups = {}
    for axis, names in enumerate(_SIDES[len(n)]):
        for side, name in enumerate(names):
            blocks = np.flatnonzero(corner[:, axis] == side * (n[axis] - 1))
            part, facet = np.nonzero(np.all(facets[..., axis] == side, axis=-1))
            cells = blocks[:, None] * len(parts) + part
            groups[name] = np.stack([cells, np.broadcast_to(facet, cells.shape)], axis=-1).reshape(-1, 2)
    return groups
