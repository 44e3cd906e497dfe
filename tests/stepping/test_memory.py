"""Bodies with a memory: their history is carried, differentiated, and never truncated."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient, program

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace
from simphys.materials import FinitePlasticity, J2Plasticity, NeoHooke, PlaneStrain, Viscoelastic, uniaxial
from simphys.stepping import SDIRK2, Equilibrium, GeneralisedAlpha, Newmark, march


CONSTANTS = dict(E=70e3, nu=0.3, yield_stress=250.0, hardening=500.0)
LAW, FINITE = J2Plasticity(**CONSTANTS), FinitePlasticity(**CONSTANTS)
TURNS = jnp.array([0.0, 0.05, 0.1, 0.05, 0.0])
TIMES = jnp.arange(5.0)


def bar(law=LAW, n=(2, 2, 2)):
    """A block of height 10 between smooth plates: uniaxial stress."""
    space = FunctionSpace(sp.fem.box(n, (10.0, 10.0, 10.0)), components=3)
    plates = [
        Dirichlet("bottom", 0.0, components=2),
        Dirichlet("top", 0.0, components=2),
        Dirichlet("left", 0.0, components=0),
        Dirichlet("front", 0.0, components=1),
    ]
    return sp.physics.Solid(space, law, plates)


def drive(body, t):
    return eqx.tree_at(lambda b: b.constraints[1].value, body, jnp.interp(t, TIMES, TURNS))


def pull(body, times=TIMES, **options):
    axial = lambda t, u, now: jnp.mean(now.stress(u)[:, 2, 2])
    return march(Equilibrium(), body, 0.0, times, drive=drive, observe=axial, **options)


@pytest.mark.slow
def test_cycle_of_a_bar():
    """The mean stress of a bar that is pulled and pushed is that of the law at a point.

    Quadratic convergence: in steps of 1 % into the plastic range two or three suffice, as the tangent is consistent and
    that of loading where a step begins.
    """
    times = jnp.linspace(0.0, 4.0, 17)
    found = pull(bar(FINITE), times)
    wanted = uniaxial(FINITE, jnp.interp(times, TIMES, TURNS) / 10, times)
    np.testing.assert_allclose(found.observed, wanted, rtol=1e-8, atol=1e-8)
    p = found.history.accumulated.values
    np.testing.assert_allclose(p, p.mean(), rtol=1e-8)
    assert np.all(np.asarray(found.newton_steps)[2:8] <= 3)


@pytest.mark.slow
def test_gradient_goes_through_the_whole_history():
    """The last step alone would not know of the yield stress in tension: it ends on the elastic branch."""
    body, leaves = bar(n=(1, 1, 1)), lambda b: (b.material.yield_stress, b.material.hardening)

    def last(parameters, **options):
        return pull(eqx.tree_at(leaves, body, parameters), TIMES[:4], save=None, **options).observed[-1]

    at = (jnp.asarray(250.0), jnp.asarray(500.0))
    assert check_gradient(last, at).order > 1.9
    gradient = program(last)(at)[1]
    assert float(gradient[0]) > 0.9
    checked = eqx.filter_jit(eqx.filter_grad(lambda at: last(at, checkpoints=2)))(at)
    np.testing.assert_allclose(checked[1], gradient[1], rtol=1e-10)


@pytest.mark.slow
def test_creep_of_a_viscoelastic_block():
    """Under a constant small shear traction: from t/μ at once to t/(μ g_∞) in the end."""
    law = PlaneStrain(Viscoelastic(NeoHooke(mu=1.0, lam=1.0), shares=[0.5], times=[1.0]))
    space = FunctionSpace(sp.fem.rectangle((1, 1)), components=2)
    held = [Dirichlet("bottom", 0.0), Dirichlet("top", 0.0, components=1)]
    sides = [Dirichlet(side, 0.0, components=1) for side in ("left", "right")]
    load = sp.physics.Traction("top", (1e-3, 0.0))
    block = sp.physics.Solid(space, law, [*held, *sides], [load, sp.physics.Traction("right", (0.0, 0.0))])
    top = int(block.space.nodes_on("top")[0])
    times = jnp.concatenate([jnp.array([0.0, 1e-6]), jnp.linspace(0.05, 30.0, 400)])
    found = march(Equilibrium(), block, 0.0, times, observe=lambda t, u, now: u[top, 0])
    compliance = np.asarray(found.observed[1:]) / 1e-3
    expected = 2 - np.exp(-np.asarray(times[1:]) / 2)  # retardation time τ / g_∞
    np.testing.assert_allclose(compliance, expected, rtol=0.02)


@pytest.mark.slow
def test_inertia_and_memory():
    """A viscoelastic block that swings comes to rest."""
    law = PlaneStrain(Viscoelastic(NeoHooke(mu=1.0, lam=1.0), shares=[0.6], times=[0.5]))
    space = FunctionSpace(sp.fem.rectangle((2, 2)), components=2)
    block = sp.physics.Solid(space, law, [Dirichlet("bottom", 0.0)], density=1.0)
    start = 0.1 * space.interpolate(lambda x: jnp.stack([x[1], 0 * x[0]]))
    found = march(Newmark(), block, (start, 0.0), jnp.linspace(0.0, 60.0, 601), save=10)
    size = jnp.abs(found.values).max(axis=(1, 2))
    assert size[-1] < 0.05 * size[0]


class Between(Equilibrium):
    """A stepper for equilibria that would balance between the times."""

    remembers = False


def test_steppers_that_cannot_remember_are_refused():
    with pytest.raises(ValueError, match="`Between` cannot lead internal variables"):
        march(Between(), bar(), 0.0, TIMES)
    with pytest.raises(ValueError, match="stores nothing"):
        march(SDIRK2(), bar(), 0.0, TIMES)
    dense = sp.physics.Solid(bar().space, LAW, bar().constraints, density=1.0)
    with pytest.raises(ValueError, match="`GeneralisedAlpha` cannot lead internal variables"):
        march(GeneralisedAlpha(), dense, (0.0, 0.0), TIMES)


def cylinder(radius=5.0, height=10.0, core=2.0, cells=4, layers=20):
    """A cylinder of hexahedra: a square core and four blocks between its sides and the circle."""
    s = np.linspace(-1, 1, cells + 1)
    square = [np.stack(np.meshgrid(core * s, core * s, indexing="ij"), axis=-1)]
    for quarter in range(4):
        angle = np.pi / 4 * s + np.pi / 2 * quarter
        turn = np.array([[np.cos(np.pi / 2 * quarter), -np.sin(np.pi / 2 * quarter)],
                         [np.sin(np.pi / 2 * quarter), np.cos(np.pi / 2 * quarter)]])  # fmt: skip
        side = np.stack([np.full(cells + 1, core), core * s], axis=-1) @ turn.T
        arc = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        t = np.linspace(0, 1, cells + 1)[:, None, None]
        square.append((1 - t) * side + t * arc)
    plane = np.concatenate([block.reshape(-1, 2) for block in square])
    number = np.arange(len(plane)).reshape(5, cells + 1, cells + 1)
    quads = np.stack([number[:, :-1, :-1], number[:, 1:, :-1], number[:, 1:, 1:], number[:, :-1, 1:]], axis=-1).reshape(
        -1, 4
    )
    _, first, same = np.unique(np.round(plane, 9), axis=0, return_index=True, return_inverse=True)
    plane, quads, n = plane[first], same.ravel()[quads], len(first)
    z = np.linspace(0, height, layers + 1)
    points = np.concatenate([np.column_stack([plane, np.full(n, level)]) for level in z])
    vtk = np.concatenate([np.concatenate([quads + n * k, quads + n * (k + 1)], axis=1) for k in range(layers)])
    return sp.fem.Mesh(points, vtk[:, [0, 1, 3, 2, 4, 5, 7, 6]], "hexahedron")


@pytest.mark.slow
def test_cyclic_plasticity_of_a_cylinder():
    """Mean axial stress of a cylinder between rough plates, perfect plasticity, one step a turn.

    Reference: jax-fem's tests, plasticity, whose values FEniCSx has to three decimals.
    """
    mesh = cylinder()
    space = FunctionSpace(mesh, components=3)
    z = np.asarray(mesh.points)[:, 2]
    plates = [Dirichlet(np.flatnonzero(z == 0), 0.0), Dirichlet(np.flatnonzero(z == 10), jnp.zeros(3))]
    body = sp.physics.Solid(space, J2Plasticity(E=70e3, nu=0.3, yield_stress=250.0), plates)
    lift = jnp.array([0.0, 0.0, 1.0])
    drive = lambda b, t: eqx.tree_at(lambda b: b.constraints[1].value, b, lift * jnp.interp(t, TIMES, TURNS))
    volume = jnp.sum(sp.fem.cells_of(space).geometry(mesh).measure, axis=1)
    mean = lambda t, u, now: jnp.sum(now.stress(u)[:, 2, 2] * volume) / jnp.sum(volume)
    found = march(Equilibrium(), body, 0.0, TIMES, drive=drive, observe=mean, save=None)
    print("cyclic plasticity", found.observed)
    np.testing.assert_allclose(found.observed, [0.0, 257.684, 262.185, -107.782, -253.216], atol=1e-3)
