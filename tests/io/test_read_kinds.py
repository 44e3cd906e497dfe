"""Meshes that the field uses: gmsh with parts and bare entities, turned surfaces, folded corners, tags, cells of VTK."""

import base64
import re
import struct
import zlib

import meshio
import numpy as np
import pytest
from _manufactured import newton_step

from simphys.fem import FunctionSpace, Mesh, box, cells_of, facets_of, line, rectangle
from simphys.io import _raw, read_mesh, write_mesh
from simphys.io._lagrange import lagrange_nodes
from simphys.io._node_order import KINDS, from_basix, to_basix


HEAD = "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n"
POINTS = ["0 0 0", "1 0 0", "2 0 0", "0 1 0", "1 1 0", "2 1 0"]


def volume(mesh):
    return float(cells_of(FunctionSpace(mesh, mesh.degree)).geometry(mesh).measure.sum())


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text)
    return path


def two_squares(*, entities="", cells="1 2 5 4\n2 2 3 6 5", middle="", n=6):
    """Two unit squares in gmsh 4.1; curve 1 of the model has no nodes of its own."""
    nodes = f"$Nodes\n2 {n} 1 {n}\n1 1 0 0\n2 1 0 {n}\n" + "\n".join(map(str, range(1, n + 1))) + "\n"
    return (
        HEAD
        + entities
        + nodes
        + "\n".join(POINTS[:n])
        + "\n$EndNodes\n"
        + f"$Elements\n{2 if middle else 1} {3 if middle else 2} 1 3\n{middle}2 1 3 2\n1 {cells}\n$EndElements\n"
    )


# --- gmsh ---------------------------------------------------------------------------------------------------------------


def test_an_entity_without_nodes_of_its_own(tmp_path):
    assert volume(read_mesh(write(tmp_path, "a.msh", two_squares()))) == pytest.approx(2.0)


def test_an_entity_without_nodes_of_its_own_in_binary(tmp_path):
    i, s, d = (lambda *v: struct.pack(f"<{len(v)}i", *v)), (lambda *v: struct.pack(f"<{len(v)}Q", *v)), None
    d = np.array([row.split() for row in POINTS], float).tobytes()
    nodes = s(2, 6, 1, 6) + i(1, 1, 0) + s(0) + i(2, 1, 0) + s(6) + s(*range(1, 7)) + d
    elements = s(2, 2, 1, 2) + i(1, 1, 1) + s(0) + i(2, 1, 3) + s(2) + s(1, 1, 2, 5, 4, 2, 2, 3, 6, 5)
    body = b"$MeshFormat\n4.1 1 8\n" + i(1) + b"\n$EndMeshFormat\n$Nodes\n" + nodes + b"\n$EndNodes\n"
    path = write(tmp_path, "a.msh", body + b"$Elements\n" + elements + b"\n$EndElements\n")
    assert volume(read_mesh(path)) == pytest.approx(2.0)


@pytest.mark.parametrize("binary", [0, 1])
def test_a_sphere_and_a_thin_plate_by_gmsh(tmp_path, binary):
    gmsh = pytest.importorskip("gmsh")
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("Mesh.Binary", binary)
        gmsh.model.occ.addSphere(0, 0, 0, 1)
        gmsh.model.occ.synchronize()
        gmsh.option.setNumber("Mesh.MeshSizeMax", 0.8)
        gmsh.model.addPhysicalGroup(3, [1], name="ball")
        gmsh.model.mesh.generate(3)
        gmsh.write(str(tmp_path / "ball.msh"))
        in_memory = read_mesh(gmsh.model)
        gmsh.model.add("plate")
        gmsh.model.occ.addBox(0, 0, 0, 1, 1, 0.1)
        gmsh.model.occ.synchronize()
        gmsh.model.addPhysicalGroup(3, [1], name="plate")
        gmsh.model.addPhysicalGroup(2, [1], name="left")
        gmsh.model.mesh.generate(3)
        gmsh.model.mesh.partition(2)
        gmsh.write(str(tmp_path / "plate.msh"))
    finally:
        gmsh.finalize()
    ball, plate = read_mesh(tmp_path / "ball.msh"), read_mesh(tmp_path / "plate.msh")
    assert 2.5 < volume(ball) < 4 * np.pi / 3 and len(ball.cells_in("ball")) == ball.n_cells == in_memory.n_cells
    assert volume(in_memory) == pytest.approx(volume(ball))
    assert volume(plate) == pytest.approx(0.1, rel=1e-5) and len(plate.cells_in("plate")) == plate.n_cells
    assert np.allclose(plate.points[plate.nodes_on("left"), 0], 0.0) and not plate.unsided


PARTS = """$PhysicalNames
2
1 4 "edge"
2 3 "body"
$EndPhysicalNames
$Entities
0 1 1 0
9 0 0 0 0 1 0 1 4 0
8 0 0 0 2 1 0 1 3 0
$EndEntities
$PartitionedEntities
2
1
7 1
0 2 2 0
1 1 9 1 1 0 0 0 0 1 0 {own_edge} 0
2 2 8 2 1 2 1 0 0 1 1 0 0 0
1 2 8 1 1 0 0 0 1 1 0 {own_body} 0
2 2 8 1 2 1 0 0 2 1 0 {own_body} 0
$EndPartitionedEntities
"""


