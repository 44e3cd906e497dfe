"""Reading meshes in every format, and what is said about bad ones."""

import pathlib

import jax.numpy as jnp
import meshio
import numpy as np
import pytest

from simphys.fem import box, line, rectangle
from simphys.fem._facets import facet_nodes
from simphys.fem._mesh_checks import reference_nodes
from simphys.io import read_mesh
from simphys.io._node_order import from_basix


SHEET = pathlib.Path(__file__).parents[3] / "shared/data/perforated_sheet/sheet.msh"

MESHES = {
    "line": lambda: line(4, 2.0),
    "line3": lambda: line(4, 2.0, degree=2),
    "triangle": lambda: rectangle((3, 2), (3.0, 2.0), cell_type="triangle"),
    "triangle6": lambda: rectangle((3, 2), (3.0, 2.0), cell_type="triangle", degree=2),
    "quad": lambda: rectangle((3, 2), (3.0, 2.0)),
    "quad9": lambda: rectangle((3, 2), (3.0, 2.0), degree=2),
    "tetra": lambda: box((2, 2, 1), (2.0, 2.0, 1.0), cell_type="tetrahedron"),
    "tetra10": lambda: box((2, 2, 1), (2.0, 2.0, 1.0), cell_type="tetrahedron", degree=2),
    "hexahedron": lambda: box((2, 2, 1), (2.0, 2.0, 1.0)),
    "hexahedron27": lambda: box((2, 2, 1), (2.0, 2.0, 1.0), degree=2),
}
FACETS = {
    "line": "vertex", "line3": "vertex", "triangle": "line", "triangle6": "line3", "quad": "line",
    "quad9": "line3", "tetra": "triangle", "tetra10": "triangle6", "hexahedron": "quad",
    "hexahedron27": "quad9",
}  # fmt: skip


def to_meshio(mesh, kind):
    """The mesh with physical groups 1 `body` and 2 `left`, as meshio holds it."""
    cells = np.asarray(mesh.cells)
    pairs = np.asarray(mesh.facets("left"))
    facets = facet_nodes(cells, mesh.cell_type, mesh.degree, pairs)
    facet_kind = FACETS[kind]
    if facet_kind not in ("vertex",):
        facets = facets[:, from_basix(facet_kind)]
    points = np.zeros((mesh.n_points, 3))
    points[:, : mesh.dim] = np.asarray(mesh.points)
    tags = [np.full(len(cells), 1), np.full(len(facets), 2)]
    return meshio.Mesh(
        points,
        [(kind, cells[:, from_basix(kind)]), (facet_kind, facets)],
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={"body": np.array([1, mesh.dim]), "left": np.array([2, mesh.dim - 1])},
    )


def same_facets(one, other):
    return np.array_equal(np.unique(one, axis=0), np.unique(other, axis=0))


def same(read, mesh):
    assert (read.cell_type, read.degree) == (mesh.cell_type, mesh.degree)
    assert jnp.array_equal(read.points, mesh.points)
    assert jnp.array_equal(read.cells, mesh.cells)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("kind", MESHES)
def test_gmsh_22_round_trip(tmp_path, kind, binary):
    mesh = MESHES[kind]()
    meshio.write(tmp_path / "m.msh", to_meshio(mesh, kind), file_format="gmsh22", binary=binary)
    read = read_mesh(tmp_path / "m.msh")
    same(read, mesh)
    assert np.array_equal(read.cells_in("body"), np.arange(mesh.n_cells))
    assert {tuple(p) for p in read.facets("left").tolist()} == {tuple(p) for p in mesh.facets("left").tolist()}


@pytest.mark.parametrize("suffix", ["vtu", "xdmf"])
@pytest.mark.parametrize("kind", MESHES)
def test_vtu_and_xdmf_round_trip(tmp_path, kind, suffix, capfd):
    if suffix == "xdmf":
        pytest.importorskip("h5py")
    mesh = MESHES[kind]()
    written = to_meshio(mesh, kind)
    # meshio reads mixed XDMF only of linear cells without vertices.
    lonely = suffix == "xdmf" and (mesh.degree == 2 or mesh.dim == 1)
    if lonely:
        tags = {"gmsh:physical": written.cell_data["gmsh:physical"][:1]}
        written = meshio.Mesh(written.points, written.cells[:1], cell_data=tags)
    meshio.write(tmp_path / f"m.{suffix}", written)
    capfd.readouterr()
    read = read_mesh(tmp_path / f"m.{suffix}")
    assert capfd.readouterr() == ("", "")
    same(read, mesh)
    assert np.array_equal(read.cells_in("1"), np.arange(mesh.n_cells))
    if not lonely:
        assert same_facets(read.facets("2"), mesh.facets("left"))


