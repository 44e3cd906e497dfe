"""The power that a flow takes: closed forms of itself and of its gradient, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import design
from simphys.errors import Enrichment
from simphys.fem import CellField, Dirichlet, density_at_points, rectangle, taylor_hood
from simphys.physics import NavierStokes, Stokes


def parabola(x):
    return jnp.array([4 * x[1] * (1 - x[1]), 0.0])


def channel(cells=(4, 3), resistance=0.0):
    space = taylor_hood(rectangle(cells, (2.0, 1.0)))
    held = [Dirichlet("left", parabola), Dirichlet("right", parabola), Dirichlet("bottom", 0.0), Dirichlet("top", 0.0)]
    return NavierStokes(space, 0.7, 1e-9, held, resistance=resistance)


def test_power_of_a_parabola():
    """μ ∫ u'² + α ∫ u² of u = 4 y (1 − y): 16/3 and 8/15 for each length."""
    flow = channel(resistance=3.0)
    value = (flow.space[0].interpolate(parabola), flow.space[1].zeros())
    np.testing.assert_allclose(flow.dissipation(value), 2 * (0.7 * 16 / 3 + 3.0 * 8 / 15), rtol=1e-12)


@pytest.mark.slow
def test_its_gradient_is_what_a_cell_resists_with_at_the_same_flow():
    """Creeping flow makes P least, so that ∂P/∂ρ = α'(ρ) ∫ v² dV; in a free channel P is the parabola's."""
    flow, law, solid = channel(), design.RAMP(4.0, 1e-6), 50.0
    goal, layout = design.Dissipation(flow, solid, law), design.Layout(flow.space[0].mesh)
    power = lambda x: goal(layout, x, goal.begin())[0]
    both = jax.jit(jax.value_and_grad(power))
    np.testing.assert_allclose(both(jnp.ones(layout.size))[0], 2 * (0.7 * 16 / 3 + solid * 1e-6 * 8 / 15), rtol=1e-7)
    x = jnp.asarray(np.random.default_rng(0).uniform(0.1, 0.9, layout.size))
    value = sp.solve(goal.flow(x)).value
    slow = jax.vmap(jax.grad(lambda r: solid * law(1 - r)))(x)
    squares = eqx.tree_at(lambda p: p.resistance, flow, CellField(slow))
    density, measure = density_at_points(squares._inner(_nothing, density=_resisted), flow.space, value)
    gradient = both(x)[1]
    np.testing.assert_allclose(gradient, jnp.sum(density * measure, axis=1), rtol=1e-5)
    assert float(jnp.max(gradient)) < 0


def _nothing(fields, point, fluid):
    return (None, None), (None, None)


def _resisted(fields, point, fluid):
    return fluid.resistance * jnp.sum(fields[0].value ** 2)


def test_what_is_no_flow_is_refused():
    flow = channel((1, 1))
    with pytest.raises(ValueError, match="one of a `NavierStokes` flow"):
        design.Dissipation(Stokes(flow.space, 1.0, [Dirichlet("all", 0.0)]), 1.0)
    with pytest.raises(ValueError, match="`solid` must be a number > 0"):
        design.Dissipation(flow, -1.0)
    with pytest.raises(ValueError, match="1 cells, the layout 2"):
        design.Dissipation(flow, 1.0).check(design.Layout(rectangle((2, 1))))


@pytest.mark.slow
def test_on_a_richer_space_it_is_that_of_cubic_velocities():
    """The power of one layout on pairs of one degree more, by which its mesh error is told."""
    flow = channel((4, 2))
    goal, layout = design.Dissipation(flow, 50.0), design.Layout(flow.space[0].mesh)
    rich, start = design.enriched(goal, goal.begin(), lambda problem: Enrichment(problem, recommend=True))
    x = jnp.linspace(0.2, 0.9, layout.size)
    held = [Dirichlet(side, parabola) for side in ("left", "right")] + [Dirichlet(s, 0.0) for s in ("bottom", "top")]
    other = design.Dissipation(NavierStokes(taylor_hood(flow.space[0].mesh, 3), 0.7, 1e-9, held), 50.0).flow(x)
    power = other.dissipation(sp.solve(other).value)
    np.testing.assert_allclose(eqx.filter_jit(rich)(layout, x, start)[0], power, rtol=1e-8)
