"""Abaqus input files: sets, surfaces, several blocks, and what is refused."""

import meshio
import numpy as np
import pytest

from simphys.fem import box
from simphys.io import read_mesh
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
        (" 13, 2., 1.", " 13, 2., 1., 0.", "rows of different lengths"),
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
