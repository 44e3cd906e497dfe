"""Implicit and explicit parts of one step: orders, derivatives, bounds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys import grids
from simphys.stepping import IMEX2, SDIRK2, march


BOX = grids.Grid.uniform((12, 12), upper=2 * np.pi)
VORTICES = grids.NavierStokes(BOX, 0.05, grids.Periodic(), steady=False)
DRIFTING = VORTICES.space.field(
    (lambda x, y: 0.4 + jnp.cos(x) * jnp.sin(y), lambda x, y: 0.2 - jnp.sin(x) * jnp.cos(y))
)


def end(stepper, problem, start, steps, time=1.0):
    return march(stepper, problem, start, jnp.linspace(0.0, time, steps + 1), save=None).final.u


def halves(problem, start, steps, time=1.0):
    """States at a time after half of the steps, of which all lead twice as far, and after all of them."""
    run = lambda time: march(IMEX2(), problem, start, jnp.linspace(0.0, time, steps + 1), save=steps // 2).values
    return [jax.tree.map(lambda a, k=k: a[k], run(2 * time / k)) for k in (1, 2)]


@pytest.mark.slow
def test_vortices_that_drift_and_decay():
    """Taylor and Green's: order 2 in time, on one grid, beside many small steps of RK3."""
    known = end(sp.stepping.RK3(), VORTICES, DRIFTING, 160).velocity.components[0]
    apart = [np.abs(found.velocity.components[0] - known).max() for found in halves(VORTICES, DRIFTING, 20)]
    assert 1.8 < np.log2(apart[0] / apart[1]) < 2.4, apart


@pytest.mark.slow
def test_vortices_on_finer_grids():
    """Order 2 beside the exact solution; no divergence is made."""
    errors = []
    for side in (4 * np.pi, 2 * np.pi):
        problem = grids.NavierStokes(grids.Grid.uniform((24, 24), upper=side), 0.05, grids.Periodic(), steady=False)
        exact = lambda a, s, p=problem: p.space.field(
            (
                lambda x, y: 0.4 + a * jnp.cos(x - 0.4 * s) * jnp.sin(y - 0.2 * s),
                lambda x, y: 0.2 - a * jnp.sin(x - 0.4 * s) * jnp.cos(y - 0.2 * s),
            )
        )
        found = end(IMEX2(), problem, exact(1.0, 0.0), 40).velocity
        errors.append(np.abs(found.components[0] - exact(np.exp(-0.1), 1.0).components[0]).max())
        assert float(jnp.max(jnp.abs(problem.space.divergence(found).values))) < 1e-9
    assert 1.7 < np.log2(errors[0] / errors[1]) < 2.3, errors


@pytest.mark.slow
def test_a_scalar_that_is_carried_reacts_and_spreads():
    """Order 2; the steps are ten times what diffusion would let explicit ones take."""
    grid = grids.Grid.uniform((64,))
    wind = grids.FaceSpace(grid, grids.Periodic()).field((0.3,))
    problem = grids.Diffusion(grid, 0.05, grids.Periodic(), velocity=wind, reaction=lambda u: u * (1 - u))
    start = problem.space.field(lambda x: 0.5 + 0.4 * jnp.sin(2 * jnp.pi * x))
    known = end(SDIRK2(), problem, start, 400, 0.5).values
    apart = [np.abs(found.values - known).max() for found in halves(problem, start, 32, 0.5)]
    assert 1.8 < np.log2(apart[0] / apart[1]) < 2.3, apart
    assert 0.5 / 16 > 10 * (1 / 64) ** 2 / (2 * 0.05)


@pytest.mark.slow
def test_derivatives_and_walls():
    """Through steps between walls, with a body, by the viscosity and the speed of the lid."""
    walls = dict.fromkeys(("left", "right", "bottom"), grids.Wall()) | {"top": grids.Wall((1.0, 0.0))}
    body = grids.Body(grids.Ball([0.5, 0.5], 0.2), 100.0, 0.1)
    problem = grids.NavierStokes(grids.Grid.uniform((6, 6)), 0.1, walls, body=body, steady=False)
    pick = lambda p: (p.space.sides[0].pairs[1][1].value, p.viscosity)

    def energy(x):
        changed = eqx.tree_at(pick, problem, (x[0], x[1]))
        return changed.kinetic_energy(end(IMEX2(), changed, (0.0, 0.0), 3, 0.2))

    x = jnp.array([1.0, 0.1])
    assert check_gradient(energy, x, direction=0.5 * x, verbose=False).passed


@pytest.mark.slow
def test_a_step_that_crosses_more_than_a_cell():
    with pytest.raises(sp.stepping.StepFailed, match="at most at its beginning"):
        end(IMEX2(), VORTICES, DRIFTING, 2)


def test_what_it_is_not_for():
    law = grids.ConservationLaw(grids.Grid.uniform((8,)), grids.Burgers(), grids.Periodic())
    with pytest.raises(ValueError, match="is for"):
        end(IMEX2(), law, law.state(1.0), 2)
    with pytest.raises(ValueError, match="no stiff part"):
        law.carried(None)
