"""Geometries meshed with sizes that differ from place to place."""

import sys

import numpy as np
import pytest

from simphys import fem, io


PLATE = """SetFactory("OpenCASCADE");
Rectangle(1) = {0, 0, 0, 2, 1};
Physical Surface("plate") = {1};
left() = Curve In BoundingBox {-0.1, -0.1, -0.1, 0.1, 1.1, 0.1};
Physical Curve("left") = {left()};
Mesh.MeshSizeMin = 0.5;
Mesh.MeshSizeMax = 0.5;
"""


def lengths(mesh):
    points = np.asarray(mesh.points)[np.asarray(mesh.cells)]
    return np.linalg.norm(points[:, [1, 2, 0]] - points, axis=2).mean(axis=1), points.mean(axis=1)


def test_sizes_are_those_of_the_field(tmp_path):
    gmsh = pytest.importorskip("gmsh")
    (tmp_path / "plate.geo").write_text(PLATE)
    first = io.read_mesh(tmp_path / "plate.geo")
    # Linear in x, whatever the script says: from .05 on the left to .25 on the right.
    field = io.SizeField(first, 0.05 + 0.1 * np.asarray(first.points)[:, 0])
    fine = io.read_mesh(tmp_path / "plate.geo", size=field)
    size, middle = lengths(fine)
    np.testing.assert_allclose(size / (0.05 + 0.1 * middle[:, 0]), 1, atol=0.45)
    assert np.mean(size / (0.05 + 0.1 * middle[:, 0])) == pytest.approx(1, abs=0.1)
    assert set(fine.facet_groups) == {"left"} and len(fine.facets("left")) == 20
    # Nothing of it stays behind.
    assert io.read_mesh(tmp_path / "plate.geo").n_cells == first.n_cells and not gmsh.isInitialized()
    box = fem.box((1, 1, 1), cell_type="tetrahedron")
    with pytest.raises(ValueError, match="of 3 dimensions, the geometry has 2"):
        io.read_mesh(tmp_path / "plate.geo", size=io.SizeField(box, np.ones(8)))


def test_without_gmsh(tmp_path, monkeypatch):
    (tmp_path / "plate.geo").write_text(PLATE)
    mesh = fem.rectangle((1, 1), cell_type="triangle")
    monkeypatch.setitem(sys.modules, "gmsh", None)
    with pytest.raises(ValueError, match=r"pip install simphys\[gmsh\]"):
        io.read_mesh(tmp_path / "plate.geo", size=io.SizeField(mesh, np.ones(4)))


def test_bad_input(tmp_path):
    mesh = fem.rectangle((1, 1), cell_type="triangle")
    assert repr(io.SizeField(mesh, np.arange(1.0, 5.0))) == "SizeField(1 … 4 on 2 cells)"
    for sizes, words in (
        (np.ones(3), r"each of 4 nodes, got shape \(3,\)"),
        (np.zeros(4), "above 0, got 0 as the least"),
        (np.full(4, np.nan), "above 0"),
    ):
        with pytest.raises(ValueError, match=words):
            io.SizeField(mesh, sizes)
    with pytest.raises(ValueError, match="triangles or tetrahedra, this mesh has quadrilateral"):
        io.SizeField(fem.rectangle((1, 1)), np.ones(4))
    io.write_mesh(tmp_path / "m.msh", mesh)
    with pytest.raises(ValueError, match="`size` is that of the cells of a geometry"):
        io.read_mesh(tmp_path / "m.msh", size=io.SizeField(mesh, np.ones(4)))
