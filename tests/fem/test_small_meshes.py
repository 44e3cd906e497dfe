"""Meshes in metres of bodies of micrometres, in float32: third powers of lengths and their squares are beyond its range."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys._small import inverse, inverse_and_determinant
from simphys.fem import FunctionSpace, cells_of, facets_of


def slopes(dim):
    """A mesh, and (points, L) ↦ ∂/∂x of ∫ |∇X|² L² dx and of areas, lengths measured by L: one program for all L."""
    mesh = sp.fem.rectangle((2, 1)) if dim == 2 else sp.fem.box((2, 1, 1), cell_type="tetrahedron")
    space = FunctionSpace(mesh, 1)

    def numbers(points, size):
        moved = sp.fem.Mesh(points, mesh.cells, mesh.cell_type, facet_groups=mesh.facet_groups)
        cells, facets = (d.geometry(moved) for d in (cells_of(space), facets_of(space, "right")))
        stiffness = jnp.sum(jnp.sum((cells.inverse * size) ** 2, (-2, -1)) * (cells.measure / size**mesh.dim))
        area = jnp.sum(facets.measure / size ** (mesh.dim - 1) * (1 + facets.normal[..., 0] ** 2))
        return jnp.stack([stiffness, area])

    return mesh, jax.jit(lambda points, size: size * jax.jacrev(numbers)(points, size))


@pytest.mark.breadth
@pytest.mark.parametrize("dim", [2, 3])
def test_geometry_and_its_derivative(dim):
    mesh, slope = slopes(dim)
    for size in (1.0, 1e-7, 1e-10, 1e6):
        wanted = np.asarray(slope(size * mesh.points, size))
        found = np.asarray(slope((size * mesh.points).astype(jnp.float32), size))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.breadth
@pytest.mark.parametrize("n", [2, 3, 4])
def test_inverse_of_rows_and_columns_in_different_units(n):
    a = np.random.default_rng(n).uniform(0.5, 1, (n, n)) + n * np.eye(n)
    rows, columns = 10.0 ** np.linspace(-12, 12, n), 10.0 ** np.linspace(9, -14, n)
    scaled = rows[:, None] * a * columns
    found = np.asarray(inverse(jnp.asarray(scaled, jnp.float32)), float) * columns[:, None] * rows
    np.testing.assert_allclose(found, np.linalg.inv(a), rtol=1e-5)


@pytest.mark.parametrize("n", [2, 3])
def test_the_host_agrees(n):
    a = 1e-9 * np.random.default_rng(n).standard_normal((4, n, n))
    for x, y in zip(inverse_and_determinant(a, np), inverse_and_determinant(jnp.asarray(a)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12)
    np.testing.assert_allclose(inverse_and_determinant(a, np)[1], np.linalg.det(a), rtol=1e-10)
