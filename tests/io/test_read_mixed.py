"""Meshes of several cell types from gmsh, Abaqus and VTU files, and back."""

import jax.numpy as jnp
import meshio
import numpy as np
import pytest
from _tiled import bar, extruded, square

from simphys.fem import FunctionSpace
from simphys.fem._element import tabulate
from simphys.fem._quadrature import quadrature
from simphys.io import read_mesh, write_fields, write_mesh
from simphys.io._node_order import KINDS, SERENDIPITY, from_basix
from simphys.io._vtu import read_vtu


MAKE = {"square": square, "bar": bar, "extruded": extruded}
ABAQUS = {
    "triangle": "CPS3", "quad": "CPS4", "triangle6": "CPS6", "quad8": "CPS8", "tetra": "C3D4", "hexahedron": "C3D8",
    "wedge": "C3D6", "pyramid": "C3D5", "tetra10": "C3D10", "hexahedron20": "C3D20", "wedge15": "C3D15",
}  # fmt: skip
GMSH = {"triangle": 2, "quad": 3, "tetra": 4, "hexahedron": 5, "wedge": 6, "pyramid": 7, "wedge15": 18, "pyramid13": 19}
VTK = {
    "triangle": 5,
    "quad": 9,
    "tetra": 10,
    "hexahedron": 12,
    "wedge": 13,
    "pyramid": 14,
    "triangle6": 22,
    "quad8": 23,
}
VTK |= {"tetra10": 24, "hexahedron20": 25, "wedge15": 26, "pyramid13": 27}
GMSH |= {"triangle6": 9, "tetra10": 11, "quad8": 16, "hexahedron20": 17}


def blocks(mesh, order="vtk"):
    """Kinds and nodes as files hold them; quadratic ones without nodes within their sides."""
    lean = {full: kind for kind, full in SERENDIPITY.items()}
    found = []
    for block in mesh.blocks:
        full = next(k for k, what in KINDS.items() if what == (block.type, mesh.degree) and k not in SERENDIPITY)
        kind = lean.get(full, full)
        found.append((kind, np.asarray(block.nodes)[:, from_basix(kind, order)]))
    return found


def used(points, found):
    """Points that are used, in three dimensions, and renumbered cells."""
    every, inverse = np.unique(np.concatenate([nodes.ravel() for _, nodes in found]), return_inverse=True)
    parts = np.split(inverse.ravel(), np.cumsum([nodes.size for _, nodes in found])[:-1])
    points = np.pad(np.asarray(points)[every], [(0, 0), (0, 3 - points.shape[1])])
    return points, [(kind, part.reshape(nodes.shape)) for (kind, nodes), part in zip(found, parts, strict=True)]


def check(found, mesh):
    """The cells and the boundary are those of the mesh, and fill the unit square or cube."""
    assert set(found.cell_types) == set(mesh.cell_types) and found.degree == mesh.degree
    assert (found.n_points, found.n_cells) == (mesh.n_points, mesh.n_cells)
    assert len(found.boundary_facets()) == len(mesh.boundary_facets())
    volume = 0.0
    for block in found.blocks:
        where, weights = quadrature(block.type, 6)
        _, slopes = tabulate(block.type, found.degree, where)
        jacobian = np.einsum("qar,cad->cqdr", slopes, np.asarray(found.points)[np.asarray(block.nodes)])
        volume += np.sum(np.linalg.det(jacobian) * weights)
    assert volume == pytest.approx(1.0, abs=1e-12)


def write_vtu(path, points, cells):
    text = lambda values: " ".join(map(repr, np.concatenate([np.ravel(v) for v in values]).tolist()))
    sizes = np.concatenate([np.full(len(nodes), nodes.shape[1]) for _, nodes in cells])
    types = [np.full(len(nodes), VTK[kind]) for kind, nodes in cells]
    path.write_text(
        '<VTKFile type="UnstructuredGrid"><UnstructuredGrid>'
        f'<Piece NumberOfPoints="{len(points)}" NumberOfCells="{len(sizes)}"><Points>'
        f'<DataArray type="Float64" NumberOfComponents="3" format="ascii">{text(points)}</DataArray></Points><Cells>'
        f'<DataArray type="Int64" Name="connectivity" format="ascii">{text([n for _, n in cells])}</DataArray>'
        f'<DataArray type="Int64" Name="offsets" format="ascii">{text([np.cumsum(sizes)])}</DataArray>'
        f'<DataArray type="UInt8" Name="types" format="ascii">{text(types)}</DataArray></Cells></Piece>'
        "</UnstructuredGrid></VTKFile>"
    )