@pytest.mark.parametrize(("own_edge", "own_body"), [("1 4", "1 3"), ("0", "0"), ("1 4", "0")])
def test_groups_of_a_file_that_was_cut_into_parts(tmp_path, own_edge, own_body):
    text = two_squares(entities=PARTS.format(own_edge=own_edge, own_body=own_body))
    start = text.index("$Elements")
    text = (
        text[:start]
        + "$Elements\n4 4 1 4\n1 1 1 1\n1 1 4\n1 2 1 1\n4 2 5\n2 1 3 1\n2 1 2 5 4\n2 2 3 1\n3 2 3 6 5\n$EndElements\n"
    )
    mesh = read_mesh(write(tmp_path, "a.msh", text))
    assert mesh.cells_in("body").tolist() == [0, 1] and set(mesh.cell_groups) == {"body"}
    assert mesh.nodes_on("edge").tolist() == [0, 3] and set(mesh.facet_groups) == {"edge"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2 1 3 2\n", "2 1 3 -2\n"),
        ("2 1 0 6\n", "2 1 0 -6\n"),
        ("$Nodes\n2 6", "$Nodes\n-2 6"),
        ("\n1 2 1 3\n", "\n-1 2 1 3\n"),
    ],
)
def test_negative_counts_of_gmsh(tmp_path, old, new):
    text = two_squares()
    assert text.count(old) == 1
    with pytest.raises(ValueError, match=r"a section announces -\d entries"):
        read_mesh(write(tmp_path, "a.msh", text.replace(old, new)))
    with pytest.raises(ValueError, match="a section announces -4 entries"):
        text = "$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n-4\n$EndNodes\n$Elements\n0\n$EndElements\n"
        read_mesh(write(tmp_path, "b.msh", text))


def test_large_counts_take_nothing(tmp_path):
    for old, new in (("2 1 3 2\n", "2 1 3 999999999999\n"), ("$Nodes\n2 6", "$Nodes\n999999999999 6")):
        with pytest.raises(ValueError, match="cut short or inconsistent"):
            read_mesh(write(tmp_path, "a.msh", two_squares().replace(old, new)))


# --- orientation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", ["1 2 5 4\n2 5 6 3 2", "4 5 2 1\n2 2 3 6 5", "4 5 2 1\n2 5 6 3 2"])
def test_surfaces_that_are_turned_differently(tmp_path, cells):
    mesh = read_mesh(write(tmp_path, "a.msh", two_squares(cells=cells)))
    assert volume(mesh) == pytest.approx(2.0) and len(mesh.boundary_facets()) == 6
    normal = facets_of(FunctionSpace(mesh.with_facet_group("top", lambda x: x[1] > 0.99)), "top").geometry(mesh).normal
    np.testing.assert_allclose(normal[..., 1], 1.0)


@pytest.mark.parametrize("kind", ["triangle", "tetrahedron", "hexahedron", "quadrilateral"])
def test_what_lies_on_others_is_told_by_facets(kind):
    mesh = (box if kind in ("tetrahedron", "hexahedron") else rectangle)(
        (2,) * (3 if kind[0] in "th" and kind != "triangle" else 2), cell_type=kind
    )
    name = {"quadrilateral": "quad", "tetrahedron": "tetra"}.get(kind, kind)
    cells = np.asarray(mesh.cells)[:, from_basix(name)]
    turned = cells.copy()
    mirrored = np.asarray(mesh.cells)[:, [1, 0, 2, 3] if name == "tetra" else np.arange(cells.shape[1])]
    if name == "tetra":
        turned[::3] = mirrored[::3]
    else:
        turned[::3] = cells[::3][:, ::-1] if name != "hexahedron" else cells[::3][:, [4, 5, 6, 7, 0, 1, 2, 3]]
    assert volume(read_mesh(meshio.Mesh(np.asarray(mesh.points), [(name, turned)]))) == pytest.approx(1.0)
    points = np.array(mesh.points)
    points[np.argmin(points.sum(axis=1))] = 1.6
    with pytest.raises(ValueError, match="lie on others or are inverted|folded"):
        read_mesh(meshio.Mesh(points, [(name, turned)]))


def test_cells_given_twice(tmp_path):
    with pytest.raises(ValueError, match="2 cells lie on others"):
        read_mesh(write(tmp_path, "a.msh", two_squares(cells="1 2 5 4\n2 4 1 2 5", n=5)), drop_orphans=True)


# --- corners ------------------------------------------------------------------------------------------------------------

# MacNeal and Harder (1985), the patch of solids.
INNER = np.array(
    [
        (0.249, 0.342, 0.192), (0.826, 0.288, 0.288), (0.850, 0.649, 0.263), (0.273, 0.750, 0.230),
        (0.320, 0.186, 0.643), (0.677, 0.305, 0.683), (0.788, 0.693, 0.644), (0.165, 0.745, 0.702),
    ]
)  # fmt: skip
CUBE = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)], float)
FACES = [[0, 1, 2, 3], [4, 7, 6, 5], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]]


