"""Pictures of fields on Cartesian grids: colours in their places, streamlines along the flow, planes through 3-D."""

import matplotlib
import numpy as np
import pytest

from simphys import viz
from simphys.grids import CellField, FaceField, Flow, Grid, VertexField


@pytest.fixture
def drawn(monkeypatch):
    """What `grid_field` lays out, not written; one sample a pixel."""
    monkeypatch.setattr("simphys.viz._body.FINER", 1)
    monkeypatch.setattr("simphys.viz._canvas.save", lambda figure, path: figure)
    return lambda grid, field, **options: viz.grid_field(grid, field, "a.png", **options)


def _colour(figure, x, y):
    image = figure.axes[0].images[0]
    (x0, x1), (y0, y1) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    rows, columns = image.get_array().shape[:2]
    return np.asarray(image.get_array())[int((y - y0) / (y1 - y0) * rows), int((x - x0) / (x1 - x0) * columns), :3]


def _texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def _value(figure, x, y):
    """The number that a place shows, from its colour."""
    low, high = figure.axes[1].get_ylim()
    table = matplotlib.colormaps["viridis"](np.linspace(0, 1, 256))[:, :3]
    return low + (high - low) * np.argmin(np.abs(table - _colour(figure, x, y)).sum(axis=1)) / 255


@pytest.mark.slow
def test_cells_and_corners_are_coloured_in_their_places(drawn, tmp_path, monkeypatch):
    """Steps of several sizes, an origin elsewhere; a number at corners shows its means."""
    grid = Grid.from_faces([-1.0, 0.0, 3.0, 5.0], [2.0, 3.0, 6.0])
    figure = drawn(
        grid, CellField(np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])), label="heat", unit="K", length_unit="m"
    )
    for x, y, value in (
        (-0.5, 2.5, 0.0),
        (-0.1, 3.1, 1.0),
        (0.1, 2.9, 2.0),
        (2.9, 5.9, 3.0),
        (3.1, 2.1, 4.0),
        (4.9, 5.9, 5.0),
    ):
        assert abs(_value(figure, x, y) - value) < 0.03
    assert {"heat (K)", "x (m)", "y (m)", "min 0", "max 5"} <= set(_texts(figure))
    corners = np.add.outer([-1.0, 0.0, 3.0, 5.0], [2.0, 3.0, 6.0])
    assert abs(_value(drawn(grid, VertexField(corners)), 1.0, 4.0) - 6.0) < 0.03
    monkeypatch.undo()
    path = viz.grid_field(grid, CellField(np.ones((3, 2))), tmp_path / "a.png")
    assert path == tmp_path / "a.png" and path.stat().st_size > 5_000


@pytest.mark.parametrize("periodic", [False, True])
def test_streamlines_run_along_the_flow(drawn, periodic):
    """(3, 4) everywhere, also where the last face of a periodic axis is the first."""
    grid = Grid.from_faces([0.0, 0.5, 2.0], [0.0, 0.2, 1.0])
    more = 0 if periodic else 1
    velocity = FaceField((np.full((2 + more, 2), 3.0), np.full((2, 2 + more), 4.0)))
    figure = drawn(grid, Flow(velocity, CellField(np.zeros((2, 2)))))
    (lines,) = (c for c in figure.axes[0].collections if len(c.get_segments()) > 20)
    ways = np.concatenate([np.diff(s, axis=0) for s in lines.get_segments()])
    np.testing.assert_allclose(3 * ways[:, 1], 4 * ways[:, 0], atol=1e-9)
    assert "max 5" in _texts(figure)
    figure = drawn(grid, velocity, streamlines=False)
    assert not any(len(c.get_segments()) > 20 for c in figure.axes[0].collections)
    still = FaceField(tuple(0 * x for x in velocity.components))
    assert "max 0" in _texts(drawn(grid, still))


@pytest.mark.slow
def test_a_plane_cuts_three_dimensions(drawn):
    """Numbers x + 10 y + 100 z, velocities (x, 2 y, 0): linear, so what stands in the plane is exact."""
    grid = Grid.uniform((4, 3, 2), lower=(0.0, 0.0, -1.0), upper=(2.0, 3.0, 1.0))
    x, y, z = (np.asarray(p) for p in grid.points())
    middle = drawn(grid, CellField(x + 10 * y + 100 * z))
    assert {"y = 1.5", "x", "z", "min −34.8", "max 66.8"} <= set(_texts(middle))
    other = drawn(grid, CellField(x + 10 * y + 100 * z), normal="z", position=0.25, length_unit="m")
    assert {"z = 0.25 m", "x (m)", "y (m)", "min 30.2", "max 51.8"} <= set(_texts(other))
    faces = [np.asarray(grid.points(*("faces" if a == c else "cells" for a in range(3)))[c]) for c in range(3)]
    flow = drawn(grid, FaceField((faces[0], 2 * faces[1], 0 * faces[2])), normal="y")
    assert {"min 3.01", "max 3.47"} <= set(_texts(flow))


def test_one_dimension_is_a_curve(drawn):
    """Means at centres, what stands on faces on them; several by their names, between limits."""
    grid = Grid.from_faces([-1.0, 0.0, 3.0, 5.0])
    fields = {"heat": CellField(np.array([1.0, 4.0, 2.0])), "flow": FaceField((np.arange(4.0),))}
    figure = drawn(grid, fields, label="T", unit="K", length_unit="m", limits=(-1.0, 6.0), title="a rod")
    (axes,) = figure.axes
    first, second = axes.lines
    np.testing.assert_allclose(first.get_xydata(), [[-0.5, 1.0], [1.5, 4.0], [4.0, 2.0]])
    np.testing.assert_allclose(second.get_xydata(), [[-1.0, 0.0], [0.0, 1.0], [3.0, 2.0], [5.0, 3.0]])
    assert {"heat", "flow", "T (K)", "x (m)", "a rod"} <= set(_texts(figure)) and axes.get_ylim() == (-1.0, 6.0)
    assert drawn(grid, fields["heat"]).axes[0].get_legend() is None


def test_what_does_not_fit_is_refused(tmp_path):
    square, box = Grid.uniform((2, 2)), Grid.uniform((2, 2, 2))
    cells = CellField(np.zeros((2, 2, 2)))
    for grid, field, options, text in (
        (np.zeros(4), CellField(np.zeros(4)), {}, "must be a `Grid`"),
        (Grid.uniform(4), CellField(np.zeros(3)), {}, "must have shape"),
        (Grid.uniform(4), {}, {}, "at least one"),
        (square, cells, {}, "must have shape"),
        (square, np.zeros((2, 2)), {}, "must be a `CellField`"),
        (square, FaceField((np.zeros((3, 2)),)), {}, "2 components"),
        (square, FaceField((np.zeros((3, 2)), np.zeros((3, 2)))), {}, "components"),
        (box, cells, {"normal": "w"}, "must be 'x'"),
        (box, cells, {"position": 1.5}, "within the grid"),
        (box, cells, {"colormap": "mud"}, "colour map"),
    ):
        with pytest.raises(ValueError, match=text):
            viz.grid_field(grid, field, tmp_path / "a.png", **options)
    assert not list(tmp_path.iterdir())
