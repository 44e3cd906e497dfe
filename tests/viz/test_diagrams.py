"""Diagrams of fits: they are drawn, leave Matplotlib's global state alone, and refuse nonsense."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import image

import simphys as sp
from simphys import viz
from simphys.viz._residual_map import _plane


def _drawn(path) -> bool:
    """Whether a picture has its width, and neither nothing nor everything in it is ink."""
    pixels = image.imread(path)[..., :3]
    return pixels.shape[1] == 1600 and 0.003 < np.mean(np.any(pixels < 0.95, axis=-1)) < 0.95


x = np.linspace(0.0, 2.0, 9)
PANEL = viz.Panel(
    viz.Points(x, x**2, 0.1), [viz.Curve(x, x**2), viz.Curve(x, x, "line", 0.2)], "x (mm)", "F (N)", "one"
)


@pytest.mark.parametrize("count", [1, 4])
def test_curves(tmp_path, count):
    assert _drawn(viz.compare_curves([PANEL] * count, tmp_path / "c.png", title="Fit"))


def test_curves_of_different_kinds(tmp_path):
    points = [viz.Points(x, x, label="a"), viz.Points(x, 2 * x, label="b")]
    curves = [viz.Curve(x, x, "fit a"), viz.Curve(x, 2 * x, "fit b")]
    assert _drawn(
        viz.compare_curves(
            [PANEL, viz.Panel(points, curves), viz.Panel(points), viz.Panel((), curves)], tmp_path / "c.png"
        )
    )


@pytest.mark.breadth
@pytest.mark.parametrize("dim, components", [(1, None), (3, 3)])
def test_residual_map(tmp_path, dim, components):
    rng = np.random.default_rng(0)
    mesh = (sp.fem.line(4), sp.fem.rectangle((3, 3), (1.0, 2.0)), sp.fem.box((2, 2, 1), (1.0, 1.0, 0.1)))[dim - 1]
    positions = rng.random((30, dim))
    residuals = rng.standard_normal(30 if components is None else (30, components))
    names = "uvw"[: components or 1]
    assert _drawn(
        viz.residual_map(sp.fem.FunctionSpace(mesh), positions, residuals, tmp_path / "r.png", names=names, title="R")
    )


def test_residual_map_finds_the_plane():
    points = np.random.default_rng(0).random((20, 3))
    for axis, plane in enumerate([(1, 2), (0, 2), (0, 1)]):
        flat = points.copy()
        flat[:, axis] = 2.0
        assert _plane(flat) == plane


@pytest.mark.slow
def test_residual_colours_are_symmetric(tmp_path):
    """Equal and opposite residuals get colours of the two halves of the map: red above zero, blue below."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((2, 2), (2.0, 2.0)))
    pixels = []
    for sign in (1, -1):
        path = viz.residual_map(space, [[1.0, 1.0]], [sign * 2.5], tmp_path / "r.png", limit=3.0)
        map_ = image.imread(path)[:, 200:900, :3].reshape(-1, 3)
        strong = map_[np.ptp(map_, axis=1) > 0.5]
        pixels.append(strong.mean(axis=0))
    assert pixels[0][0] > 0.5 > pixels[0][2]
    assert pixels[1][2] > 0.5 > pixels[1][0]


def test_convergence(tmp_path):
    k = np.arange(12)
    history = {"objective": 10.0**-k, "gradient norm": np.r_[np.nan, 5.0 ** -k[1:]], "step": k - 3.0}
    assert _drawn(viz.convergence(history, tmp_path / "c.png", title="Fit"))
    assert _drawn(viz.convergence({"objective": [3.0]}, tmp_path / "c.png"))
    assert _drawn(viz.convergence({"objective": [0.0, 0.0], "other": [np.nan, np.nan]}, tmp_path / "c.png"))


def test_newton_history(tmp_path):
    row = np.array([1.0, 0.1, 1e-4, 1e-9, np.nan, np.nan])
    assert _drawn(viz.newton_history(row, tmp_path / "n.png", tolerance=1e-8))
    assert _drawn(viz.newton_history([row, row[:3]], tmp_path / "n.png", labels=["a", "b"]))
    assert _drawn(viz.newton_history(np.tile(row, (20, 1)), tmp_path / "n.png"))
    assert _drawn(viz.newton_history([1.0, 0.0], tmp_path / "n.png"))


