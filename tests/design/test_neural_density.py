"""Densities as networks of the position: the volume is kept, weights have gradients, designs are good ones."""

import jax.numpy as jnp
import numpy as np
import pytest
from _design_problems import half_full, mbb

import simphys as sp
from simphys import design
from simphys.design._evaluate import evaluate


def layout_of(mesh, volume=0.5, projection=True, **passive):
    network = design.NeuralDensity(mesh, volume, 2.0, waves=8, width=6)
    step = design.Heaviside(3.0) if projection else None
    return design.Layout(mesh, design.ConeFilter(mesh, 1.6), step, network=network, **passive)


def weights_of(layout, seed=0):
    return layout.start(None) + 0.5 * np.random.default_rng(seed).standard_normal(layout.size)


def test_the_volume_is_kept_whatever_the_weights():
    """Through filter, projection, passive cells and symmetry."""
    mesh = sp.fem.rectangle((8, 4), (8.0, 4.0))
    mesh = mesh.with_cell_group("rim", lambda x: x[1] > 2.9).with_cell_group("hole", lambda x: x[1] < 1.1)
    plane = design.Plane((4.0, 0.0), (1.0, 0.0))
    layout = layout_of(mesh, 0.4, solid="rim", void="hole", symmetry=[plane])
    for seed in range(3):
        density = np.asarray(design.density_of(layout, weights_of(layout, seed))).reshape(4, 8)
        np.testing.assert_allclose(np.mean(density), 0.4, rtol=1e-12)
        np.testing.assert_allclose(density, density[:, ::-1], rtol=1e-12)
        assert np.all(density[-1] == 1) and np.all(density[0] == 0) and np.ptp(density[1:3]) > 0.1


@pytest.mark.slow
def test_gradient_within_the_volume_against_finite_differences():
    solid = mbb(8, 4)
    layout, goal = layout_of(solid.space.mesh), design.Compliance(solid, design.SIMP(least=1e-3))
    x, memory = weights_of(layout), goal.begin()
    at = lambda x: evaluate(goal, layout, x, memory).value
    gradient, direction = evaluate(goal, layout, x, memory).gradient, np.random.default_rng(1).standard_normal(x.size)
    errors = [
        abs((at(x + h * direction) - at(x - h * direction)) / (2 * h * (gradient @ direction)) - 1)
        for h in 10.0 ** np.arange(-7, -2)
    ]
    assert min(errors) <= 1e-7, errors
    volume = design.Volume()
    assert np.max(np.abs(evaluate(volume, layout, x, None).gradient)) < 1e-12


@pytest.mark.slow
def test_stiffer_than_cells_of_their_own_at_equal_volume():
    """MBB, 60 × 20, V = 0.5, p = 3: less than the 216.81 of the sensitivity filter, whose grey costs stiffness, and black
    and white; so is the design cut at the same volume."""
    solid = mbb()
    layout = design.Layout(solid.space.mesh, network=design.NeuralDensity(solid.space.mesh, 0.5, 3.0))
    goal = design.Compliance(solid)
    hard = [design.Stage(40, penalty=1.5), design.Stage(40, penalty=2.0), design.Stage(penalty=3.0)]
    found = design.optimise(layout, goal, [half_full()], stages=hard)
    assert found.successful, found.message
    assert found.objective < 200.0
    assert np.mean(4 * found.density * (1 - found.density)) < 0.05
    np.testing.assert_allclose(found.constraints["volume fraction ≤ 0.5"], 0.5, rtol=1e-10)
    cut = np.full(1200, 1e-3)
    cut[np.argsort(-found.density)[:600]] = 1.0
    plain = design.Layout(solid.space.mesh)
    assert evaluate(goal, plain, cut, goal.begin()).value < 200.0


