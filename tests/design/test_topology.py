"""Compliance: a published optimum, filters, and gradients that match finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _design_problems import half_full, mbb

import simphys as sp
from simphys import design
from simphys.design._evaluate import evaluate


@pytest.mark.slow
def test_mbb_beam_of_the_88_line_code():
    """60 × 20, V = 0.5, p = 3, r_min = 2.4, sensitivity filter: c = 216.81 (Andreassen et al. 2011)."""
    solid = mbb()
    layout = design.Layout(solid.space.mesh, design.SensitivityFilter(solid.space.mesh, 2.4))
    found = design.optimise(layout, design.Compliance(solid), [half_full()], optimiser=design.OptimalityCriteria())
    assert found.successful, found.message
    np.testing.assert_allclose(found.history[0].objective, 1007.0221, rtol=1e-7)
    np.testing.assert_allclose(found.objective, 216.81, atol=0.1)
    np.testing.assert_allclose(found.constraints["volume fraction ≤ 0.5"], 0.5, rtol=1e-9)
    assert max(h.forward_residual for h in found.history) < 1e-9
    assert all(h.adjoint_solves == 0 for h in found.history)


def random_design(layout, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.9, layout.size)


FILTERS = {
    "cone": lambda mesh: design.ConeFilter(mesh, 1.8),
    "helmholtz": lambda mesh: design.HelmholtzFilter(mesh, 1.8),
}


@pytest.mark.parametrize("kind", [design.ConeFilter, design.SensitivityFilter])
def test_a_radius_that_reaches_no_neighbour_is_told(kind):
    with pytest.warns(UserWarning, match=r"`radius` 0.4 reaches no cell's neighbour \(the nearest is 0.5 away\)"):
        kind(sp.fem.rectangle((4, 4), (2.0, 2.0)), 0.4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cone", "helmholtz"])
def test_gradient_against_finite_differences(name):
    """Best relative error of the U-curve ≤ 1e-7 in a random direction, with projection, passive cells and RAMP."""
    solid = mbb(8, 4)
    mesh = solid.space.mesh.with_cell_group("core", lambda x: (x[0] > 2.5) & (x[0] < 5.5) & (x[1] > 2.5))
    layout = design.Layout(mesh, FILTERS[name](mesh), design.Heaviside(4.0), void="core")
    goal = design.Compliance(solid, design.RAMP(least=1e-3))
    x, memory = random_design(layout), goal.begin()
    at = lambda x: evaluate(goal, layout, x, memory).value
    gradient = evaluate(goal, layout, x, memory).gradient
    direction = np.random.default_rng(1).standard_normal(layout.size)
    errors = [
        abs((at(x + h * direction) - at(x - h * direction)) / (2 * h * (gradient @ direction)) - 1)
        for h in 10.0 ** np.arange(-7, -2)
    ]
    assert min(errors) <= 1e-7, errors


@pytest.mark.slow
def test_the_whole_gradient_points_where_finite_differences_do():
    """SIMP, p = 3: 1 − cosine ≤ 1e-10 of the gradient and central differences in every variable; the best relative error
    of the U-curve along the gradient ≤ 1e-7, with truncation at its one end and rounding at the other."""
    solid = mbb(8, 4)
    layout = design.Layout(solid.space.mesh)
    goal = design.Compliance(solid, design.SIMP(penalty=3.0, least=1e-3))
    x, memory = random_design(layout), goal.begin()
    at = lambda x: evaluate(goal, layout, x, memory).value
    gradient = evaluate(goal, layout, x, memory).gradient
    slope = lambda way, h: (at(x + h * way) - at(x - h * way)) / (2 * h)
    differences = np.array([slope(way, 1e-4) for way in np.eye(layout.size)])
    lengths = np.linalg.norm(gradient) * np.linalg.norm(differences)
    assert 1 - gradient @ differences / lengths <= 1e-10
    np.testing.assert_allclose(np.linalg.norm(gradient), np.linalg.norm(differences), rtol=1e-5)
    way = gradient / np.linalg.norm(gradient)
    errors = [abs(slope(way, h) / (gradient @ way) - 1) for h in 10.0 ** np.arange(-9, -1)]
    assert min(errors) <= 1e-7 and errors[0] > 10 * min(errors) and errors[-1] > 10 * min(errors), errors


@pytest.mark.slow
def test_second_derivatives_see_the_equilibrium_move():
    """The envelope theorem drops du/dρ from the gradient, but not from its derivative."""
    solid = mbb(4, 2)
    layout = design.Layout(solid.space.mesh)
    goal = design.Compliance(solid, design.SIMP(least=1e-3))
    memory = goal.begin()
    value = lambda x: goal(layout, x, memory)[0]
    x = jnp.asarray(random_design(layout))
    d = jnp.asarray(np.random.default_rng(2).standard_normal(layout.size))
    both = jax.jit(lambda x: jax.jvp(jax.grad(value), (x,), (d,)))
    (_, second), h = both(x), 1e-5
    np.testing.assert_allclose(second, (both(x + h * d)[0] - both(x - h * d)[0]) / (2 * h), rtol=1e-6)


@pytest.mark.slow
def test_filters_keep_constants_and_helmholtz_keeps_the_volume():
    mesh = sp.fem.rectangle((9, 5), (9.0, 5.0))
    values = np.random.default_rng(0).uniform(size=mesh.n_cells)
    for make in (FILTERS["cone"], FILTERS["helmholtz"]):
        smooth = make(mesh)
        np.testing.assert_allclose(smooth(jnp.full(mesh.n_cells, 0.3)), 0.3, rtol=1e-9)
    kept = FILTERS["helmholtz"](mesh)(jnp.asarray(values))
    np.testing.assert_allclose(np.mean(kept), np.mean(values), rtol=1e-9)
    assert np.ptp(kept) < 0.6 * np.ptp(values)
    spread = FILTERS["cone"](mesh)(jnp.zeros(mesh.n_cells).at[22].set(1.0)).reshape(5, 9)
    wanted = np.array([1.8 - 1, 1.8, 1.8 - 1]) / (1.8 + 4 * (1.8 - 1) + 4 * (1.8 - 2**0.5))
    np.testing.assert_allclose(spread[2, 3:6], wanted, rtol=1e-12)


def test_projection_keeps_ends_and_steepens():
    step = design.Heaviside(8.0, 0.5)
    np.testing.assert_allclose(step(jnp.array([0.0, 0.5, 1.0])), [0.0, 0.5, 1.0], atol=1e-14)
    np.testing.assert_allclose(jax.grad(step)(jnp.asarray(0.5)), 4 / np.tanh(4.0), rtol=1e-12)
    assert step(jnp.asarray(0.6), 0.2) < 0.5 < step(jnp.asarray(0.6), -0.2)


def test_passive_cells_and_symmetry():
    mesh = sp.fem.rectangle((6, 4), (6.0, 4.0))
    mesh = mesh.with_cell_group("rim", lambda x: x[1] > 2.9).with_cell_group("hole", lambda x: x[1] < 1.1)
    plane = design.Plane((3.0, 0.0), (1.0, 0.0))
    layout = design.Layout(mesh, design.ConeFilter(mesh, 1.5), solid="rim", void="hole", symmetry=[plane])
    assert layout.size == 6
    density = np.asarray(layout(jnp.asarray(random_design(layout)))).reshape(4, 6)
    np.testing.assert_allclose(density, density[:, ::-1], rtol=1e-12)
    assert np.all(density[-1] == 1) and np.all(density[0] == 0) and np.all(density[1:3] < 1)
    with pytest.raises(ValueError, match="not symmetric about"):
        design.Layout(mesh, symmetry=[design.Plane((2.8, 0.0), (1.0, 0.0))])
    with pytest.raises(ValueError, match="passive regions do not have"):
        design.Layout(mesh, solid="rim", symmetry=[design.Plane((0.0, 2.0), (0.0, 1.0))])


@pytest.mark.slow
def test_sharing_one_variable_sums_the_gradients():
    solid = mbb(6, 4, sp.materials.PlaneStrain(sp.materials.LinearElastic(E=1.0, nu=0.3)))
    mesh = solid.space.mesh
    plane = design.Plane((3.0, 0.0), (1.0, 0.0))
    goal = design.Compliance(solid, design.SIMP(least=1e-3))
    half, whole = design.Layout(mesh, symmetry=[plane]), design.Layout(mesh)
    x = random_design(half)
    each = np.asarray(half.spread(jnp.asarray(x)))
    one, all_ = (evaluate(goal, layout, v, goal.begin()) for layout, v in ((half, x), (whole, each)))
    np.testing.assert_allclose(one.value, all_.value, rtol=1e-10)
    summed = np.bincount(np.asarray(half.variable), all_.gradient)
    np.testing.assert_allclose(one.gradient, summed, rtol=1e-9)


@pytest.mark.slow
def test_the_equilibrium_may_be_looser():
    """Multigrid to 1e-4 stops earlier, and says so; the compliance, stationary in u, is off by the square of that."""
    solid = mbb(30, 10).with_multigrid()
    layout = design.Layout(solid.space.mesh)
    x = random_design(layout)
    tight, loose = (
        evaluate(goal, layout, x, goal.begin())
        for goal in (design.Compliance(solid), design.Compliance(solid, method=sp.Newton(rtol=1e-4)))
    )
    assert tight.forward_residual < 1e-9 < loose.forward_residual < 1e-4
    np.testing.assert_allclose(loose.value, tight.value, rtol=1e-6)
    np.testing.assert_allclose(loose.gradient, tight.gradient, rtol=1e-2)
