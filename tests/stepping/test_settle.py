"""Steady states that Newton's method does not reach from rest."""

import jax.numpy as jnp
import pytest

import simphys as sp
from simphys.fem import Dirichlet, rectangle, taylor_hood
from simphys.physics import NavierStokes, Stokes
from simphys.stepping import settle


def cavity(reynolds, cells):
    """Far too coarse for its flow: from rest, and along the path of its lid's velocity, `solve` finds nothing."""
    lid = Dirichlet("top", lambda x: jnp.array([jnp.where((x[0] > 1e-9) & (x[0] < 1 - 1e-9), 1.0, 0.0), 0.0]))
    walls = [Dirichlet(w, 0.0) for w in ("left", "right", "bottom")]
    return NavierStokes(taylor_hood(rectangle((cells, cells))), 1 / reynolds, 1.0, [*walls, lid])


@pytest.mark.slow
def test_a_flow_comes_to_rest_or_says_that_it_did_not():
    found = settle(cavity(1e3, 4), (0.0, 0.0), 0.1)
    assert found.result == sp.RESULTS.successful and found.certificate.residual < 1e-8
    with pytest.raises(sp.NotConverged, match="did not lead") as failed:
        settle(cavity(1e5, 4), (0.0, 0.0), 1e-3, steps=2)
    assert failed.value.solution.result == sp.RESULTS.steps_used_up
    assert all(bool(jnp.all(jnp.isfinite(each))) for each in failed.value.solution.reached)


def test_misuse_raises():
    problem = cavity(10.0, 2)
    with pytest.raises(ValueError, match="stores nothing"):
        settle(Stokes(problem.space, 1.0, [Dirichlet("left", 0.0)]), (0.0, 0.0), 0.1)
    with pytest.raises(ValueError, match="first_step"):
        settle(problem, (0.0, 0.0), 0.0)
    with pytest.raises(ValueError, match="growth"):
        settle(problem, (0.0, 0.0), 0.1, growth=0.5)
