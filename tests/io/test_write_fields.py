"""Fields out: what another reader finds in the files, and a series that survives a crash."""

import os
import pathlib
import xml.etree.ElementTree as ET

import basix
import meshio
import numpy as np
import pytest

from simphys.fem import box, line, rectangle
from simphys.io import Domain, FieldSeries, read_mesh, write_fields
from simphys.io._subdivide import subdivision


CELLS = ["interval", "triangle", "quadrilateral", "tetrahedron", "hexahedron"]


def make(cell_type, degree):
    if cell_type == "interval":
        return line(3, 2.0, degree=degree)
    if cell_type in ("triangle", "quadrilateral"):
        return rectangle((2, 3), (2.0, 3.0), cell_type=cell_type, degree=degree)
    return box((2, 1, 2), (2.0, 1.0, 2.0), cell_type=cell_type, degree=degree)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("cell_type", CELLS)
def test_round_trip(tmp_path, cell_type, degree):
    mesh = make(cell_type, degree)
    x = np.asarray(mesh.points)
    tensor = x[:, :, None] * x[:, None, :]
    path = tmp_path / "new" / "out.vtu"
    write_fields(
        path,
        mesh,
        {"u": mesh.points, "T": x[:, 0], "S": tensor, "on": x[:, 0] > 1},
        {"E": np.arange(mesh.n_cells)},
    )
    again = read_mesh(path)
    assert np.array_equal(again.cells, mesh.cells) and np.array_equal(again.points, mesh.points)
    raw = meshio.read(path)
    width = 3 if mesh.dim > 1 else 1
    assert raw.point_data["u"].reshape(len(x), -1).shape == (len(x), width)
    assert np.array_equal(raw.point_data["u"].reshape(len(x), -1)[:, : mesh.dim], x)
    assert np.array_equal(raw.point_data["T"], x[:, 0])
    assert np.array_equal(raw.point_data["S"].reshape(-1, 3, 3)[:, : mesh.dim, : mesh.dim], tensor)
    assert np.array_equal(raw.cell_data["E"][0], np.arange(mesh.n_cells))
    assert [p.name for p in path.parent.iterdir()] == ["out.vtu"]


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
@pytest.mark.parametrize("cell_type", CELLS)
def test_subdivision_fills_the_cell(cell_type, degree):
    kind = basix.CellType[cell_type]
    nodes = basix.create_element(basix.ElementFamily.P, kind, degree, basix.LagrangeVariant.equispaced).points
    parts = subdivision(cell_type, degree)
    dim = nodes.shape[1]
    assert parts.shape == (degree**dim, len(basix.geometry(kind)))
    x = nodes[parts]
    axes = x[:, [2**i for i in range(dim)] if cell_type in ("quadrilateral", "hexahedron") else range(1, dim + 1)]
    volumes = np.linalg.det(axes - x[:, :1])
    assert np.allclose(volumes, 1 / degree**dim)


@pytest.mark.parametrize("cell_type", CELLS)
def test_cubic_cells_are_cut(tmp_path, cell_type):
    mesh = make(cell_type, 1)
    kind = basix.CellType[cell_type]
    nodes = basix.create_element(basix.ElementFamily.P, kind, 3, basix.LagrangeVariant.equispaced).points
    shape = basix.create_element(basix.ElementFamily.P, kind, 1, basix.LagrangeVariant.equispaced).tabulate(0, nodes)
    x = np.einsum("av,cvd->cad", shape[0, :, :, 0], np.asarray(mesh.points)[np.asarray(mesh.cells)])
    points, cells = np.unique(np.round(x.reshape(-1, mesh.dim), 9), axis=0, return_inverse=True)
    domain = Domain(points, cells.reshape(mesh.n_cells, -1), cell_type, 3)
    write_fields(tmp_path / "cubic.vtu", domain, {"x": points[:, 0]}, {"n": 1.0 * np.arange(mesh.n_cells)})
    again = read_mesh(tmp_path / "cubic.vtu")
    assert again.n_points == len(points) and again.n_cells == mesh.n_cells * 3**mesh.dim
    raw = meshio.read(tmp_path / "cubic.vtu")
    assert np.array_equal(raw.cell_data["n"][0], np.repeat(np.arange(mesh.n_cells), 3**mesh.dim))


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("a.vtk", {}, "must end in .vtu"),
        ("a.vtu", {"u": np.zeros(3)}, r"point field 'u' must have shape \(9,\).*got \(3,\)"),
        ("a.vtu", {"u": 1.0}, "point field 'u' must have shape"),
        ("a.vtu", {"u": np.zeros((9, 2, 3))}, "point field 'u' must have shape"),
        ("a.vtu", {"u": np.zeros(9) * 1j}, "must hold real numbers, got complex128"),
    ],
)
def test_refuses(tmp_path, path, fields, message):
    with pytest.raises(ValueError, match=message):
        write_fields(tmp_path / path, rectangle((2, 2)), fields)
    assert list(tmp_path.iterdir()) == []


def test_refuses_cells_that_do_not_fit(tmp_path):
    mesh = rectangle((2, 2))
    with pytest.raises(ValueError, match=r"must have shape \(cell, 9\), got \(4, 4\)"):
        write_fields(tmp_path / "a.vtu", Domain(mesh.points, mesh.cells, "quadrilateral", 2))
    with pytest.raises(ValueError, match=r"cell field 'E' must have shape \(4,\)"):
        write_fields(tmp_path / "a.vtu", mesh, None, {"E": np.zeros(9)})


def entries(path):
    datasets = ET.parse(path).getroot().findall("./Collection/DataSet")
    return [(float(d.get("timestep")), d.get("file")) for d in datasets]


def test_series_is_complete_after_each_step(tmp_path):
    mesh = rectangle((2, 2))
    series = FieldSeries(tmp_path / "run & co.pvd", mesh)
    for step, time in enumerate((0.0, 0.1, 0.30000000000000004)):
        series.write(time, {"T": np.full(9, time)})
        listed = entries(tmp_path / "run & co.pvd")
        assert [t for t, _ in listed] == [0.0, 0.1, 0.30000000000000004][: step + 1]
        for t, name in listed:
            assert np.array_equal(meshio.read(tmp_path / name).point_data["T"], np.full(9, t))


def test_failed_step_leaves_the_series_as_it_was(tmp_path, monkeypatch):
    series = FieldSeries(tmp_path / "run.pvd", rectangle((2, 2)))
    series.write(0.0, {"T": np.zeros(9)})

    def die(*_, **__):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "write_text", die)
        with pytest.raises(OSError, match="disk full"):
            series.write(1.0, {"T": np.zeros(9)})
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", die)
        with pytest.raises(OSError, match="disk full"):
            series.write(1.5, {"T": np.ones(9)})
    with pytest.raises(ValueError, match="point field 'T'"):
        series.write(2.0, {"T": np.zeros(8)})
    assert entries(tmp_path / "run.pvd")[:1] == [(0.0, "run/run_00000.vtu")]
    assert not [p for p in tmp_path.rglob("*.tmp*")]


def test_series_refuses_times_out_of_order(tmp_path):
    series = FieldSeries(tmp_path / "run.pvd", rectangle((2, 2)))
    series.write(1.0)
    for time in (1.0, 0.5, float("nan")):
        with pytest.raises(ValueError, match="`time` must be finite and later than 1, got"):
            series.write(time)
    with pytest.raises(ValueError, match=r"must end in \.pvd"):
        FieldSeries(tmp_path / "run.vtu", rectangle((2, 2)))
