"""One process computes in float64, then in float32, then in both again."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.inverse import Model, Parameter, fit
from simphys.layers import QP
from simphys.stepping import ODE, SDIRK2, BackwardEuler, march


@pytest.fixture
def precisions():
    """A loop over precisions, set for the process."""

    def loop():
        for bits in (64, 32, 64, 32):
            jax.config.update("jax_enable_x64", bits == 64)
            yield bits

    yield loop
    jax.config.update("jax_enable_x64", True)


def plate(cells=4, **options):
    space = sp.fem.FunctionSpace(sp.fem.rectangle((cells, cells)))
    law = sp.materials.IsotropicConduction(k=2.0)
    return sp.physics.Heat(space, law, [sp.fem.Dirichlet("left", 0.0)], [sp.physics.Flux("right", 1.0)], **options)


def direct():
    method = sp.Newton(linear_solver=sp.linalg.Direct())
    body, leaf = plate(), lambda body: body.material.k.value
    total = lambda k: sp.solve(eqx.tree_at(leaf, body, k), method=method).value.sum()
    return jnp.stack(jax.value_and_grad(total)(leaf(body)))


def sensed():
    body = plate()
    space, u = body.space, sp.solve(body).value
    at = space.locate([[0.3, 0.4], [0.9, 0.1]])
    return space.evaluate(u, at)


def multigrid():
    return sp.solve(plate(28).with_multigrid()).value.mean()


def root():
    problem = sp.RootProblem(lambda y, a: y**2 - a, guess=jnp.ones(()))
    return jax.grad(lambda a: sp.solve(problem, args=a).value)(jnp.asarray(2.0))


def ode():
    return march(SDIRK2(), ODE(lambda t, u, a: -2 * u * t), jnp.asarray(1.0), np.linspace(0, 1, 5)).values


def cooling():
    return march(BackwardEuler(), plate(capacity=1.0), 1.0, np.linspace(0, 1, 4)).values[-1]


def program():
    eye, half = jnp.eye(2), jnp.full(2, 0.5)
    solution = lambda q: QP(eye, q, None, None, eye, half)().value.sum()
    return jax.grad(solution)(jnp.array([-0.3, -0.4]))


class Curve(eqx.Module):
    a: jax.Array
    b: jax.Array


def fitted():
    x = jnp.linspace(0.0, 2.0, 30)
    growth = lambda c: c.a * jnp.exp(c.b * x)
    noise = 0.05 * np.random.default_rng(0).standard_normal(30).astype(x.dtype)
    measured = growth(Curve(jnp.array(2.0), jnp.array(0.7))) + noise
    sought = [Parameter("a", lambda c: c.a), Parameter("b", lambda c: c.b)]
    return jnp.asarray(fit(Model(Curve(jnp.array(1.0), jnp.array(1.0)), growth, measured, 0.05), sought).values)


def plastic():
    law = sp.materials.J2Plasticity(E=70e3, nu=0.3, yield_stress=250.0, kinematic=5e3)
    space = sp.fem.FunctionSpace(sp.fem.box((1, 1, 1)), components=3)
    held = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 0.01, components=0)]
    return sp.solve(sp.physics.Solid(space, law, held)).value


KINDS = [root, direct, sensed, ode, program]
SLOW = [multigrid, cooling, fitted, plastic]


@pytest.mark.breadth
@pytest.mark.parametrize("kind", [*KINDS, *(pytest.param(k, marks=pytest.mark.slow) for k in SLOW)])
def test_precisions_may_change_in_a_process(kind, precisions):
    found = []
    for bits in precisions():
        value = kind()
        assert value.dtype == f"float{bits}"
        found.append(np.asarray(value))
    np.testing.assert_allclose(found[1], found[0], rtol=2e-3, atol=1e-5)
    np.testing.assert_array_equal(found[2], found[0])
    np.testing.assert_array_equal(found[3], found[1])