def patch_test(mesh):
    """Error of the interior of a linear field under linear values on the boundary, of Heat with k = 1."""
    from simphys import physics
    from simphys.fem import Dirichlet
    from simphys.materials import IsotropicConduction

    mesh = Mesh(
        mesh.points,
        mesh.cells,
        mesh.cell_type,
        mesh.degree,
        facet_groups={"rim": mesh.boundary_facets()},
        allow_folded=True,
    )
    slope = np.arange(1.0, mesh.dim + 1)
    space = FunctionSpace(mesh, mesh.degree)
    held = Dirichlet("rim", lambda x: x @ slope)
    found = newton_step(physics.Heat(space, IsotropicConduction(k=1.0), [held]))
    return np.abs(np.asarray(found) - np.asarray(mesh.points) @ slope).max()


@pytest.mark.slow
def test_the_patch_of_macneal_and_harder():
    cells = [list(range(8))] + [[*face, *(8 + v for v in face)] for face in ([f[::-1] for f in FACES])]
    points = np.concatenate([INNER, CUBE])
    with pytest.warns(UserWarning, match="folded or flat at a node") if _folds(points, cells) else _nothing():
        mesh = read_mesh(meshio.Mesh(points, [("hexahedron", np.array(cells))]))
    assert volume(mesh) == pytest.approx(1.0) and patch_test(mesh) < 1e-12


def _folds(points, cells):
    """Whether det J < 0 at some corner, by the edges that meet there."""
    beside = [(1, 3, 4), (2, 0, 5), (3, 1, 6), (0, 2, 7), (7, 5, 0), (4, 6, 1), (5, 7, 2), (6, 4, 3)]
    x = points[np.array(cells)]
    dets = [np.linalg.det(np.stack([x[:, b] - x[:, a] for b in near], axis=1)) for a, near in enumerate(beside)]
    return np.min(dets) <= 0


def _nothing():
    import contextlib

    return contextlib.nullcontext()


def test_a_corner_that_folds_while_no_quadrature_point_does():
    points = np.array([[0, 0], [1, 0], [0.45, 0.45], [0, 1], [1, 1.0]])
    cells = np.array([[0, 1, 2, 3], [1, 4, 3, 2]])
    with pytest.warns(UserWarning, match="1 cell folded or flat at a node .*: 0"):
        mesh = read_mesh(meshio.Mesh(points, [("quad", cells)]))
    assert volume(mesh) == pytest.approx(1.0)
    points[2] = 0.2
    with pytest.raises(ValueError, match="1 cell folded"):
        read_mesh(meshio.Mesh(points, [("quad", cells)]))
    folded = read_mesh(meshio.Mesh(points, [("quad", cells)]), allow_folded=True)
    assert np.isnan(volume(folded))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "collapsed"), [("quad8", True), ("triangle6", False)])
def test_quarter_points_at_a_crack_tip(kind, collapsed):
    """Elements round a crack tip whose middle nodes stand at a quarter of their edges; the tip's own are many or one."""
    rays = np.linspace(0, np.pi, 9)
    ring = lambda r: r * np.stack([np.cos(rays), np.sin(rays)], axis=1)
    # Straight edges: the middle nodes of the outer rim lie on chords.
    half = lambda r: r * (ring(1.0)[:-1] + ring(1.0)[1:]) / 2
    outer, quarter, chord = ring(1.0), ring(0.25), half(1.0)
    blocks = []
    tip = np.zeros((17, 2))
    points = np.concatenate([outer, quarter, chord, tip])
    o, q, c, t = 0, 9, 18, 26
    for k in range(8):
        left, middle, right = (t + 2 * k, t + 2 * k + 1, t + 2 * k + 2) if collapsed else (t, t, t)
        if kind == "quad8":
            blocks.append([left, o + k, o + k + 1, right, q + k, c + k, q + k + 1, middle])
        else:
            blocks.append([t, o + k, o + k + 1, q + k, c + k, q + k + 1])
    mesh = meshio.Mesh(points, [(kind, np.array(blocks))])
    with pytest.warns(UserWarning, match="8 cells folded or flat at a node"):
        mesh = read_mesh(mesh, drop_orphans=True)
    area = 8 * np.sin(np.pi / 8) / 2
    assert volume(mesh) == pytest.approx(area)
    assert patch_test(mesh) < 1e-12


# --- tags ---------------------------------------------------------------------------------------------------------------


def tagged(**data):
    mesh = rectangle((2, 1))
    cells = np.asarray(mesh.cells)[:, from_basix("quad")]
    lines = np.array([[0, 3], [2, 5]])
    sets = {name: [np.array(of_cells), np.array(of_lines)] for name, (of_cells, of_lines) in data.items()}
    return meshio.Mesh(
        np.pad(np.asarray(mesh.points), [(0, 0), (0, 1)]), [("quad", cells), ("line", lines)], cell_data=sets
    )


