"""Problems on richer spaces and finer meshes; meshes that refine themselves."""

import re

import _tiled
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root
from test_estimate import around_a_cylinder, drag, l_point, l_shaped, membrane, poisson

import simphys as sp
from simphys import errors, fem, materials, physics


def bar(degree=1, kind="triangle"):
    """A body under tension with everything that a transfer has to carry: fields, groups, nodal forces, nodes by number."""
    mesh = fem.rectangle((4, 2), (2.0, 1.0), cell_type=kind)
    space = fem.FunctionSpace(mesh, degree, 2)
    x = np.asarray(space.nodes())
    stiff = materials.LinearElastic(E=fem.CellField(1.0 + np.arange(mesh.n_cells) % 3), nu=0.3)
    forces = np.zeros(space.shape)
    forces[np.argmin(np.linalg.norm(x - [2, 1], axis=1)), 1] = 0.01
    held = [
        fem.Dirichlet(
            np.flatnonzero(x[:, 0] < 1e-9), np.stack([0 * x[x[:, 0] < 1e-9, 1], 0.01 * x[x[:, 0] < 1e-9, 1]], 1)
        )
    ]
    loads = [physics.Traction("right", (0.1, 0.0)), physics.NodalForces(forces)]
    thick = fem.NodalField(1.0 + x[:, 0])
    return physics.Solid(space, materials.PlaneStrain(stiff), held, loads, thickness=thick)


@pytest.mark.slow
def test_a_solution_of_the_mesh_is_one_of_the_same_functions_elsewhere():
    """The residual of P u in the richer problem, tested with the mesh's own functions, vanishes."""
    problem = bar(2)
    value = root(problem)
    for transfer in (errors.Enrichment(problem), errors.Refinement(problem), errors.Refinement(problem, [0, 3])):
        other, carried = transfer(problem), transfer.prolonged(value)
        total, _, _ = other.forces((carried,))
        up = transfer.maps[0]
        tested = up.back(total[0])
        held = np.asarray(problem.reactions(value))
        np.testing.assert_allclose(tested, held, atol=2e-3 * np.abs(held).max())
        # What is prescribed agrees, and the work of the forces.
        again = other.value(other.unknowns(carried))
        np.testing.assert_allclose(again, carried, atol=1e-14)
        loads = np.vdot(other.loads[1].values, carried), np.vdot(problem.loads[1].values, value)
        assert loads[0] == pytest.approx(loads[1], rel=1e-12)
        points = np.array([[0.3, 0.2], [1.7, 0.9], [1.1, 0.4]])
        np.testing.assert_allclose(
            other.space.evaluate(carried, points), problem.space.evaluate(value, points), rtol=1e-9
        )
        energies = [float(p.evaluate(p.unknowns(u)).energy) for p, u in ((other, carried), (problem, value))]
        assert energies[0] == pytest.approx(energies[1], rel=3e-3)


@pytest.mark.slow
def test_mixed_problems_and_own_terms():
    problem, goal = drag(around_a_cylinder(1), 1)
    value = root(problem)
    finer = errors.Refinement(problem)
    assert float(goal(finer(problem), root(finer(problem), finer.prolonged(value)))) < 0
    space = fem.FunctionSpace(fem.rectangle((4, 4), cell_type="triangle"))
    spring = sp.assembly.Gathered(
        lambda u, k: k * (u[0] - u[1]) ** 2 / 2, np.array([[12, 13]]), jnp.asarray(2.0), linear=True
    )
    form = fem.Energy(lambda u, at, p: p * jnp.sum(u.gradient**2) / 2 - u.value, jnp.ones(()), linear=True)
    own = physics.Balance(space, [form, spring], [fem.Dirichlet("all", 0.0)])
    for transfer in (errors.Enrichment(own), errors.Refinement(own)):
        moved = transfer(own)
        a, b = np.asarray(moved.forms[1].nodes[0])[0]
        x, y = np.asarray(moved.space.nodes()), np.asarray(space.nodes())
        np.testing.assert_allclose(x[[a, b]], y[[12, 13]])
        assert sp.solve(moved).value.shape == moved.space.shape


@pytest.mark.slow
def test_a_memory_goes_with_the_cells():
    space = fem.FunctionSpace(fem.rectangle((2, 1), cell_type="triangle"), 1, 2)
    law = materials.PlaneStrain(materials.J2Plasticity(E=1.0, nu=0.3, yield_stress=0.01, hardening=0.1))
    body = physics.Solid(space, law, [fem.Dirichlet("left", 0.0), fem.Dirichlet("right", (0.1, 0.0))])
    number = lambda leaf: leaf + 1e-6 * jnp.arange(leaf.shape[0], dtype=leaf.dtype).reshape(-1, *(1,) * (leaf.ndim - 1))
    marked = eqx.tree_at(lambda b: b.state, body, jax.tree.map(number, body.state))
    refined = errors.Refinement(body, [0])
    mesh, ((parent, _),) = fem.refinement(space.mesh, [0])
    for carried in (refined(marked), errors.Enrichment(body)(marked)):
        own = parent if carried.space.mesh.n_cells == mesh.n_cells else np.arange(space.mesh.n_cells)
        for leaf, before in zip(jax.tree.leaves(carried.state), jax.tree.leaves(body.state), strict=True):
            points = carried.terms().flow[0].domain.geometry(carried.space.mesh).measure.shape
            assert leaf.shape[:2] == points
            grown = np.asarray(leaf[:, 0]) - np.asarray(before)[0, 0]
            expected = 1e-6 * np.broadcast_to(own.reshape(-1, *(1,) * (grown.ndim - 1)), grown.shape)
            np.testing.assert_allclose(grown, expected, atol=1e-15)
        assert sp.solve(carried).value.shape == carried.space.shape


