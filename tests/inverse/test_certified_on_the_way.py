"""The adjoint gradient that an evaluation finds beside its Jacobian."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from simphys import fem, inverse, materials, physics


@pytest.mark.slow
def test_the_gradient_found_on_the_way_is_that_of_adjoints_alone():
    space = fem.FunctionSpace(fem.rectangle((4, 2), (4.0, 1.0)), 1, 2)
    law = materials.PlaneStress(materials.LinearElastic(E=1.0, nu=0.3))
    beam = physics.Solid(space, law, [fem.Dirichlet("left", 0.0)], [physics.Traction("right", (0.0, -1e-3))])
    sensors = inverse.PointValues(space, [[3.0, 0.5], [3.9, 0.1]], np.full((2, 2, 2), -0.05), 0.01)
    loads = jnp.array([[0.0, -1e-3], [0.0, -2e-3]])
    experiment = inverse.LoadSteps(beam, lambda body: body.loads[0].value, loads, [sensors])
    E = inverse.Parameter("E", lambda body: body.material.material.E, transform=inverse.Positive())
    parameters, phi, quiet = inverse.Parametrisation([E], beam), jnp.array([0.2]), lambda _: None
    found = experiment.evaluate(parameters, phi, None, quiet)
    gradient, residual = found.certified
    alone = eqx.tree_at(lambda e: e.certified, found, None, is_leaf=lambda x: x is found.certified)
    again, _ = experiment.certify(parameters, phi, alone, quiet)
    np.testing.assert_allclose(gradient, again, rtol=1e-10)
    np.testing.assert_allclose(gradient, found.jacobian.T @ found.residuals, rtol=1e-8)
    assert residual < 1e-10 and experiment.certify(parameters, phi, found, quiet)[0] is gradient
    both = inverse.Joint([experiment, experiment])
    twice = both.evaluate(
        inverse.Parametrisation([_of(E, k) for k in (0, 1)], both.template()), jnp.tile(phi, 2), None, quiet
    )
    np.testing.assert_allclose(twice.certified[0], jnp.tile(gradient, 2), rtol=1e-10)


def _of(parameter, number):
    pick = lambda bodies: bodies[number].material.material.E
    return inverse.Parameter(f"E{number}", pick, transform=inverse.Positive())
