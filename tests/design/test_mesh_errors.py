"""What a design owes to its mesh, against designs judged on finer ones."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from _design_problems import half_full

import simphys as sp
from simphys import design


def cantilever(nx, ny, degree=1):
    mesh = sp.fem.rectangle((nx, ny), (4.0, 1.0))
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=1.0, nu=0.3))
    space = sp.fem.FunctionSpace(mesh, degree, components=2)
    load = sp.physics.Traction("right", (0.0, -1e-2))
    return sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], [load])


def layout_of(body):
    return design.Layout(body.space.mesh, design.ConeFilter(body.space.mesh, 0.8))


def compliance(nx, ny, degree, density):
    """Of a design that is carried to another mesh of the same rectangle, of cells that lie in those of the first."""
    body = cantilever(nx, ny, degree)
    goal, layout = design.Compliance(body), design.Layout(body.space.mesh)
    rows = jnp.repeat(jnp.repeat(jnp.asarray(density), ny // density.shape[0], 0), nx // density.shape[1], 1)
    return float(goal(layout, rows.ravel(), goal.begin())[0])


@pytest.mark.slow
def test_an_optimum_is_judged_anew():
    body = cantilever(8, 2)
    layout, stiff = layout_of(body), design.Compliance(body)
    sag = design.AtLeast(design.Displacement(body, "right", (0.0, 1.0)), -100.0)
    found = design.optimise(layout, stiff, [half_full(), sag], max_iterations=3)
    judged = design.mesh_errors(found)
    assert judged.degree == 2 and judged.objective.value == found.objective
    density = found.density.reshape(2, 8)
    assert compliance(8, 2, 1, density) == pytest.approx(found.objective, rel=1e-6)
    true = compliance(32, 16, 2, density) - found.objective
    assert 0.7 < judged.objective.error / true < 1.4
    assert any("of stiffness from the mesh" in remark for remark in judged.remarks)
    volume, sagging = judged.constraints.values()
    assert volume.error == pytest.approx(0, abs=1e-12) and volume.value == pytest.approx(0.5, abs=0.02)
    # The end sags with the compliance, whose load it bears: at the nodes of the mesh, not those of the richer space.
    assert sagging.relative == pytest.approx(-judged.objective.relative, rel=0.1)
    assert "(mesh)" in str(judged)


@pytest.mark.slow
def test_goals_of_all_kinds_are_judged():
    body = cantilever(8, 2)
    heavy = sp.physics.Solid(body.space, body.material, body.constraints, density=1.0)
    mesh = body.space.mesh
    step = design.Layout(mesh, design.ConeFilter(mesh, 0.6), design.Heaviside(2.0))
    both = design.WeightedSum([design.Compliance(body), design.StressNorm(body)])
    goals = [design.Robust(both), design.Maximise(design.Eigenfrequency(heavy, 2))]
    for goal in goals:
        found = design.optimise(step, goal, [half_full()], max_iterations=1)
        judged = design.mesh_errors(found)
        # Too stiff a mesh: a stiff body, and high frequencies, which count as −q.
        assert judged.objective.error > 0.01 * abs(found.objective) and judged.remarks
    square = sp.fem.rectangle((4, 4))
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=1.0, nu=0.3))
    cell = design.UnitCell(square, law, -jnp.eye(3))
    start = np.linspace(0.2, 0.8, 16)
    found = design.optimise(
        design.Layout(square, design.ConeFilter(square, 0.3)), cell, [half_full()], max_iterations=1, start=start
    )
    assert design.mesh_errors(found).objective.error > 1e-4


@pytest.mark.slow
def test_a_nonlinear_body_is_judged_from_where_it_is():
    mesh = sp.fem.rectangle((8, 2), (4.0, 1.0))
    law = sp.materials.PlaneStrain(sp.materials.NeoHooke.from_young(E=1.0, nu=0.3))
    space = sp.fem.FunctionSpace(mesh, 1, components=2)
    load = sp.physics.Traction("right", (0.0, -2e-3))
    body = sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], [load])
    found = design.optimise(layout_of(body), design.Compliance(body), [half_full()], max_iterations=2)
    judged = design.mesh_errors(found)
    assert 0.02 < judged.objective.relative < 0.6


class Own(design.AbstractGoal):
    """A goal of which nothing is known on other spaces."""

    @property
    def name(self):
        return "own"

    def begin(self):
        return None

    def __call__(self, layout, x, memory):
        return design.Volume()(layout, x, memory)

    def check(self, layout):
        pass


@pytest.mark.slow
def test_what_cannot_be_judged_says_so():
    layout = layout_of(cantilever(4, 2))
    found = design.optimise(layout, Own(), [half_full()], max_iterations=1)
    judged = design.mesh_errors(found)
    assert np.isnan(judged.objective.error) and "nothing is known of a `Own`" in judged.remarks[0]
    assert judged.constraints["volume fraction ≤ 0.5"].error == 0
    body = cantilever(4, 2)
    found = design.optimise(layout_of(body), design.Compliance(body), [half_full()], max_iterations=1)
    assert "90 unknowns, more than 50" in design.mesh_errors(found, max_unknowns=50).remarks[0]
    with pytest.raises(ValueError, match="never evaluated"):
        design.mesh_errors(dataclasses.replace(found, history=[]))


def test_an_error_that_is_not_known_is_not_told_as_a_number():
    unknown = design.DesignErrors(design.GoalError(2.0, np.nan), {"a": design.GoalError(1.0, -0.5)}, 0, ("why",), 0.0)
    assert str(unknown) == "objective: 2\na: 1 ± 0.5 (mesh)\nwhy"
