"""Measurements beside the mesh: refused, dropped or read at the nearest point, and counted."""

import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.inverse import Joint, LoadSteps, Parameter, PointValues, outside_of


@pytest.fixture(scope="module")
def rod():
    space = sp.fem.FunctionSpace(sp.fem.line(4, 1.0), 1)
    law = sp.materials.IsotropicConduction(k=1.0)
    return sp.physics.Heat(space, law, [sp.fem.Dirichlet("left", 0.0)], [sp.physics.Flux("right", 1.0)])


PLACES = np.array([[0.25], [1.2], [0.5], [-0.1]])


def test_outside_is_refused_dropped_or_moved(rod):
    measured = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]])
    with pytest.raises(ValueError, match="2 of 4 points lie outside"):
        PointValues(rod.space, PLACES, measured, 0.1)
    dropped = PointValues(rod.space, PLACES, measured, None, outside="drop")
    np.testing.assert_allclose(dropped.measured, [[0.1, 0.3], [0.5, 0.7]])
    assert dropped.outside.points == 2 and dropped.outside.farthest == pytest.approx(0.2)
    assert "2 positions up to 0.2 outside the body, left out" in str(dropped.outside)
    moved = PointValues(rod.space, PLACES, measured, 0.1, outside="nearest", name="moved")
    np.testing.assert_allclose(moved.sensors.positions[:, 0], [0.25, 1.0, 0.5, 0.0], atol=1e-12)
    np.testing.assert_allclose(
        moved.predict(rod, 2 * rod.space.nodes()[:, 0], moved.setting(0)), [0.5, 2.0, 1.0, 0.0], atol=1e-12
    )
    assert PointValues(rod.space, PLACES[[0, 2]], measured[:, :2], 0.1, outside="drop").outside is None
    with pytest.raises(ValueError, match="nothing is left"):
        PointValues(rod.space, PLACES[[1, 3]], measured[:, :2], 0.1, outside="drop")
    with pytest.raises(ValueError, match='"drop" or "nearest"'):
        PointValues(rod.space, PLACES, measured, 0.1, outside="ignore")
    steps = LoadSteps(rod, lambda p: p.loads[0].value, [1.0, 2.0], [moved])
    assert outside_of(steps) == {"moved": moved.outside} and list(outside_of(Joint([steps]))) == ["1.moved"]


def test_positions_that_move_are_dropped_where_they_are_outside(rod):
    places = np.stack([PLACES[:3], PLACES[:3] + 0.1])
    places[1, 1] = 0.9
    measured = np.arange(6.0).reshape(2, 3)
    stated = PointValues(rod.space, places, measured, 0.1, outside="drop")
    assert np.isinf(stated.noise[0, 1]) and np.isfinite(stated.noise).sum() == 5 and stated.outside.points == 1
    unknown = PointValues(rod.space, places, measured, None, outside="drop")
    np.testing.assert_allclose(unknown.measured, [[0.0, 2.0], [3.0, 5.0]])


@pytest.mark.slow
def test_a_fit_counts_what_it_dropped(rod):
    places = np.linspace(0.1, 1.3, 13)[:, None]
    data = 0.5 * np.minimum(places[:, 0], 1.0) + 0.01 * np.random.default_rng(0).standard_normal(13)
    sensors = PointValues(rod.space, places, data, 0.01, outside="drop")
    experiment = LoadSteps(rod, lambda p: p.loads[0].value, [-1.0], [sensors])
    found = sp.inverse.fit(experiment, [Parameter("k", lambda p: p.material.k.value, 1.0)])
    assert found.successful and found.values[0] == pytest.approx(2.0, rel=0.05)
    assert found.quality.remarks == ["'field': 3 positions up to 0.3 outside the body, left out"]
    assert found.uncertainty.data == 10


@pytest.mark.parametrize("kind", ["triangle", "quadrilateral"])
def test_the_nearest_point_of_a_slanted_body(kind):
    """On sheared cells the nearest point is that of the plane, not of the cell's own coordinates."""
    mesh = sp.fem.rectangle((3, 3), (1.0, 1.0), cell_type=kind)
    points = np.asarray(mesh.points)
    sheared = np.stack([points[:, 0] + 0.8 * points[:, 1], points[:, 1]], axis=1)
    space = sp.fem.FunctionSpace(sp.fem.Mesh(jnp.asarray(sheared), mesh.cells, kind), 1)
    right = np.array([1.0, 0.0]) + 0.5 * np.array([0.8, 1.0])
    normal = np.array([1.0, -0.8]) / np.hypot(1.0, 0.8)
    given = np.array([right + 0.2 * normal, [0.5, -0.3], [-1.0, -1.0], right - 0.1 * normal])
    found = space.locate(given, outside="nearest")
    np.testing.assert_allclose(found.positions, [right, [0.5, 0.0], [0.0, 0.0], given[3]], atol=1e-6)
    np.testing.assert_allclose(space.evaluate(space.nodes()[:, 0], found), found.positions[:, 0], atol=1e-12)
    np.testing.assert_array_equal(space.contains(given), [False, False, False, True])
