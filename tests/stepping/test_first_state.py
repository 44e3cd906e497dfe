"""What is no state is named before anything is compiled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.stepping import ODE, SDIRK2, BackwardEuler, Newmark, march, march_adaptively


TIMES = jnp.linspace(0.0, 0.1, 3)
MESH = sp.fem.rectangle((2, 2))


def heat():
    law = sp.materials.IsotropicConduction(k=1.0)
    return sp.physics.Heat(sp.fem.FunctionSpace(MESH), law, [sp.fem.Dirichlet("left", 0.0)], capacity=1.0)


def solid():
    law = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=1.0, nu=0.3))
    space = sp.fem.FunctionSpace(MESH, components=2)
    return sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], density=1.0)


@pytest.mark.parametrize("state, text", [
    (0.0, "the pair (u, u̇) for `Newmark`, got 0.0"),
    (jnp.zeros((9, 2)), "the pair (u, u̇) for `Newmark`, got an array of shape (9, 2)"),
    ((0.0, 0.0, 0.0), "got 3 things"),
    ({"u": 0.0, "v": 0.0}, "got {'u': 0.0, 'v': 0.0}"),
    ((np.zeros((3, 2)), 0.0), "u of `state` must have shape (9, 2), got (3, 2)"),
    ((0.0, np.zeros((3, 2))), "u̇ of `state` must have shape (9, 2), got (3, 2)"),
    (("x", 0.0), "u of `state` must be numbers or arrays, got 'x'"),
])  # fmt: skip
def test_of_the_second_order(state, text):
    with pytest.raises(ValueError) as error:
        march(Newmark(), solid(), state, TIMES)
    assert text in str(error.value)


@pytest.mark.parametrize("state, text", [
    ((0.0, 0.0), "an array of shape (9,), or numbers in their place, got 2 things: 0.0, 0.0"),
    (np.zeros(4), "must have shape (9,), got (4,)"),
    (None, "must be numbers or arrays, got None"),
])  # fmt: skip
@pytest.mark.parametrize("lead", [
    lambda problem, state: march(BackwardEuler(), problem, state, TIMES),
    lambda problem, state: march_adaptively(SDIRK2(), problem, state, (0.0, 0.1)),
])  # fmt: skip
def test_of_the_first_order(lead, state, text):
    with pytest.raises(ValueError) as error:
        lead(heat(), state)
    assert text in str(error.value)


def test_an_ode_has_whatever_state_it_is_given():
    decay = ODE(lambda t, u, args: {"a": -u["a"], "b": None})
    found = march(BackwardEuler(), decay, {"a": 1.0, "b": None}, TIMES)
    assert float(found.final.u["a"]) == pytest.approx(1.05**-2)


def test_a_grid_takes_functions_of_positions():
    grid = sp.grids.Grid.uniform((6, 5))
    still = sp.grids.Diffusion(grid, 1.0, sp.grids.Neumann())
    begins = lambda state: march(BackwardEuler(), still, state, TIMES).final.u
    field = still.space.field(lambda x, y: jnp.cos(jnp.pi * x) + y)
    found, want = begins(lambda x, y: jnp.cos(jnp.pi * x) + y), begins(field)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-14), found, want)
    with pytest.raises(ValueError, match="must be numbers or arrays, got 'x'"):
        begins("x")
