"""Flow with inertia: exact flows, rates, published cavities, energy, gradients, and where a march begins."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import errors, grid, irregular, root
from _taylor import check_gradient

import simphys as sp
from simphys.assembly import assemble
from simphys.fem import Dirichlet, Mesh, Periodic, box, rectangle, taylor_hood
from simphys.materials import Carreau
from simphys.physics import Backflow, BodyForce, NavierStokes, Pressure, settled
from simphys.stepping import SDIRK2, march


WALLS = ("left", "right", "bottom", "top")


def kovasznay(x, re=40.0):
    """The wake of a row of bodies: (v_x, v_y, p) for ρ = 1, ν = 1/Re."""
    rate = re / 2 - np.sqrt(re**2 / 4 + 4 * np.pi**2)
    wave, along = 2 * np.pi * x[1], jnp.exp(rate * x[0])
    v = jnp.stack([1 - along * jnp.cos(wave), rate / (2 * np.pi) * along * jnp.sin(wave)])
    return v, (1 - along**2) / 2


def parabola(x):
    return jnp.array([4 * x[1] * (1 - x[1]), 0.0])


def channel(viscosity=0.05, profile=parabola, loads=(), cells=(4, 2), **options):
    """A channel that opens to the right; the profile comes in at the left."""
    space = taylor_hood(rectangle(cells, (2.0, 1.0)))
    held = [Dirichlet("left", profile), Dirichlet("bottom", 0.0), Dirichlet("top", 0.0)]
    return NavierStokes(space, viscosity, 1.3, held, loads, **options)


def _kovasznay_errors(cell_type, n, degree, **options):
    mesh = irregular(grid(cell_type, n), 0.08 / n)
    space = taylor_hood(mesh, degree)
    problem = NavierStokes(space, 1 / 40, 1.0, [Dirichlet("all", lambda x: kovasznay(x)[0])], **options)
    v, p = root(problem)
    p = p - jnp.mean(p - space[1].interpolate(lambda x: kovasznay(x)[1]))
    return np.array(
        [*errors(space[0], v, lambda x: kovasznay(x)[0]), errors(space[1], p, lambda x: kovasznay(x)[1])[0]]
    )


@pytest.mark.slow
def test_rates(cell_type="triangle", degree=2):
    """Kovasznay's flow: of order p + 1 for the velocity in L2, p for its gradient and for the pressure."""
    options = {"form": "convective", "grad_div": 0.1}
    coarse, fine = (_kovasznay_errors(cell_type, n, degree, **options) for n in (8, 16))
    rates = np.log2(coarse / fine)
    print(f"{cell_type} degree {degree} {options}: v L2 {rates[0]:.2f}, H1 {rates[1]:.2f}, p L2 {rates[2]:.2f}; {fine}")
    assert degree + 0.75 < rates[0] < degree + 1.6
    assert degree - 0.25 < rates[1] < degree + 0.6
    assert degree - 0.25 < rates[2] < degree + 1.1


@pytest.mark.slow
def test_between_plates_in_space():
    """Poiseuille's flow is quadratic, so it is in the space; here it is turned out of the axes."""
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    mesh = box((2, 2, 2))
    mesh = Mesh(np.asarray(mesh.points) @ turn.T, mesh.cells, mesh.cell_type, 1, facet_groups=mesh.facet_groups)
    flow = lambda x: jnp.asarray(turn[:, 0]) * 4 * (x @ turn[:, 2]) * (1 - x @ turn[:, 2])
    space = taylor_hood(mesh)
    problem = NavierStokes(space, 0.02, 1.3, [Dirichlet("all", flow)], grad_div=0.1)
    v, p = root(problem)
    np.testing.assert_allclose(v, space[0].interpolate(flow), atol=1e-11)
    falling = -8 * 0.02 * (space[1].nodes() @ turn[:, 0])
    np.testing.assert_allclose(p - jnp.mean(p), falling - jnp.mean(falling), atol=1e-10)


@pytest.mark.slow
def test_cavity():
    """The lid-driven square against C. H. Marchi et al. (2009, Re 100) and O. Botella, R. Peyret (1998, Re 1000)."""
    mesh = rectangle((40, 40))
    even = np.asarray(mesh.points)
    points = 0.2 * even + 0.4 * (1 - np.cos(np.pi * even))
    space = taylor_hood(Mesh(points, mesh.cells, mesh.cell_type, 1, facet_groups=mesh.facet_groups))
    lid = Dirichlet("top", lambda x: jnp.array([jnp.where((x[0] > 0) & (x[0] < 1), 1.0, 0.0), 0.0]))
    at = lambda re: NavierStokes(space, 1 / re, 1.0, [*(Dirichlet(w, 0.0) for w in WALLS[:3]), lid])
    s = jnp.linspace(0, 1, 4001)

    solve = eqx.filter_jit(lambda problem: sp.solve(problem).value)

    def extremes(problem):
        v, _ = solve(problem)
        upright = space[0].evaluate(v, jnp.stack([0 * s + 0.5, s], 1))[:, 0]
        level = space[0].evaluate(v, jnp.stack([s, 0 * s + 0.5], 1))[:, 1]
        return jnp.min(upright), jnp.max(level), jnp.min(level)

    found = [extremes(at(re)) for re in (100.0, 1000.0)]
    print(np.array(found))
    np.testing.assert_allclose(found[0], [-0.2140417, 0.1795728, -0.2538030], rtol=1e-3)
    np.testing.assert_allclose(found[1], [-0.3885698, 0.3769447, -0.5270773], rtol=1e-3)


