"""What meshio reads, without its prints and exits."""

import contextlib
import io
import pathlib

import numpy as np

from ._hdf5 import HDF5, check_hdf5
from ._lagrange import lagrange_kind
from ._raw import Block
from ._tags import Tagged


def read_meshio(path: pathlib.Path) -> Tagged:
    """Read a file with meshio.

    **Arguments:**

    - `path`: the file; its suffix tells the format.

    **Raises:** `ValueError` if meshio cannot read it, or if it is in HDF5 and leads into other files or holds an array that
    is larger than is ever read.
    """
    with open(path, "rb") as stream:
        if stream.read(8) == HDF5:
            check_hdf5(path)
    # Imported here since it takes longer than the rest of this package.
    import meshio

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            mesh = meshio.read(path)
    except ModuleNotFoundError as error:
        raise ValueError(f"reading this file needs the package {error.name!r}, which is not installed.") from None
    except (SystemExit, Exception) as error:
        # meshio prints the reason and exits, or lets any error of its parsers through.
        reason = " ".join(said.getvalue().split()) or f"{type(error).__name__}: {error}"
        raise ValueError(f"unreadable: {reason}") from None
    return from_meshio(mesh)


def from_meshio(mesh) -> Tagged:
    """Return the content of a `meshio.Mesh`: point and cell sets, cell data, and the families of MED files by name."""
    points = np.asarray(mesh.points)
    blocks, data = [], []
    for i, block in enumerate(mesh.cells):
        groups = {name: np.asarray(sets[i], dtype=np.int64) for name, sets in mesh.cell_sets.items()}
        own = {name: np.asarray(values[i]) for name, values in mesh.cell_data.items() if values[i] is not None}
        groups |= _families(own.pop("cell_tags", None) if _has(mesh, "cell_tags") else None, mesh, "cell_tags")
        kind, nodes = block.type, np.asarray(block.data, dtype=np.int64)
        if kind.startswith("VTK_LAGRANGE_"):
            kind, nodes = lagrange_kind(kind, nodes, points)
        elif kind in ("hexahedron20", "hexahedron27") and len(nodes) and 0 <= nodes.min() <= nodes.max() < len(points):
            nodes = _in_vtk_order(nodes, points)
        blocks.append(Block(kind, nodes, groups))
        data.append(own)
    point_sets = {name: np.asarray(ids, dtype=np.int64) for name, ids in mesh.point_sets.items()}
    if _has(mesh, "point_tags"):
        point_sets |= _families(mesh.point_data.get("point_tags"), mesh, "point_tags")
    return Tagged("vtk", points, blocks, data, point_sets)


_TOP, _VERTICAL = np.array([[4, 5, 6, 7], [5, 6, 7, 4]]), np.array([[0, 1, 2, 3], [4, 5, 6, 7]])
_EXODUS = [*range(12), 16, 17, 18, 19, 12, 13, 14, 15, 23, 24, 25, 26, 21, 22, 20]


def _in_vtk_order(nodes, points):
    """Hexahedra from Exodus have their vertical edges first, and meshio leaves it so: told by where the nodes lie."""
    x = points[nodes]
    top, vertical = ((x[:, a] + x[:, b]) / 2 for a, b in (_TOP, _VERTICAL))
    away = lambda first, then: np.sum((x[:, 12:16] - first) ** 2) + np.sum((x[:, 16:20] - then) ** 2)
    return nodes if away(top, vertical) <= away(vertical, top) else nodes[:, _EXODUS[: nodes.shape[1]]]


def _has(mesh, what):
    # meshio's MED reader sets these two on its meshes; others lack them.
    return isinstance(vars(mesh).get(what), dict)


def _families(numbers, mesh, what):
    """Groups of MED: each family, a number, is in some groups by name."""
    if numbers is None:
        return {}
    numbers, groups = np.asarray(numbers).ravel(), {}
    for number, names in vars(mesh)[what].items():
        members = np.flatnonzero(numbers == number)
        for name in names if len(members) else ():
            groups[name] = np.union1d(groups[name], members) if name in groups else members
    return groups
