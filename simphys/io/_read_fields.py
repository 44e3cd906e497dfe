"""Reading back the fields that `write_fields`, `write_grid` and `FieldSeries` wrote."""

import pathlib
from typing import NamedTuple

import numpy as np

from ..fem import Mesh
from ._grid_mesh import mesh_of_cells
from ._read import read_mesh
from ._vtu import parse_xml, read_grid_fields, read_vtu_fields


class Fields(NamedTuple):
    """What a VTU, VTI or VTR file holds.

    - `mesh`: the cells as they were written: of degree 1 or 2, whatever that of the fields; of a grid its boxes.
    - `points`, `cells`: name to values at the nodes and in the cells of that mesh; vectors of the plane have three
      components there.
    """

    mesh: Mesh
    points: dict[str, np.ndarray]
    cells: dict[str, np.ndarray]


def read_fields(path) -> Fields:
    """Read the fields of a VTU, VTI or VTR file that simphys wrote.

    **Arguments:**

    - `path`: the file.

    **Returns:** `Fields`.

    **Raises:** `FileNotFoundError` if there is no such file; `ValueError`, naming it, if it cannot be read, or if its nodes
    are not those of its mesh (nodes without cells, serendipity cells).
    """
    path = pathlib.Path(path)
    if path.suffix in (".vti", ".vtr"):
        try:
            faces, points, cells = read_grid_fields(path)
            return Fields(mesh_of_cells(*faces), points, cells)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    mesh = read_mesh(path, drop_orphans=True, allow_folded=True)
    try:
        points, cells = read_vtu_fields(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if any(len(values) != mesh.n_points for values in points.values()):
        raise ValueError(f"{path}: the nodes of the file are not those of its mesh, which has {mesh.n_points}.")
    return Fields(mesh, points, cells)


def read_series(path) -> list[tuple[float, pathlib.Path]]:
    """Return times and files of a series of fields.

    **Arguments:**

    - `path`: a PVD file.

    **Raises:** `FileNotFoundError` if there is no such file; `ValueError` if it is none, or names files that do not lie
    below its own folder.
    """
    path = pathlib.Path(path)
    try:
        entries = parse_xml(path.read_bytes()).findall("Collection/DataSet")
        found = [(float(entry.get("timestep", "nan")), path.parent / entry.get("file", "")) for entry in entries]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    for _, file in found:
        if not file.resolve().is_relative_to(path.parent.resolve()):
            raise ValueError(f"{path}: {str(file)!r} lies outside of its folder.")
    return found