def gmsh_box(path, version, binary, order, shape="tetra", save_all=False):
    gmsh = pytest.importorskip("gmsh")
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        lower = gmsh.model.occ.addBox(0, 0, 0, 1, 2, 1)
        upper = gmsh.model.occ.addBox(0, 0, 1, 1, 2, 1)
        gmsh.model.occ.fragment([(3, lower)], [(3, upper)])
        gmsh.model.occ.synchronize()
        surfaces = {tag: gmsh.model.occ.getCenterOfMass(2, tag) for _, tag in gmsh.model.getEntities(2)}
        left = [tag for tag, centre in surfaces.items() if abs(centre[0]) < 1e-6]
        middle = [tag for tag, centre in surfaces.items() if abs(centre[2] - 1) < 1e-6]
        gmsh.model.addPhysicalGroup(3, [lower, upper], 1, name="all")
        gmsh.model.addPhysicalGroup(3, [upper], 2, name="left")  # shares its name with a surface group
        gmsh.model.addPhysicalGroup(2, left, 3, name="left")
        gmsh.model.addPhysicalGroup(2, middle, 4, name="the middle")
        gmsh.model.addPhysicalGroup(2, left[:1], 17)
        gmsh.model.addPhysicalGroup(1, [1], 5, name="edge")
        gmsh.model.addPhysicalGroup(0, [1], 6, name="corner")
        if shape == "hexahedron":
            gmsh.option.setNumber("Mesh.RecombineAll", 1)
            for _, tag in gmsh.model.getEntities(1):
                gmsh.model.mesh.setTransfiniteCurve(tag, 4)
            for _, tag in gmsh.model.getEntities(2):
                gmsh.model.mesh.setTransfiniteSurface(tag)
            for _, tag in gmsh.model.getEntities(3):
                gmsh.model.mesh.setTransfiniteVolume(tag)
        gmsh.option.setNumber("Mesh.MeshSizeMax", 0.5)
        gmsh.option.setNumber("Mesh.ElementOrder", order)
        gmsh.option.setNumber("Mesh.SecondOrderIncomplete", shape == "serendipity")
        gmsh.option.setNumber("Mesh.MshFileVersion", version)
        gmsh.option.setNumber("Mesh.Binary", binary)
        gmsh.option.setNumber("Mesh.SaveAll", save_all)
        gmsh.model.mesh.generate(3)
        gmsh.write(str(path))
    finally:
        gmsh.finalize()


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("version", "binary", "order", "shape"),
    [(2.2, 0, 2, "tetra"), (2.2, 1, 1, "hexahedron"), (4.1, 0, 1, "tetra"), (4.1, 1, 2, "hexahedron")],
)
def test_gmsh_written_by_gmsh(tmp_path, version, binary, order, shape):
    path = tmp_path / "box.msh"
    gmsh_box(path, version, binary, order, shape)
    mesh = read_mesh(path)
    assert (mesh.cell_type, mesh.degree) == ({"tetra": "tetrahedron"}.get(shape, shape), order)
    x = np.asarray(mesh.points)
    assert np.allclose(x.min(axis=0), 0) and np.allclose(x.max(axis=0), [1, 2, 2])
    assert np.array_equal(mesh.cells_in("all"), np.arange(mesh.n_cells))
    centre = x[np.asarray(mesh.cells)].mean(axis=1)
    assert np.array_equal(mesh.cells_in("left"), np.flatnonzero(centre[:, 2] > 1))
    boundary_left = mesh.with_facet_group("test", lambda p: p[0] < 1e-9).facets("test")
    assert np.array_equal(np.unique(mesh.facets("left"), axis=0), np.unique(boundary_left, axis=0))
    middle = np.asarray(mesh.nodes_on("the middle"))
    assert np.array_equal(middle, np.flatnonzero(np.abs(x[:, 2] - 1) < 1e-9))
    assert 0 < len(mesh.facets("17")) < len(mesh.facets("left"))
    assert mesh.nodes_on("corner").shape == (1,) and len(mesh.nodes_on("edge")) > 2
    # The cells are straight, so their quadratic nodes are where the vertices alone put them.
    corner = np.asarray(mesh.cells)[:, : len(reference_nodes(mesh.cell_type, 1))]
    basis = multilinear(reference_nodes(mesh.cell_type, order), mesh.cell_type)
    assert np.allclose(np.einsum("av,cvd->cad", basis, x[corner]), x[np.asarray(mesh.cells)], atol=1e-9)


