"""Measurements of fields by elements without nodes."""

import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, Weak, rectangle
from simphys.inverse import FaceMean, LoadSteps, Parameter, PointValues


def flow(f, at, given):
    """u + k ∇p = 0, div u = s."""
    (u, p), (k, source) = f, given
    return (u.value / k, -p.value * jnp.eye(2)), (source - u.divergence, None)


def seepage():
    mesh = rectangle((2, 2), cell_type="triangle")
    spaces = FunctionSpace(mesh, ("RT", 1)), FunctionSpace(mesh, ("DG", 0))
    walls = [Dirichlet(name, 0.0) for name in ("left", "top", "bottom")]
    return sp.physics.Balance(spaces, [Weak(flow, (jnp.array(2.0), jnp.array(1.0)), linear=True)], walls)


WHERE = np.array([[0.3, 0.2], [0.6, 0.7]])


def observed(problem, u, p):
    flux, pressure = problem.spaces
    velocity = np.asarray(flux.evaluate(u, WHERE))
    return [
        PointValues(flux, WHERE, velocity, 1e-3, name="both components"),
        PointValues(flux, WHERE, velocity[:, 1:], 1e-3, components=[1], name="one"),
        PointValues(pressure, WHERE, np.asarray(pressure.evaluate(p, WHERE)), 1e-3, field=1, name="pressure"),
        FaceMean(flux, "right", np.array([[1.0, 0.0]]), 1e-3),
        FaceMean(flux, "right", np.array([1.0]), 1e-3, component=0, name="outflow"),
    ]


def test_vectors_are_seen_by_their_components():
    problem = seepage()
    flux, pressure = problem.spaces
    exact = flux.interpolate(lambda x: x), pressure.interpolate(lambda x: x[1])
    found = [o.predict(problem, exact, o.setting(0)) for o in observed(problem, *exact)]
    np.testing.assert_allclose(found[0], WHERE, atol=1e-12)
    np.testing.assert_allclose(found[1], WHERE[:, 1:], atol=1e-12)
    np.testing.assert_allclose(found[2], [1 / 6, 5 / 6], atol=1e-12)
    np.testing.assert_allclose(found[3], [1.0, 0.5], atol=1e-12)
    np.testing.assert_allclose(found[4], 1.0, atol=1e-12)
    with pytest.raises(ValueError, match="components"):
        PointValues(flux, WHERE, WHERE, 1e-3, components=[2])


@pytest.mark.slow
def test_flux_and_pressure_find_a_permeability():
    """By derivatives at known solutions, where the equation that cells do not share has no sum to be judged against."""
    problem = seepage()
    seen = observed(problem, *sp.solve(problem).value)
    steps = LoadSteps(problem, lambda p: p.forms[0].parameters[1], [1.0], seen)
    found = sp.inverse.fit(steps, [Parameter("k", lambda p: p.forms[0].parameters[0], 1.0)])
    assert found.successful and found.values[0] == pytest.approx(2.0, rel=1e-4)
