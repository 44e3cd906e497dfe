"""Effective stiffness: closed forms, gradients, and a cell of negative Poisson's ratio."""

import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import design
from simphys.design._evaluate import evaluate


FULL = sp.materials.LinearElastic(E=2.0, nu=0.3)
TABLE = 2.0 / (1 - 0.3**2) * np.array([[1, 0.3, 0], [0.3, 1, 0], [0, 0, 0.35]])


def cell(least=1e-3, law=FULL):
    return design.UnitCell(sp.fem.rectangle((6, 6)), sp.materials.PlaneStress(law), np.eye(3), design.SIMP(1.0, least))


def square(weights, sharpness, least):
    """A layout with the symmetries of a square, and a goal on it: one program for every test of them."""
    mesh = sp.fem.rectangle((20, 20))
    planes = [design.Plane((0.5, 0.5), way) for way in ((1.0, 0.0), (0.0, 1.0), (1.0, -1.0))]
    layout = design.Layout(mesh, design.ConeFilter(mesh, 0.092), design.Heaviside(sharpness), symmetry=planes)
    return layout, design.UnitCell(mesh, sp.materials.PlaneStress(FULL), weights, design.SIMP(3.0, least))


@pytest.mark.slow
def test_a_full_cell_is_the_material_and_layers_have_closed_forms():
    np.testing.assert_allclose(cell().stiffness(jnp.ones(36)), TABLE, rtol=1e-9, atol=1e-10)
    goal = cell(law=sp.materials.LinearElastic(E=2.0, nu=0.0), least=1e-9)
    layers = jnp.asarray(np.repeat([1.0, 0.25, 1.0, 0.25, 0.25, 1.0], 6))
    C = goal.stiffness(layers)
    along, across = 2.0 * 0.625, 2.0 / np.mean(1 / layers)
    np.testing.assert_allclose(C, np.diag([along, across, across / 2]), rtol=1e-7, atol=1e-8)


@pytest.mark.slow
def test_stiffness_in_space():
    law = sp.materials.LinearElastic(E=2.0, nu=0.3)
    goal = design.UnitCell(sp.fem.box((2, 2, 2)), law, np.eye(6))
    lam, mu = 2.0 * 0.3 / (1.3 * 0.4), 2.0 / 2.6
    wanted = np.diag([2 * mu] * 3 + [mu] * 3)
    wanted[:3, :3] += lam
    np.testing.assert_allclose(goal.stiffness(jnp.ones(8)), wanted, rtol=1e-8, atol=1e-9)
    with pytest.raises(ValueError, match=r"shape \(6, 6\) here, got \(3, 3\)"):
        design.UnitCell(sp.fem.box((2, 2, 2)), law, np.eye(3))


@pytest.mark.slow
def test_gradient_against_finite_differences():
    layout, goal = square([[0.2, 1.0, 0.3], [0.5, -0.4, 0.0], [0.0, 0.1, 0.7]], 2.0, 1e-3)
    random = np.random.default_rng(0)
    x, way = random.uniform(0.3, 0.9, layout.size), random.standard_normal(layout.size)
    found = evaluate(goal, layout, x, goal.begin())
    at = lambda x: evaluate(goal, layout, x, goal.begin()).value
    errors = [abs((at(x + h * way) - at(x - h * way)) / (2 * h * (found.gradient @ way)) - 1) for h in (1e-4, 1e-5)]
    assert min(errors) < 1e-7 and found.adjoint_solves == 0


@pytest.mark.slow
def test_a_cell_of_negative_poissons_ratio():
    layout, goal = square([[-0.03, 1.0, 0.0], [0.0, -0.03, 0.0], [0.0, 0.0, 0.0]], 1.0, 1e-6)
    mesh = goal.problem.space.mesh
    radius = np.linalg.norm(np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1) - 0.5, axis=1)
    start = np.zeros(layout.size)
    start[np.asarray(layout.variable)] = np.where(radius < 1 / 6, 0.1, 0.5)
    limits = [design.AtMost(design.Volume(), 0.4)]
    stages = [design.Stage(60), design.Stage(30, sharpness=4.0), design.Stage(sharpness=8.0)]
    found = design.optimise(layout, goal, limits, start=start, stages=stages, max_iterations=100)
    C = np.asarray(goal.stiffness(jnp.asarray(found.density)))
    assert C[0, 1] / C[1, 1] < -0.2, C
    np.testing.assert_allclose(C[0, 0], C[1, 1], rtol=1e-6)
    assert found.constraints["volume fraction ≤ 0.4"] < 0.401
