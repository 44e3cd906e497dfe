"""Parts: closed surfaces of the right volume, in files that other programs read."""

import meshio
import numpy as np
import pytest

import simphys as sp
from simphys import design


def edges_pair_up(triangles):
    """Every directed edge has exactly one partner in the other direction."""
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    forth, back = ({tuple(e) for e in part} for part in (directed, directed[:, ::-1]))
    return len(forth) == len(directed) and forth == back


def volume(points, triangles):
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return np.einsum("ti,ti->", np.cross(a, b), c) / 6


MESHES = {
    "hexahedra": lambda n: sp.fem.box((2 * n, n, n), (2.0, 1.0, 1.0)),
    "tetrahedra": lambda n: sp.fem.box((2 * n, n, n), (2.0, 1.0, 1.0), cell_type="tetrahedron"),
    "quadrilaterals": lambda n: sp.fem.rectangle((2 * n, n), (2.0, 1.0)),
    "triangles": lambda n: sp.fem.rectangle((2 * n, n), (2.0, 1.0), cell_type="triangle"),
}


@pytest.mark.parametrize("name", MESHES)
def test_surfaces_are_closed_for_any_design(name):
    mesh = MESHES[name](4)
    random = np.random.default_rng(0)
    for density in (random.uniform(size=mesh.n_cells), random.integers(0, 2, mesh.n_cells), np.ones(mesh.n_cells)):
        points, triangles = design.part_of(mesh, density, thickness=0.5)
        assert edges_pair_up(triangles)
    height = 1.0 if mesh.dim == 3 else 0.5
    np.testing.assert_allclose(volume(points, triangles), 2 * height, rtol=1e-12)
    assert len(design.part_of(mesh, np.zeros(mesh.n_cells))[1]) == 0


@pytest.mark.parametrize("name", MESHES)
def test_volume_of_a_ball(name):
    """A smooth density whose level set is a ball (a disk) that the boundary of the mesh cuts in half."""
    mesh = MESHES[name](16)
    centres = np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)
    middle = np.array([1.0, 0.5, 0.0][: mesh.dim])
    middle[-1] = 0.0
    density = np.clip(0.5 + 2 * (0.4 - np.linalg.norm(centres - middle, axis=1)), 0, 1)
    points, triangles = design.part_of(mesh, density, thickness=0.3)
    wanted = 2 / 3 * np.pi * 0.4**3 if mesh.dim == 3 else np.pi / 2 * 0.4**2 * 0.3
    np.testing.assert_allclose(volume(points, triangles), wanted, rtol=0.05)
    assert edges_pair_up(triangles)


def test_stl_is_read_by_others(tmp_path):
    mesh = MESHES["hexahedra"](2)
    points, triangles = design.part_of(mesh, np.ones(mesh.n_cells))
    sp.io.write_surface(tmp_path / "parts" / "box.stl", points, triangles)
    found = meshio.read(tmp_path / "parts" / "box.stl")
    np.testing.assert_allclose(volume(found.points, found.cells_dict["triangle"]), 2.0, rtol=1e-6)
    assert [p.name for p in (tmp_path / "parts").iterdir()] == ["box.stl"]
    with pytest.raises(ValueError, match=r"must end in \.stl, \.obj or \.3mf"):
        sp.io.write_surface(tmp_path / "box.step", points, triangles)
    with pytest.raises(ValueError, match="`unit` must be one of micron"):
        sp.io.write_surface(tmp_path / "box.3mf", points, triangles, unit="mm")
    with pytest.raises(ValueError, match="expected, got"):
        sp.io.write_surface(tmp_path / "box.stl", points[:, :2], triangles)
    with pytest.raises(ValueError, match="A density for each"):
        design.part_of(mesh, np.ones(3))
    with pytest.raises(ValueError, match="threshold"):
        design.part_of(mesh, np.ones(mesh.n_cells), 1.0)
