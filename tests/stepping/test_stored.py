"""What second-order simplices store: with a negative weight in its quadrature a march explodes as steps get shorter."""

import jax.numpy as jnp
import numpy as np
import pytest

from simphys.fem import Dirichlet, FunctionSpace, box
from simphys.materials import IsotropicConduction, LinearElastic
from simphys.physics import BodyForce, Heat, Solid
from simphys.stepping import BackwardEuler, Newmark, march


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("steps", [4, 40, 160])
def test_heat_in_quadratic_tetrahedra_decays(steps):
    """max |T| at t = 0.004 of sin πx between ends at 0; exp(−π² t) = 0.961, and 0.969 on this mesh."""
    space = FunctionSpace(box((2, 2, 2), cell_type="tetrahedron", degree=2), 2)
    heat = Heat(space, IsotropicConduction(k=1.0), [Dirichlet("left", 0.0), Dirichlet("right", 0.0)], capacity=1.0)
    start = space.interpolate(lambda x: jnp.sin(jnp.pi * x[0]))
    found = march(BackwardEuler(), heat, start, np.linspace(0.0, 0.004, steps + 1), save=None)
    assert jnp.abs(found.values[-1]).max() == pytest.approx(0.969, abs=0.002)


@pytest.mark.slow
def test_average_acceleration_stays_bounded_under_weight():
    """A clamped box let go under its weight swings about its rest by at most as much as it hangs there, and some."""
    space = FunctionSpace(box((2, 1, 1), (2.0, 1.0, 1.0), cell_type="tetrahedron", degree=2), 2, 3)
    law = LinearElastic(E=100.0, nu=0.3)
    solid = Solid(space, law, [Dirichlet("left", 0.0)], [BodyForce((0.0, 0.0, -1.0))], density=1.0)
    found = march(Newmark(), solid, (0.0, 0.0), np.linspace(0.0, 20.0, 201))
    sizes = jnp.abs(found.values[0] if isinstance(found.values, tuple) else found.values).max(axis=(1, 2))
    assert 0.1 < sizes.max() < 1.0
    assert sizes[100:].max() < 1.1 * sizes[:100].max()