@pytest.mark.parametrize("suffix", ["vtu", "xdmf", None])
def test_groups_from_cell_data(tmp_path, suffix):
    mesh = tagged(material=([3, 7], [11, 7]), stress=([0.5, 1.5], [0.0, 0.0]))
    source = mesh
    if suffix:
        source = tmp_path / f"a.{suffix}"
        options = dict(data_format="XML") if suffix == "xdmf" else {}
        meshio.write(source, mesh, **options)
    with pytest.warns(
        UserWarning, match="whole numbers in the cell data 'material' make no groups.*groups_from='material'"
    ):
        assert not read_mesh(source).cell_groups
    found = read_mesh(source, groups_from="material")
    assert found.cells_in("3").tolist() == [0] and found.cells_in("7").tolist() == [1]
    assert found.nodes_on("11").tolist() == [0, 3] and found.facets("7").tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="no cell data 'materiel' for `groups_from`; there are: 'material', 'stress'"):
        read_mesh(source, groups_from="materiel")
    with pytest.raises(ValueError, match="'stress' are no whole numbers"):
        read_mesh(source, groups_from=("material", "stress"))


def test_groups_from_two_cell_data():
    mesh = tagged(material=([0, 1], [0, 0]), part=([1.0, 1.0], [2.0, 0.0]))
    found = read_mesh(mesh, groups_from=("material", "part"))
    assert set(found.cell_groups) == {"material:0", "material:1", "part:1"}
    assert set(found.facet_groups) == {"material:0", "part:0", "part:2"}


def test_med_families(tmp_path):
    pytest.importorskip("h5py")
    mesh = tagged(cell_tags=([-6, -7], [-8, 0]))
    mesh.points = mesh.points[:, :2]
    mesh.cell_tags = {-6: ["steel", "all"], -7: ["all"], -8: ["left"]}
    mesh.point_tags = {2: ["corner"]}
    mesh.point_data["point_tags"] = np.array([2, 0, 0, 0, 0, 2])
    path = tmp_path / "a.med"
    meshio.write(path, mesh)
    found = read_mesh(path)
    assert found.cells_in("steel").tolist() == [0] and found.cells_in("all").tolist() == [0, 1]
    assert found.nodes_on("left").tolist() == [0, 3] and found.nodes_on("corner").tolist() == [0, 5]


def test_med_that_leads_elsewhere(tmp_path):
    h5py = pytest.importorskip("h5py")
    mesh = tagged()
    mesh.points, mesh.point_tags, mesh.cell_tags = mesh.points[:, :2], {}, {}
    for change, message in [
        (
            lambda file: file.__setitem__("elsewhere", h5py.ExternalLink("b.h5", "/x")),
            "'elsewhere' is a link into another",
        ),
        (lambda file: file.create_dataset("huge", (10**10, 10), float, chunks=(10, 10)), "bytes is announced; at most"),
    ]:
        meshio.write(tmp_path / "a.med", mesh)
        assert read_mesh(tmp_path / "a.med").n_cells == 2
        with h5py.File(tmp_path / "a.med", "a") as file:
            change(file)
        with pytest.raises(ValueError, match=message):
            read_mesh(tmp_path / "a.med")


# --- Exodus -------------------------------------------------------------------------------------------------------------


def write_exodus(path, mesh, kind, names, *, nodes):
    from scipy.io import netcdf_file

    with netcdf_file(path, "w", version=2) as file:
        file.createDimension("num_nodes", len(mesh.points))
        file.createDimension("len_name", 33)
        for axis, x in zip("xyz", np.asarray(mesh.points).T, strict=False):
            file.createVariable(f"coord{axis}", "d", ("num_nodes",))[:] = x
        for what, rows in names.items():
            file.createDimension(f"num_{what}", len(rows))
            file.createVariable(f"{what}_prop1", "i", (f"num_{what}",))[:] = [number for number, _ in rows]
            text = np.array([list(name.ljust(33, "\0")) for _, name in rows], "S1")
            file.createVariable(f"{what}_names", "c", (f"num_{what}", "len_name"))[:] = text
        file.createDimension("n_el", len(nodes))
        file.createDimension("n_nod", nodes.shape[1])
        connect = file.createVariable("connect1", "i", ("n_el", "n_nod"))
        connect[:] = nodes + 1
        connect.elem_type = kind.encode()
        for name, values in (("elem_ss1", [1, 1]), ("side_ss1", [2, 5]), ("node_ns1", [1, 2])):
            file.createDimension(f"n_{name}", 2)
            file.createVariable(name, "i", (f"n_{name}",))[:] = values


