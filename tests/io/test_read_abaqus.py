"""Abaqus input files: sets, surfaces, several blocks, and what is refused."""

import meshio
import numpy as np
import pytest

from simphys.fem import FunctionSpace, box, facets_of
from simphys.io import read_mesh
from simphys.io._abaqus import read_abaqus
from simphys.io._abaqus_elements import face_of
from simphys.io._node_order import from_basix


DECK = """*Heading
 two squares
** a comment
*Part, name=PART-1
*Node, nset=everything
  1, 0., 0.
  2, 1., 0.
  3, 2., 0.
 11, 0., 1.
 12, 1., 1.
 13, 2., 1.
*Element, type=CPE4R, elset=one
5, 1, 2, 12, 11
*Element, type=CPS4, elset=both
7, 2, 3,
   13, 12
*Elset, elset=BOTH
one
*Nset, nset=bottom, generate
1, 3, 1
*Nset, nset=corner
BOTTOM, 11
*Surface, name=top, type=ELEMENT
both, S3
*Surface, name=end
7, S2
*Surface, name=nodal, type=NODE
corner,
*End Part
*Step
*Static
*End Step
"""


def read(tmp_path, text):
    (tmp_path / "deck.inp").write_text(text)
    return read_mesh(tmp_path / "deck.inp")


def test_sets_and_surfaces(tmp_path):
    mesh = read(tmp_path, DECK)
    assert mesh.cells.tolist() == [[0, 1, 3, 4], [1, 2, 4, 5]]
    assert mesh.cells_in("one").tolist() == [0] and mesh.cells_in("both").tolist() == [0, 1]
    assert mesh.nodes_on("bottom").tolist() == [0, 1, 2]
    assert mesh.nodes_on("corner").tolist() == mesh.nodes_on("nodal").tolist() == [0, 1, 2, 3]
    assert mesh.nodes_on("top").tolist() == [3, 4, 5] and mesh.facets("top").tolist() == [[0, 3], [1, 3]]
    assert mesh.nodes_on("end").tolist() == [2, 5]
    assert len(mesh.nodes_on("everything")) == 6


def test_included_file(tmp_path):
    head, tail = DECK.split("*Element, type=CPE4R", 1)
    (tmp_path / "elements.inp").write_text("*Element, type=CPE4R" + tail)
    mesh = read(tmp_path, head + "*Include, input=elements.inp\n")
    assert mesh.nodes_on("top").tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("kind", "cell_type", "degree"),
    [
        ("tetra", "tetrahedron", 1),
        ("tetra10", "tetrahedron", 2),
        ("hexahedron", "hexahedron", 1),
    ],
)
def test_solids_written_by_meshio(tmp_path, kind, cell_type, degree):
    mesh = box((2, 1, 2), cell_type=cell_type, degree=degree)
    cells = np.asarray(mesh.cells)[:, from_basix(kind)]
    written = meshio.Mesh(
        np.asarray(mesh.points),
        [(kind, cells)],
        point_sets={"some": np.arange(12)},
        cell_sets={"half": [np.arange(2)]},
    )
    meshio.write(tmp_path / "m.inp", written)
    again = read_mesh(tmp_path / "m.inp")
    assert np.array_equal(again.cells, mesh.cells) and np.array_equal(again.points, mesh.points)
    assert again.nodes_on("some").tolist() == list(range(12)) and again.cells_in("half").tolist() == [0, 1]


