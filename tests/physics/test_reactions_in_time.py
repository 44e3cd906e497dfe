"""Reactions of what changes in time: what is stored counts, by its rate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.fem import Dirichlet, FunctionSpace, rectangle, taylor_hood
from simphys.materials import IsotropicConduction, Polynomial
from simphys.physics import Heat, NavierStokes, Stokes


def test_heat_that_is_stored_came_in_somewhere():
    """A wall with c = 2 + u all of which rises by 3 in a time: ∫ (2 + u) 3 dV."""
    heat = Heat(
        FunctionSpace(rectangle((3, 2), (2.0, 1.0))), IsotropicConduction(k=1.0), capacity=Polynomial([2.0, 1.0])
    )
    u = heat.space.interpolate(lambda x: x[0])
    everywhere = np.arange(heat.space.n_nodes)
    came = heat.resultant(u, everywhere, rate=0 * u + 3.0) - heat.resultant(u, everywhere)
    np.testing.assert_allclose(came, 3 * (2 * 2 + 2), rtol=1e-12)


def test_momentum_that_grows_needs_a_force():
    """∫ ρ v̇ dV over all nodes, exact for quadratic rates; it is linear in the rate."""
    space = taylor_hood(rectangle((3, 2), (2.0, 1.0)))
    flow = NavierStokes(space, 0.05, 1.3, [Dirichlet("left", 0.0)])
    value = (space[0].interpolate(lambda x: jnp.array([x[1], x[0] ** 2])), space[1].zeros())
    rate = (space[0].interpolate(lambda x: jnp.array([x[0] ** 2, 1 - x[1]])), space[1].zeros())
    everywhere = np.arange(space[0].n_nodes)
    force = lambda s: flow.resultant(value, everywhere, rate=jax.tree.map(lambda r: s * r, rate))
    at_rest, slope = jax.value_and_grad(lambda s: force(s)[0])(0.0)
    np.testing.assert_allclose(at_rest, flow.resultant(value, everywhere)[0], atol=1e-14)
    np.testing.assert_allclose(force(2.0) - force(0.0), 2 * 1.3 * np.array([8 / 3, 1.0]), rtol=1e-12)
    np.testing.assert_allclose(slope, 1.3 * 8 / 3, rtol=1e-12)
    # What comes of it stands in the equations of momentum alone.
    np.testing.assert_array_equal(flow.reactions(value, rate)[1], flow.reactions(value)[1])


def test_rates_that_do_not_fit_are_refused():
    space = taylor_hood(rectangle((1, 1)))
    still = (space[0].zeros(), space[1].zeros())
    creeping = Stokes(space, 1.0, [Dirichlet("all", 0.0)])
    with pytest.raises(ValueError, match="stores nothing"):
        creeping.resultant(still, "left", rate=still)
    with pytest.raises(ValueError, match="must have the shapes"):
        NavierStokes(space, 1.0, 1.0, [Dirichlet("all", 0.0)]).reactions(still, (still[0], still[0]))