@pytest.mark.parametrize("full", [False, True])
def test_hexahedra_of_exodus(tmp_path, full):
    """Bottom, vertical and top edges in this order; side 2 is x = 1, side 5 z = 0."""
    mesh = box((2, 1, 1), degree=2)
    vtk = np.asarray(mesh.cells)[:, from_basix("hexahedron27")]
    order = [*range(12), 16, 17, 18, 19, 12, 13, 14, 15, *([26, 24, 25, 20, 21, 22, 23] if full else [])]
    names = {"eb": [(10, "block")], "ss": [(1, "wall")], "ns": [(5, "")]}
    path = tmp_path / "a.e"
    write_exodus(path, mesh, "HEX27" if full else "HEX20", names, nodes=vtk[:, order])
    for nodes in (vtk[:, order], vtk[:, : len(order)]):
        kind = f"hexahedron{len(order)}"
        assert volume(
            read_mesh(meshio.Mesh(np.asarray(mesh.points), [(kind, nodes)]), drop_orphans=True)
        ) == pytest.approx(1.0)
    found = read_mesh(path, drop_orphans=True)
    assert volume(found) == pytest.approx(1.0) and found.n_points == mesh.n_points
    assert found.cells_in("block").tolist() == [0, 1] and found.unsided == ()
    assert len(found.point_groups["5"]) == 2
    geometry = facets_of(FunctionSpace(found), "wall").geometry(found)
    np.testing.assert_allclose(np.einsum("eqd,eq->d", geometry.normal, geometry.measure), [1, 0, -0.5], atol=1e-12)
    content = path.read_bytes()
    for n in (3, 40, len(content) // 2):
        path.write_bytes(content[:n])
        with pytest.raises(ValueError, match="damaged|no points|not an Exodus|no cells|does not"):
            read_mesh(path)


# --- Lagrange cells of VTK ----------------------------------------------------------------------------------------------

LAGRANGE = {
    "interval": ("line", 68, "VTK_LAGRANGE_CURVE"),
    "triangle": ("triangle", 69, "VTK_LAGRANGE_TRIANGLE"),
    "quadrilateral": ("quad", 70, "VTK_LAGRANGE_QUADRILATERAL"),
    "tetrahedron": ("tetra", 71, "VTK_LAGRANGE_TETRAHEDRON"),
    "hexahedron": ("hexahedron", 72, "VTK_LAGRANGE_HEXAHEDRON"),
}


def lagrange_mesh(cell_type, degree):
    """A mesh of two blocks with cells in VTK's order."""
    make = {"interval": line, "triangle": rectangle, "quadrilateral": rectangle}.get(cell_type, box)
    n = 2 if make is line else (2, 1) if make is rectangle else (2, 1, 1)
    coarse = make(n) if make is line else make(n, cell_type=cell_type)
    space = FunctionSpace(coarse, degree)
    mesh = Mesh(space.nodes(), space.cells, cell_type, degree)
    shape = LAGRANGE[cell_type][0]
    kind = next(k for k, what in KINDS.items() if what == (cell_type, degree) and k not in ("quad8", "hexahedron20"))
    assert np.allclose(lagrange_nodes(shape, degree)[to_basix(kind, "vtk")], _reference(cell_type, degree))
    return mesh, np.asarray(mesh.cells)[:, from_basix(kind)]


def _reference(cell_type, degree):
    from simphys.fem._mesh_checks import reference_nodes

    return reference_nodes(cell_type, degree)


def vtu(points, cells, number, *, form="ascii", version="2.2", compressed=False, header="UInt32", extra=""):
    points = np.pad(points, [(0, 0), (0, 3 - points.shape[1])])
    n = len(cells)
    arrays = {
        "Points": (points.ravel(), "Float64", 3),
        "connectivity": (cells.ravel().astype("i8"), "Int64", 1),
        "offsets": (np.arange(1, n + 1) * cells.shape[1], "Int64", 1),
        "types": (np.full(n, number, "u1"), "UInt8", 1),
    }
    count = {"UInt32": "<u4", "UInt64": "<u8"}[header]
    appended, parts = b"", {}
    for name, (values, kind, width) in arrays.items():
        data = values.tobytes()
        head = np.array([len(data)], count).tobytes()
        if compressed:
            packed = zlib.compress(data)
            head, data = np.array([1, len(data), 0, len(packed)], count).tobytes(), packed
        inline = base64.b64encode(head + data) if not compressed else base64.b64encode(head) + base64.b64encode(data)
        attributes = f'type="{kind}" Name="{name}" NumberOfComponents="{width}"'
        if form == "ascii":
            parts[name] = f"<DataArray {attributes} format='ascii'>{' '.join(map(repr, values.tolist()))}</DataArray>"
        elif form == "binary":
            parts[name] = f'<DataArray {attributes} format="binary">\n{inline.decode()}\n</DataArray>'
        else:
            parts[name] = f'<DataArray {attributes} format="appended" offset="{len(appended)}"/>'
            appended += head + data if form == "raw" else inline
    tail = b""
    if form in ("raw", "base64"):
        tail = f'<AppendedData encoding="{form}">\n_'.encode() + appended + b"\n</AppendedData>"
    zipped = 'compressor="vtkZLibDataCompressor"' if compressed else ""
    body = (
        f'<?xml version="1.0"?><VTKFile type="UnstructuredGrid" version="{version}" byte_order="LittleEndian" '
        f'header_type="{header}" {zipped}><UnstructuredGrid>'
        f'<Piece NumberOfPoints="{len(points)}" NumberOfCells="{n}"><Points>{parts["Points"]}</Points>'
        f"<Cells>{parts['connectivity']}{parts['offsets']}{parts['types']}</Cells>{extra}</Piece></UnstructuredGrid>"
    )
    return body.encode() + tail + b"</VTKFile>"


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("cell_type", LAGRANGE)
def test_lagrange_cells(tmp_path, cell_type, degree):
    mesh, cells = lagrange_mesh(cell_type, degree)
    _, number, name = LAGRANGE[cell_type]
    found = [
        read_mesh(write(tmp_path, "a.vtu", vtu(np.asarray(mesh.points), cells, number))),
        read_mesh(meshio.Mesh(np.asarray(mesh.points), [(name, cells)])),
    ]
    if cell_type == "hexahedron" and degree > 1:
        old = np.arange(cells.shape[1])
        inner = degree - 1
        third, fourth = (slice(8 + k * inner, 8 + (k + 1) * inner) for k in (10, 11))
        old[third], old[fourth] = np.arange(cells.shape[1])[fourth], np.arange(cells.shape[1])[third]
        found.append(
            read_mesh(write(tmp_path, "b.vtu", vtu(np.asarray(mesh.points), cells[:, old], number, version="0.1")))
        )
    for same in found:
        assert same.degree == degree and same.cell_type == cell_type
        assert np.array_equal(same.cells, mesh.cells) and np.array_equal(same.points, mesh.points)


@pytest.mark.slow
def test_a_problem_on_cubic_cells():
    mesh, _ = lagrange_mesh("quadrilateral", 3)
    x, y = np.asarray(mesh.points).T
    bent = Mesh(np.stack([x + 0.05 * np.sin(3 * y), y + 0.05 * x**2], axis=1), mesh.cells, "quadrilateral", 3)
    assert patch_test(bent) < 1e-12


@pytest.mark.parametrize("form", ["ascii", "binary", "base64", "raw"])
@pytest.mark.parametrize(
    ("compressed", "header"), [(False, "UInt32"), (False, "UInt64"), (True, "UInt32"), (True, "UInt64")]
)
def test_encodings_of_vtu(tmp_path, form, compressed, header):
    mesh, cells = lagrange_mesh("triangle", 2)
    content = vtu(np.asarray(mesh.points), cells, 22, form=form, compressed=compressed, header=header)
    found = read_mesh(write(tmp_path, "a.vtu", content))
    assert np.array_equal(found.cells, mesh.cells) and np.array_equal(found.points, mesh.points)
    for n in np.linspace(10, len(content) - 12, 6).astype(int):
        with pytest.raises(ValueError, match=r"a\.vtu: "):
            read_mesh(write(tmp_path, "a.vtu", content[:n]))


# --- small inputs that take everything ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["binary", "base64", "raw"])
def test_declared_and_unpacked_sizes_of_vtu(tmp_path, monkeypatch, form):
    mesh, cells = lagrange_mesh("triangle", 1)
    points = np.asarray(mesh.points)
    monkeypatch.setattr(_raw, "LARGEST", 200)
    good = vtu(points, cells, 5, form=form, compressed=True)
    read_mesh(write(tmp_path, "a.vtu", good))
    with pytest.raises(ValueError, match="an array of .* bytes is announced; at most 200 are read"):
        read_mesh(write(tmp_path, "a.vtu", vtu(np.tile(points, (20, 1)), cells, 5, form=form, compressed=True)))
    # The header says less than the data unpack to.
    honest, lying = (np.array([1, n, 0], "<u4").tobytes() for n in (144, 8))
    if form == "raw":
        assert good.count(honest) == 1
        with pytest.raises(ValueError, match="a compressed block of 8 bytes expected"):
            read_mesh(write(tmp_path, "a.vtu", good.replace(honest, lying)))


def test_counts_of_vtu(tmp_path):
    mesh, cells = lagrange_mesh("triangle", 1)
    content = vtu(np.asarray(mesh.points), cells, 5).decode()
    for old, new, message in [
        ('NumberOfPoints="6"', 'NumberOfPoints="999999999999"', "2999999999997 numbers of 'Points' expected, got 18"),
        ('NumberOfPoints="6"', 'NumberOfPoints="-6"', "NumberOfPoints must be a whole number, 0 or more"),
        ('NumberOfCells="4"', 'NumberOfCells="5"', "5 numbers of 'types' expected, got 4"),
        ("<?xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><?xml", "entities of its own"),
        ('UnstructuredGrid"', 'PolyData"', "not an unstructured grid"),
        ('Name="types"', 'Name="tipes"', "missing"),
    ]:
        assert old in content
        with pytest.raises(ValueError, match=re.escape(message)):
            read_mesh(write(tmp_path, "a.vtu", content.replace(old, new, 1)))


def test_an_empty_piece_of_vtu(tmp_path):
    mesh, cells = lagrange_mesh("triangle", 1)
    content = vtu(np.asarray(mesh.points), cells, 5).decode()
    empty = '<Piece NumberOfPoints="0" NumberOfCells="0"><Points/><Cells/></Piece>'
    found = read_mesh(write(tmp_path, "a.vtu", content.replace("<UnstructuredGrid>", "<UnstructuredGrid>" + empty)))
    assert found.n_cells == 4
    twice = re.search("<Piece.*</Piece>", content)[0]
    with pytest.raises(ValueError, match="one piece with cells expected, got 2"):
        read_mesh(write(tmp_path, "a.vtu", content.replace("<UnstructuredGrid>", "<UnstructuredGrid>" + twice)))


XDMF = """<Xdmf Version="3.0"><Domain><Grid Name="mesh">
<Geometry GeometryType="XY"><DataItem Dimensions="4 2" Format="{form}" Precision="8">{points}</DataItem></Geometry>
<Topology TopologyType="Triangle" NumberOfElements="2"><DataItem Dimensions="2 3" NumberType="Int" Format="XML">
0 1 2 0 2 3</DataItem></Topology></Grid>{more}</Domain></Xdmf>"""
CORNERS = "0 0 1 0 1 1 0 1"


def xdmf(tmp_path, *, form="XML", points=CORNERS, more="", folder="."):
    (tmp_path / folder).mkdir(exist_ok=True)
    return write(tmp_path / folder, "a.xdmf", XDMF.format(form=form, points=points, more=more))


def test_xdmf_in_xml_needs_no_h5py(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    assert volume(read_mesh(xdmf(tmp_path))) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="in HDF5: reading them needs the package 'h5py', which is not installed"):
        read_mesh(xdmf(tmp_path, form="HDF", points="a.h5:/x"))


def test_tags_in_further_grids_of_xdmf(tmp_path):
    item = '<DataItem Dimensions="2 {}" NumberType="Int" Format="XML">{}</DataItem>'
    grid = (
        '<Grid Name="{0}"><Topology TopologyType="{1}" NodesPerElement="{2}">'
        + item.format("{2}", "{3}")
        + "</Topology>"
        '<Geometry Reference="XML">/Xdmf/Domain/Grid/Geometry</Geometry>'
        '<Attribute Name="{0}" Center="Cell">' + item.format(1, "{4}") + "</Attribute></Grid>"
    )
    facets = grid.format("f", "PolyLine", 2, "0 1 2 3", "7 9")
    more = facets + grid.format("c", "Triangle", 3, "0 1 2 0 2 3", "1 2")
    mesh = read_mesh(xdmf(tmp_path, more=more), groups_from=("f", "c"))
    assert mesh.nodes_on("f:7").tolist() == [0, 1] and mesh.nodes_on("f:9").tolist() == [2, 3]
    assert mesh.n_cells == 2 and mesh.cells_in("c:2").tolist() == [1]


def test_binary_data_of_xdmf_and_the_folder_they_may_lie_in(tmp_path):
    data = np.array(CORNERS.split(), float)
    (tmp_path / "outside.bin").write_bytes(data.tobytes())
    path = xdmf(tmp_path, form="Binary", points="../outside.bin", folder="inside")
    assert volume(read_mesh(path)) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="'outside.bin' lies outside the folder"):
        read_mesh(path, within=tmp_path / "inside")
    assert volume(read_mesh(path, within=tmp_path)) == pytest.approx(1.0)
    (tmp_path / "inside" / "link.bin").symlink_to(tmp_path / "outside.bin")
    with pytest.raises(ValueError, match="'link.bin' lies outside the folder"):
        read_mesh(xdmf(tmp_path, form="Binary", points="link.bin", folder="inside"), within=tmp_path / "inside")
    with pytest.raises(ValueError, match="lies outside the folder"):
        read_mesh(path, within=tmp_path / "elsewhere")
    (tmp_path / "inside" / "short.bin").write_bytes(data.tobytes()[:-8])
    with pytest.raises(ValueError, match="64 bytes are announced in 'short.bin', which has 56"):
        read_mesh(xdmf(tmp_path, form="Binary", points="short.bin", folder="inside"))
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        read_mesh(xdmf(tmp_path, form="Binary", points="none.bin", folder="inside"))