@pytest.mark.parametrize(
    ("cell_type", "kind", "labels"),
    [
        ("tetrahedron", "C3D4", "S1 S2 S3 S4"),
        ("hexahedron", "C3D8", "S1 S2 S3 S4 S5 S6"),
    ],
)
def test_faces_of_solids_by_their_abaqus_numbers(tmp_path, cell_type, kind, labels):
    """The nodes of face Si as the Abaqus manual lists them."""
    manual = {
        "C3D4": {"S1": "123", "S2": "142", "S3": "243", "S4": "341"},
        "C3D8": {"S1": "1234", "S2": "5876", "S3": "1562", "S4": "2673", "S5": "3784", "S6": "4851"},
    }[kind]
    corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    if kind == "C3D8":
        corners = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]
    nodes = "".join(f"{i + 1}, {x}, {y}, {z}\n" for i, (x, y, z) in enumerate(corners))
    surfaces = "".join(f"*Surface, name={s}\n1, {s}\n" for s in labels.split())
    row = ", ".join(str(i + 1) for i in range(len(corners)))
    mesh = read(tmp_path, f"*Node\n{nodes}*Element, type={kind}\n1, {row}\n{surfaces}")
    for label, face in manual.items():
        assert mesh.nodes_on(label).tolist() == sorted(int(i) - 1 for i in face)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("*End Part", "*End Part\n*Part, name=PART-2", "several parts or moved instances are not supported"),
        ("*Step", "*Instance, name=i, part=PART-1\n1., 0., 0.\n*Step", "several parts or moved instances"),
        ("*Step", "*Nfill, nset=x\n", r"\*NFILL is not supported"),
        ("type=CPE4R", "type=CPE7", "element type 'CPE7' is not supported"),
        ("5, 1, 2, 12, 11", "5, 1, 2, 12", "rows of 4 nodes expected"),
        ("5, 1, 2, 12, 11", "5, 1, 2, 12, 44", r"\*ELEMENT names node 44, which does not exist"),
        ("BOTTOM, 11", "BOTTON, 11", "'BOTTON' is not an earlier NSET; there are: 'everything', 'bottom'"),
        ("BOTTOM, 11", "11, 99", "node set 'corner' names node 99"),
        ("7, S2", "7, S5", "surface 'end': a face S1 … S4 of a quad expected, got 'S5'"),
        ("7, S2", "7, SPOS", "surface 'end': a face S1"),
        (" 13, 2., 1.", " 13, 2., 1., 0., 0., 0., 1., 5.", "got a longer one"),
        (" 13, 2., 1.", " 13, 2., 1.\n 13, 2., 1.", "node number 13 is given 2 times"),
        ("7, 2, 3,", "5, 2, 3,", "element number 5 is given 2 times"),
        ("7, 2, 3,", "7.5, 2, 3,", r"\*ELEMENT: a whole number expected, got '7.5'"),
        ("nset=everything", "nset=everything, system=S", "SYSTEM=S: R .Cartesian. or C"),
        ("elset=one", "elset=one, offset=10", r"\*ELEMENT: the option OFFSET is not supported"),
        ("name=end", "name=end, combine=union", r"\*SURFACE: the option COMBINE is not supported"),
        ("1, 3, 1", "1, 3, 0", "first, last and a step of 1 or more"),
        ("BOTTOM, 11", "BOTTOM, corner", "'corner' contains itself"),
        (
            "*Elset, elset=BOTH\none",
            "*Elset, elset=BOTH\n6",
            "element set 'both' names element 6, which does not exist",
        ),
        ("7, S2", "8, S2", "names element 8, which does not exist"),
        ("*Nset, nset=bottom", "*Nset, instance=i, nset=bottom", "there is no instance 'i'"),
        ("*Step", "*Parameter", r"\*PARAMETER is not supported"),
        ("*Nset, nset=bottom", "*Nset, bottom", "a set has no name"),
        (" 13, 2., 1.", " 13, 2., x", "could not convert string to float"),
        ("*Step", "*Include, input=deck.inp", "includes itself"),
        ("*Step", "*Include, input=nowhere.inp", "nowhere.inp"),
    ],
)
def test_refuses(tmp_path, old, new, message):
    assert old in DECK
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read(tmp_path, DECK.replace(old, new, 1))


SQUARE = """*Node
1,0,0
2,1,0
3,2
4,,1
5,1,1
6,2,1
7,0,2.D0
8,1,2
9,2,2
*Element, type=CPS4, elset=all
1, 1,2,5,4
2, 2,3,6,5
3, 5,6,9,8
4, 4,5,8,7
"""


def quiet(tmp_path, text):
    """Read a deck of which something is left out, and return the mesh with what is said of it."""
    with pytest.warns(UserWarning, match="left out") as said:
        mesh = read(tmp_path, text)
    return mesh, str(said[0].message)


def test_what_rows_leave_out_is_zero_and_fortran_writes_exponents(tmp_path):
    mesh = read(tmp_path, SQUARE)
    assert mesh.points.tolist() == [[x, y] for y in (0, 1, 2) for x in (0, 1, 2)]


def test_a_surface_keeps_the_side_that_it_names(tmp_path):
    """The wall between two columns, seen from the left one: ∫ n dA = (2, 0), from the right one (−2, 0)."""
    mesh = read(tmp_path, SQUARE + "*Surface, name=WALL\n1, S2\n4, S2\n*Surface, name=BACK\n2, S4\n3, S4\n")
    for name, normal in (("WALL", [2, 0]), ("BACK", [-2, 0])):
        space = FunctionSpace(mesh, 1)
        geometry = facets_of(space, name).geometry(mesh)
        np.testing.assert_allclose((geometry.measure[..., None] * geometry.normal).sum((0, 1)), normal, atol=1e-14)


def test_generated_sets_take_what_there_is(tmp_path):
    """Also over a range of 10^17 numbers, of which nothing is written out."""
    mesh = read(
        tmp_path, SQUARE + "*Nset, nset=odd, generate\n1, 100000000000000001, 2\n*Elset, elset=e, generate\n3, 9\n"
    )
    assert mesh.nodes_on("odd").tolist() == [0, 2, 4, 6, 8] and mesh.cells_in("e").tolist() == [2, 3]


def test_sets_named_in_sets_do_not_multiply(tmp_path):
    """Forty sets, each naming the one before twice: each has one node, none 2^40."""
    chain = "".join(f"*Nset, nset=s{k}\n" + (f"s{k - 1}, s{k - 1}\n" if k else "5\n") for k in range(40))
    assert read(tmp_path, SQUARE + chain).nodes_on("s39").tolist() == [4]


def test_nodes_of_an_element_set(tmp_path):
    mesh = read(tmp_path, SQUARE + "*Elset, elset=left\n1, 4\n*Nset, nset=n, elset=left\n")
    assert mesh.nodes_on("n").tolist() == [0, 1, 3, 4, 6, 7]


