"""The node order of VTK's Lagrange cells of any degree."""

import functools as ft

import numpy as np


_SHAPES = {68: "line", 69: "triangle", 70: "quad", 71: "tetra", 72: "hexahedron"}
_NAMES = {
    "VTK_LAGRANGE_CURVE": 68,
    "VTK_LAGRANGE_TRIANGLE": 69,
    "VTK_LAGRANGE_QUADRILATERAL": 70,
    "VTK_LAGRANGE_TETRAHEDRON": 71,
    "VTK_LAGRANGE_HEXAHEDRON": 72,
}
_QUADRATIC = {
    "line": "line3",
    "triangle": "triangle6",
    "quad": "quad9",
    "tetra": "tetra10",
    "hexahedron": "hexahedron27",
}

_CORNERS = {
    "line": [[0], [1]],
    "triangle": [[0, 0], [1, 0], [0, 1]],
    "quad": [[0, 0], [1, 0], [1, 1], [0, 1]],
    "tetra": [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "hexahedron": [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]],
}
_EDGES = {
    "line": ["01"],
    "triangle": ["01", "12", "20"],
    "quad": ["01", "12", "32", "03"],
    "tetra": ["01", "12", "20", "03", "13", "23"],
    "hexahedron": ["01", "12", "32", "03", "45", "56", "76", "47", "04", "15", "26", "37"],
}
# Faces as origin, end of the first axis, end of the second.
_FACES = {
    "triangle": ["012"],
    "quad": ["013"],
    "tetra": ["013", "123", "023", "012"],
    "hexahedron": ["034", "125", "014", "327", "013", "457"],
}


def lagrange_kind(what, nodes: np.ndarray, points: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the kind of Lagrange cells, and their nodes in the present order of VTK.

    Before version 9 VTK numbered two edges of hexahedra the other way round; which of the two orders a file has is
    seen from where the nodes lie.

    **Arguments:**

    - `what`: VTK's number or name of the cell type.
    - `nodes`: indices into the points, shape (cell, local).
    - `points`: shape (point, dim).

    **Raises:** `ValueError` for a type or degree that is not supported.
    """
    shape = _SHAPES.get(_NAMES.get(what, what))
    if shape is None:
        raise ValueError(f"cells of type {what} are not supported.")
    local = nodes.shape[1]
    degree = next((p for p in (1, 2, 3) if _count(shape, p) == local), None)
    if degree is None:
        raise ValueError(f"Lagrange cells of degree 1 to 3 are read, got {shape} cells of {local} nodes.")
    if degree == 1:
        return shape, nodes
    if shape == "hexahedron" and len(nodes) and nodes.min() >= 0 and nodes.max() < len(points):
        nodes = _nearer(nodes, points, degree)
    return (_QUADRATIC[shape] if degree == 2 else f"lagrange_{shape}{local}"), nodes


@ft.cache
def lagrange_nodes(shape: str, degree: int) -> np.ndarray:
    """Reference positions of the nodes in VTK's order, shape (local, dim), for degrees up to 3."""
    corners = np.array(_CORNERS[shape], dtype=float)
    steps = np.arange(1, degree) / degree
    parts = [corners]
    for a, b in _EDGES[shape]:
        a, b = corners[int(a)], corners[int(b)]
        parts.append(a + steps[:, None] * (b - a))
    simplex = shape in ("triangle", "tetra")
    inner = [(s, t) for t in steps for s in steps if not simplex or s + t < 1 - 1e-9]
    for face in _FACES.get(shape, ()):
        o, a, b = (corners[int(v)] for v in face)
        parts.append(np.reshape([o + s * (a - o) + t * (b - o) for s, t in inner], (-1, corners.shape[1])))
    if shape == "hexahedron":
        parts.append(np.reshape([(x, y, z) for z in steps for y in steps for x in steps], (-1, 3)))
    return np.concatenate(parts)


def _count(shape, p):
    dim = len(_CORNERS[shape][0])
    if shape in ("triangle", "tetra"):
        return (p + 1) * (p + 2) // 2 if dim == 2 else (p + 1) * (p + 2) * (p + 3) // 6
    return (p + 1) ** dim


def _nearer(nodes, points, degree):
    """The order of the last two edges for which nodes lie nearer to where straight cells have them."""
    inner = degree - 1
    third, fourth = (slice(8 + k * inner, 8 + (k + 1) * inner) for k in (10, 11))
    where = lagrange_nodes("hexahedron", degree)
    x = points[nodes]
    corners = np.array(_CORNERS["hexahedron"], dtype=float)[None]
    trilinear = np.prod(np.where(corners == 1, where[:, None], 1 - where[:, None]), axis=-1)
    straight = np.einsum("av,cvd->cad", trilinear, x[:, :8])
    away = lambda have, want: np.sum((x[:, have] - straight[:, want]) ** 2)
    kept, swapped = away(third, third) + away(fourth, fourth), away(third, fourth) + away(fourth, third)
    if kept <= swapped:
        return nodes
    order = np.arange(nodes.shape[1])
    order[third], order[fourth] = np.arange(nodes.shape[1])[fourth], np.arange(nodes.shape[1])[third]
    return nodes[:, order]
