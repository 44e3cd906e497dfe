"""Node orders of the file formats, and the permutations to the Basix order.

Each extra node of a quadratic cell is the mean of some vertices, so a node order is written as the list of
those vertices; the permutation to Basix follows by comparing positions in the reference cell.
"""

import functools as ft

import numpy as np

from ..fem import reference_nodes
from ._lagrange import lagrange_nodes


# Vertices of the reference cells in the common order of VTK, gmsh and Abaqus.
_VERTICES = {
    "interval": [[0], [1]],
    "triangle": [[0, 0], [1, 0], [0, 1]],
    "quadrilateral": [[0, 0], [1, 0], [1, 1], [0, 1]],
    "tetrahedron": [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "hexahedron": [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]],
    "prism": [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1]],
    "pyramid": [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]],
}

# fmt: off
_MIDDLE = {
    "line3": ["01"],
    "triangle6": ["01", "12", "20"],
    "quad8": ["01", "12", "23", "30"],
    "quad9": ["01", "12", "23", "30", "0123"],
    "tetra10": ["01", "12", "20", "03", "13", "23"],
    "hexahedron20": ["01", "12", "23", "30", "45", "56", "67", "74", "04", "15", "26", "37"],
    "wedge15": ["01", "12", "20", "34", "45", "53", "03", "14", "25"],
    "pyramid13": ["01", "12", "23", "30", "04", "14", "24", "34"],
}
_MIDDLE["wedge18"] = [*_MIDDLE["wedge15"], "0143", "1254", "2035"]
_MIDDLE["pyramid14"] = [*_MIDDLE["pyramid13"], "0123"]
_MIDDLE["hexahedron27"] = [
    *_MIDDLE["hexahedron20"], "0374", "1265", "0154", "3267", "0123", "4567", "01234567",
]
_MIDDLE_GMSH = {
    "tetra10": ["01", "12", "20", "03", "32", "31"],
    "hexahedron20": ["01", "03", "04", "12", "15", "23", "26", "37", "45", "47", "56", "67"],
    "wedge15": ["01", "02", "03", "12", "14", "25", "34", "35", "45"],
    "pyramid13": ["01", "03", "04", "12", "14", "23", "24", "34"],
}
_MIDDLE_GMSH["wedge18"] = [*_MIDDLE_GMSH["wedge15"], "0143", "0352", "1254"]
_MIDDLE_GMSH["pyramid14"] = [*_MIDDLE_GMSH["pyramid13"], "0123"]
_MIDDLE_GMSH["hexahedron27"] = [
    *_MIDDLE_GMSH["hexahedron20"], "0321", "0154", "0473", "1265", "2376", "4567", "01234567",
]
# Exodus has the vertical edges of hexahedra and wedges before those of the top.
_MIDDLE_EXODUS = {
    "hexahedron20": ["01", "12", "23", "30", "04", "15", "26", "37", "45", "56", "67", "74"],
    "wedge15": ["01", "12", "20", "03", "14", "25", "34", "45", "53"],
}
_MIDDLE_EXODUS["hexahedron27"] = [
    *_MIDDLE_EXODUS["hexahedron20"], "01234567", "0123", "4567", "0374", "1265", "0154", "3267",
]
# fmt: on
_ORDERS = {"vtk": _MIDDLE, "gmsh": {**_MIDDLE, **_MIDDLE_GMSH}, "exodus": {**_MIDDLE, **_MIDDLE_EXODUS}}

KINDS = {
    "line": ("interval", 1),
    "line3": ("interval", 2),
    "triangle": ("triangle", 1),
    "triangle6": ("triangle", 2),
    "quad": ("quadrilateral", 1),
    "quad8": ("quadrilateral", 2),
    "quad9": ("quadrilateral", 2),
    "tetra": ("tetrahedron", 1),
    "tetra10": ("tetrahedron", 2),
    "hexahedron": ("hexahedron", 1),
    "hexahedron20": ("hexahedron", 2),
    "hexahedron27": ("hexahedron", 2),
    "wedge": ("prism", 1),
    "wedge15": ("prism", 2),
    "wedge18": ("prism", 2),
    "pyramid": ("pyramid", 1),
    "pyramid13": ("pyramid", 2),
    "pyramid14": ("pyramid", 2),
    "lagrange_line4": ("interval", 3),
    "lagrange_triangle10": ("triangle", 3),
    "lagrange_quad16": ("quadrilateral", 3),
    "lagrange_tetra20": ("tetrahedron", 3),
    "lagrange_hexahedron64": ("hexahedron", 3),
}
"""Kinds of elements that files hold: cell type and degree."""

SERENDIPITY = {
    "quad8": "quad9", "hexahedron20": "hexahedron27", "wedge15": "wedge18", "pyramid13": "pyramid14"
}  # fmt: skip
"""Kinds without interior nodes, and the full kinds whose first nodes they have."""


def n_vertices(kind: str) -> int:
    """Number of vertices of an element; they come first in every order."""
    return len(_VERTICES[KINDS[kind][0]])


@ft.cache
def file_nodes(kind: str, order: str) -> np.ndarray:
    """Reference positions of the nodes of an element in the order of a file format.

    **Arguments:**

    - `kind`: a key of `KINDS`.
    - `order`: `vtk` (also Abaqus), `gmsh` or `exodus`.

    **Returns:** array (node, dim).
    """
    if kind.startswith("lagrange_"):
        return lagrange_nodes(kind.removeprefix("lagrange_").rstrip("0123456789"), KINDS[kind][1])
    vertices = np.asarray(_VERTICES[KINDS[kind][0]], dtype=float)
    middle = [vertices[[int(v) for v in corners]].mean(axis=0) for corners in _ORDERS[order].get(kind, ())]
    return np.concatenate([vertices, np.reshape(middle, (-1, vertices.shape[1]))])


@ft.cache
def to_basix(kind: str, order: str) -> np.ndarray:
    """The permutation p with `nodes[:, p]` in Basix order, for nodes in the order of a file format."""
    return _match(file_nodes(kind, order), reference_nodes(*KINDS[kind]))


@ft.cache
def from_basix(kind: str, order: str = "vtk") -> np.ndarray:
    """The permutation p with `cells[:, p]` in the order of a file format, for cells in Basix order."""
    return _match(reference_nodes(*KINDS[kind]), file_nodes(kind, order))


@ft.cache
def mirror(cell_type: str, degree: int) -> np.ndarray:
    """The permutation of Basix nodes that turns a negatively oriented cell into a positive one."""
    nodes = reference_nodes(cell_type, degree)
    image = 1 - nodes if nodes.shape[1] == 1 else nodes[:, [1, 0, *range(2, nodes.shape[1])]]
    return _match(nodes, image)


def _match(have, want):
    """For each row of `want` its row number in `have`."""
    same = np.all(np.abs(want[:, None] - have[None]) < 1e-9, axis=-1)
    if not np.all(same.sum(axis=1) == 1):
        raise AssertionError("node tables do not describe the same nodes")
    return np.argmax(same, axis=1)
