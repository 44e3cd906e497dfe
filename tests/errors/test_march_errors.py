"""How wrong what is read off a march is because of its steps and its mesh, against exact solutions."""

import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import errors, fem, materials, physics
from simphys.stepping import ODE, SDIRK2, SDIRK3, BackwardEuler, Equilibrium, Newmark, StepFailed


def rod(n, degree):
    """A rod that stores heat, its ends at 0: sin(πx) dies as exp(−π² t)."""
    space = fem.FunctionSpace(fem.line(n), degree)
    ends = [fem.Dirichlet("left", 0.0), fem.Dirichlet("right", 0.0)]
    return physics.Heat(space, materials.IsotropicConduction(k=1.0), ends, capacity=1.0)


def bump(problem):
    return problem.space.interpolate(lambda x: jnp.sin(jnp.pi * x[0]))


@pytest.mark.slow
def test_heat():
    stepper = SDIRK2()
    times, middle = np.linspace(0, 0.2, 11), errors.PointValue((0.5,))
    found = errors.estimate_march_error(stepper, rod(6, 1), bump, times, middle)
    exact = np.exp(-(np.pi**2) * times)
    part = found.error[2:] / (exact - found.value)[2:]
    assert 0.7 < part.min() and part.max() < 1.4
    # Each part against the error of a march in which the other one is none.
    rich = rod(4, 3)
    reached = sp.stepping.march(stepper, rich, bump(rich), times, save=None).values[0]
    steps = exact[-1] - float(middle.placed(rich)(rich, reached))
    assert 0.7 < found.last.step / steps < 1.4
    assert found.last.mesh != 0 and found.degree == 2 and abs(found.order - stepper.order) < 0.3
    mean = found.of(lambda history: np.trapezoid(history, times))
    true = np.trapezoid(exact, times) - mean.value
    assert 0.7 < mean.error / true < 1.4 and "(mesh)" in str(mean) and "(step)" in str(found)


@pytest.mark.parametrize(
    "goal, problem", [(lambda p, u: {"beside": u[6]}, rod(4, 2)), (lambda p, u: (u[1], jnp.sum(u**2)), rod(8, 1))]
)
def test_goals_that_read_nodes_by_their_numbers_are_refused(goal, problem):
    with pytest.raises(ValueError, match="numbers of nodes"):
        errors.estimate_march_error(BackwardEuler(), problem, bump, np.linspace(0, 0.2, 3), goal)


def test_an_oscillator():
    """ü = −u as a system of the first order: no mesh."""
    swing = ODE(lambda t, u, args: (u[1], -u[0]))
    times, state = np.linspace(0, 5, 41), (jnp.asarray(1.0), jnp.asarray(0.0))
    found = errors.estimate_march_error(SDIRK2(), swing, state, times, lambda ode, u: {"x": u[0], "v": u[1]})
    assert found.mesh is None and found.degree == 0 and found.remark == ""
    for name, exact in (("x", np.cos(5)), ("v", -np.sin(5))):
        assert 0.7 < found.last.error[name] / (exact - found.last.value[name]) < 1.4


@pytest.mark.slow
def test_a_body_with_inertia():
    """A bar that is held at one end and let go: u = sin(πx/2) cos(πt/2)."""
    space = fem.FunctionSpace(fem.rectangle((4, 1)), 1, components=2)
    law = materials.PlaneStrain(materials.LinearElastic(E=1.0, nu=0.0))
    held = [fem.Dirichlet("left", 0.0), *(fem.Dirichlet(side, (None, 0.0)) for side in ("bottom", "top"))]
    bar = physics.Solid(space, law, held, density=1.0)
    begin = lambda p: (p.space.interpolate(lambda x: jnp.stack([1e-3 * jnp.sin(np.pi / 2 * x[0]), 0 * x[0]])), 0.0)
    times = np.linspace(0, 3, 25)
    found = errors.estimate_march_error(Newmark(), bar, begin, times, errors.PointValue((1.0, 0.5), 0))
    exact = 1e-3 * np.cos(np.pi / 2 * times)
    assert 0.7 < found.last.error / (exact - found.value)[-1] < 1.4
    assert found.last.step * found.last.mesh < 0


