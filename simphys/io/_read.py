"""Reading meshes: from files of all formats, and from gmsh and meshio in memory."""

import os
import pathlib
import sys

from ..fem import Mesh
from ._abaqus import read_abaqus
from ._assemble import assemble_mesh
from ._exodus import read_exodus
from ._gmsh import read_gmsh
from ._gmsh_model import GEOMETRIES, mesh_geometry, read_model
from ._meshio import from_meshio, read_meshio
from ._raw import RawMesh, check_within
from ._size_field import SizeField
from ._tags import with_groups
from ._vtu import read_vtu
from ._xdmf import read_xdmf


_EXODUS = (".e", ".ex2", ".exo")


def read_mesh(
    source,
    *,
    drop_orphans: bool = False,
    groups_from: str | tuple[str, ...] = (),
    allow_folded: bool = False,
    size: float | SizeField | None = None,
    within=None,
) -> Mesh:
    """Read a mesh with its named groups.

    The cells are those of the highest dimension in the file. Groups of that dimension become cell groups,
    groups one dimension lower facet groups, and lower ones, like node sets, point groups. A facet between two
    cells is seen from the cell that the file names; where it names none, the group is listed in `Mesh.unsided` and has
    no normal. A constant z (for lines also y) is dropped; cells that are negatively oriented are mirrored;
    8-node quadrilaterals and 20-node hexahedra get the nodes they lack, their shape unchanged.

    **Arguments:**

    - `source`: a file: gmsh 2.2 or 4.1 (`.msh`), Abaqus (`.inp`), VTU, XDMF, Exodus (`.e`, `.exo`), or another format
      that meshio reads (MED, Nastran, …); with gmsh installed a geometry to be meshed (`.geo`, `.step`, `.brep`, `.iges`).
      Or a mesh in memory: `gmsh.model`, or a `meshio.Mesh`.
    - `drop_orphans`: leave out nodes that no cell uses, where they would else be an error.
    - `groups_from`: names of cell data (VTU, XDMF, meshio) whose whole numbers are groups: each is called by its number,
      of several cell data by `name:number`. `gmsh:physical` is always used, the families of MED are called by name.
    - `allow_folded`: take cells that are inverted, folded or flat at quadrature points, which are else an error.
    - `size`: largest edge of the cells of a geometry, or a `SizeField`; by default what the file or gmsh says.
    - `within`: folder outside which nothing is read: neither the file nor others that it names.

    **Returns:** a `Mesh`.

    **Raises:** `FileNotFoundError` if there is no such file; `ValueError`, naming the file, if it cannot be
    read or holds no usable mesh: no cells, several types of cells or an unsupported one, a surface in space,
    orphan nodes, degenerate, folded or overlapping cells, or facets that belong to no cell. A cell that is folded or flat
    only at a node, as at a crack tip with quarter points, is a warning.
    """
    groups_from = (groups_from,) if isinstance(groups_from, str) else tuple(groups_from)
    if not isinstance(source, str | os.PathLike):
        return assemble_mesh(_from_memory(source, groups_from), drop_orphans, allow_folded)
    path, within = pathlib.Path(source), None if within is None else pathlib.Path(within)
    try:
        check_within(path, within)
        if path.is_file():
            return assemble_mesh(_from_file(path, groups_from, size, within), drop_orphans, allow_folded)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    raise FileNotFoundError(f"There is no mesh file {str(path)!r}.")


def _from_file(path, groups_from, size, within) -> RawMesh:
    suffix = path.suffix.lower()
    if path.stat().st_size == 0:
        raise ValueError("the file is empty.")
    if size is not None and suffix not in GEOMETRIES:
        raise ValueError(f"`size` is that of the cells of a geometry ({', '.join(GEOMETRIES)}); this is a mesh.")
    untagged = {
        ".msh": lambda: read_gmsh(path.read_bytes()),
        ".inp": lambda: read_abaqus(path, within),
        **dict.fromkeys(_EXODUS, lambda: read_exodus(path)),
        **dict.fromkeys(GEOMETRIES, lambda: mesh_geometry(path, size, within)),
    }
    if suffix in untagged:
        if groups_from:
            raise ValueError(f"a {suffix} file names its groups: `groups_from` is for VTU, XDMF and what meshio reads.")
        return untagged[suffix]()
    tagged = {".vtu": lambda: read_vtu(path), ".xdmf": lambda: read_xdmf(path, within)}
    return with_groups(tagged.get(suffix, lambda: read_meshio(path))(), groups_from)


def _from_memory(source, groups_from) -> RawMesh:
    # A mesh of a package that has not been imported cannot have been given.
    gmsh, meshio = sys.modules.get("gmsh"), sys.modules.get("meshio")
    if meshio is not None and isinstance(source, meshio.Mesh):
        return with_groups(from_meshio(source), groups_from)
    if gmsh is not None and (source is gmsh.model or source is gmsh):
        return read_model(gmsh)
    raise ValueError(f"a path, `gmsh.model` or a `meshio.Mesh` expected, got {type(source).__name__}.")
