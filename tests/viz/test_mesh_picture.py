"""Pictures of meshes with their groups, in all formats, and the way to PyVista."""

import html
import sys

import jax.numpy as jnp
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest

import simphys as sp
from simphys.fem import CellField, FunctionSpace, box, line, rectangle
from simphys.viz import mesh as draw, to_pyvista
from simphys.viz._mesh import PLAIN
from simphys.viz._page import COLOURS


PLATE = (
    rectangle((6, 3), (2.0, 1.0), degree=2).with_cell_group("stiff", lambda x: x[0] > 0.99).with_point_group("pin", [0])
)


def share(path, colour):
    """How much of a picture has a colour, in any light."""
    colour = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)] if isinstance(colour, str) else colour)
    image = matplotlib.image.imread(path)[..., :3].reshape(-1, 3)
    light = image @ colour / (colour @ colour)
    return np.mean(np.all(np.abs(image - light[:, None] * colour) < 0.015, axis=1) & (light > 0.72) & (light < 1.02))


def test_groups_of_a_plate_have_their_colours(tmp_path):
    path = draw(PLATE, tmp_path / "plate.png")
    stiff, plain = share(path, COLOURS[0]), share(path, PLAIN)
    assert stiff == pytest.approx(plain, rel=0.1) and stiff > 0.1, "half of the plate is stiff"
    left, right, bottom, top, pin = (share(path, colour) for colour in COLOURS[1:6])
    assert 0 < left < bottom and right > 0 and top > 0 and pin > 0
    alone = draw(PLATE, tmp_path / "alone.png", groups="left")
    assert share(alone, COLOURS[1]) == 0 and share(alone, COLOURS[0]) > 0


@pytest.mark.slow
def test_facets_colour_the_surface_in_space(tmp_path):
    path = draw(box((2, 2, 2)), tmp_path / "box.png", groups=["top", "bottom"], view="xy")
    assert share(path, COLOURS[0]) > 0.1, "the top is seen from above"
    assert share(path, COLOURS[1]) < 0.01, "the bottom is not, and stands in the legend"
    inner = box((2, 2, 2)).with_cell_group("lower", lambda x: x[2] < 0.6)
    low = draw(inner, tmp_path / "lower.png", groups=["lower"], view="xz")
    assert share(low, COLOURS[0]) > 0


@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "PNG"])
def test_formats(tmp_path, ending):
    path = draw(line(3, 1.0), tmp_path / f"rod.{ending}", title="A rod")
    begin = path.read_bytes()[:300]
    assert {"png": b"PNG", "svg": b"<svg", "pdf": b"%PDF"}[ending.lower()] in begin or b"svg" in path.read_bytes()[:800]
    again = path.read_bytes()
    draw(line(3, 1.0), path, title="A rod")
    assert path.read_bytes() == again, "the same picture is the same file"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(mesh=PLATE, path="a.jpg"), "must end in .png, .svg or .pdf"),
        (dict(mesh=PLATE, path="a.png", groups=["lefft"]), "no group 'lefft'; there are 'stiff', 'left'"),
        (dict(mesh=FunctionSpace(PLATE), path="a.png"), "must be a `simphys.fem.Mesh`, got FunctionSpace"),
    ],
)
def test_misuse_is_named(tmp_path, given, message):
    with pytest.raises(ValueError, match=message):
        draw(given["mesh"], tmp_path / given["path"], groups=given.get("groups"))


def test_to_pyvista():
    pytest.importorskip("pyvista")
    space = FunctionSpace(PLATE, 2, components=2)
    nodes, cells = np.asarray(space.nodes()), np.arange(float(PLATE.n_cells))
    grid = to_pyvista(space, u=nodes, T=CellField(cells))
    assert grid.n_cells == PLATE.n_cells and grid.n_points == space.n_nodes
    np.testing.assert_allclose(grid.point_data["u"][:, :2], grid.points[:, :2], atol=1e-12)
    np.testing.assert_allclose(grid.cell_data["T"], cells)
    assert grid.area == pytest.approx(2.0)
    with pytest.raises(ValueError, match="'k' must be nodal values or a `CellField`"):
        to_pyvista(space, k=sp.fem.QuadratureField(np.ones((18, 4))))


def test_without_pyvista_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvista", None)
    with pytest.raises(ImportError, match=r"pip install \"simphys\[viz3d\]\""):
        to_pyvista(PLATE)


@pytest.mark.slow
def test_notebooks_show_text_and_picture(monkeypatch):
    """Of meshes, spaces, problems and designs; of solutions the text; of what cannot be drawn the text as well."""
    mesh = sp.fem.rectangle((2, 1))
    space = sp.fem.FunctionSpace(mesh)
    heat = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=1.0), sp.fem.Dirichlet("left", 0.0))
    body = sp.design.body_of(mesh, np.ones(2))
    found = sp.design.Design("successful", "", np.ones(2), np.ones(2), sp.design.Layout(mesh), 1.0, {}, [], (), ())
    for shown in (mesh, found):
        assert shown._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n", type(shown)
        text = shown._repr_html_()
        assert html.escape(str(shown)) in text and '<img alt="" src="data:image/png;base64,' in text
    assert not plt.get_fignums()
    monkeypatch.setattr("simphys.viz._notebook.mesh", lambda whole, ax: ax.set_title(f"{whole.n_cells} cells"))
    for shown in (space, heat, body):
        assert shown._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n" and "<img" in shown._repr_html_(), type(shown)
    certificate = sp.solve(sp.RootProblem(lambda y, _: y**2 - 2.0), jnp.ones(()))
    assert certificate._repr_png_() is None and certificate._repr_html_().startswith("<pre>converged")
    monkeypatch.setattr("simphys.viz._notebook.MOST_CELLS", 1)
    assert mesh._repr_png_() is None and "<img" not in mesh._repr_html_()
    monkeypatch.undo()
    monkeypatch.setattr("simphys.viz._notebook.mesh", lambda *_, **__: 1 / 0)
    with pytest.warns(UserWarning, match="no picture of this Mesh: division by zero"):
        assert mesh._repr_html_() == f"<pre>{html.escape(str(mesh))}</pre>"
