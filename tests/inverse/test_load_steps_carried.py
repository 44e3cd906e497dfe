"""Load steps of bodies with friction or a memory: a path, each step beginning with what the one before has left."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import fem, inverse, materials, physics


MU, SLIP, PRESSED = 0.2, 1e-3, -0.004


def _block():
    """A block that is pressed on the ground, and dragged along it by its top: to and fro."""
    space = fem.FunctionSpace(fem.rectangle((3, 2), (1.0, 0.5)), 1, 2)
    law = materials.PlaneStrain(materials.LinearElastic(E=1e3, nu=0.3))
    flat = physics.HalfSpace((0.0, -5e-3), (0.0, 1.0))
    ground = physics.Obstacle("bottom", flat, stiffness=10.0, reach=0.01, friction=MU, slip=SLIP)
    return physics.Solid(space, law, [fem.Dirichlet("top", (0.0, PRESSED))], [ground])


def _steps(along):
    return jnp.stack([jnp.asarray(along), jnp.full(len(along), PRESSED)], axis=1)


def test_an_observation_is_of_a_space():
    body = _block()
    for make in (inverse.Resultant, inverse.FaceMean):
        with pytest.raises(ValueError, match="`space` must be a FunctionSpace, that of the field, got Solid: it is"):
            make(body, "top", np.zeros((2, 2)), 1e-3)
    with pytest.raises(ValueError, match="`space` must be a FunctionSpace, that of the field, got Solid: it is"):
        inverse.PointValues(body, [[0.5, 0.5]], np.zeros((2, 1, 2)), 1e-3)


def _by_hand(body, steps, read):
    """The same by `stepped`."""
    found, start, value = [], body.unloaded(), jnp.zeros(body.space.shape)
    for k, step in enumerate(steps):
        now = eqx.tree_at(lambda b: b.constraints[0].value, body if k == 0 else physics.stepped(start, value), step)
        value = sp.solve(now, value, start=start).value
        start = now
        found.append(read(now, value))
    return jnp.stack(found)


def _dragged(along, body=None):
    """The block, its path as an experiment that reads the force on its top, and the parameter μ."""
    body = _block() if body is None else body
    force = inverse.Resultant(body.space, "top", np.zeros((len(along), 2)), 1e-3)
    steps = _steps(along)
    experiment = inverse.LoadSteps(body, lambda b: b.constraints[0].value, steps, [force])
    mu = inverse.Parameter("mu", lambda b: b.loads[0].friction, transform=inverse.Positive())
    return body, steps, experiment, inverse.Parametrisation([mu], body)


@pytest.mark.slow
def test_a_block_that_is_dragged_to_and_fro():
    """It slides at μ times what presses it, one way and the other: each step begins where the one before has ended."""
    body, steps, experiment, sought = _dragged([0.004, 0.014, 0.013, -0.01])
    read = lambda now, value: now.resultant(value, "top")
    hand = np.asarray(_by_hand(body, steps, read))
    phi, quiet = sought.start, lambda _: None
    found = experiment.evaluate(sought, phi, None, quiet, False)
    assert found.result == sp.RESULTS.successful
    forces = np.asarray(found.residuals).reshape(4, 2) * 1e-3
    np.testing.assert_allclose(forces, hand, rtol=1e-7, atol=1e-9)
    assert forces[1, 0] == pytest.approx(-MU * forces[1, 1], rel=1e-6)
    assert forces[3, 0] == pytest.approx(MU * forces[3, 1], rel=1e-6)
    # On the way back it still sticks, held less by what it has been bent to: a step of its own would be bent the other way.
    assert forces[2, 0] < 0.9 * forces[1, 0]


@pytest.mark.slow
def test_derivatives_go_through_all_steps():
    """By tangents and by adjoints they are those of differences, where it slides and where it sticks after having slid."""
    _, _, experiment, sought = _dragged([0.004, 0.014, 0.013])
    phi, quiet, h = sought.start, lambda _: None, 1e-4
    found = experiment.evaluate(sought, phi, None, quiet)
    # From the path that is known, as a search does it.
    at = lambda phi: experiment.evaluate(sought, phi, found.memory, quiet, False).residuals
    differences = (at(phi + h) - at(phi - h)) / (2 * h)
    np.testing.assert_allclose(found.jacobian[:, 0], differences, rtol=1e-5, atol=1e-6 * np.abs(differences).max())
    assert abs(found.jacobian[4, 0]) > 0.1 * abs(found.jacobian[2, 0])
    gradient, residual = experiment.certify(sought, phi, found, quiet)
    np.testing.assert_allclose(gradient, found.jacobian.T @ found.residuals, rtol=1e-9)
    assert np.isnan(residual)


@pytest.mark.slow
def test_friction_is_found_from_a_path_with_noise():
    """From forces of four steps with noise of 1 %: within its interval; another mesh's error is said not to be known."""
    _, _, experiment, sought = _dragged([0.004, 0.014, 0.013, -0.01])
    exact = experiment.evaluate(sought, sought.start, None, lambda _: None, False).residuals.reshape(4, 2) * 1e-3
    noise = 0.01 * float(jnp.abs(exact).max())
    measured = np.asarray(exact) + noise * np.random.default_rng(0).standard_normal((4, 2))
    body = _block()
    force = inverse.Resultant(body.space, "top", measured, noise)
    path = inverse.LoadSteps(body, lambda b: b.constraints[0].value, experiment.values[0], [force])
    mu = inverse.Parameter("mu", lambda b: b.loads[0].friction, start=0.35, transform=inverse.Positive())
    found = inverse.fit(path, [mu])
    low, high = found.uncertainty.interval95[0]
    assert found.successful and low < MU < high < 1.1 * MU
    assert "begin with what the one before" in " ".join(found.mesh.remarks)


@pytest.mark.slow
def test_a_metal_keeps_its_plastic_strains():
    """Stretched until it yields, and let go: what is left is remembered; the derivative by the yield stress."""
    space = fem.FunctionSpace(fem.rectangle((2, 1), (2.0, 1.0)), 1, 2)
    law = materials.PlaneStrain(materials.J2Plasticity(E=1e3, nu=0.3, yield_stress=2.0, hardening=50.0))
    ends = [fem.Dirichlet("left", 0.0), fem.Dirichlet("right", (0.0, None))]
    body = physics.Solid(space, law, ends)
    steps = jnp.array([0.01, 0.03, 0.025])
    force = inverse.Resultant(space, "right", np.zeros(3), 1e-2, component=0)
    pull = lambda b: b.constraints[1].value
    experiment = inverse.LoadSteps(body, pull, steps[:, None], [force])
    limit = inverse.Parameter("limit", lambda b: b.material.material.yield_stress)
    sought, quiet = inverse.Parametrisation([limit], body), lambda _: None
    phi = sought.start
    found = experiment.evaluate(sought, phi, None, quiet)
    at = lambda phi: experiment.evaluate(sought, phi, None, quiet, False).residuals
    np.testing.assert_allclose(found.jacobian[:, 0], (at(phi + 1e-4) - at(phi - 1e-4)) / 2e-4, rtol=1e-6)
    # Let go, it has lost E' Δε A of a force that is far above: the strain that is left is remembered.
    assert 0 < found.residuals[2] < found.residuals[0] < found.residuals[1]
