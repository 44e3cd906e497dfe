"""Manufactured solutions: L2 errors of order p + 1, H1 errors of order p."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import Poisson, errors, grid, irregular, newton_step

from simphys.fem import Dirichlet, FunctionSpace


# Cells a side; fine enough for the rate to show, small enough for seconds.
SIZES = {
    "interval": (8, 16),
    "triangle": (6, 12),
    "quadrilateral": (6, 12),
    "tetrahedron": (2, 4),
    "hexahedron": (2, 4),
}


def solution(x):
    """u = sin(2 x₀ + 0.3) cos(x₁ − 0.2) e^(x₂/2)"""
    u = jnp.sin(2 * x[0] + 0.3)
    if x.shape[0] > 1:
        u = u * jnp.cos(x[1] - 0.2)
    return u * jnp.exp(x[2] / 2) if x.shape[0] > 2 else u


def source(fields, point, _):
    return ((jnp.trace(jax.hessian(solution)(point.position)), None),)


def _errors(cell_type, n, degree, mesh_degree):
    mesh = irregular(grid(cell_type, n, mesh_degree), 0.08 / n**mesh_degree)
    space = FunctionSpace(mesh, degree)
    return errors(space, newton_step(Poisson(space, [Dirichlet("all", solution)], source)), solution)


@pytest.mark.breadth
@pytest.mark.parametrize(
    "cell_type, degree",
    [("interval", 3), ("triangle", 3), ("quadrilateral", 3), ("tetrahedron", 3), ("hexahedron", 1)],
)
def test_rates_of_a_scalar_problem(cell_type, degree):
    coarse, fine = (_errors(cell_type, n, degree, 1) for n in SIZES[cell_type])
    l2, h1 = np.log2(np.divide(coarse, fine))
    print(f"{cell_type} degree {degree}: L2 rate {l2:.2f}, H1 rate {h1:.2f}")
    assert degree + 0.75 < l2 < degree + 1.6
    assert degree - 0.2 < h1 < degree + 0.5


@pytest.mark.slow
def test_rates_on_curved_cells():
    """Quadratic cells whose curvature vanishes with h² keep the order of degree 2."""
    coarse, fine = (_errors("triangle", n, 2, 2) for n in SIZES["triangle"])
    l2, h1 = np.log2(np.divide(coarse, fine))
    assert 2.75 < l2 < 3.6 and 1.8 < h1 < 2.5
