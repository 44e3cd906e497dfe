"""What a gradient of a march costs beside the march: no step is solved again."""

import jax
import jax.numpy as jnp
import pytest

import simphys as sp
from simphys.linalg import _direct
from simphys.stepping import BackwardEuler, march


STEPS = 5


@pytest.mark.slow
def test_no_step_is_solved_again(monkeypatch):
    """Its reverse mode keeps each step's root, and all that is said of it: one adjoint solve a step is all that comes."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((4, 4)))
    law = sp.materials.IsotropicConduction(k=sp.materials.Polynomial([1.0, 0.0, 1.0]))
    bar = sp.physics.Heat(space, law, [sp.fem.Dirichlet("left", 0.0)], capacity=1.0)
    times, start = 0.01 * jnp.arange(STEPS + 1.0), jnp.sin(space.nodes()[:, 0])
    solve, counted = _direct._solve_columns, []
    monkeypatch.setattr(_direct, "_solve_columns", lambda *given: counted.append(1) or solve(*given))

    def end(start):
        found = march(BackwardEuler(), bar, start, times, save=None, throw=False)
        return jnp.sum(found.final.u**2), jnp.sum(found.newton_steps)

    _, newton_steps = jax.block_until_ready(jax.grad(end, has_aux=True)(start))
    assert newton_steps >= STEPS and len(counted) == newton_steps + STEPS
