"""Trial functions against finite elements."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from _manufactured import root

import simphys as sp
from simphys.physics import Trial, boundary_defect, ritz_energy


def square(cells=5, degree=2, **extra):
    space = sp.fem.FunctionSpace(sp.fem.rectangle((cells, cells)), degree=degree)
    edges = [sp.fem.Dirichlet(side, 0.0) for side in ("left", "right", "bottom", "top")]
    return sp.physics.Heat(space, sp.materials.IsotropicConduction(k=1.0), edges, [sp.physics.Source(1.0)], **extra)


def energy_of(problem, value):
    return problem.evaluate(problem.unknowns(value)).energy


@pytest.mark.slow
def test_a_function_of_the_space_has_the_energy_of_the_elements():
    problem = square()
    bubble = lambda x: x[0] * (1 - x[0]) + x[1] * (2 - x[1])  # a quadratic: the elements hold it exactly
    nodal = problem.space.interpolate(bubble)
    loose = sp.physics.Heat(problem.space, problem.material, [sp.fem.Dirichlet("left", lambda x: x[1] * (2 - x[1]))],
                            [sp.physics.Source(1.0), sp.physics.Flux("right", 0.5)])  # fmt: skip
    np.testing.assert_allclose(ritz_energy(loose, bubble), energy_of(loose, nodal), rtol=1e-12)
    np.testing.assert_allclose(boundary_defect(loose, bubble), 0, atol=1e-14)
    np.testing.assert_allclose(boundary_defect(problem, lambda x: bubble(x) + 0.1), 1.35, rtol=1e-12)


@pytest.mark.slow
def test_of_a_solid_and_with_respect_to_its_parameters():
    space = sp.fem.FunctionSpace(sp.fem.box((1, 2, 1)), components=3)
    H = jnp.array([[0.2, 0.1, 0.0], [0.0, -0.1, 0.0], [0.05, 0.0, 0.1]])
    law = sp.materials.NeoHooke(mu=1.3, lam=2.0)
    solid = sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", lambda x: H @ x)])
    trial = Trial(lambda x: jnp.zeros(3), lambda x: H @ x, lambda x: x[0])
    np.testing.assert_allclose(ritz_energy(solid, trial), law.energy(jnp.eye(3) + H), rtol=1e-12)
    np.testing.assert_allclose(boundary_defect(solid, trial), 0, atol=1e-15)
    slope = jax.grad(lambda law: ritz_energy(eqx.tree_at(lambda s: s.material, solid, law), trial))(law)
    F = jnp.eye(3) + H
    np.testing.assert_allclose(slope.mu, (law.energy(F) - 2 * law.volumetric(jnp.linalg.det(F))) / 1.3)


@pytest.mark.slow
def test_a_network_finds_the_solution_of_the_elements():
    """Poisson's equation on a square, by a network of 41 weights: L2 and energy errors against the elements."""
    problem = square()
    solved = root(problem)
    least = energy_of(problem, solved)
    network = eqx.nn.MLP(2, "scalar", 10, 1, jnp.tanh, key=jax.random.PRNGKey(0), dtype=float)
    distance = lambda x: 16 * x[0] * (1 - x[0]) * x[1] * (1 - x[1])
    trial = Trial(network, lambda x: jnp.zeros(()), distance)
    free, rest = eqx.partition(trial, eqx.is_array)
    energy = lambda free: ritz_energy(problem, eqx.combine(free, rest))
    # Optax's own counters mix integers of two kinds.
    with jax.numpy_dtype_promotion("standard"):
        found = jax.jit(lambda free: minimised(energy, free, 150))(free)
    trial = eqx.combine(found, rest)
    error = jax.vmap(trial)(problem.space.nodes()) - solved
    relative = float(jnp.linalg.norm(error) / jnp.linalg.norm(solved))
    gap = float(energy(found) / least - 1)
    # The least energy is the elements'; both are negative.
    assert relative < 0.02 and -3e-3 < gap < 1e-4, (relative, gap)
    before = jax.vmap(eqx.combine(free, rest))(problem.space.nodes()) - solved
    assert float(jnp.linalg.norm(before) / jnp.linalg.norm(solved)) > 0.5
    np.testing.assert_allclose(boundary_defect(problem, trial), 0, atol=1e-14)


def minimised(function, start, steps):
    """The point that optax's L-BFGS reaches."""
    optimiser = optax.lbfgs()
    both = optax.value_and_grad_from_state(function)

    def step(_, carry):
        point, memory = carry
        value, slope = both(point, state=memory)
        change, memory = optimiser.update(slope, memory, point, value=value, grad=slope, value_fn=function)
        return optax.apply_updates(point, change), memory

    return jax.lax.fori_loop(0, steps, step, (start, optimiser.init(start)))[0]


def test_what_has_no_such_energy_is_refused():
    space = sp.fem.FunctionSpace(sp.fem.line(3))
    ends = [sp.fem.Dirichlet("left", 0.0)]
    curved = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=sp.materials.Polynomial([1.0, 1.0])), ends)
    with pytest.raises(ValueError, match="does not derive from a potential"):
        ritz_energy(curved, lambda x: x[0])
    forced = sp.physics.Heat(
        space, sp.materials.IsotropicConduction(k=1.0), ends, [sp.physics.NodalForces(jnp.ones(4))]
    )
    with pytest.raises(ValueError, match="no nodes for `NodalForces`"):
        ritz_energy(forced, lambda x: x[0])
    mixed = sp.fem.taylor_hood(sp.fem.rectangle((1, 1)))
    flow = sp.physics.Stokes(mixed, 1.0, [sp.fem.Dirichlet("left", 0.0)])
    with pytest.raises(ValueError, match="one field, Stokes has 2"):
        ritz_energy(flow, lambda x: x)
