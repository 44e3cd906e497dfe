"""Velocities that are given weakly: rates, exact flows, forces, levels of the pressure, gradients, starts, refusals."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import errors, grid, irregular, root
from _taylor import check_gradient

import simphys as sp
from simphys.fem import Dirichlet, Mesh, NodalField, Weak, rectangle, taylor_hood
from simphys.materials import Carreau
from simphys.physics import Balance, Boussinesq, Flux, NavierStokes, Solid, Stokes, WeakVelocity
from simphys.stepping import BackwardEuler, march


VISCOSITY = 0.7
SIDES = ("left", "right", "bottom", "top")


def kovasznay(x, re=40.0):
    """The wake of a row of bodies, for ρ = 1 and ν = 1/Re."""
    rate = re / 2 - np.sqrt(re**2 / 4 + 4 * np.pi**2)
    wave, along = 2 * np.pi * x[1], jnp.exp(rate * x[0])
    return jnp.stack([1 - along * jnp.cos(wave), rate / (2 * np.pi) * along * jnp.sin(wave)])


def parabola(x):
    """In a channel of −2 < y < 2."""
    return jnp.stack([1 - x[1] ** 2 / 4, 0.0 * x[1]])


def moved(mesh, map):
    return Mesh(map(mesh.points), mesh.cells, mesh.cell_type, facet_groups=mesh.facet_groups)


def channel(kind=Stokes, walls=("bottom", "top"), ends=("left", "right"), loads=(), n=(3, 4), numbers=(VISCOSITY,)):
    """Driven by what comes in and goes out, a parabola: exact on quadratic cells."""
    mesh = moved(rectangle(n, (3.0, 4.0), cell_type="triangle"), lambda x: x - jnp.array([[0.0, 2.0]]))
    given = [WeakVelocity(wall, [0.0, 0.0]) for wall in walls]
    return kind(taylor_hood(mesh), *numbers, [Dirichlet(end, parabola) for end in ends], [*given, *loads])


@pytest.mark.slow
def test_orders_are_those_of_a_prescribed_velocity():
    """Kovasznay's flow: 3 in L2, 2 for the gradient, 4 for forces (0); errors within a twentieth of `Dirichlet`'s."""
    found, pushes = [], []
    for n in (8, 16):
        space = taylor_hood(irregular(grid("triangle", n), 0.08 / n))
        given = NodalField(space[0].interpolate(kovasznay))
        problem = NavierStokes(space, 1 / 40, 1.0, [], [WeakVelocity(side, given) for side in SIDES], form="convective")
        weak = root(problem)
        found.append(errors(space[0], weak[0], kovasznay))
        pushes.append(abs(float(sum(problem.resultant(weak, side)[0] for side in ("bottom", "top")))))
    held = root(NavierStokes(space, 1 / 40, 1.0, [Dirichlet("all", kovasznay)]))[0]
    orders = np.log2(np.divide(*found))
    assert orders[0] > 2.8 and orders[1] > 1.85
    assert pushes[1] < 3e-5 and np.log2(pushes[0] / pushes[1]) > 3
    assert found[1] == pytest.approx(errors(space[0], held, kovasznay), rel=0.05)


def test_a_channel_and_its_forces():
    """Quadratic, so exact; walls take μ v' each, and all that enters sums to 0."""
    problem = channel()
    value = root(problem)
    assert value[0] == pytest.approx(np.asarray(problem.space[0].interpolate(parabola)), abs=1e-11)
    forces = {name: np.asarray(problem.resultant(value, name)) for name in ("bottom", "top", "left", "right")}
    assert forces["bottom"][0] == pytest.approx(-3 * VISCOSITY, abs=1e-10)
    assert forces["top"][0] == pytest.approx(-3 * VISCOSITY, abs=1e-10)
    assert sum(forces.values()) == pytest.approx(np.zeros(2), abs=1e-9)
    mesh = problem.space[0].mesh.with_union("walls", ["bottom", "top"])
    space = taylor_hood(mesh)
    both = Stokes(space, VISCOSITY, problem.constraints[:2], [WeakVelocity("walls", [0.0, 0.0])])
    again = root(both)
    assert again[0] == pytest.approx(np.asarray(value[0]), abs=1e-11)
    assert both.resultant(again, "top") == pytest.approx(forces["top"], abs=1e-9)
    assert both.resultant(again, "walls") == pytest.approx(forces["top"] + forces["bottom"], abs=1e-9)
    with pytest.raises(ValueError, match="name of a group"):
        both.resultant(again, both.space[0].nodes_on("top"))
    with pytest.raises(ValueError, match="name of a group of facets"):
        marked = problem.space[0].mesh.with_point_group("corner", lambda x: (x[0] < 1e-9) & (x[1] > 1.999))
        corner = Stokes(taylor_hood(marked), VISCOSITY, problem.constraints[:2], problem.loads)
        corner.resultant(value, "corner")