def multilinear(where, cell_type):
    if cell_type == "tetrahedron":
        return np.column_stack([1 - where.sum(axis=1), where])
    vertices = reference_nodes(cell_type, 1)
    return np.prod(np.where(vertices[None] == 1, where[:, None], 1 - where[:, None]), axis=-1)


def test_gmsh_saved_with_everything(tmp_path):
    gmsh_box(tmp_path / "box.msh", 4.1, 0, 1, save_all=True)
    mesh = read_mesh(tmp_path / "box.msh")
    assert set(mesh.facet_groups) == {"left", "the middle", "17"}
    assert set(mesh.cell_groups) == {"all", "left"} and set(mesh.point_groups) == {"edge", "corner"}


PATCH = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
3
1 1 "bottom"
1 2 "all sides"
2 1 "body"
$EndPhysicalNames
$Entities
0 1 1 0
1 0 0 0 1 0 0 2 1 2 0
1 0 0 0 1 1 0 2 1 9 0
$EndEntities
$Nodes
1 {count} 1 99
2 1 0 {count}
10
20
35
40
{tags}0 0 {z}
1 0 {z}
1 1 {z}
0 1 {z}
{points}$EndNodes
$Elements
2 3 1 3
1 1 1 1
1 10 20
2 1 2 2
2 10 {a} {b}
3 10 35 40
$EndElements
"""


EMPTY = PATCH.split("$Nodes")[0] + "$Nodes\n0 0 0 0\n$EndNodes\n$Elements\n0 0 0 0\n$EndElements\n"


def patch(tmp_path, *, tags="", points="", a=20, b=35, z=0.5, text=PATCH):
    path = tmp_path / "patch.msh"
    path.write_text(text.format(count=4 + len(tags.split()), tags=tags, points=points, a=a, b=b, z=z))
    return path


def test_gmsh_by_hand(tmp_path):
    """Node tags with gaps, an entity in two groups, a group without a name, a constant z."""
    mesh = read_mesh(patch(tmp_path))
    assert mesh.points.shape == (4, 2)
    assert mesh.cells.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.facets("bottom").tolist() == mesh.facets("all sides").tolist() == [[0, 2]]
    assert set(mesh.cell_groups) == {"body", "9"}


def test_facet_between_two_cells_goes_to_the_first(tmp_path):
    mesh = read_mesh(patch(tmp_path, text=PATCH.replace("1 10 20\n", "1 35 10\n")))
    assert mesh.facets("bottom").tolist() == [[0, 1]]


def test_clockwise_mesh_is_mirrored(tmp_path):
    for path in (patch(tmp_path, a=35, b=20, text=PATCH.replace("3 10 35 40", "3 10 40 35")),):
        mesh = read_mesh(path)
        assert mesh.cells.tolist() == [[0, 1, 2], [0, 2, 3]]
        assert np.asarray(mesh.points)[np.asarray(mesh.nodes_on("bottom")), 1].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(text=PATCH.replace("0 1 {z}", "2 -1 {z}")), r"2 cells lie on others or are inverted: 0, 1"),
        (dict(b=20), "degenerate"),
        (
            dict(tags="50\n", points="7 7 0.5\n"),
            r"1 nodes belong to no cell .*4 at \[7.0, 7.0\].*drop_orph",
        ),
        (dict(a=21), "elements name 1 nodes that the file lacks, first 21"),
        (dict(z="nan"), "4 nodes with NaN or infinite"),
        (dict(text=PATCH.replace("0 1 {z}", "0 1 3")), "need constant z, but z varies by 2.5"),
        (
            dict(text=PATCH.replace("1 10 20\n", "1 20 40\n")),
            "1 facets of group 'bottom' belong to no cell",
        ),
        (dict(text=PATCH.replace("4.1 0 8", "4.0 0 8")), "format 2.2 or 4.1 expected, got 4.0"),
        (dict(text=PATCH.replace("$EndElements", "")), r"no complete \$Elements section"),
        (dict(text=PATCH.replace("3 10 35 40\n", "3 10 35\n")), "cut short or inconsistent"),
        (dict(text=PATCH.replace("2 1 2 2\n", "2 1 21 2\n")), "cut short or inconsistent"),
        (dict(text=PATCH.replace("2 1 2 2\n", "2 1 77 2\n")), "gmsh element type 77 is not supported"),
        (dict(text="hello"), r"no complete \$MeshFormat section: not a gmsh mesh"),
        (dict(text=""), "the file is empty"),
        (
            dict(text=PATCH.split("$Nodes")[0] + "$Nodes\n0 0 0 0\n$EndNodes\n$Elements\n0 0 0 0\n$EndElements\n"),
            "no cells",
        ),
    ],
)
def test_bad_gmsh(tmp_path, change, message, capfd):
    with pytest.raises(ValueError, match=message) as caught:
        read_mesh(patch(tmp_path, **change))
    assert str(caught.value).startswith(str(tmp_path / "patch.msh"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("version", "binary"), [(2.2, 0), (2.2, 1), (4.1, 0), (4.1, 1)])
def test_damaged_gmsh_files_are_refused_as_such(tmp_path, version, binary):
    gmsh_box(tmp_path / "whole.msh", version, binary, 1)
    data = (tmp_path / "whole.msh").read_bytes()
    path = tmp_path / "part.msh"
    for n in np.linspace(1, len(data) - 20, 25).astype(int):
        path.write_bytes(data[:n])
        with pytest.raises(ValueError, match=r"part\.msh: "):
            read_mesh(path)
    middle = data.index(b"$Elements") + 40
    path.write_bytes(data[:middle] + b"\xff\xff 9e99\xff" + data[middle:])
    with pytest.raises(ValueError, match=r"part\.msh: "):
        read_mesh(path)


def test_orphans_dropped_on_request(tmp_path):
    path = patch(tmp_path, tags="50\n", points="7 7 0.5\n")
    assert read_mesh(path, drop_orphans=True).n_points == 4


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.vtu", "not xml", "unreadable: "),
        ("a.vtu", "<VTKFile type='PolyData'></VTKFile>", "unreadable"),
        ("a.xdmf", "<Xdmf/>", "unreadable"),
        ("a.nonsense", "x", "Could not deduce file format"),
        ("a.inp", "*HEADING\n", "no nodes or no elements"),
    ],
)
def test_unreadable(tmp_path, name, content, message, capfd):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_mesh(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no mesh file '.*none\.msh'"):
        read_mesh(tmp_path / "none.msh")


@pytest.mark.parametrize("kind", ["quad8", "hexahedron20"])
def test_serendipity_cells_are_completed(tmp_path, kind):
    full, n = ("quad9", 8) if kind == "quad8" else ("hexahedron27", 20)
    mesh = MESHES[full]()
    cells = np.asarray(mesh.cells)[:, from_basix(full)][:, :n]
    used, cells = np.unique(cells, return_inverse=True)
    x = np.asarray(mesh.points)[used]
    # gmsh numbers the edges in another way than VTK, so that both files must give the same mesh.
    for suffix, form in (("vtu", "vtu"), ("msh", "gmsh22")):
        padded = np.zeros((len(x), 3))
        padded[:, : mesh.dim] = x
        meshio.write(tmp_path / f"m.{suffix}", meshio.Mesh(padded, [(kind, cells)]), file_format=form)
        read = read_mesh(tmp_path / f"m.{suffix}")
        assert (read.cell_type, read.degree, read.n_points) == (mesh.cell_type, 2, mesh.n_points)
        where = np.asarray(read.points)[np.asarray(read.cells)]
        assert np.allclose(where, np.asarray(mesh.points)[np.asarray(mesh.cells)], atol=1e-12)


def test_sheet():
    if not SHEET.exists():
        pytest.skip("the shared data are not here")
    mesh = read_mesh(SHEET)
    assert (mesh.cell_type, mesh.degree, mesh.n_points) == ("tetrahedron", 2, 11105)
    assert set(mesh.facet_groups) == {"left", "right", "front", "back"}
    for name, (axis, value) in {"left": (0, 0.0), "right": (0, 80.0)}.items():
        assert np.allclose(np.asarray(mesh.points)[np.asarray(mesh.nodes_on(name)), axis], value)
