"""Derivatives of a loaded solid with respect to everything a user can give, against central differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import grid, irregular

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace, NodalField, QuadratureField
from simphys.materials import NeoHooke, PlaneStrain
from simphys.physics import BodyForce, NodalForces, Pressure, Solid, Traction


N = 2
PARAMETERS = {
    "nodes": lambda s: s.space.mesh.points,
    "cell field": lambda s: s.material.material.mu.values,
    "quadrature field": lambda s: s.material.material.lam.values,
    "nodal field": lambda s: s.thickness.values,
    "boundary values": lambda s: s.constraints[1].value,
    "traction": lambda s: s.loads[0].value,
    "dead pressure": lambda s: s.loads[1].value.values,
    "follower pressure": lambda s: s.loads[2].value,
    "body force": lambda s: s.loads[3].value,
    "nodal forces": lambda s: s.loads[4].values,
}


def solid():
    """A clamped block, pulled, pressed twice, weighed and poked, of fields of every kind."""
    mesh = irregular(grid("quadrilateral", N), 0.05)
    space = FunctionSpace(mesh, 1, 2)
    vary = lambda shape, seed: 1 + jnp.asarray(np.random.default_rng(seed).uniform(-0.2, 0.2, shape))
    quad = len(np.polynomial.legendre.leggauss(2)[0]) ** 2
    law = NeoHooke(mu=CellField(vary(N * N, 0)), lam=QuadratureField(2 * vary((N * N, quad), 1)))
    constraints = [Dirichlet("left", 0.0), Dirichlet("bottom", jnp.array([0.03, -0.02]))]
    loads = [
        Traction("right", jnp.array([0.1, 0.05])),
        Pressure("top", CellField(0.1 * vary(N * N, 2))),
        Pressure("right", 0.15, follower=True),
        BodyForce(jnp.array([0.02, -0.1])),
        NodalForces(0.02 * vary(space.shape, 3)),
    ]
    return Solid(space, PlaneStrain(law), constraints, loads, thickness=NodalField(vary(space.n_nodes, 4)))


@pytest.fixture(scope="module")
def problem():
    base = solid()
    sensors = base.space.locate(np.array([[0.3, 0.4], [0.7, 0.9], [0.9, 0.2]]))
    read = lambda s: {name: pick(s) for name, pick in PARAMETERS.items()}

    def loss(parameters, adjoint=None):
        moved = eqx.tree_at(lambda s: list(read(s).values()), base, [parameters[name] for name in PARAMETERS])
        u = sp.solve(moved, adjoint=adjoint).value
        at = moved.space.evaluate(u, sensors)
        return 50 * jnp.sum(at**2) + jnp.sum(moved.space.nodes() * u)

    return loss, read(base)


@pytest.fixture(scope="module")
def both(problem):
    """The value, its gradient and the certificate by one program, for all tests."""
    return eqx.filter_jit(sp.value_and_grad(problem[0]))


@pytest.fixture(scope="module")
def pushed(problem):
    """(parameters, direction) ↦ slope of the value, slope of the gradient: forward over reverse, by one program."""
    return jax.jit(lambda p, way: jax.jvp(jax.value_and_grad(problem[0]), (p,), (way,)))


@pytest.fixture(scope="module")
def gradient(problem, both):
    return both(problem[1])


def direction(parameters, names, seed=5):
    generator = np.random.default_rng(seed)
    draw = lambda name, leaf: jnp.asarray(generator.uniform(-1, 1, leaf.shape)) * float(name in names)
    return {name: draw(name, leaf) for name, leaf in parameters.items()}


def step(parameters, way, h):
    return jax.tree.map(lambda a, d: a + h * d, parameters, way)


def inner(a, b):
    return sum(jnp.vdot(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("name", PARAMETERS)
def test_gradient_with_respect_to(name, problem, both, gradient):
    """Interior and boundary nodes, loads, values and fields: slopes are those of central differences."""
    parameters, loss = problem[1], lambda p: both(p)[0]
    way = direction(parameters, [name])
    slope, h = inner(gradient[1], way), 3e-5 if name == "nodes" else 3e-4
    difference = (loss(step(parameters, way, h)) - loss(step(parameters, way, -h))) / (2 * h)
    assert abs(slope) > 1e-4
    assert jnp.isclose(slope, difference, rtol=2e-6, atol=1e-9)
    assert gradient[2].residual < 1e-10 and gradient[2].solves == 1


@pytest.mark.slow
def test_forward_and_reverse_mode_agree(problem, pushed, gradient):
    way = direction(problem[1], list(problem[1]))
    (value, _), (slope, _) = pushed(problem[1], way)
    assert jnp.isclose(value, gradient[0], rtol=1e-12)
    assert jnp.isclose(slope, inner(gradient[1], way), rtol=1e-8)


@pytest.mark.slow
def test_hessian_vector_product(problem, both, pushed):
    """Forward over reverse, against differences of gradients. (Sensors follow nodes to first order: nodes stay.)"""
    parameters = problem[1]
    way = direction(parameters, set(parameters) - {"nodes"})
    product, h = pushed(parameters, way)[1][1], 1e-4
    ahead, behind = both(step(parameters, way, h))[1], both(step(parameters, way, -h))[1]
    for name, found in product.items():
        if name != "nodes":
            difference = (ahead[name] - behind[name]) / (2 * h)
            assert jnp.allclose(found, difference, rtol=1e-4, atol=1e-5 * jnp.abs(difference).max()), name
