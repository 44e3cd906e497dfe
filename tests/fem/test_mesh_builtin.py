"""Volumes and outward facet areas of the built-in meshes, by quadrature apart from the library."""

import time

import basix
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.fem import box, line, rectangle


LENGTHS = (3.0, 2.0, 0.5)
MESHES = {
    "line": lambda d: line(5, LENGTHS[0], degree=d),
    "quadrilateral": lambda d: rectangle((3, 2), LENGTHS[:2], degree=d),
    "triangle": lambda d: rectangle((3, 2), LENGTHS[:2], cell_type="triangle", degree=d),
    "hexahedron": lambda d: box((3, 1, 2), LENGTHS, degree=d),
    "tetrahedron": lambda d: box((3, 1, 2), LENGTHS, cell_type="tetrahedron", degree=d),
}
OUTWARD = {"left": (0, -1), "right": (0, 1), "front": (1, -1), "back": (1, 1)}


def jacobian(mesh, cells, where):
    element = basix.create_element(
        basix.ElementFamily.P, basix.CellType[mesh.cell_type], mesh.degree, basix.LagrangeVariant.equispaced
    )
    gradient = element.tabulate(1, where)[1:, :, :, 0]
    return np.einsum("cad,kqa->cqdk", np.asarray(mesh.points)[np.asarray(mesh.cells)[cells]], gradient)


def area_vectors(mesh, pairs):
    """Integral of the outward unit normal over each facet: the cofactor of J on the reference normal."""
    kind = basix.CellType[mesh.cell_type]
    corners, topology = basix.geometry(kind), basix.topology(kind)[-2]
    normals = basix.cell.facet_outward_normals(kind)
    out = []
    for cell, facet in np.asarray(pairs):
        vertices = corners[topology[facet]]
        if len(vertices) == 1:
            where, weights = vertices, np.ones(1)
        else:
            facet_kind = basix.CellType(basix.cell.subentity_types(kind)[-2][facet])
            local, weights = basix.make_quadrature(facet_kind, 4)
            axes = vertices[1 : local.shape[1] + 1] - vertices[0]
            where = vertices[0] + local @ axes
            weights = weights * np.sqrt(np.linalg.det(axes @ axes.T))
        j = jacobian(mesh, [cell], where)[0]
        cofactor = np.linalg.det(j)[:, None, None] * np.linalg.inv(j).transpose(0, 2, 1)
        out.append(np.einsum("q,qij,j->i", weights, cofactor, normals[facet]))
    return np.array(out)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("name", MESHES)
def test_volume(name, degree):
    mesh = MESHES[name](degree)
    where, weights = basix.make_quadrature(basix.CellType[mesh.cell_type], 4)
    det = np.linalg.det(jacobian(mesh, slice(None), where))
    assert np.all(det > 0)
    volumes = det @ weights
    assert np.allclose(volumes, volumes[0], rtol=1e-12)
    assert np.isclose(volumes.sum(), np.prod(LENGTHS[: mesh.dim]), rtol=1e-13)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("name", MESHES)
def test_sides_face_outward(name, degree):
    mesh = MESHES[name](degree)
    outward = {**OUTWARD, "bottom": (mesh.dim - 1, -1), "top": (mesh.dim - 1, 1)}
    assert len(mesh.facet_groups) == 2 * mesh.dim
    for side, pairs in mesh.facet_groups.items():
        axis, sign = outward[side]
        expected = np.zeros(mesh.dim)
        expected[axis] = sign * np.prod(LENGTHS[: mesh.dim]) / LENGTHS[axis]
        assert np.allclose(area_vectors(mesh, pairs).sum(axis=0), expected, rtol=1e-12, atol=1e-13)
        nodes = np.asarray(mesh.points)[np.asarray(mesh.nodes_on(side)), axis]
        assert np.array_equal(nodes, np.full(len(nodes), 0.0 if sign < 0 else LENGTHS[axis]))


@pytest.mark.parametrize("name", MESHES)
def test_interior_facets_meet(name):
    """Over all facets of all cells the area vectors cancel, but for those of the boundary."""
    mesh = MESHES[name](2)
    n_facets = len(basix.topology(basix.CellType[mesh.cell_type])[-2])
    pairs = np.stack(np.divmod(np.arange(mesh.n_cells * n_facets), n_facets), axis=1)
    boundary = {tuple(pair) for pair in np.asarray(mesh.boundary_facets()).tolist()}
    interior = [pair for pair in pairs if tuple(pair.tolist()) not in boundary]
    assert len(interior) % 2 == 0 and len(interior) + len(boundary) == len(pairs)
    assert np.allclose(area_vectors(mesh, interior).sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("name", MESHES)
def test_quadratic_nodes_lie_where_basix_puts_them(name):
    straight, quadratic = MESHES[name](1), MESHES[name](2)
    assert straight.n_cells == quadratic.n_cells
    kind = basix.CellType[straight.cell_type]
    element = basix.create_element(basix.ElementFamily.P, kind, 2, basix.LagrangeVariant.equispaced)
    first = basix.create_element(basix.ElementFamily.P, kind, 1, basix.LagrangeVariant.equispaced)
    shape = first.tabulate(0, element.points)[0, :, :, 0]
    expected = np.einsum("av,cvd->cad", shape, np.asarray(straight.points)[np.asarray(straight.cells)])
    assert np.allclose(np.asarray(quadratic.points)[np.asarray(quadratic.cells)], expected, atol=1e-14)


def test_lengths_may_be_traced():
    gradient = jax.grad(lambda height: jnp.sum(box((2, 2, 2), (1.0, 1.0, height)).points))(2.0)
    assert jnp.isclose(gradient, 9 * (0.0 + 0.5 + 1.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: line(0), r"`n` must be 1 positive integers, got \(0,\)"),
        (lambda: rectangle((2, 2, 2)), "`n` must be 2 positive integers"),
        (lambda: rectangle((2.0, 2)), "`n` must be 2 positive integers"),
        (lambda: rectangle((2, 2), (1.0, -1.0)), "`lengths` must be positive"),
        (lambda: box((1, 1, 1), (1.0, 1.0)), "`lengths` must be 3 numbers, got 2"),
        (
            lambda: box((1, 1, 1), cell_type="triangle"),
            "must be 'hexahedron' or 'tetrahedron', got",
        ),
        (lambda: line(2, degree=3), "must be 1 or 2, got 3"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_hundred_thousand_cells_take_no_time():
    start = time.process_time()
    mesh = box((47, 47, 47))
    mesh.boundary_facets()
    assert mesh.n_cells > 100_000
    assert time.process_time() - start < 5
