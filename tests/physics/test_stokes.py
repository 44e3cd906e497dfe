"""Creeping flow: exact flows, rates, stability of the pair, enclosed bodies, block preconditioning."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
import scipy.linalg
from _manufactured import errors, grid, irregular, newton_step
from _mixed import exact, linear_steps

import simphys as sp
from simphys._ranges import inadmissible
from simphys.fem import CellField, Dirichlet, FunctionSpace, NodalField, rectangle, taylor_hood
from simphys.linalg import Minres, to_scipy
from simphys.physics import BodyForce, NodalForces, Pressure, Stokes, Traction


MU = 0.7
WALLS = ("left", "right", "bottom", "top")


def velocity(x):
    """curl of ψ = sin(2 x + 0.3) e^y"""
    return jnp.stack([jnp.sin(2 * x[0] + 0.3), -2 * jnp.cos(2 * x[0] + 0.3)]) * jnp.exp(x[1])


def pressure(x):
    return jnp.cos(3 * x[0] - x[1])


def stress(x):
    rate = jax.jacfwd(velocity)(x)
    return MU * (rate + rate.T) - pressure(x) * jnp.eye(2)


def force(x):
    return -jnp.trace(jax.jacfwd(stress)(x), axis1=1, axis2=2)


def parabola(x):
    return jnp.array([4 * x[1] * (1 - x[1]), 0.0])


def _errors(cell_type, n, degree):
    mesh = irregular(grid(cell_type, n), 0.08 / n)
    space = taylor_hood(mesh, degree)
    load = BodyForce(NodalField(space[0].interpolate(force)))
    v, p = newton_step(Stokes(space, MU, [Dirichlet("all", velocity)], [load]))
    # The pressure is known up to a constant: that of the least error.
    p = p - jnp.mean(p - space[1].interpolate(pressure))
    return np.array([*errors(space[0], v, velocity), errors(space[1], p, pressure)[0]])


@pytest.mark.slow
def test_rates(cell_type="triangle", degree=3):
    """Of order p + 1 for the velocity in L2, p for its gradient and for the pressure."""
    coarse, fine = (_errors(cell_type, n, degree) for n in (4, 8))
    rates = np.log2(coarse / fine)
    print(f"{cell_type} degree {degree}: velocity L2 {rates[0]:.2f}, H1 {rates[1]:.2f}, pressure L2 {rates[2]:.2f}")
    assert degree + 0.75 < rates[0] < degree + 1.6
    assert degree - 0.25 < rates[1] < degree + 0.6
    assert degree - 0.25 < rates[2] < degree + 1.1


def _inf_sup(space):
    """The least β with sup_v b(v, q) / |v|₁ = β ‖q‖ for some q of mean 0."""
    problem = Stokes(space, 0.5, [Dirichlet("all", 0.0)])
    n = problem.system.reduction.sizes[0]
    dense = to_scipy(problem.jacobian(problem.unknowns(None))).toarray()
    K, B = dense[:n, :n], dense[n:, :n]
    # The pinned node's row is minus the sum of the others: q = 1 is in the kernel.
    B = np.concatenate([-B.sum(axis=0, keepdims=True), B])
    M = _mass(space[1])
    values = scipy.linalg.eigh(B @ np.linalg.solve(K, B.T), M, eigvals_only=True)
    assert abs(values[0]) < 1e-10
    return np.sqrt(values[1])


def _mass(space):
    from simphys.fem import cells_of
    from simphys.fem._mass import element_masses

    domain = cells_of(space, degree=4)
    cells, local = np.asarray(space.cells), element_masses(space, domain, domain.geometry(space.mesh).measure)
    M = np.zeros((space.n_nodes,) * 2)
    np.add.at(M, (cells[:, :, None], cells[:, None, :]), np.asarray(local))
    return M


@pytest.mark.slow
@pytest.mark.parametrize("cell_type", ["quadrilateral", "triangle"])
def test_inf_sup_constant_does_not_vanish(cell_type):
    """β stays as the mesh is refined."""
    betas = [_inf_sup(taylor_hood(irregular(grid(cell_type, n), 0.1 / n))) for n in (4, 12)]
    print(f"{cell_type}: inf-sup constants {np.round(betas, 3)}")
    assert min(betas) > 0.3 and betas[1] > 0.85 * betas[0]


@pytest.mark.slow
def test_channel():
    """Poiseuille's flow is in the space, and its divergence vanishes at every point: nothing is left to judge it by."""
    space = taylor_hood(rectangle((4, 2), (2.0, 1.0)))
    walls = [Dirichlet("bottom", 0.0), Dirichlet("top", 0.0)]
    problem = Stokes(space, MU, [Dirichlet("left", parabola), *walls, Dirichlet("right", (None, 0.0))])
    solution = sp.solve(problem)
    v, p = solution.value
    np.testing.assert_allclose(v, space[0].interpolate(parabola), atol=1e-12)
    np.testing.assert_allclose(p, 8 * MU * (2 - space[1].nodes()[:, 0]), atol=1e-11)
    assert solution.stats.newton_steps == 1
    # The lower cell at the left: −p and μ ∂v/∂y, averaged over x < ½, y < ½.
    np.testing.assert_allclose(
        problem.stress(solution.value)[0], MU * np.array([[-14.0, 2.0], [2.0, -14.0]]), rtol=1e-11
    )