@pytest.mark.parametrize("n", [1, 15])
def test_correlation(tmp_path, n):
    A = np.random.default_rng(0).standard_normal((n, 40))
    matrix = np.corrcoef(A).reshape(n, n)
    assert _drawn(viz.correlation([f"parameter {i}" for i in range(n)], matrix, tmp_path / "c.png", title="C"))


space = sp.fem.FunctionSpace(sp.fem.rectangle((2, 2)))
WRONG = [
    (lambda p: viz.compare_curves([], p), "at least one"),
    (lambda p: viz.compare_curves(viz.Panel(), p), "points or curves"),
    (lambda p: viz.compare_curves(viz.Panel(viz.Points([1.0], [1.0, 2.0])), p), "points.y"),
    (lambda p: viz.compare_curves(viz.Panel(viz.Points([1.0], [1.0], [-1.0])), p), "0 or more"),
    (lambda p: viz.residual_map(space, np.zeros((3, 3)), np.zeros(3), p), "positions"),
    (lambda p: viz.residual_map(space, np.zeros((3, 2)), np.zeros(4), p), "residuals"),
    (lambda p: viz.residual_map(space, np.zeros((3, 2)), np.zeros((3, 2)), p, names="a"), "2 entries"),
    (lambda p: viz.residual_map(space, np.zeros((3, 2)), np.zeros(3), p, limit=0.0), "positive"),
    (lambda p: viz.residual_map(space, np.zeros((0, 2)), np.zeros(0), p), "empty"),
    (lambda p: viz.convergence({}, p), "at least one"),
    (lambda p: viz.convergence({"a": [1.0], "b": [1.0, 2.0]}, p), "must have shape"),
    (lambda p: viz.newton_history([], p), "no finite"),
    (lambda p: viz.newton_history([np.nan], p), "no finite"),
    (lambda p: viz.newton_history([1.0], p, labels=["a", "b"]), "1 entries"),
    (lambda p: viz.newton_history([1.0], p, tolerance=0.0), "positive"),
    (lambda p: viz.correlation(["a", "b"], np.eye(3), p), "must have shape"),
    (lambda p: viz.correlation(["a", "b"], 2 * np.eye(2), p), "1 on the diagonal"),
    (lambda p: viz.correlation(["a", "b"], [[1.0, 0.5], [-0.5, 1.0]], p), "symmetric"),
    (lambda p: viz.correlation([], np.eye(0), p), "empty"),
]


@pytest.mark.parametrize("call, message", WRONG)
def test_wrong_input(tmp_path, call, message):
    with pytest.raises(ValueError, match=message):
        call(tmp_path / "p.png")
    assert not list(tmp_path.iterdir())


def test_failed_drawing_keeps_the_old_picture(tmp_path):
    path = tmp_path / "n.png"
    viz.newton_history([1.0, 0.1], path)
    before = path.read_bytes()
    with pytest.raises(ValueError):
        viz.newton_history([np.nan], path)
    assert path.read_bytes() == before
    viz.newton_history([1.0, 0.1], path)
    assert path.read_bytes() == before, "a picture must depend on nothing but its data"


def test_settings_of_the_user_are_neither_used_nor_changed(tmp_path):
    viz.newton_history([1.0, 0.1], tmp_path / "a.png")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        viz.newton_history([1.0, 0.1], tmp_path / "b.png")
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


CODE = """
import sys, numpy as np
from simphys import viz, fem
space = fem.FunctionSpace(fem.rectangle((2, 2)), 1, 2)
viz.deformed(space, np.zeros(space.shape), sys.argv[1])
viz.newton_history([1.0, 0.1], sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
"""


@pytest.mark.slow
def test_no_pyplot(tmp_path):
    done = subprocess.run([sys.executable, "-W", "error", "-c", CODE, str(tmp_path / "p.png")], check=False)
    assert done.returncode == 0