def test_hdf5_data_of_xdmf(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "inside").mkdir()
    for file in (tmp_path / "outside.h5", tmp_path / "inside" / "a.h5"):
        with h5py.File(file, "w") as content:
            content["x"] = np.array(CORNERS.split(), float).reshape(4, 2)
            content.create_dataset("huge", (10**13, 2), float, chunks=(1024, 2))
            content["linked"] = h5py.ExternalLink("../outside.h5", "/x")
    inside = dict(within=tmp_path / "inside")
    of = lambda points: xdmf(tmp_path, form="HDF", points=points, folder="inside")
    assert volume(read_mesh(of("a.h5:/x"), **inside)) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="'outside.h5' lies outside the folder"):
        read_mesh(of("../outside.h5:/x"), **inside)
    with pytest.raises(ValueError, match="links to another one, which is not read"):
        read_mesh(of("a.h5:/linked"), **inside)
    with pytest.raises(ValueError, match="8 numbers are announced, 20000000000000 are there"):
        read_mesh(of("a.h5:/huge"))
    with pytest.raises(ValueError, match="lacks the data '/y'"):
        read_mesh(of("a.h5:/y"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('Dimensions="4 2"', 'Dimensions="40000000000 2"', "bytes is announced; at most"),
        ('Dimensions="4 2"', 'Dimensions="40 2"', "80 numbers are announced, 8 are there"),
        ('Dimensions="4 2"', 'Dimensions="-4 2"', "`Dimensions` of data must be whole numbers, 0 or more"),
        (CORNERS, "0 0 root:x", "the text holds others"),
        ("Triangle", "Nonagon", "cells of type 'nonagon' are not supported"),
        ("<Domain>", "<Domain><Grid/>", None),
        ("Xdmf", "Html", "not an XDMF file|no complete XML"),
    ],
)
def test_counts_of_xdmf(tmp_path, old, new, message):
    path = xdmf(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    if message is None:
        assert read_mesh(path).n_cells == 2
        return
    with pytest.raises(ValueError, match=message) as caught:
        read_mesh(path)
    assert "root:x" not in str(caught.value)


# --- geometries and writing ---------------------------------------------------------------------------------------------

GEO = """SetFactory("OpenCASCADE");
Rectangle(1) = {0, 0, 0, 2, 1};
Physical Surface("plate") = {1};
Physical Curve("left") = {4};
"""


def test_a_geometry_is_meshed_beside_a_users_model(tmp_path):
    gmsh = pytest.importorskip("gmsh")
    path = write(tmp_path, "a.geo", GEO)
    mesh = read_mesh(path, size=0.5)
    assert volume(mesh) == pytest.approx(2.0) and np.allclose(mesh.points[mesh.nodes_on("left"), 0], 0)
    assert not gmsh.isInitialized()
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.model.add("mine")
        before = gmsh.model.list()
        assert read_mesh(path, size=0.1).n_cells > mesh.n_cells
        assert gmsh.model.getCurrent() == "mine" and gmsh.model.list() == before
        with pytest.raises(ValueError, match="has no elements: call"):
            read_mesh(gmsh.model)
        gmsh.model.occ.addBox(0, 0, 0, 1, 1, 1)
        gmsh.model.occ.synchronize()
        gmsh.write(str(tmp_path / "a.step"))
    finally:
        gmsh.finalize()
    assert volume(read_mesh(tmp_path / "a.step", size=1.0)) == pytest.approx(1.0, rel=1e-5)
    for line_, message in [
        ('SystemCall "touch x";', "says 'SystemCall'"),
        ('Save "x.msh";', "says 'Save'"),
        ('Printf("a") > "x";', "write files"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_mesh(write(tmp_path, "b.geo", GEO + line_))
    reading = write(tmp_path, "b.geo", GEO + '// Include "x"\n')
    assert volume(read_mesh(reading, within=tmp_path, size=0.5)) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="says 'Include': it may read no other files"):
        read_mesh(write(tmp_path, "b.geo", GEO + 'Include "/etc/x";\n'), within=tmp_path)
    with pytest.raises(ValueError, match="`size` is that of the cells of a geometry"):
        read_mesh(write(tmp_path, "a.msh", two_squares()), size=1.0)


def test_what_is_no_mesh():
    with pytest.raises(ValueError, match=r"a path, `gmsh\.model` or a `meshio\.Mesh` expected, got int"):
        read_mesh(3)


@pytest.mark.parametrize(
    "mesh",
    [
        line(3, degree=2),
        rectangle((2, 3), cell_type="triangle", degree=2),
        rectangle((2, 2), degree=2),
        box((2, 1, 1), cell_type="tetrahedron", degree=2),
        box((2, 1, 1), degree=2),
    ],
    ids=lambda mesh: mesh.cell_type,
)
def test_a_written_mesh_is_read_back(tmp_path, mesh):
    mesh = mesh.with_point_group("begin", lambda x: x[0] < 1e-9).with_cell_group("half", lambda x: x[0] < 0.67)
    mesh = mesh.with_cell_group("all of it", lambda x: x[0] < 2.0)
    write_mesh(tmp_path / "deep" / "a.msh", mesh)
    found = read_mesh(tmp_path / "deep" / "a.msh")
    assert np.array_equal(found.points, mesh.points) and found.degree == 2
    assert sorted(map(tuple, found.cells.tolist())) == sorted(map(tuple, mesh.cells.tolist()))
    for name in (*mesh.facet_groups, "begin", "half", "all of it"):
        assert np.array_equal(found.nodes_on(name), mesh.nodes_on(name)), name


def test_gmsh_reads_what_is_written(tmp_path):
    gmsh = pytest.importorskip("gmsh")
    mesh = box((2, 1, 1)).with_point_group("begin", lambda x: x[0] < 1e-9)
    write_mesh(tmp_path / "a.msh", mesh)
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.open(str(tmp_path / "a.msh"))
        names = {gmsh.model.getPhysicalName(*group) for group in gmsh.model.getPhysicalGroups()}
        found = read_mesh(gmsh.model)
    finally:
        gmsh.finalize()
    assert names == {*mesh.facet_groups, "begin"}
    assert found.n_cells == 2 and np.array_equal(found.nodes_on("left"), mesh.nodes_on("left"))


def test_what_a_written_mesh_cannot_hold(tmp_path):
    mesh = rectangle((2, 1))
    inner = Mesh(mesh.points, mesh.cells, mesh.cell_type, facet_groups={"wall": [[0, 2]]})
    with pytest.warns(UserWarning, match="sides of the facets between cells in 'wall' are lost"):
        write_mesh(tmp_path / "a.msh", inner)
    assert read_mesh(tmp_path / "a.msh").unsided == ("wall",)
    for bad, path, message in [
        (mesh, "a.vtu", "must end in .msh"),
        (lagrange_mesh("triangle", 3)[0], "a.msh", "degree 1 or 2 are written, got 3"),
        (mesh.with_cell_group('a"b', lambda x: x[0] < 2), "a.msh", "cannot hold the name"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_mesh(tmp_path / path, bad)