def test_inertia_neither_makes_nor_takes_energy():
    """⟨N(v) v, v⟩ of the skew form is ½ ρ ∮ v²  v·n, 0 for any v that is 0 on the boundary, whatever its divergence."""
    space = taylor_hood(irregular(grid("triangle", 3), 0.05))
    problem = NavierStokes(space, 1e-30, 2.0, [Dirichlet("all", 0.0)])
    v = problem.value(problem.unknowns((jax.random.normal(jax.random.key(0), space[0].shape), space[1].zeros())))
    force, size, _ = assemble(space, problem.integrals(), v)
    assert abs(jnp.vdot(force[0], v[0])) < 1e-13 * size[0] * jnp.linalg.norm(v[0])
    convective = NavierStokes(space, 1e-30, 2.0, [Dirichlet("all", 0.0)], form="convective")
    force, size, _ = assemble(space, convective.integrals(), v)
    assert abs(jnp.vdot(force[0], v[0])) > 1e-3 * size[0]


@pytest.mark.slow
def test_what_comes_back_through_an_outlet_brings_no_energy():
    """With `Backflow` the power of inertia and outlet is ½ ρ ∮ max(v·n, 0) v²."""
    problem = channel(1e-30, loads=[Backflow("right")])
    v = jnp.broadcast_to(jnp.array([-0.7, 0.3]), problem.space[0].shape)
    power = lambda v: jnp.vdot(assemble(problem.space, problem.integrals(), (v, problem.space[1].zeros()))[0][0], v)
    inside = assemble(problem.space, problem.integrals()[:1], (v, problem.space[1].zeros()))[0][0]
    np.testing.assert_allclose(jnp.vdot(inside, v), 0.0, atol=1e-13)
    np.testing.assert_allclose(power(v), 1.3 / 2 * 0.7 * (0.7**2 + 0.3**2), rtol=1e-12)
    np.testing.assert_allclose(power(-v), 0.0, atol=1e-13)
    slow = jnp.where(jnp.arange(len(v))[:, None] < 3, 0.0, 1e-9 * v)
    (kinks,) = problem.switches_at((slow, problem.space[1].zeros()))
    assert jnp.all(jnp.abs(kinks) > 0.1)


@pytest.mark.slow
def test_gradients():
    """Of the force on the walls and the flow's shape, by viscosity, density, and the profile that comes in."""
    start = channel(loads=[Backflow("right")], grad_div=0.1, resistance=0.3)
    numbers = lambda p: (p.viscosity, p.density, p.resistance, p.constraints[0].value)

    def goal(x):
        problem = eqx.tree_at(numbers, start, x)
        v, p = value = sp.solve(problem).value
        return problem.resultant(value, "bottom")[0] + jnp.sum(v[:, 1] ** 2) + jnp.mean(p)

    assert check_gradient(goal, numbers(start), verbose=False).passed


