"""Facets between two cells: both sides see the same points, jumps and means, discontinuous spaces."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import newton_step, root

import simphys as sp
from simphys.fem import Dirichlet, Energy, FunctionSpace, Mesh, Weak, box, line, rectangle
from simphys.fem._element import lagrange_element
from simphys.fem._interior import interior_of
from simphys.physics import Balance
from simphys.stepping import BackwardEuler, march


TURNS = {
    "quadrilateral": (1, 3, 0, 2),
    "tetrahedron": (1, 2, 0, 3),
    "hexahedron": (1, 3, 0, 2, 5, 7, 4, 6),
}


def turned(mesh):
    """The mesh with every second cell numbered from another corner, every third from a third one."""
    turn = np.array(TURNS[mesh.cell_type])
    cells = np.array(mesh.cells)
    cells[::2] = cells[::2][:, turn]
    cells[::3] = cells[::3][:, turn]
    return Mesh(mesh.points, cells, mesh.cell_type)


@pytest.mark.breadth
@pytest.mark.parametrize("cell_type", ["hexahedron", "tetrahedron"])
def test_both_cells_see_the_same_points(cell_type):
    mesh = turned(box((2, 2, 2), cell_type=cell_type))
    space = FunctionSpace(mesh, 2)
    domain = interior_of(space)
    geometry = domain.geometry(mesh)
    far = domain._far_tables(lagrange_element(mesh.cell_type, 1), mesh.points.dtype)[0][..., 0]
    position = jnp.einsum("eqg,egd->eqd", far, mesh.points[mesh.cells[domain.behind]])
    np.testing.assert_allclose(position, geometry.position, atol=1e-14)
    outward = mesh.points[mesh.cells[domain.behind]].mean(1) - mesh.points[mesh.cells[domain.cells]].mean(1)
    assert jnp.all(jnp.einsum("ed,eqd->eq", outward, geometry.normal) > 0)
    # A continuous field has no jump, and a linear one none in its gradient.
    field = space.interpolate(lambda x: x[0] + 2 * x[1])[domain.nodes(space)]
    columns = jnp.einsum("ea,eqas->eqs", field, domain.basis(space, geometry, "both"))
    near, behind = jnp.split(columns, 2, axis=-1)
    np.testing.assert_allclose(near, behind, atol=1e-12)


def exact(x):
    return jnp.prod(jnp.sin(jnp.pi * x))


def penalised(mesh, degree):
    """−Δu = 2π² exact by symmetric interior penalty, boundary values weakly."""
    space, penalty = FunctionSpace(mesh, degree, continuous=False), 8.0 * degree**2
    inner = Weak(lambda u, at, p: (-2 * jnp.pi**2 * exact(at.position), u.gradient), symmetric=True, linear=True)
    jumps = lambda u, at, p: (penalty / at.size * u.jump - u.mean_gradient @ at.normal, -u.jump * at.normal)
    walls = lambda u, at, p: (penalty / at.size * u.value - u.gradient @ at.normal, -u.value * at.normal)
    options = dict(symmetric=True, linear=True)
    return Balance(space, [inner, Weak(jumps, where="interior", **options), Weak(walls, where="all", **options)])


@pytest.mark.slow
def test_interior_penalty_at_its_order():
    errors, degree = [], 2
    for n in (4, 8):
        pde = penalised(turned(rectangle((n, n))), degree)
        errors.append(float(jnp.max(jnp.abs(newton_step(pde) - jax.vmap(exact)(pde.space.nodes())))))
    found = sp.solve(penalised(turned(rectangle((2, 2))), degree))
    assert found.stats.newton_steps == 1 and found.certificate.tangent_defect < 1e-12
    assert np.log2(errors[0] / errors[1]) > degree + 0.6


@pytest.mark.slow
def test_finite_volumes_by_upwind_fluxes():
    """u' + u = 0 by one value a cell: u_k = u_{k−1} / (1 + h), and in time nothing is lost but at the end."""
    n, h = 8, 1 / 8
    space = FunctionSpace(line(n, 1.0), 0, continuous=False)
    upwind = Weak(lambda u, at, a: (a * u.near.value, None), jnp.array(1.0), "interior")
    ends = [
        Weak(lambda u, at, a: (-a, None), jnp.array(1.0), "left"),
        Weak(lambda u, at, a: (a * u.value, None), jnp.array(1.0), "right"),
    ]
    decay = Weak(lambda u, at, p: (u.value, None))
    steady = root(Balance(space, [upwind, *ends, decay]))
    np.testing.assert_allclose(steady, (1 + h) ** -np.arange(1.0, n + 1), rtol=1e-12)
    pde = Balance(space, [upwind, ends[1]], stored=Energy(lambda u, at, p: u.value**2 / 2, linear=True))
    found = march(BackwardEuler(), pde, jnp.ones(n), jnp.linspace(0.0, 0.3, 4)).values
    content = jnp.sum(found, axis=1) * h
    np.testing.assert_allclose(content[:-1] - content[1:], 0.1 * found[1:, -1], rtol=1e-10)


@pytest.mark.slow
def test_an_interface_that_gives():
    """Two bars in series with a joint of stiffness k between: an energy of the jump, and its derivative by k."""
    groups = dict(left=[[0, 0]], right=[[3, 1]], joint=[[1, 1]], within=[[0, 1], [2, 1]])
    mesh = Mesh(line(4, 2.0).points, line(4, 2.0).cells, "interval", facet_groups=groups)
    space = FunctionSpace(mesh, 1, continuous=False)
    spring = lambda u, at, k: k * u.jump**2 / 2
    with pytest.raises(ValueError, match="1 of the 1 facets of 'left' lie on the boundary"):
        Balance(space, [Energy(spring, where="left", side="both")])
    bars = Energy(lambda u, at, p: jnp.sum(u.gradient**2) / 2, linear=True)
    glue = Energy(spring, jnp.array(1e6), "within", side="both", linear=True)
    joint = Energy(spring, jnp.array(0.5), "joint", side="both", linear=True)
    pull = Weak(lambda u, at, q: (-q, None), jnp.array(3.0), "right")
    pde = Balance(space, [bars, glue, joint, pull], [Dirichlet("left", 0.0)])
    end = lambda k: sp.solve(eqx.tree_at(lambda p: p.forms[2].parameters, pde, k)).value[-1]
    value, slope = jax.jit(jax.value_and_grad(end))(jnp.array(0.5))
    np.testing.assert_allclose([value, slope], [3.0 * 2.0 + 3.0 / 0.5 + 6e-6, -3.0 / 0.25], rtol=1e-9)


def test_what_differs_from_cell_to_cell_is_refused_between_them():
    space = FunctionSpace(line(3, 1.0), 1, continuous=False)
    field = sp.fem.CellField(jnp.ones(3))
    with pytest.raises(ValueError, match="a parameter that differs from cell to cell has two values"):
        Balance(space, [Weak(lambda u, at, k: (k * u.jump, None), field, "interior")])
