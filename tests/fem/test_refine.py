"""Finer meshes are meshes of the same body, with the same groups."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from simphys import fem


def bent(mesh):
    """The mesh with its nodes moved smoothly, curved cells where it has nodes for them."""
    return eqx.tree_at(lambda m: m.points, mesh, mesh.points + 0.05 * jnp.sin(3 * mesh.points[:, ::-1]))


MESHES = {
    "interval": lambda degree: fem.line(4, 1.0),
    "triangle": lambda degree: bent(fem.rectangle((3, 2), (1.5, 1.0), cell_type="triangle", degree=degree)),
    "quadrilateral": lambda degree: bent(fem.rectangle((3, 2), (1.5, 1.0), degree=degree)),
    "tetrahedron": lambda degree: bent(fem.box((2, 2, 1), (1.0, 2.0, 1.0), cell_type="tetrahedron", degree=degree)),
    "hexahedron": lambda degree: bent(fem.box((2, 2, 1), (1.0, 2.0, 1.0), degree=degree)),
}


def volume(mesh, group=None):
    return float(np.sum(fem.cells_of(fem.FunctionSpace(mesh), group, 8).geometry(mesh).measure))


def area(mesh, group):
    return float(np.sum(fem.facets_of(fem.FunctionSpace(mesh), group, 12).geometry(mesh).measure))


def grouped(kind, degree):
    mesh = MESHES[kind](degree)
    cells = np.arange(0, mesh.n_cells, 2)
    return fem.Mesh(
        mesh.points, mesh.cells, kind, mesh.degree, cell_groups={"some": cells}, facet_groups=mesh.facet_groups,
        point_groups={"end": mesh.nodes_on("left"), "one": [0]},
    )  # fmt: skip


@pytest.mark.breadth
@pytest.mark.parametrize("kind, degree", [("interval", 1), *((kind, 2) for kind in MESHES if kind != "interval")])
def test_all_of_a_mesh_refined_is_the_same_body(kind, degree):
    mesh = grouped(kind, degree)
    fine = mesh.refined()
    assert fine.n_cells == mesh.n_cells * 2**mesh.dim
    assert volume(fine) == pytest.approx(volume(mesh), rel=1e-13)
    assert volume(fine, "some") == pytest.approx(volume(mesh, "some"), rel=1e-13)
    for name in (*mesh.facet_groups, "all"):
        assert area(fine, name) == pytest.approx(area(mesh, name), rel=1e-9)
    np.testing.assert_array_equal(fine.points[: mesh.n_points], mesh.points)
    np.testing.assert_array_equal(fine.nodes_on("end"), fine.nodes_on("left"))
    np.testing.assert_array_equal(fine.nodes_on("one"), [0])


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("kind, degree", [("triangle", 2), ("tetrahedron", 2)])
def test_marked_cells_are_bisected_and_meet_face_to_face(kind, degree):
    mesh = grouped(kind, degree)
    corner = np.asarray(mesh.points)[0]
    fine, least = mesh, fem.cell_quality(mesh).min()
    for _ in range(6):
        near = np.linalg.norm(np.asarray(fine.points)[np.asarray(fine.cells)].mean(axis=1) - corner, axis=1)
        fine = fine.refined([int(np.argmin(near))])
    # A gap between cells would be a boundary.
    for name in (*mesh.facet_groups, "all"):
        assert area(fine, name) == pytest.approx(area(mesh, name), rel=1e-9)
    assert volume(fine) == pytest.approx(volume(mesh), rel=1e-13)
    assert volume(fine, "some") == pytest.approx(volume(mesh, "some"), rel=1e-13)
    assert fem.cell_quality(fine).min() > 0.3 * least
    assert fine.n_cells < 40 * mesh.n_cells
    sizes = fem.cells_of(fem.FunctionSpace(fine), None, 2).geometry(fine).measure.sum(axis=1)
    assert sizes.min() < sizes.max() * 0.25 ** (mesh.dim - 1) * 0.1


@pytest.mark.breadth
@pytest.mark.parametrize("kind, degree", [("quadrilateral", 2), ("hexahedron", 2)])
def test_marked_cells_are_cut_and_their_neighbours_are_twice_their_size_at_most(kind, degree):
    """Volumes, groups and the boundary stay; no two nodes are at one place."""
    mesh, rng = grouped(kind, degree), np.random.default_rng(1)
    fine = mesh
    for _ in range(3):
        fine = fine.refined(rng.choice(fine.n_cells, fine.n_cells // 5 + 1, replace=False))
    for name in (*mesh.facet_groups, "all"):
        assert area(fine, name) == pytest.approx(area(mesh, name), rel=1e-9)
    assert volume(fine) == pytest.approx(volume(mesh), rel=1e-13)
    assert volume(fine, "some") == pytest.approx(volume(mesh, "some"), rel=1e-13)
    x = np.asarray(fine.points)
    np.testing.assert_array_equal(x[: mesh.n_points], mesh.points)
    assert len(np.unique(np.round(x, 10), axis=0)) == len(x)
    np.testing.assert_array_equal(fine.nodes_on("end"), fine.nodes_on("left"))
    level = np.asarray(fine.forest.level)
    assert level.max() >= 2
    for split in fine.forest.splits:
        coarse, parts = np.asarray(split.coarse)[:, 0], np.asarray(split.fine)[..., 0]
        np.testing.assert_array_equal(level[parts], level[coarse][:, None] + np.ones(parts.shape, int))
    assert fine.refined().refined().n_cells == fine.n_cells * 4**mesh.dim
    assert mesh.refined(np.ones(mesh.n_cells, bool)).forest is None


def test_mixed_cells_and_prisms():
    points = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [2, 0], [2, 1]], float)
    mesh = fem.Mesh(points, [[[0, 1, 2, 3]], [[1, 4, 3], [4, 5, 3]]], ["quadrilateral", "triangle"],
                    facet_groups={"left": [[0, 1]]})  # fmt: skip
    fine = mesh.refined()
    assert [len(block.nodes) for block in fine.blocks] == [4, 8]
    assert sum(np.sum(part) for part in [fem.cells_of(fem.FunctionSpace(fine), None, 2).geometry(fine).measure]) == (
        pytest.approx(2.0)
    )
    assert len(fine.boundary_facets()) == 2 * len(mesh.boundary_facets())
    assert len(fine.facets("left")) == 2


def test_each_node_of_a_large_mesh_is_one_of_its_own():
    """Nodes were known by some thirty bits: two of 100,000 were one, and a cell that had them was torn."""
    count = 100_000
    fine = fem.line(count).refined()
    np.testing.assert_allclose(np.sort(np.asarray(fine.points)[:, 0]), np.linspace(0, 1, 2 * count + 1), atol=1e-14)


def test_what_cannot_be_refined_is_refused():
    prism = fem.Mesh(
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1.0]], [[0, 1, 2, 3, 4, 5]], "prism"
    )
    with pytest.raises(ValueError, match="Marked cells are cut where all are triangles, quadrilaterals, .* has prism"):
        prism.refined([0])
    with pytest.raises(ValueError, match="marks"):
        fem.rectangle((2, 2), cell_type="triangle").refined(np.ones(3, bool))
    pyramid = fem.Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1.0]], [[0, 1, 2, 3, 4]], "pyramid")
    with pytest.raises(ValueError, match="Pyramids"):
        pyramid.refined()