def test_cylindrical_coordinates(tmp_path):
    """A quarter of a ring: r, θ in degrees."""
    deck = "*Node, system=C\n1, 1., 0.\n2, 2., 0.\n3, 2., 90.\n4, 1., 90.\n*Element, type=CPS4\n1, 1,2,3,4\n"
    np.testing.assert_allclose(read(tmp_path, deck).points, [[1, 0], [2, 0], [0, 2], [0, 1]], atol=1e-15)


def test_data_lines_in_a_file_of_their_own(tmp_path):
    head, _, elements = SQUARE.partition("*Element")
    (tmp_path / "nodes.txt").write_text(head.removeprefix("*Node\n"))
    assert read(tmp_path, "*Node, input=nodes.txt\n*Element" + elements).n_points == 9


def test_an_included_file_outside_the_folder_is_not_read(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.inp").write_text("very secret\n")
    (tmp_path / "inner" / "deck.inp").write_text("*Include, input=../secret.inp\n")
    with pytest.raises(ValueError, match="outside its folder") as said:
        read_abaqus(tmp_path / "inner" / "deck.inp", within=tmp_path / "inner")
    assert "very" not in str(said.value)


ASSEMBLY = f"""*Part, name=PLATE
{SQUARE}*Nset, nset=Set-1
1, 2, 3
*Nset, nset=own
4
*End Part
*Assembly, name=A
*Instance, name=PLATE-1, part=PLATE
*End Instance
*Node
1, 50., 50.
*Nset, nset=Set-1, instance=PLATE-1
7, 8, 9
*Nset, nset=ref
1
*Nset, nset=both
PLATE-1.Set-1, Set-1, PLATE-1.5
*Elset, elset=_WALL_S2, internal, instance=PLATE-1
1, 4
*Surface, name=WALL
_WALL_S2, S2
*End Assembly
"""


def test_names_have_a_scope(tmp_path):
    """Set-1 of the assembly is the plain one; the part's has its instance's name, and no number is taken for another's."""
    mesh, said = quiet(tmp_path, ASSEMBLY)
    assert mesh.n_points == 9  # the reference point is none of the body
    assert mesh.nodes_on("Set-1").tolist() == [6, 7, 8] and mesh.nodes_on("PLATE-1.Set-1").tolist() == [0, 1, 2]
    assert mesh.nodes_on("both").tolist() == [0, 1, 2, 4, 6, 7, 8]
    assert mesh.nodes_on("own").tolist() == mesh.nodes_on("PLATE-1.own").tolist() == [3]
    assert mesh.facets("WALL").tolist() == [[0, 2], [3, 2]]
    assert "1 nodes without a cell" in said and "'ref'" in said


CUBE = """*Node
1,0,0,0
2,1,0,0
3,1,1,0
4,0,1,0
5,0,0,1
6,1,0,1
7,1,1,1
8,0,1,1
9,0,0,2
10,1,0,2
*Element, type=C3D8, elset=solid
1, 1,2,3,4,5,6,7,8
*Element, type=M3D4, elset=skin
2, 1,2,3,4
"""


def test_shells_trusses_and_springs_beside_a_solid_are_left_out_by_name(tmp_path):
    more = """*Element, type=S4R, elset=fin
3, 5,6,10,9
*Element, type=T3D2, elset=rod
4, 9,10
*Element, type=SPRING1, elset=spring
5, 9
*Element, type=T3D3, elset=edge
6, 1,5,9
*Nset, nset=tips
9, 10
*Surface, name=shell
fin, SPOS
*Elset, elset=mixed
solid, fin
"""
    mesh, said = quiet(tmp_path, CUBE + more)
    assert mesh.n_points == 8 and mesh.n_cells == 1
    assert mesh.nodes_on("skin").tolist() == [0, 1, 2, 3] and mesh.cells_in("mixed").tolist() == [0]
    assert set(mesh.cell_groups) == {"solid", "mixed"} and set(mesh.facet_groups) == {"skin"}
    for name in ("S4R", "T3D2", "SPRING1", "'tips'", "'shell'", "'fin'", "'rod'", "'spring'"):
        assert name in said


def test_continuum_shells_are_solids(tmp_path):
    assert (
        read(tmp_path, CUBE.split("9,0,0,2")[0] + "*Element, type=SC8R\n1, 1,2,3,4,5,6,7,8\n").cell_type == "hexahedron"
    )


def test_the_middle_node_of_a_line_comes_second(tmp_path):
    mesh = read(tmp_path, "*Node\n1, 0.\n2, 1.\n3, 2.\n*Element, type=T3D3\n1, 1,2,3\n")
    assert mesh.degree == 2 and mesh.points[mesh.cells[0], 0].tolist() == [0, 2, 1]


def test_faces_of_a_wedge():
    """As the manual lists the nodes of faces S1 to S5."""
    manual = {"S1": "123", "S2": "465", "S3": "1452", "S4": "2563", "S5": "3641"}
    for label, face in manual.items():
        assert sorted(face_of("s", "wedge15", label)) == sorted(int(i) - 1 for i in face)