@pytest.mark.slow
def test_steps_keep_their_order():
    """A vortex that decays in a box with smooth walls: SDIRK2 against the same mesh's flow by short steps."""
    mesh = rectangle((3, 3))
    space = taylor_hood(mesh)
    smooth = [Dirichlet(w, 0.0, [axis]) for axis, w in zip((0, 0, 1, 1), WALLS, strict=True)]
    problem = NavierStokes(space, 0.02, 1.0, smooth)
    turning = lambda x: jnp.stack([jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1]), 0 * x[0]])
    begin = space[0].interpolate(turning), 0.0

    four = lambda state, step: march(SDIRK2(), problem, state, step * jnp.arange(5.0), save=None).final.u

    def end(steps):
        state = begin
        for _ in range(steps // 4):
            state = four(state, 0.5 / steps)
        return state[0]

    fine = end(64)
    errors = [float(jnp.linalg.norm(end(steps) - fine)) for steps in (4, 8)]
    print(f"errors {errors}, order {np.log2(errors[0] / errors[1]):.2f}")
    assert 1.8 < np.log2(errors[0] / errors[1]) < 2.5


@pytest.mark.slow
def test_a_march_begins_without_divergence():
    """Whatever velocity is given, the nearest without divergence is taken, with the pressure that goes with it."""
    space = taylor_hood(rectangle((2, 2)))
    problem = NavierStokes(space, 0.1, 2.0, [Dirichlet(w, 0.0) for w in WALLS])
    given = jax.random.normal(jax.random.key(1), space[0].shape)
    state = jax.jit(settled)(problem, problem.value(problem.unknowns((given, space[1].zeros()))))
    flow = problem.split(problem.system.reduction.reduce(problem.forces(state)[0], space, problem.constraints))
    assert jnp.max(jnp.abs(flow[1])) < 1e-14
    again = jax.jit(settled)(problem, state)
    np.testing.assert_allclose(again[0], state[0], atol=1e-14)
    np.testing.assert_allclose(again[1], state[1], atol=1e-12)


@pytest.mark.slow
def test_a_fluid_that_thins():
    """Carreau's fluid between plates, driven by its weight G: μ(γ̇) γ̇ = G (½ − y), integrated from the wall."""
    law = Carreau(at_rest=1.0, sheared=0.01, time=3.0, power=0.4)
    space = taylor_hood(rectangle((1, 12), (0.2, 1.0)))
    periodic = [Periodic("left", "right", field=f) for f in (0, 1)]
    walls = [Dirichlet("bottom", 0.0), Dirichlet("top", 0.0)]
    problem = NavierStokes(space, law, 1.0, [*walls, *periodic], [BodyForce([2.0, 0.0])])
    v, _ = sp.solve(problem).value
    y, rates = np.linspace(0, 0.5, 2001), np.linspace(0, 200, 400_001)
    shear = np.interp(2.0 * (0.5 - y), np.asarray(law(rates)) * rates, rates)
    fastest = np.sum((shear[1:] + shear[:-1]) / 2 * np.diff(y))
    np.testing.assert_allclose(jnp.max(v[:, 0]), fastest, rtol=1e-3)
    assert fastest > 2 * 2.0 / 8
    np.testing.assert_allclose(law(jnp.array([0.0, 1e9])), [1.0, 0.01], rtol=1e-3)


def test_misuse_raises():
    space = taylor_hood(grid("quadrilateral", 2))
    everywhere = [Dirichlet("all", 0.0)]
    with pytest.raises(ValueError, match="taylor_hood"):
        NavierStokes(space[0], 1.0, 1.0, everywhere)
    with pytest.raises(ValueError, match="positive"):
        NavierStokes(space, -1.0, 1.0, everywhere)
    with pytest.raises(ValueError, match="positive"):
        NavierStokes(space, 1.0, 0.0, everywhere)
    with pytest.raises(ValueError, match="resistance"):
        NavierStokes(space, 1.0, 1.0, everywhere, resistance=-1.0)
    with pytest.raises(ValueError, match="finite|NaN|nan"):
        NavierStokes(space, float("nan"), 1.0, everywhere)
    with pytest.raises(ValueError, match="'skew', 'convective'"):
        NavierStokes(space, 1.0, 1.0, everywhere, form="rotational")
    with pytest.raises(ValueError, match="net volume of"):
        NavierStokes(space, 1.0, 1.0, [*everywhere, Dirichlet("left", parabola)])
    with pytest.raises(ValueError, match="follower"):
        NavierStokes(space, 1.0, 1.0, everywhere, [Pressure("left", 1.0, follower=True)])
    with pytest.raises(ValueError, match="share"):
        Backflow("left", -0.5)
    with pytest.raises(ValueError, match="'outlet'"):
        channel(loads=[Backflow("outlet")])


@pytest.mark.slow
def test_gradients_of_where_a_march_begins():
    """By viscosity and the given velocity: what of it has no divergence alone counts, and makes the pressure."""
    space = taylor_hood(rectangle((2, 2)))
    start = NavierStokes(space, jnp.array(0.05), 1.0, [Dirichlet(w, 0.0) for w in WALLS])

    def goal(x):
        viscosity, velocity = x
        problem = eqx.tree_at(lambda p: p.viscosity, start, viscosity)
        v, p = settled(problem, problem.value(problem.unknowns((velocity, space[1].zeros()))))
        return jnp.sum(v**2 * jnp.arange(2.0)[None]) + jnp.sum(p**2)

    begin = jax.random.normal(jax.random.key(2), space[0].shape)
    assert check_gradient(goal, (start.viscosity, begin), verbose=False).passed


def test_pressure_is_fixed_where_nothing_else_does():
    space = taylor_hood(rectangle((2, 2)))
    periodic = [Periodic(a, b, field=f) for f in (0, 1) for a, b in (("left", "right"), ("bottom", "top"))]
    assert [c.field for c in NavierStokes(space, 1.0, 1.0, periodic).constraints] == [0, 0, 1, 1, 1]
    assert [c.field for c in channel().constraints] == [0, 0, 0]
