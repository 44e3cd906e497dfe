"""Meshes that follow a front: transfers against closed forms, a travelling wave against its velocity, bad input."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys import errors, fem, materials, physics
from simphys.errors._followed import Carrier, Descent
from simphys.errors._lineage import Lineage, Wish
from simphys.stepping import BackwardEuler, Equilibrium, march


KAPPA, BARRIER, A = 0.02, 100.0, 0.25
WIDTH, VELOCITY = np.sqrt(2 * KAPPA / BARRIER), np.sqrt(KAPPA * BARRIER / 2) * (1 - 2 * A)


def wave(mesh, degree=1):
    law = materials.FreeEnergy(lambda c: BARRIER * (c**4 / 4 - (1 + A) * c**3 / 3 + A * c**2 / 2))
    return physics.AllenCahn(fem.FunctionSpace(mesh, degree), law, gradient_energy=KAPPA)


def front(problem):
    return problem.space.interpolate(lambda x: 1 / (1 + jnp.exp((x[0] - 0.4) / WIDTH)))


def cuts(mesh, degree):
    """Two meshes that were cut from one, each finer somewhere."""
    base, problem = Lineage.of(mesh), wave(mesh, degree)
    one, other = base.refined(range(3)).refined([0, 5]), base.refined([5, 6]).refined(range(8, 12))
    return [(Descent(problem, each)(problem), each) for each in (one, other)]


@pytest.mark.parametrize("degree", [1, 2])
def test_what_both_meshes_hold_is_carried_exactly(degree):
    one, other = cuts(fem.rectangle((3, 2), (3.0, 1.0), cell_type="triangle"), degree)
    plain = lambda x: 2 * x[0] - x[1] + (x[0] * x[1] if degree == 2 else 0)
    for old, new in ((one, other), (other, one)):
        carrier, known = Carrier(old, new), old[0].space.interpolate(plain)
        carried = carrier.fields(known)
        np.testing.assert_allclose(carried, new[0].space.interpolate(plain), atol=1e-14)
        assert carrier.lost(known, carried).sum() < 1e-28
        rough = jnp.asarray(np.random.default_rng(0).standard_normal(old[0].space.shape))
        assert carrier.lost(rough, carrier.fields(rough)).sum() > 1e-3
        points = np.random.default_rng(1).uniform((0, 0), (3, 1), (20, 2))
        there = new[0].space.evaluate(carried, points)
        np.testing.assert_allclose(there, jax.vmap(plain)(points), atol=1e-12)


def test_a_finer_mesh_loses_nothing_and_a_coarser_one_what_it_cannot_hold():
    mesh = fem.line(4, 4.0)
    problem, base = wave(mesh), Lineage.of(mesh)
    fine = base.refined([0, 1])
    finer = fine.refined([0, 1, 2])
    at = {id(l): (Descent(problem, l)(problem), l) for l in (base, fine, finer)}
    bump = at[id(fine)][0].space.interpolate(lambda x: jnp.maximum(1 - 2 * jnp.abs(x[0] - 0.5), 0.0))
    up = Carrier(at[id(fine)], at[id(finer)])
    assert up.lost(bump, up.fields(bump)).sum() < 1e-30
    down = Carrier(at[id(fine)], at[id(base)])
    # A bump at a node that is gone is gone: all of it, from the two cells that have it.
    lost = down.lost(bump, down.fields(bump))
    assert lost.sum() == pytest.approx(1.0) and np.count_nonzero(lost > 1e-12) == 2
    wide = at[id(fine)][0].space.interpolate(lambda x: x[0] + jnp.maximum(1 - 2 * jnp.abs(x[0] - 0.5), 0.0))
    # ∫ bump² = 1/3, of ∫ (x + bump)² = 64/3 + 1/3 + 2 · ½ · ½.
    expected = (1 / 3) / (64 / 3 + 1 / 3 + 1 / 2)
    assert down.lost(wide, down.fields(wide)).sum() == pytest.approx(expected, rel=1e-12)


def body(mesh):
    law = materials.PlaneStrain(materials.J2Plasticity(E=1.0, nu=0.3, yield_stress=0.01, hardening=0.1))
    space = fem.FunctionSpace(mesh, 1, 2)
    held = [fem.Dirichlet(side, 0.0, components=axis) for side, axis in (("left", 0), ("bottom", 1), ("top", 1))]
    return physics.Solid(space, law, [*held, fem.Dirichlet("right", 0.0, components=0)])


def test_a_memory_is_carried_by_place():
    mesh = fem.rectangle((2, 1), cell_type="triangle")
    problem, base = body(mesh), Lineage.of(mesh)
    one, other = base.refined([0]), base.refined([2, 3])
    number = lambda lineage: lambda leaf: leaf + jnp.asarray(1.0 + lineage.parent).reshape(-1, *(1,) * (leaf.ndim - 1))
    of = lambda lineage: jax.tree.map(number(lineage), Descent(problem, lineage)(problem).state)
    carrier = Carrier(*((Descent(problem, each)(problem), each) for each in (one, other)))
    carried = carrier.memory(of(one))
    for found, known in zip(jax.tree.leaves(carried), jax.tree.leaves(of(other)), strict=True):
        np.testing.assert_array_equal(found, known)
    assert carrier.lost_memory(of(one), carried) == 0
    back = Carrier((Descent(problem, one)(problem), one), (problem, base))
    rough = jax.tree.map(lambda leaf: 1.0 + jnp.arange(leaf.size, dtype=float).reshape(leaf.shape), of(one))
    assert 0.05 < back.lost_memory(rough, back.memory(rough)) < 2


def test_slopes_of_a_parabola():
    """On cells of length h those of its interpolant are off by h²/12 in the mean square, a cell at an end excepted."""
    problem = wave(fem.line(8, 2.0))
    found = errors.slope_errors(problem, problem.space.interpolate(lambda x: x[0] ** 2))
    h, middles = 0.25, 0.125 + 0.25 * np.arange(8)
    expected = (4 * h**3 / 12) / (4 * h * middles**2).sum()
    np.testing.assert_allclose(found[1:-1], expected, rtol=1e-12)
    assert errors.slope_errors(problem, problem.space.zeros()).sum() == 0


def test_a_mesh_is_as_fine_as_is_wished_for_and_where():
    base = Lineage.of(fem.rectangle((8, 2), (4.0, 1.0), cell_type="triangle"))
    middle, radius = base.balls()
    there = np.abs(middle[:, 0] - 1.0) < 0.3
    wish = Wish(middle, radius, np.where(there, 2.0, 0.0))
    found = base.towards(wish, 0.5)
    x = found.balls()[0][:, 0]
    assert (found.level[np.abs(x - 1) < 0.75] >= 2 - 1e-9).all() and (found.level[x > 2.8] < 1).all()
    assert found.mesh.n_cells < 0.7 * base.mesh.refined().refined().n_cells
    moved = Wish(middle + np.array([0.7, 0.0]), radius, wish.level)
    assert 0.3 < wish.moved_to(moved) < 0.75 and wish.moved_to(wish) == 0
    assert found.same_as(base.towards(wish, 0.5)) and not found.same_as(base)


def line_of(n):
    return np.linspace(0, 2, n)[:, None]


def position(problem, value):
    return float(np.trapezoid(np.asarray(problem.space.evaluate(value, line_of(4001))), line_of(4001)[:, 0]))


@pytest.mark.slow
def test_a_travelling_front():
    """A mesh that follows it says the same as one that is fine everywhere, and both what is known."""
    coarse, times = fem.line(8, 2.0), np.linspace(0, 0.4, 21)
    told = []
    options = dict(tolerance=0.1, levels=5, every=10, observe=lambda t, u, p: jnp.max(u), progress=told.append)
    found = errors.adapt_march(BackwardEuler(), wave(coarse), front, times, **options)
    fine = coarse
    for _ in range(5):
        fine = fine.refined()
    alike = march(BackwardEuler(), wave(fine), front(wave(fine)), times, save=None)
    one, other = position(found.problem, found.value), position(wave(fine), alike.final.u)
    assert one == pytest.approx(other, abs=1e-4)
    assert found.reached and found.message == "" and len(told) == len(found.parts) == 2
    assert max(part.unknowns for part in found.parts) < 0.3 * wave(fine).system.reduction.size
    assert [part.repeated for part in found.parts] == [True, False]
    first, last = found.parts
    assert first.lost < 1e-12 and 0 < last.lost < 1e-4 and last.lost_memory == 0
    assert found.times.shape == found.observed.shape == times.shape and (found.observed > 0.9).all()
    np.testing.assert_array_equal(found.times, times)
    # Backward Euler's own error is the larger one.
    assert other == pytest.approx(0.4 + 0.4 * VELOCITY, rel=0.04)
    # Behind the front the mesh is coarse again, about it fine.
    size = np.ptp(np.asarray(found.problem.space.nodes())[np.asarray(found.problem.space.cells)][..., 0], axis=1)
    middle = np.asarray(found.problem.space.nodes())[np.asarray(found.problem.space.cells)][..., 0].mean(axis=1)
    assert size[middle < 0.2].min() > 4 * size[np.abs(middle - other) < WIDTH].max()


@pytest.mark.slow
def test_a_plastic_body_does_not_notice():
    """Uniaxial strain ε is the same on any mesh: σ = K ε + ⅔ q, q = 2G ε, once plastic σ_y + H (2G ε − σ_y)/(3G + H)."""
    stretch = lambda b, t: eqx.tree_at(lambda b: b.constraints[3].value, b, 0.2 * t)
    force = lambda t, u, now: now.stress(u)[0, 0, 0]
    mesh = fem.rectangle((8, 1), (4.0, 1.0), cell_type="triangle")
    times = np.linspace(0, 1, 5)
    G, K, strain = 1 / 2.6, 1 / 1.2, 0.05 * times
    q = np.where(2 * G * strain < 0.01, 2 * G * strain, 0.01 + 0.1 * (2 * G * strain - 0.01) / (3 * G + 0.1))

    def moving(problem, value):
        """The right end first, the left one then; no more in all than the tolerance allows."""
        middle = np.asarray(problem.space.mesh.points)[np.asarray(problem.space.mesh.cells)].mean(axis=1)[:, 0]
        there = (middle > 3) if np.asarray(value).max() < 0.05 else (middle < 1)
        return 0.99 * 0.1**2 * there / there.sum()

    options = dict(drive=stretch, observe=force, every=2, levels=1, tolerance=0.1, indicator=moving, reach=0.0)
    found = errors.adapt_march(Equilibrium(), body(mesh), 0.0, times, **options)
    assert found.reached and not any(part.repeated for part in found.parts)
    ends = [np.asarray(part.problem.space.mesh.points)[:, 0] for part in found.parts]
    assert [(x < 0.8).sum() > (x > 3.2).sum() for x in ends] == [False, True]
    np.testing.assert_allclose(found.observed, K * strain + 2 / 3 * q, rtol=1e-6, atol=1e-12)
    assert max(part.lost_memory for part in found.parts) < 1e-8 and found.parts[1].lost < 1e-8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(tolerance=0.0), "`tolerance` must be above 0"),
        (dict(loss=-1.0), "`loss` must be above 0"),
        (dict(levels=1.5), "`levels` must be a whole number of 0"),
        (dict(every=0), "`every` must be a whole number of 1"),
        (dict(reach=-1.0), "`reach` must be 0 or more"),
        (dict(indicator=lambda p, u: np.ones(3)), "for each of 8 cells, got shape"),
        (dict(indicator=lambda p, u: -np.ones(8)), "of 0 or more .* -1 as the least"),
        (dict(indicator=lambda p, u: np.full(8, np.nan)), "of 0 or more"),
    ],
)
def test_bad_input(options, words):
    go = functools.partial(errors.adapt_march, BackwardEuler(), wave(fem.line(8, 2.0)), front, np.linspace(0, 1, 3))
    with pytest.raises(ValueError, match=words):
        go(**options)


def test_what_cannot_be_followed():
    times, lines = np.linspace(0, 1, 3), fem.line(8, 2.0)
    with pytest.raises(ValueError, match=r"triangles, tetrahedra or lines, this one has quadrilateral"):
        errors.adapt_march(BackwardEuler(), wave(fem.rectangle((2, 2))), front, times)
    with pytest.raises(ValueError, match="first `mesh`"):
        errors.adapt_march(BackwardEuler(), wave, front, times)
    with pytest.raises(ValueError, match="must increase"):
        errors.adapt_march(BackwardEuler(), wave(lines), front, times[::-1])
    with pytest.raises(RuntimeError, match="more than 5"):
        errors.adapt_march(BackwardEuler(), wave(lines), front, times, max_unknowns=5)
