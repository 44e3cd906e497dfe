"""States in which nothing is strained: every force is rounding, and a pressure is to be 0."""

import jax
import numpy as np
import pytest

import simphys as sp
from simphys.fem import Dirichlet, Slip


PAIR = sp.fem.taylor_hood(sp.fem.rectangle((5, 4), (2.0, 1.0)))
SMALL = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=1.0, nu=0.3))
FINITE = sp.materials.PlaneStrain(sp.materials.NeoHooke(mu=1.0, lam=1.0))
CHANNEL = [Slip(("top", "bottom")), Dirichlet("left", [1.0, 0.0])]
MOVED = [Dirichlet("left", [1.0, 0.5])]


@pytest.mark.parametrize("body, motion", [
    (lambda: sp.physics.MixedSolid(PAIR, SMALL, MOVED), [1.0, 0.5]),
    pytest.param(lambda: sp.physics.NavierStokes(PAIR, 1.0, 1.0, CHANNEL), [1.0, 0.0], marks=pytest.mark.slow),
    pytest.param(lambda: sp.physics.MixedSolid(PAIR, FINITE, MOVED), [1.0, 0.5], marks=pytest.mark.slow),
], ids=["translation", "plug flow with inertia", "translation, finite strain"])  # fmt: skip
def test_all_moves_alike_and_no_pressure_acts(body, motion):
    problem = body()
    solution = sp.solve(problem)
    u, p = solution.value
    np.testing.assert_allclose(u, np.broadcast_to(motion, u.shape), atol=1e-13)
    np.testing.assert_allclose(p, 0.0, atol=1e-12)
    assert int(solution.stats.newton_steps) <= 3


@pytest.mark.slow
def test_a_soft_part_beside_a_stiff_one_is_still_solved_in_its_own_size():
    """What ends where all is rounding ends nowhere else."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((6, 1), (6.0, 1.0)), components=2)
    stiffness = sp.fem.CellField(np.array([1.0, 1.0, 1.0, 1e-8, 1e-8, 1e-8]))
    law = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=stiffness, nu=0.0))
    held = [Dirichlet("left", 0.0), Dirichlet("bottom", 0.0, components=1), Dirichlet("top", 0.0, components=1)]
    pull = sp.physics.Traction("right", (1e-9, 0.0))
    u = sp.solve(sp.physics.Solid(space, law, held, pull)).value
    end = np.asarray(u)[np.asarray(space.nodes_on("right")), 0]
    np.testing.assert_allclose(end, 3e-9 + 0.3, rtol=1e-9)
    slope = jax.grad(
        lambda t: sp.solve(sp.physics.Solid(space, law, held, sp.physics.Traction("right", (t, 0.0)))).value[-1, 0]
    )
    assert float(slope(1e-9)) == pytest.approx(3e8, rel=1e-6)
