"""Forces on a cylinder by the residual, and their derivatives with respect to its shape and the fluid."""

import pathlib
import runpy

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys.fem import Dirichlet, taylor_hood
from simphys.physics import NavierStokes


FOLDER = pathlib.Path(__file__).parents[2] / "scenes" / "flow_round_cylinder"


def inflow(x):
    return jnp.array([4 * 0.3 * x[1] * (0.41 - x[1]) / 0.41**2, 0.0])


def channel(mesh):
    held = [Dirichlet("inlet", inflow), Dirichlet("walls", 0.0), Dirichlet("cylinder", 0.0)]
    return NavierStokes(taylor_hood(mesh), jnp.array(1e-3), jnp.array(1.0), held)


def coefficients(problem, value):
    """c_D, c_L: 2 F / (ρ v² D)."""
    return -problem.resultant(value, "cylinder") * 2 / (0.2**2 * 0.1)


@pytest.mark.slow
def test_published_forces():
    """The DFG's benchmark 2D-1 on 544 cells: drag within 0.01 %, lift within 0.5 %, pressures within 1 %."""
    problem = channel(sp.io.read_mesh(FOLDER / "channel.msh"))
    value = sp.solve(problem).value
    drag, lift = coefficients(problem, value)
    front, back = problem.space[1].evaluate(value[1], jnp.array([[0.15, 0.2], [0.25, 0.2]]))
    print(f"c_D {drag:.6f}, c_L {lift:.7f}, pressure difference {front - back:.6f}")
    np.testing.assert_allclose(drag, 5.57953523384, rtol=1e-4)
    np.testing.assert_allclose(lift, 0.010618948146, rtol=5e-3)
    np.testing.assert_allclose(front - back, 0.11752016697, rtol=1e-2)


@pytest.mark.slow
def test_drag_by_shape_and_viscosity(tmp_path):
    """The cylinder swells and is made an ellipse, and all nodes near it move along."""
    make = runpy.run_path(str(FOLDER / "make_mesh.py"))["channel"]
    make(2, 3, 4).write(tmp_path / "small.msh", file_format="gmsh22", binary=False)
    start = channel(sp.io.read_mesh(tmp_path / "small.msh"))
    points = start.space[0].mesh.points
    away = points - jnp.array([[0.2, 0.2]])
    fades = jnp.where(points[:, :1] < 0.41, jnp.exp(-((jnp.linalg.norm(away, axis=1, keepdims=True) / 0.1) ** 2)), 0.0)
    fades = jnp.where((points[:, 1:] > 1e-9) & (points[:, 1:] < 0.41 - 1e-9) & (points[:, :1] > 1e-9), fades, 0.0)

    def drag(x):
        stretch, viscosity = x
        moved = points + fades * away * stretch[None]
        problem = eqx.tree_at(lambda p: (p.space[0].mesh.points, p.space[1].mesh.points), start, (moved, moved))
        problem = eqx.tree_at(lambda p: p.viscosity, problem, viscosity)
        return coefficients(problem, sp.solve(problem).value)[0]

    assert check_gradient(drag, (jnp.array([0.1, -0.2]), jnp.array(1.1e-3)), verbose=False).passed