@pytest.mark.slow
def test_runs_go_on_from_a_checkpoint_to_the_last_bit(tmp_path):
    solid = mbb(12, 4)
    mesh = solid.space.mesh
    layout = design.Layout(mesh, network=design.NeuralDensity(mesh, 0.5, 2.0, waves=8, width=6))
    given = dict(layout=layout, objective=design.Compliance(solid, design.SIMP(least=1e-6)), constraints=[half_full()])
    given |= dict(stages=[design.Stage(5, penalty=1.5), design.Stage()], max_iterations=10, every=4)
    whole = design.optimise(**given, file=tmp_path / "whole.npz")

    class Stop(Exception):
        pass

    def stop(iteration, x):
        if iteration.number == 7:
            raise Stop

    with pytest.raises(Stop):
        design.optimise(**given, file=tmp_path / "cut.npz", on_iteration=stop)
    taken_up = design.optimise(**given, file=tmp_path / "cut.npz")
    assert np.array_equal(taken_up.x, whole.x) and taken_up.objective == whole.objective
    assert whole.objective < 0.97 * whole.history[5].objective
    assert all(abs(h.violation) < 1e-12 for h in whole.history)


MESH = sp.fem.rectangle((8, 4), (8.0, 4.0))
NETWORK = dict(mesh=MESH, volume=0.5, detail=2.0)
BAD = {
    "a volume of 1": (lambda: design.NeuralDensity(**NETWORK | {"volume": 1.0}), "`volume` must lie between 0 and 1"),
    "no waves": (lambda: design.NeuralDensity(**NETWORK, waves=0), "`waves` must be a whole number of 1 or more"),
    "no detail": (lambda: design.NeuralDensity(**NETWORK | {"detail": 0.0}), "`detail` must be positive"),
    "another mesh": (
        lambda: design.Layout(sp.fem.rectangle((2, 2)), network=design.NeuralDensity(**NETWORK)),
        "of a mesh with 32 cells, the layout's has 4",
    ),
    "a heuristic filter": (
        lambda: design.Layout(MESH, design.SensitivityFilter(MESH, 1.5), network=design.NeuralDensity(**NETWORK)),
        "needs a filter with a gradient",
    ),
    "too little room": (
        lambda: layout_of(MESH.with_cell_group("most", lambda x: x[0] > 1.9), solid="most"),
        "volume of 0.5 cannot be had: the passive regions leave 0.75 to 1",
    ),
    "a rate of 0": (lambda: design.Adam(0.0), "`rate` must be positive"),
    "several volumes": (
        lambda: design.Robust(design.Compliance(mbb(8, 4))).check(layout_of(MESH)),
        "needs designs of different volumes",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    make, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.slow
def test_optimisers_and_bounds_that_do_not_fit():
    solid = mbb(8, 4)
    goal, layout = design.Compliance(solid), layout_of(solid.space.mesh)
    with pytest.raises(ValueError, match="take `Adam`, got MMA"):
        design.optimise(layout, goal, [half_full()], optimiser=design.MMA())
    with pytest.raises(ValueError, match="take `MMA` or `OptimalityCriteria`, got Adam"):
        design.optimise(design.Layout(solid.space.mesh), goal, [half_full()], optimiser=design.Adam())
    with pytest.raises(ValueError, match="fills 0.5: more than at most 0.4"):
        design.optimise(layout, goal, [design.AtMost(design.Volume(), 0.4)])
    with pytest.raises(ValueError, match="no constraint that depends on the variables"):
        design.optimise(layout, goal, [design.AtMost(goal, 1.0)], max_iterations=2)


@pytest.mark.slow
def test_adam_slows_down_where_nothing_is_gained():
    optimiser, x = design.Adam(0.5, patience=3), np.array([1.0])
    memory, moves = optimiser.begin(x, 0), []
    for _ in range(60):
        new, memory = optimiser.step(memory, x, float(abs(x[0])), np.sign(x), np.zeros(0), np.zeros((0, 1)))
        moves.append(abs(float(new[0] - x[0])))
        x = new
    assert moves[0] == pytest.approx(0.5, rel=1e-3) and moves[-1] < 0.05 and abs(float(x[0])) < 0.2
    assert jnp.result_type(x) == jnp.float64