def test_a_wall_that_lets_slide():
    """A plug of fluid through a channel that lies askew, with sides that hold but the normal part."""
    c, s = np.cos(0.4), np.sin(0.4)
    turned = lambda x: x @ jnp.array([[c, s], [-s, c]])
    space = taylor_hood(moved(rectangle((3, 2), (2.0, 1.0)), turned))
    sides = [WeakVelocity(wall, [0.0, 0.0], slip=True) for wall in ("bottom", "top")]
    problem = Stokes(space, VISCOSITY, [Dirichlet("left", [c, s])], sides)
    v, p = root(problem)
    assert v == pytest.approx(np.broadcast_to([c, s], v.shape), abs=1e-11) and float(jnp.max(jnp.abs(p))) < 1e-10
    with pytest.raises(ValueError, match="not held against"):
        Stokes(space, VISCOSITY, [], sides)


def test_the_level_of_a_pressure():
    """Of a fluid that is held all around, by either kind: fixed where nothing else does, and what comes in goes out."""
    problem = channel(walls=("bottom", "top"))
    assert len(problem.closed) == 1 and len(problem.constraints) == 3
    with pytest.raises(ValueError, match="net volume of 1 per time"):
        channel(ends=(), loads=[WeakVelocity("left", [0.5, 0.0]), WeakVelocity("right", [0.25, 0.0])])
    assert not channel(walls=("bottom", "top"), ends=("left",)).closed


def test_misuse_is_named():
    space = taylor_hood(rectangle((1, 1)))
    for given, words in [
        (dict(value=[0.0]), "shape"),
        (dict(value=[0.0, np.nan]), "finite"),
        (dict(value=[0.0, 0.0], penalty=0.0), "penalty"),
        (dict(value=[0.0, 0.0], slip=1), "slip"),
    ]:
        with pytest.raises(ValueError, match=words):
            NavierStokes(space, 1.0, 1.0, [], [WeakVelocity("left", **given)])
    with pytest.raises(ValueError, match="inlet"):
        Stokes(space, 1.0, [], [WeakVelocity("inlet", [0.0, 0.0])])
    law = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=1.0, nu=0.3))
    with pytest.raises(ValueError, match="acts on flows"):
        Solid(space[0], law, [Dirichlet("left", 0.0)], [WeakVelocity("right", [0.0, 0.0])])
    with pytest.raises(ValueError, match="acts on flows"):
        Balance(space[0], [Weak(lambda u, at, p: (u.value, u.gradient))], [], [WeakVelocity("left", [0.0, 0.0])])


@pytest.mark.slow
def test_gradients_and_starts():
    """Taylor's test for g, γ and a law μ(γ̇); a march from rest, which is made to fit first, ends as the steady flow."""
    law = lambda rest: Carreau(at_rest=rest, sheared=0.2, time=1.0, power=0.5)
    space = taylor_hood(rectangle((2, 2)))

    @eqx.filter_jit
    def drag(theta):
        lid = WeakVelocity("top", jnp.stack([theta[0], 0.0 * theta[0]]), penalty=theta[1])
        given = [WeakVelocity("left", [1.0, 0.0]), WeakVelocity("bottom", [0.0, 0.0]), lid]
        flow = NavierStokes(space, law(theta[2]), 1.3, [], given)
        return flow.resultant(sp.solve(flow).value, "top")[0]

    check_gradient(drag, jnp.array([0.8, 12.0, 1.1]))
    problem = channel(NavierStokes, ends=("left",), numbers=(VISCOSITY, 1.3))
    times = jnp.linspace(0.0, 2e3, 9)
    found = march(BackwardEuler(), problem, (problem.space[0].zeros(), 0.0), times, save=None).final.u
    steady = root(problem)
    assert found[0] == pytest.approx(np.asarray(steady[0]), abs=1e-6)
    assert found[1] == pytest.approx(np.asarray(steady[1]), abs=1e-5)


def test_one_with_heat():
    """Its terms stand between those of three fields."""
    mesh = rectangle((2, 1), (2.0, 1.0))
    held = [Dirichlet("left", [1.0, 0.0]), Dirichlet("left", 1.0, field=2)]
    sides = [WeakVelocity(wall, [0.0, 0.0], slip=True) for wall in ("bottom", "top")]
    problem = Boussinesq(mesh, 0.5, 1.0, 0.1, 1.0, held, [*sides, Flux("top", 0.0)])
    v, p, warm = root(problem)
    assert v == pytest.approx(np.broadcast_to([1.0, 0.0], v.shape), abs=1e-10)
    assert warm == pytest.approx(np.ones(warm.shape), abs=1e-10)
