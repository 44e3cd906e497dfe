"""Gradients where the guess is the root already, and Newton's method has no step to take."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, box
from simphys.materials import LinearElastic, NeoHooke
from simphys.physics import Solid, Traction


def _block(law, mesh):
    return Solid(
        FunctionSpace(mesh, 1, components=3), law, [Dirichlet("left", 0.0)], [Traction("right", (0.0, 0.0, 0.0))]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "law, multigrid",
    [(LinearElastic(E=1.0, nu=0.3), True), (NeoHooke(mu=0.4, lam=0.6), False)],
    ids=["linear, multigrid", "nonlinear, direct"],
)
def test_gradient_at_the_unloaded_body(law, multigrid):
    """The tip's slope in the load, at no load, is that of finite differences."""
    block = _block(law, box((2, 2, 2)))
    block = block.with_multigrid() if multigrid else block
    force = jnp.array([0.0, 0.3, 1.0])

    @jax.jit
    @jax.value_and_grad
    def sag(size):
        loaded = eqx.tree_at(lambda b: b.loads[0].value, block, size * force)
        return jnp.vdot(sp.solve(loaded, block.space.zeros()).value[-1], jnp.array([1.0, 2.0, 3.0]))

    h = 1e-4
    np.testing.assert_allclose(sag(0.0)[1], (sag(h)[0] - sag(-h)[0]) / (2 * h), rtol=1e-6)
