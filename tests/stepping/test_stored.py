"""What second-order simplices store: with a negative weight in its quadrature a march explodes as steps get shorter."""

import jax.numpy as jnp
import numpy as np
import pytest

from simphys.fem import Dirichlet, FunctionSpace, box
from simphys.materials import IsotropicConduction
from simphys.physics import Heat
from simphys.stepping import BackwardEuler, march


@pytest.mark.slow
def test_heat_in_quadratic_tetrahedra_decays():
    """max |T| at t = 0.004 of sin πx between ends at 0; exp(−π² t) = 0.961, and 0.969 on this mesh."""
    space = FunctionSpace(box((2, 2, 2), cell_type="tetrahedron", degree=2), 2)
    heat = Heat(space, IsotropicConduction(k=1.0), [Dirichlet("left", 0.0), Dirichlet("right", 0.0)], capacity=1.0)
    start = space.interpolate(lambda x: jnp.sin(jnp.pi * x[0]))
    found = march(BackwardEuler(), heat, start, np.linspace(0.0, 0.004, 161), save=None)
    assert jnp.abs(found.values[-1]).max() == pytest.approx(0.969, abs=0.002)