@pytest.mark.parametrize(("name", "degree"), [("square", 1), ("square", 2), ("bar", 1), ("bar", 2)])
def test_what_is_written_for_gmsh_is_read_back(tmp_path, name, degree):
    mesh = MAKE[name](3, degree, 0.1).with_cell_group("left half", lambda x: x[0] < 0.55)
    mesh = mesh.with_point_group("origin", lambda x: jnp.sum(x) < 1e-9)
    write_mesh(tmp_path / "mesh.msh", mesh)
    found = read_mesh(tmp_path / "mesh.msh")
    check(found, mesh)
    assert np.array_equal(found.points, mesh.points)
    for group in ("left", "right", "low", "high", "left half", "origin"):
        assert np.array_equal(found.nodes_on(group), mesh.nodes_on(group))
    assert len(found.cells_in("left half")) == len(mesh.cells_in("left half"))


@pytest.mark.parametrize(("name", "degree"), [("square", 1), ("square", 2), ("bar", 1), ("bar", 2)])
def test_vtu_and_gmsh_2(tmp_path, name, degree):
    mesh = MAKE[name](3, degree, 0.1)
    points, cells = used(mesh.points, blocks(mesh))
    write_vtu(tmp_path / "mesh.vtu", points, cells)
    _, cells = used(mesh.points, blocks(mesh, "gmsh"))
    rows = [(GMSH[kind], *row) for kind, nodes in cells for row in (nodes + 1).tolist()]
    with open(tmp_path / "mesh.msh", "w") as stream:
        stream.write(f"$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n{len(points)}\n")
        stream.writelines(f"{i} {x!r} {y!r} {z!r}\n" for i, (x, y, z) in enumerate(points.tolist(), 1))
        stream.write(f"$EndNodes\n$Elements\n{len(rows)}\n")
        for i, (code, *nodes) in enumerate(rows, 1):
            stream.write(f"{i} {code} 2 1 1 {' '.join(map(str, nodes))}\n")
        stream.write("$EndElements\n")
    for file in ("mesh.vtu", "mesh.msh"):
        found = read_mesh(tmp_path / file)
        check(found, mesh)


@pytest.mark.parametrize(("name", "degree"), [("square", 1), ("square", 2), ("bar", 1), ("extruded", 2)])
def test_abaqus(tmp_path, name, degree):
    mesh = MAKE[name](3, degree, 0.1)
    points, cells = used(mesh.points, blocks(mesh))
    lines, number = ["*NODE"], 0
    lines += [f"{i}, {x!r}, {y!r}, {z!r}" for i, (x, y, z) in enumerate(points.tolist(), 1)]
    for kind, nodes in cells:
        lines.append(f"*ELEMENT, TYPE={ABAQUS[kind]}, ELSET=E{kind}")
        for row in (nodes + 1).tolist():
            number += 1
            lines.append(", ".join(map(str, [number, *row])))
    lines += ["*SURFACE, NAME=SIDE", *(f"E{kind}, S1" for kind, _ in cells)]
    (tmp_path / "mesh.inp").write_text("\n".join(lines))
    found = read_mesh(tmp_path / "mesh.inp")
    check(found, mesh)
    assert len(found.facet_groups["SIDE"]) == mesh.n_cells
    assert [len(found.cells_in(f"E{kind}")) for kind, _ in cells] == [len(nodes) for _, nodes in cells]


@pytest.mark.parametrize("degree", [1, 2])
def test_fields_go_to_vtu(tmp_path, degree):
    mesh = bar(3, degree)
    fields = {"x": np.asarray(mesh.points)[:, 0]}
    write_fields(tmp_path / "mesh.vtu", FunctionSpace(mesh, degree), fields, {"n": np.arange(mesh.n_cells)})
    found = read_vtu(tmp_path / "mesh.vtu")
    kinds = [["hexahedron", "pyramid", "tetra", "wedge"], ["hexahedron27", "pyramid13", "tetra10", "wedge18"]][
        degree - 1
    ]
    own = {block.kind: data["n"] for block, data in zip(found.blocks, found.data, strict=True)}
    assert np.array_equal(np.concatenate([own[kind] for kind in kinds]), np.arange(mesh.n_cells))


def test_what_does_not_fit_together_is_refused(tmp_path):
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0], [1.5, 0, 0], [1.5, 0.5, 0], [1, 0.5, 0]])
    meshio.write(
        tmp_path / "m.vtu", meshio.Mesh(points, [("quad", [[0, 1, 2, 3]]), ("triangle6", [[1, 4, 2, 5, 6, 7]])])
    )
    with pytest.raises(ValueError, match="cells of one degree expected, .*got 1 quad, 1 triangle6"):
        read_mesh(tmp_path / "m.vtu")
    cube = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)] + [[0.5, 0.5, 2.0]])
    cells = [("hexahedron", [[0, 1, 3, 2, 4, 5, 7, 6]]), ("tetra", [[4, 5, 7, 8], [4, 7, 6, 8]])]
    meshio.write(tmp_path / "gape.vtu", meshio.Mesh(cube, cells))
    with pytest.raises(ValueError, match="1 quadrilateral facets lie on triangles of other cells"):
        read_mesh(tmp_path / "gape.vtu")
