"""A body all nodes of which are prescribed has no unknowns, and is evaluated all the same: one element to try a law on."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.stepping import Equilibrium, march


SPACE = sp.fem.FunctionSpace(sp.fem.box((1, 1, 1)), components=3)
X = np.asarray(SPACE.nodes())
PULL = np.stack([0.1 * X[:, 0], 0 * X[:, 0], 0 * X[:, 0]], axis=1)
SHEAR = np.stack([X[:, 2], 0 * X[:, 0], 0 * X[:, 0]], axis=1)


def cube(law, moved):
    return sp.physics.Solid(SPACE, law, sp.fem.Dirichlet("all", moved))


@pytest.mark.slow
def test_a_linear_cube():
    law = sp.materials.LinearElastic(E=2.0, nu=0.3)
    found = sp.solve(cube(law, PULL))
    np.testing.assert_allclose(found.value, PULL)
    assert found.result == sp.RESULTS.successful and found.certificate.residual == 0
    lam, mu = 2.0 * 0.3 / (1.3 * 0.4), 2.0 / 2.6
    np.testing.assert_allclose(
        cube(law, PULL).resultant(found.value, "right"), [0.1 * (lam + 2 * mu), 0, 0], atol=1e-15
    )


def test_a_rubber_cube_and_its_derivative():
    """P₁₁ = μ (s − 1/s) + λ ln s / s at the stretch s."""

    def force(body):
        return body.resultant(sp.solve(body).value, "right")[0]

    body, s = cube(sp.materials.NeoHooke(mu=1.0, lam=2.0), PULL), 1.1
    value, gradient, certificate = sp.value_and_grad(force)(body)
    np.testing.assert_allclose(value, s - 1 / s + 2 * np.log(s) / s, rtol=1e-12)
    np.testing.assert_allclose(gradient.material.mu, s - 1 / s, rtol=1e-12)
    by_stretch = 1 + 1 / s**2 + 2 * (1 - np.log(s)) / s**2
    np.testing.assert_allclose(jnp.vdot(gradient.constraints[0].value, PULL / 0.1), by_stretch, rtol=1e-12)
    assert certificate.failures == 0


@pytest.mark.slow
def test_a_metal_cube_yields():
    """In shear at σ_y/√3."""
    steel = sp.materials.J2Plasticity(E=200.0, nu=0.3, yield_stress=0.2)
    drive = lambda body, t: eqx.tree_at(lambda b: b.constraints[0].value, body, t * jnp.asarray(SHEAR))
    stress = lambda t, u, body: body.stress(u)[0, 0, 2]
    found = march(Equilibrium(), cube(steel, 0 * SHEAR), 0.0, jnp.linspace(0.0, 0.01, 4), drive=drive, observe=stress)
    np.testing.assert_allclose(found.observed[1:], 0.2 / np.sqrt(3), rtol=1e-9)