@pytest.mark.slow
def test_the_l_shaped_domain():
    """A point value to 1e-5; uniform meshes of quadratic triangles have an error of h^(4/3)."""
    problem, _ = l_point(l_shaped(2), 2)
    told = []
    found = errors.adapt(problem, errors.PointValue((0.61, 0.62)), 1e-5, progress=told.append)
    assert found.reached and len(told) == len(found.history)
    last = found.history[-1]
    assert abs(last.value - 0.1081155) < 1.5e-5
    assert last.unknowns < 1500
    assert abs(last.value + last.error - 0.1081155) < 5e-6
    again = errors.adapt(problem, errors.PointValue((0.61, 0.62)), 1e-5, max_rounds=2)
    assert not again.reached and "2 meshes" in again.message and "the error is" in str(again)


@pytest.mark.slow
def test_quadrilaterals_of_the_l_shaped_domain():
    """Local refinement with nodes that hang: the error of a point value falls as N^−p, p = 2, beside a corner."""
    problem = poisson(_tiled.l_shaped(2, "quadrilateral"), 2)
    found = errors.adapt(problem, errors.PointValue((0.61, 0.62)), 4.5e-5)
    first, last = found.history[0], found.history[-1]
    assert found.reached and last.unknowns < 200 and found.problem.space.hanging is not None
    exact = 0.10811556
    rate = np.log(abs(first.value - exact) / abs(last.value - exact)) / np.log(last.unknowns / first.unknowns)
    assert rate > 1.7
    # Estimates count the cells' parts in full, those beside larger cells too.
    total = float(np.sum(found.estimate.indicators))
    assert total == pytest.approx(found.estimate.error, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("Unable to allocate 9 TiB"), "for want of memory"),
        (ValueError("no way\non"), r"finer mesh \(no way\)"),
    ],
)
def test_what_was_reached_is_kept(monkeypatch, error, words):
    """Whatever ends it: the last mesh comes back, and how far it is."""
    problem, goal = poisson(fem.rectangle((3, 3)), 1), errors.PointValue((0.4, 0.4))
    solve, calls = sp.solve, []

    def failing(*arguments, **options):
        calls.append(1)
        if len(calls) > 1:
            raise error
        return solve(*arguments, **options)

    monkeypatch.setattr("simphys.errors._adapt.solve", failing)
    found = errors.adapt(problem, goal, 1e-9)
    assert not found.reached and len(found.history) == 1 and found.problem is problem
    assert re.search(words, found.message) and "the error is" in found.message
    assert found.estimate.error == found.history[0].error
    monkeypatch.setattr("simphys.errors._adapt.solve", lambda *_, **__: failing())
    with pytest.raises(type(error)):
        errors.adapt(problem, goal, 1e-9)


@pytest.mark.slow
def test_a_mesh_that_cannot_be_refined_is_kept():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0.5, 0.5, 1]])
    mesh = fem.Mesh(points, np.array([[0, 1, 2, 3, 4]]), "pyramid").with_facet_group("base", lambda x: x[2] < 1e-9)
    space, law = fem.FunctionSpace(mesh, 1), materials.IsotropicConduction(k=1.0)
    body = physics.Heat(space, law, [fem.Dirichlet("base", 0.0)], [physics.Source(1.0)])
    found = errors.adapt(body, lambda p, u: jnp.max(u), 1e-9)
    assert not found.reached and len(found.history) == 1 and "Pyramids" in found.message


def test_bad_input():
    problem, _ = l_point(l_shaped(2), 1)
    goal = errors.PointValue((0.61, 0.62))
    for arguments, words in (
        (dict(tolerance=0.0), "tolerance"),
        (dict(tolerance=1.0, share=2.0), "share"),
    ):
        with pytest.raises(ValueError, match=words):
            errors.adapt(problem, goal, **arguments)
    with pytest.raises(ValueError, match="first `mesh`"):
        errors.adapt(lambda mesh: problem, goal, 1.0)
    with pytest.raises(ValueError, match="outside the body"):
        errors.estimate_error(errors.PointValue((5.0, 5.0)))(problem)
    assert membrane(2).refined().n_cells == 16