@pytest.mark.slow
def test_fluid_at_rest():
    """Gravity is held by the pressure, which is 0 at the first node; the velocity is rounding, and that is a root."""
    space = taylor_hood(rectangle((3, 3)))
    problem = Stokes(space, MU, [Dirichlet(w, 0.0) for w in WALLS], [BodyForce(jnp.array([0.0, -9.81]))])
    solution = sp.solve(problem)
    v, p = solution.value
    assert jnp.max(jnp.abs(v)) < 1e-12
    np.testing.assert_allclose(p, -9.81 * space[1].nodes()[:, 1], atol=1e-11)


@pytest.fixture(scope="module")
def vessels():
    """Two unconnected squares; only the second has an outlet."""
    mesh = grid("quadrilateral", 2)
    points = np.asarray(mesh.points)
    cells = np.concatenate([mesh.cells, mesh.cells + len(points)])
    groups = {name: np.concatenate([f, np.asarray(f) + [[4, 0]]]) for name, f in mesh.facet_groups.items()}
    left = np.asarray(mesh.facet_groups["left"]) + [[4, 0]]
    groups["walls"] = np.concatenate([np.asarray(mesh.facet_groups["all"]), left])
    points = np.concatenate([points, points + [[3.0, 0.0]]])
    return type(mesh)(points, cells, mesh.cell_type, 1, facet_groups=groups)


def test_pressure_is_fixed_where_nothing_else_does(vessels):
    space = taylor_hood(vessels)
    held = Stokes(space, MU, [Dirichlet("walls", 0.0)])
    assert [c.where for c in held.constraints if c.field == 1] == [(0,)]
    given = Stokes(space, MU, [Dirichlet("walls", 0.0), Dirichlet([3], 2.0, field=1)])
    assert [c.where for c in given.constraints if c.field == 1] == [(3,)]


@pytest.mark.parametrize("level", [(), (Dirichlet([3], 2.0, field=1),)])
def test_a_volume_that_comes_in_later_is_no_flow(level):
    """What replaces prescribed values is seen by no constructor: without an outlet a node would swallow it."""
    space = taylor_hood(rectangle((2, 2)))
    through = [Dirichlet(w, 0.0) for w in WALLS[2:]] + [Dirichlet(w, parabola) for w in WALLS[:2]]
    problem = Stokes(space, MU, [*through, *level])
    assert not inadmissible(problem)
    more = eqx.tree_at(lambda p: p.constraints[2].value, problem, 1.5 * problem.constraints[2].value)
    assert inadmissible(more) == ["Stokes: what flows in flows out"]
    with pytest.raises(ValueError, match="net volume of"):
        Stokes(space, MU, [*through, Dirichlet("left", 0.0), *level])
    single = type(space[0].mesh)(
        jnp.asarray(space[0].mesh.points, jnp.float32),
        space[0].mesh.cells,
        "quadrilateral",
        1,
        facet_groups=space[0].mesh.facet_groups,
    )
    assert len(Stokes(taylor_hood(single), MU, through).constraints) == 5


