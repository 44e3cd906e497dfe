"""Element types of Abaqus: their shapes, their faces, and those that are no cells of a body."""

import re

import numpy as np

from ._node_order import KINDS


_SOLID = {
    4: "tetra", 10: "tetra10", 8: "hexahedron", 20: "hexahedron20", 6: "wedge", 15: "wedge15",
    5: "pyramid",
}  # fmt: skip
_FLAT = {3: "triangle", 6: "triangle6", 4: "quad", 8: "quad8", 9: "quad9"}
_LINE = {2: "line", 3: "line3"}
_FAMILIES = (
    (re.compile(r"(?:DC|AC|C)3D(\d+)"), _SOLID),
    (re.compile(r"SC(\d+)"), _SOLID),  # continuum shells are solids in their geometry
    (re.compile(r"(?:DC2D|AC2D|DCAX|CPE|CPS|CPEG|CAX|CGAX|M3D|R3D|SFM3D|STRI|DS|S)(\d+)"), _FLAT),
    (re.compile(r"(?:T2D|T3D|DC1D|R2D|RAX|SAX|MAX)(\d)"), _LINE),
)
_BEAMS = {"B21": "line", "B31": "line", "B33": "line", "B22": "line3", "B32": "line3", "STRI65": "triangle6"}
# Springs, dashpots, masses and connectors have nodes, but no shape.
_DISCRETE = re.compile(r"SPRING|DASHPOT|MASS$|ROTARYI$|HEATCAP$|CONN[23]D|JOINT|PIPE|ELBOW|FRAME|GAPUNI|DCOUP|ITS")
# fmt: off
_NODES = {
    "line": 2, "line3": 3, "triangle": 3, "triangle6": 6, "quad": 4, "quad8": 8, "quad9": 9, "tetra": 4,
    "tetra10": 10, "hexahedron": 8, "hexahedron20": 20, "wedge": 6, "wedge15": 15,
    "pyramid": 5,
}
FACES = {
    "interval": [[0], [1]],
    "triangle": [[0, 1], [1, 2], [2, 0]],
    "quadrilateral": [[0, 1], [1, 2], [2, 3], [3, 0]],
    "tetrahedron": [[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]],
    "hexahedron": [[0, 1, 2, 3], [4, 7, 6, 5], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]],
    "prism": [[0, 1, 2], [3, 5, 4], [0, 3, 4, 1], [1, 4, 5, 2], [2, 5, 3, 0]],
    "pyramid": [[0, 1, 2, 3], [0, 4, 1], [1, 4, 2], [2, 4, 3], [3, 4, 0]],
}
# fmt: on


def kind_of(name: str) -> str | None:
    """Return the shape and node count of an element type, as in `tetra10`; None for what has no shape (springs, masses).

    **Raises:** `ValueError` if the type is not known: it might be a part of the body.
    """
    name = name.upper()
    if name in _BEAMS:
        return _BEAMS[name]
    if _DISCRETE.match(name):
        return None
    for pattern, kinds in _FAMILIES:
        found = pattern.match(name)
        if found and int(found[1]) in kinds:
            return kinds[int(found[1])]
    raise ValueError(f"element type {name or 'missing'!r} is not supported.")


def shape_of(kind: str) -> str:
    """Name of the shape of a kind of elements: `tetrahedron` for `tetra10`."""
    return KINDS[kind][0]


def element_table(type_name: str, kind: str, numbers: np.ndarray) -> np.ndarray:
    """Return element numbers and nodes, a row for each element, the nodes in VTK's order."""
    width = _NODES[kind] + 1
    if len(numbers) % width:
        raise ValueError(f"*ELEMENT, TYPE={type_name}: rows of {width - 1} nodes expected.")
    table = numbers.reshape(-1, width)
    # Abaqus writes lines of three nodes from one end to the other.
    return table[:, [0, 1, 3, 2]] if kind == "line3" else table


def face_of(surface: str, kind: str, label: str) -> list[int]:
    """Return the local vertices of a face S1, S2, … of an element.

    **Raises:** `ValueError`, naming the surface, if the element has no such face.
    """
    faces = FACES[shape_of(kind)]
    if not re.fullmatch(r"S[1-9]", label) or int(label[1]) > len(faces):
        raise ValueError(f"surface {surface!r}: a face S1 … S{len(faces)} of a {kind} expected, got {label!r}.")
    return faces[int(label[1]) - 1]
