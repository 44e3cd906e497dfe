"""Valid mesh files of every format that is read: a rectangle of two by one."""

import base64
import pathlib
import re

import h5py
import meshio
import numpy as np
from scipy.io import netcdf_file

from simphys import fem, io


POINTS = np.array([[x, y, 0.0] for y in (0.0, 1.0) for x in (0.0, 1.0, 2.0)])
CELLS = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
BY_MESHIO = {
    "gmsh22.msh": dict(file_format="gmsh22", binary=False),
    "gmsh22 binary.msh": dict(file_format="gmsh22", binary=True),
    "gmsh41.msh": dict(file_format="gmsh", binary=False),
    "gmsh41 binary.msh": dict(file_format="gmsh", binary=True),
    "abaqus.inp": {},
    "vtu.vtu": dict(binary=False),
    "vtu binary.vtu": dict(binary=True, compression=None),
    "vtu compressed.vtu": dict(binary=True, compression="zlib"),
    "vtu lzma.vtu": dict(binary=True, compression="lzma"),
    "xdmf.xdmf": dict(data_format="XML"),
    "xdmf binary.xdmf": dict(data_format="Binary"),
    "xdmf hdf.xdmf": dict(data_format="HDF"),
    "med.med": {},
    "vtk.vtk": dict(binary=False),
    "vtk binary.vtk": dict(binary=True),
    "medit.mesh": {},
    "nastran.bdf": {},
    "su2.su2": {},
    "hmf.hmf": {},
}
"""Files by name, and how meshio writes them."""
DECK = """*Part, name=PLATE
*Node
1, 0., 0.
2, 1., 0.
3, 2., 0.
4, 0., 1.
5, 1., 1.
6, 2., 1.
*Element, type=CPS3, elset=ALL
1, 1, 2, 5
2, 1, 5, 4
3, 2, 3, 6
4, 2, 6, 5
*Nset, nset=ENDS
1, 4
*Elset, elset=SOME, generate
1, 3, 1
*Surface, name=WALL, type=ELEMENT
1, S1
SOME, S2
*Nset, nset=OF, elset=SOME
*End Part
*Assembly, name=A
*Instance, name=ONE, part=PLATE
*End Instance
*Nset, nset=ENDS, instance=ONE
3, 6
*End Assembly
"""
PARTS = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
1
2 3 "body"
$EndPhysicalNames
$Entities
0 0 1 0
8 0 0 0 2 1 0 1 3 0
$EndEntities
$PartitionedEntities
2
0
0 0 2 0
1 2 8 1 1 0 0 0 1 1 0 1 3 0
2 2 8 1 2 1 0 0 2 1 0 1 3 0
$EndPartitionedEntities
$Nodes
1 6 1 6
2 1 0 6
1
2
3
4
5
6
0 0 0
1 0 0
2 0 0
0 1 0
1 1 0
2 1 0
$EndNodes
$Elements
2 2 1 2
2 1 3 1
1 1 2 5 4
2 2 3 1
2 2 3 6 5
$EndElements
"""


def write_meshes(folder: pathlib.Path) -> list[str]:
    """Write a file of each format; return their names, of which one may have others beside it."""
    for name, options in BY_MESHIO.items():
        _by_meshio(folder / name, options)
    (folder / "abaqus assembly.inp").write_text(DECK)
    (folder / "gmsh in parts.msh").write_text(PARTS)
    (folder / "vtu appended.vtu").write_bytes(_appended((folder / "vtu binary.vtu").read_bytes()))
    io.write_mesh(folder / "gmsh by us.msh", fem.rectangle((2, 1), lengths=(2.0, 1.0)).with_facet_group("end", _is_end))
    _exodus(netcdf_file(folder / "exodus.e", "w"))
    _exodus4(folder / "exodus 4.e")
    return sorted(path.name for path in folder.iterdir() if path.suffix not in (".h5", ".bin"))


def _is_end(x):
    return x[0] > 1.9


def _by_meshio(path, options):
    tags = {"gmsh:physical": [np.ones(4, int)], "gmsh:geometrical": [np.ones(4, int)]}
    mesh = meshio.Mesh(POINTS, [("triangle", CELLS)], cell_data=tags if path.suffix == ".msh" else {})
    if path.suffix in (".su2", ".mesh"):
        mesh = meshio.Mesh(POINTS[:, :2], mesh.cells)
    if path.suffix in (".xdmf", ".vtu"):
        mesh = meshio.Mesh(POINTS, mesh.cells, cell_data={"tag": [np.arange(4)]})
    meshio.write(path, mesh, **options)


def _appended(content: bytes) -> bytes:
    """The arrays of a VTU file moved to its end, as bytes."""
    moved = []

    def away(found):
        offset = sum(map(len, moved))
        moved.append(base64.b64decode(found[2].strip()))
        return found[1].replace(b'format="binary"', b'format="appended" offset="%d"' % offset) + b"</DataArray>"

    text = re.sub(rb"(<DataArray[^>]*>)([^<]*)</DataArray>", away, content)
    end = b'<AppendedData encoding="raw">_' + b"".join(moved) + b"</AppendedData></VTKFile>"
    return text.replace(b"</VTKFile>", end)


def _sets():
    """Arrays of an Exodus file: its name, dimensions and values."""
    yield "coordx", ("num_nodes",), POINTS[:, 0]
    yield "coordy", ("num_nodes",), POINTS[:, 1]
    yield "eb_prop1", ("num_el_blk",), np.array([1], np.int32)
    yield "ns_prop1", ("num_node_sets",), np.array([1], np.int32)
    yield "ss_prop1", ("num_side_sets",), np.array([1], np.int32)
    yield "connect1", ("num_el_in_blk1", "num_nod_per_el1"), (CELLS + 1).astype(np.int32)
    yield "node_ns1", ("num_nod_ns1",), np.array([1, 4], np.int32)
    yield "elem_ss1", ("num_side_ss1",), np.array([1, 3], np.int32)
    yield "side_ss1", ("num_side_ss1",), np.array([1, 1], np.int32)


def _exodus(file):
    for name, dimensions, values in _sets():
        for dimension, size in zip(dimensions, values.shape, strict=True):
            if dimension not in file.dimensions:
                file.createDimension(dimension, size)
        variable = file.createVariable(name, values.dtype, dimensions)
        variable[:] = values
        if name == "connect1":
            variable.elem_type = "TRI3"
    file.close()


def _exodus4(path):
    with h5py.File(path, "w") as file:
        for name, _, values in _sets():
            file[name] = values
        file["connect1"].attrs["elem_type"] = "TRI3"
