"""Pictures on Matplotlib axes: one's own, or those of a new figure of pyplot's."""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

from simphys import fem, grids, viz


PLATE = fem.FunctionSpace(fem.rectangle((4, 2), (2.0, 1.0)), components=2)
GRID = grids.Grid.uniform((6, 4))
POINTS = np.random.default_rng(0).uniform(0, 1, (30, 2))
SERIES = np.linspace(0.0, 1.0, 9)
CURVES = viz.Panel(viz.Points(SERIES, SERIES, 0.1), viz.Curve(SERIES, SERIES))
ONE = {
    "field": lambda **to: viz.field(PLATE, PLATE.nodes()[:, 0], label="x", **to),
    "deformed": lambda **to: viz.deformed(PLATE, 0.1 * PLATE.nodes(), title="a plate", **to),
    "mesh": lambda **to: viz.mesh(PLATE.mesh, **to),
    "grid": lambda **to: viz.grid_field(GRID, grids.CellField(jnp.ones((6, 4))), **to),
    "curves": lambda **to: viz.compare_curves(CURVES, **to),
    "newton": lambda **to: viz.newton_history([1.0, 1e-3, 1e-9], tolerance=1e-8, **to),
    "correlation": lambda **to: viz.correlation(["a", "b"], np.eye(2), **to),
}
MANY = {
    "panels": (2, lambda **to: viz.compare_curves([CURVES, CURVES], **to)),
    "convergence": (2, lambda **to: viz.convergence({"a": [1.0, 2.0], "b": [3.0, 4.0]}, **to)),
    "residuals": (1, lambda **to: viz.residual_map(PLATE, POINTS, POINTS[:, 1], **to)),
    "series": (3, lambda **to: viz.series_residuals(SERIES, SERIES, {"a": SERIES, "b": SERIES}, **to)),
}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.mark.breadth
@pytest.mark.parametrize("draw", ONE.values(), ids=ONE)
def test_one_pair_of_axes(draw):
    figure, (ax, other) = plt.subplots(1, 2)
    before = plt.rcParams.copy()
    assert draw(ax=ax) is ax and plt.gcf() is figure and plt.rcParams == before
    assert ax.has_data() and not other.has_data()
    figure.canvas.draw()
    opened = draw()
    assert opened.figure is plt.gcf() and opened.figure is not figure and opened.has_data()


@pytest.mark.parametrize(("count", "draw"), MANY.values(), ids=MANY)
def test_several(count, draw):
    figure, axes = plt.subplots(count, 1, squeeze=False)
    found = draw(ax=axes[:, 0])
    assert list(np.ravel(found)) == list(axes[:, 0]) and all(each.has_data() for each in axes[:, 0])
    assert np.size(draw()) == count and plt.gcf() is not figure
    with pytest.raises(ValueError, match=f"`ax` must be {count} axes here, got {count + 1}"):
        draw(ax=plt.subplots(count + 1, 1)[1])


def test_where_colours_lie():
    """The picture on given axes covers the body, in its own coordinates."""
    _, ax = plt.subplots()
    viz.field(PLATE, PLATE.nodes()[:, 0], ax=ax)
    left, right, bottom, top = ax.images[0].get_extent()
    assert -0.2 < left < 0 and 2 < right < 2.2 and -0.2 < bottom < 0 and 1 < top < 1.2
    shown = np.asarray(ax.images[0].get_array())
    row = shown[shown.shape[0] // 2]
    inside = row[row[:, 3] > 0.5]
    assert inside[0, 1] < 0.2 < 0.8 < inside[-1, 1], "viridis, from dark to bright"


def test_misuse(tmp_path):
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="not both"):
        ONE["field"](path=tmp_path / "a.png", ax=ax)
    with pytest.raises(ValueError, match="`ax` must be Matplotlib axes, got int"):
        ONE["field"](ax=3)
