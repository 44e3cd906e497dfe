"""Elements of Basix: what they hold, what is continuous between cells, derivatives on any cell, and de Rham's sequence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_space import scrambled

from simphys.fem import FunctionSpace, cells_of
from simphys.fem._interior import interior_of
from simphys.fem._meant import element_of


SCALAR = [
    ("triangle", 5),
    ("tetrahedron", 4),
    ("hexahedron", 4),
    ("quadrilateral", ("S", 3)),
    ("hexahedron", ("S", 2)),
    ("triangle", [1, ("bubble", 3)]),
]
# Both maps on each cell, each family on two of them.
VECTORS = [
    ("triangle", ("RT", 2)),
    ("triangle", ("N2curl", 1)),
    ("tetrahedron", ("BDM", 2)),
    ("tetrahedron", ("N1curl", 2)),
    ("quadrilateral", ("BDM", 2)),
    ("quadrilateral", ("N1curl", 2)),
    ("hexahedron", ("RT", 2)),
    ("hexahedron", ("N2curl", 2)),
]
NORMAL = ("RT", "BDM")


def label(given):
    return str(given).replace("'", "")


def held(element, cell):
    """A function that an element holds on affine cells, vectors from polynomials of degree k or k − 1."""
    if isinstance(element, tuple) and element[0] in (*NORMAL, "N1curl", "N2curl"):
        degree = element[1] - (element[0] in ("RT", "N1curl"))
        return lambda x: jnp.stack([(1 + k - 0.3 * jnp.sum(x) + x[0]) ** degree for k in range(x.shape[0])])
    degree = element if isinstance(element, int) else element[1] if isinstance(element, tuple) else 1
    return lambda x: (1 + x[0] - 0.5 * x[-1]) ** degree


def affine(cell, size=2):
    """Cells that start at random corners, mapped by one affine map."""
    mesh = scrambled(cell, size, moved=0.0)
    A = np.eye(mesh.dim) + 0.2 * np.random.default_rng(0).standard_normal((mesh.dim, mesh.dim))
    return type(mesh)(np.asarray(mesh.points) @ A.T, mesh.cells, cell, facet_groups=mesh.facet_groups)


def inside(space, count=7, seed=3):
    """Points within cells, each cell of a mesh given some weights of its corners."""
    rng, mesh = np.random.default_rng(seed), space.mesh
    cells = rng.integers(mesh.n_cells, size=count)
    weights = rng.dirichlet(np.full(mesh.cells.shape[1], 3.0), count)
    return np.einsum("pa,pad->pd", weights, np.asarray(mesh.points)[np.asarray(mesh.cells)[cells]])


@pytest.mark.breadth
@pytest.mark.parametrize(("cell", "element"), SCALAR + VECTORS, ids=label)
def test_what_an_element_holds_is_found_again(cell, element):
    space = FunctionSpace(affine(cell), element)
    function = held(element, cell)
    points = inside(space)
    found = space.evaluate(space.interpolate(function), points)
    np.testing.assert_allclose(found, jax.vmap(function)(points), atol=2e-11)


@pytest.mark.breadth
@pytest.mark.parametrize(("cell", "element"), SCALAR + VECTORS, ids=label)
def test_what_is_continuous_between_cells(cell, element):
    """All of a scalar, the normal component in H(div), the tangential one in H(curl), for any values."""
    space = FunctionSpace(scrambled(cell, 2), element)
    domain = interior_of(space)
    geometry = domain.geometry(space.mesh)
    field = jnp.asarray(np.random.default_rng(0).standard_normal(space.shape))
    columns = jnp.einsum("ea,eqas->eqs", field[domain.nodes(space)], domain.basis(space, geometry, "value"))
    jump = jnp.subtract(*jnp.split(columns, 2, axis=-1))
    family = element[0] if isinstance(element, tuple) else "P"
    along = jnp.einsum("eqd,eqd->eq", jump, geometry.normal)[..., None] if space.element.vectorial else jump
    seen = along if family in NORMAL or not space.element.vectorial else jump - along * geometry.normal
    assert jnp.abs(seen).max() < 1e-10 * max(1.0, float(jnp.abs(columns).max()))
    assert not space.element.vectorial or jnp.abs(jump).max() > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize(("element", "degree"), ((("S", 2), 2), (("RT", 1), 2), (("N1curl", 2), 1)))
def test_derivatives_are_those_of_the_values_on_any_cell(element, degree):
    """Gradients (and second derivatives) on distorted and on curved cells, against automatic differentiation."""
    mesh = scrambled("quadrilateral", 2, degree)
    space = FunctionSpace(mesh, element, quadrature_degree=2)
    geometry = cells_of(space).geometry(mesh)
    field = jnp.asarray(np.random.default_rng(0).standard_normal(space.shape))
    scalar = not space.element.vectorial
    columns = cells_of(space).basis(space, geometry, "gradient+hessian" if scalar else "gradient")
    found = jnp.einsum("ea,eqas->eqs", field[np.asarray(space.cells)], columns).reshape(-1, columns.shape[-1])
    points = geometry.position.reshape(-1, 2)
    sensors = space.locate(points)

    def at(x, cell, X):
        one = type(sensors)(x[None], cell[None], X[None])
        return space.evaluate(field, one)[0]

    each = jax.vmap(jax.jacfwd(at))(points, sensors.cells, sensors.reference)
    expected = each.reshape(len(points), -1)
    if scalar:
        second = jax.vmap(jax.jacfwd(jax.jacfwd(at)))(points, sensors.cells, sensors.reference)
        expected = jnp.concatenate([expected, second.reshape(len(points), -1)], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-8 * float(jnp.abs(expected).max()))


def slopes(space, u):
    """∇u_h at quadrature points, (cell, q, component, dim) or without the axis of components; and their measures."""
    domain = cells_of(space, degree=4)
    geometry = domain.geometry(space.mesh)
    columns = domain.basis(space, geometry, "gradient")
    found = jnp.einsum("ea,eqas->eqs", u[space.cells], columns)
    dim = space.mesh.dim
    return (found.reshape(*found.shape[:2], dim, dim) if space.element.vectorial else found), geometry


def rot(J):
    """curl of a vector field from its gradient: a scalar in 2-D."""
    turn = lambda i, j: J[..., j, i] - J[..., i, j]
    return turn(0, 1) if J.shape[-1] == 2 else jnp.stack([turn(1, 2), turn(2, 0), turn(0, 1)], axis=-1)


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "degree"), [("tetrahedron", 2), ("hexahedron", 1)])
def test_de_rham(cell, degree):
    """Π grad = grad Π, Π curl = curl Π, and ∫ q div Π w = ∫ q div w; in the plane: `test_mixed_families`."""
    mesh = affine(cell)
    dim = mesh.dim
    P, N, R = (FunctionSpace(mesh, e) for e in (degree, ("N1curl", degree), ("RT", degree)))
    # Functionals are quadratures, exact for w of degree k; what they give of w is not w.
    wave = lambda x, k: (1 + x @ jnp.arange(1.0, dim + 1)) ** k + x[0] * x[-1] ** (k - 1)
    scalar = lambda x: wave(x, degree + 1)
    vector = lambda x: jnp.stack([wave(x[::-1] if k else 0.5 * x, degree) for k in range(dim)])
    values = lambda space, u: jnp.einsum(
        "ea,eqas->eqs", u[space.cells], cells_of(space, degree=4).basis(space, slopes(space, u)[1], "value")
    )
    near = lambda found, expected: np.testing.assert_allclose(
        found, expected, atol=1e-12 * float(jnp.abs(expected).max())
    )
    near(values(N, N.interpolate(jax.grad(scalar))), slopes(P, P.interpolate(scalar))[0])
    near(values(R, R.interpolate(lambda x: rot(jax.jacfwd(vector)(x)))), rot(slopes(N, N.interpolate(vector))[0]))
    found, geometry = slopes(R, R.interpolate(vector))
    exact = jax.vmap(jax.vmap(lambda x: jnp.trace(jax.jacfwd(vector)(x))))(geometry.position)
    tests = geometry.position if degree == 2 else jnp.ones_like(geometry.position)
    integral = lambda div: jnp.einsum("eq,eq,eqd->ed", div, geometry.measure, tests)
    near(integral(jnp.trace(found, axis1=2, axis2=3)), integral(exact))


@pytest.mark.parametrize("family", ("BDM", "N2curl"))
@pytest.mark.parametrize("degree", (1, 2))
def test_vectors_on_quadrilaterals_have_derivatives_one_degree_lower(family, degree):
    """Basix's own have not: div (x², 2xy) in place of div (x², −2xy), and mixed methods lose an order."""
    points = np.random.default_rng(0).random((40, 2))
    _, slope = element_of("quadrilateral", (family, degree)).tabulate(points)
    found = slope[..., 0, 0] + slope[..., 1, 1] if family == "BDM" else slope[..., 1, 0] - slope[..., 0, 1]
    lower = np.stack([points[:, 0] ** i * points[:, 1] ** j for i in range(degree) for j in range(degree - i)], axis=1)
    np.testing.assert_allclose(lower @ np.linalg.lstsq(lower, found, rcond=None)[0], found, atol=1e-11)
