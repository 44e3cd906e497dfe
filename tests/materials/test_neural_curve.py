"""Conductivity as a network of temperature."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
import simphys.materials as sm
from simphys.inverse import train


def rod(curve, source, cells=8):
    space = sp.fem.FunctionSpace(sp.fem.line(cells))
    ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 1.0)]
    return sp.physics.Heat(space, sm.IsotropicConduction(k=curve), ends, [sp.physics.Source(source)])


def fresh(**size):
    return sm.NeuralCurve(level=1.5, centre=1.0, span=1.0, network=sm.Perceptron(**size))


def test_positive_everywhere_and_level_at_first():
    curve = fresh(width=5, depth=2)
    T = jnp.linspace(-50.0, 50.0, 7)
    np.testing.assert_allclose(jax.vmap(curve)(T), 1.5, rtol=1e-14)
    draw = np.random.default_rng(0)
    wild = jax.tree.map(lambda a: jnp.asarray(3 * draw.standard_normal(a.shape)), curve.network)
    values = jax.vmap(sm.NeuralCurve(level=1.5, centre=1.0, span=1.0, network=wild))(T)
    assert float(values.min()) > 0 and float(values.max() / values.min()) > 2
    c = sm.HeatCapacity(fresh())
    np.testing.assert_allclose(c.enthalpy(jnp.asarray(2.0)), 3.0, rtol=1e-12)


@pytest.mark.slow
def test_gradient_of_a_solve_with_respect_to_the_weights():
    draw = np.random.default_rng(1)
    start = jax.tree.map(lambda a: jnp.asarray(0.5 * draw.standard_normal(a.shape)), sm.Perceptron(width=3))
    curve = sm.NeuralCurve(level=1.5, centre=0.5, span=0.5, network=start)
    loss = lambda curve: jnp.sum(sp.solve(rod(curve, 4.0, 4)).value ** 2)
    assert check_gradient(loss, curve, halvings=3, verbose=False).passed


@pytest.mark.slow
def test_it_is_learned_from_temperatures():
    """k = 1 + T² from three steady states; right within 2 % where the rod was as hot."""
    sources = jnp.asarray([0.0, 4.0, 12.0])
    rods = [rod(fresh(width=4), s) for s in sources]
    solve = lambda rod, curve: sp.solve(eqx.tree_at(lambda r: r.material.k, rod, curve)).value
    run = lambda curve: jnp.stack([solve(rod, curve) for rod in rods])
    measured = run(sm.Polynomial([1.0, 0.0, 1.0]))
    found = train(lambda curve, _: run(curve) - measured, fresh(width=4), max_iterations=40)
    T = jnp.linspace(0.1, 1.3, 9)
    learned = jax.vmap(found.model)(T)
    assert float(measured.max()) > 1.3
    np.testing.assert_allclose(learned, 1 + T**2, rtol=0.02)