def test_misuse_raises():
    mesh = grid("quadrilateral", 2)
    space = taylor_hood(mesh)
    everywhere = [Dirichlet("all", 0.0)]
    with pytest.raises(ValueError, match="taylor_hood"):
        Stokes((FunctionSpace(mesh, 1, 2), FunctionSpace(mesh, 1)), MU, everywhere)
    with pytest.raises(ValueError, match="2 or 3"):
        taylor_hood(mesh, 1)
    with pytest.raises(ValueError, match="positive"):
        Stokes(space, 0.0, everywhere)
    with pytest.raises(ValueError, match="net volume of"):
        Stokes(space, MU, [*everywhere, Dirichlet("left", parabola)])
    with pytest.raises(ValueError, match="not held against"):
        Stokes(space, MU, [Dirichlet("left", (None, 0.0))])
    with pytest.raises(ValueError, match="follower"):
        Stokes(space, MU, everywhere, [Pressure("left", 1.0, follower=True)])
    with pytest.raises(ValueError, match="must have shape"):
        Stokes(space, MU, everywhere, [NodalForces(jnp.zeros((3, 2)))])


@pytest.mark.slow
def test_iterations_do_not_grow(cell_type="quadrilateral"):
    """Lid-driven cavities, viscosity jumping by 1000: 16 times the unknowns take at most a third more steps."""
    found = []
    for n in (4, 16):
        mesh = rectangle((n, n), cell_type=cell_type)
        centre = np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)
        viscosity = CellField(np.where(centre[:, 0] < 0.5, 1e-3, 1.0))
        lid = [*(Dirichlet(w, 0.0) for w in WALLS[:3]), Dirichlet("top", (1.0, 0.0))]
        found.append(linear_steps(Stokes(taylor_hood(mesh), viscosity, lid, primal=exact), Minres(rtol=1e-8)))
    print(f"{cell_type}: MINRES steps {found}")
    assert found[1] <= 1.34 * found[0] <= 60


@pytest.mark.slow
def test_gradients_through_the_block_preconditioner():
    """Flow rate by forces and viscosity: `Minres` gives what factorisations and their differences give."""
    space = taylor_hood(rectangle((4, 2), (2.0, 1.0)))
    walls = [Dirichlet("bottom", 0.0), Dirichlet("top", 0.0)]
    loads = [Traction("left", jnp.array([1.0, 0.0])), BodyForce(jnp.array([0.3, 0.1]))]
    solver = Minres(rtol=1e-11)
    methods = dict(method=sp.Newton(linear_solver=solver), adjoint=sp.Implicit(linear_solver=solver))

    @eqx.filter_jit
    def rate(viscosity, traction, primal, **options):
        problem = eqx.tree_at(lambda s: (s.viscosity, s.loads[0].value), primal, (viscosity, traction))
        return jnp.mean(sp.solve(problem, **options).value[0][:, 0] ** 2)

    at = jnp.asarray(MU), loads[0].value
    gradient = eqx.filter_value_and_grad(lambda at, problem, options: rate(*at, problem, **options))
    blocks, direct = Stokes(space, MU, walls, loads, primal=exact), Stokes(space, MU, walls, loads)
    value, slopes = gradient(at, blocks, methods)
    numbers = lambda s: (s.viscosity, s.loads[0].value)
    exactly = lambda *at: np.mean(newton_step(eqx.tree_at(numbers, direct, at))[0][:, 0] ** 2)
    np.testing.assert_allclose(value, exactly(*at), rtol=1e-7)
    h = 1e-4 * MU
    by_viscosity = (exactly(at[0] + h, at[1]) - exactly(at[0] - h, at[1])) / (2 * h)
    np.testing.assert_allclose(slopes[0], by_viscosity, rtol=1e-7)
    for way, slope in zip(1e-2 * jnp.eye(2), slopes[1], strict=True):
        difference = (exactly(at[0], at[1] + way) - exactly(at[0], at[1] - way)) / 2e-2
        np.testing.assert_allclose(slope, difference, rtol=1e-7, atol=1e-7 * abs(float(slopes[1][0])))
    operator = blocks.jacobian(blocks.unknowns(None))
    assert lx.is_symmetric(operator) and not lx.is_positive_semidefinite(operator)
    assert operator.preconditioner.describe() == "block-diagonal: exact; pressure mass, 5 Chebyshev steps"