@pytest.mark.slow
def test_creep():
    """A block of rubber with one Maxwell branch that is sheared a little: the law's update errs, not the mesh."""
    law = materials.PlaneStrain(materials.Viscoelastic(materials.NeoHooke(mu=1.0, lam=1.0), shares=[0.5], times=[1.0]))
    space = fem.FunctionSpace(fem.rectangle((1, 1)), 1, components=2)
    held = [fem.Dirichlet("bottom", 0.0), *(fem.Dirichlet(s, (None, 0.0)) for s in ("top", "left", "right"))]
    block = physics.Solid(space, law, held, [physics.Traction("top", (1e-3, 0.0))])
    begin = lambda p: p.space.zeros()
    # From the elastic answer on, u = s (2 − e^(−t/2)) for half of the stiffness in the branch of time 1.
    times = np.concatenate([[0.0, 1e-6], np.linspace(0, 2, 9)[1:]])
    top = errors.PointValue((0.5, 1.0), 0)
    found = errors.estimate_march_error(Equilibrium(), block, begin, times, top)
    exact = 1e-3 * (2 - np.exp(-1.0))
    assert 0.7 < found.last.error / (exact - found.last.value) < 1.4
    assert abs(found.last.mesh) < 1e-8


@pytest.mark.slow
def test_bad_input():
    times, middle = np.linspace(0, 0.2, 5), errors.PointValue((0.5,))
    with pytest.raises(ValueError, match="must be a function"):
        errors.estimate_march_error(BackwardEuler(), rod(2, 1), 0.0, times, 3.0)
    with pytest.raises(ValueError, match="must return real numbers"):
        errors.estimate_march_error(BackwardEuler(), rod(2, 1), 0.0, times, lambda p, u: jnp.argmax(u))
    with pytest.raises(ValueError, match="two or more times"):
        errors.estimate_march_error(BackwardEuler(), rod(2, 1), 0.0, [0.0], middle)
    explodes = ODE(lambda t, u, args: jnp.where(t > 0.1, jnp.nan, 1.0) * u)
    with pytest.raises(StepFailed, match="the march itself"):
        errors.estimate_march_error(SDIRK3(), explodes, jnp.ones(()), times, lambda p, u: u)
    tied = fem.MultiPoint([1], [[2]], [[1.0]])
    body = rod(2, 1)
    body = physics.Heat(body.space, body.material, [body.constraints[0], tied], capacity=1.0)
    found = errors.estimate_march_error(BackwardEuler(), body, 1.0, times, middle)
    assert found.mesh is None and "MultiPoint" in found.remark and "(mesh)" not in str(found)


def test_a_first_state_is_the_same_function():
    """One that does not obey its constraints is made to before it is prolonged."""
    space = fem.FunctionSpace(fem.line(4))
    around = [fem.Periodic("left", "right")]
    ring = physics.Heat(space, materials.IsotropicConduction(k=1.0), around, capacity=1.0)
    noise = jnp.asarray(np.random.default_rng(0).standard_normal(5))
    enrichment = errors.Enrichment(ring)
    rich = enrichment(ring)
    held = ring.value(ring.unknowns(noise))
    found = errors.prolonged_state(enrichment, ring, noise)
    np.testing.assert_allclose(rich.value(rich.unknowns(found)), enrichment.prolonged(held), atol=1e-14)
    pair = errors.prolonged_state(enrichment, ring, (noise, noise))
    np.testing.assert_allclose(pair[1], enrichment.prolonged(noise), atol=1e-14)
    assert errors.prolonged_state(enrichment, ring, (noise, 0.0))[1] == 0
