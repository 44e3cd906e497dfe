"""Pictures of bodies: what covers a pixel, its colour, the colour bar, and refused input."""

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from _tiled import bar, square
from matplotlib import image

import simphys as sp
from simphys import viz
from simphys.viz._body import body
from simphys.viz._lines import cell_edges, chains, merge, triangle_normals, unit
from simphys.viz._page import style
from simphys.viz._picture import Look, body_axes, nice_length, short
from simphys.viz._raster import rasterise
from simphys.viz._surface import surface


def _pixels(path):
    return image.imread(path)[..., :3]


def _covered(path):
    return np.mean(np.any(_pixels(path) < 0.98, axis=-1))


def _space(dim, degree=1, cell_type=None):
    if dim == 1:
        mesh = sp.fem.line(5, 100.0, degree=min(degree, 2))
    elif dim == 2:
        mesh = sp.fem.rectangle((4, 3), (2.0, 1.0), cell_type=cell_type or "quadrilateral", degree=min(degree, 2))
    else:
        mesh = sp.fem.box((3, 2, 2), (2.0, 1.0, 1.0), cell_type=cell_type or "hexahedron", degree=min(degree, 2))
    return sp.fem.FunctionSpace(mesh, degree, dim)


CASES = [
    (1, 3, None),
    (3, 2, "hexahedron"),
]


@pytest.fixture
def coarse(monkeypatch):
    """One sample a pixel: four times as fast."""
    monkeypatch.setattr("simphys.viz._body.FINER", 1)


@pytest.mark.slow
@pytest.mark.parametrize("dim, degree, cell_type", CASES)
def test_deformed_is_a_picture(tmp_path, dim, degree, cell_type):
    space = _space(dim, degree, cell_type)
    X = np.asarray(space.nodes())
    path = viz.deformed(space, 0.1 * X**2, tmp_path / "new" / "u.png", title="Title")
    assert path == tmp_path / "new" / "u.png"
    assert [p.name for p in path.parent.iterdir()] == ["u.png"]
    pixels = _pixels(path)
    assert pixels.shape[1] == 1600
    assert len(np.unique((pixels.reshape(-1, 3) * 255).astype(np.uint8), axis=0)) > 200
    assert (0.02 if dim == 1 else 0.15) < _covered(path) < 0.9


@pytest.mark.parametrize("dim, measure", [(2, 2.0), (3, 10.0)])
@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("simplex", [False, True])
def test_surface_closes(dim, measure, degree, simplex):
    """Triangles tile the body or its boundary, all of them turned outwards: ∫ x·n dA = dim · volume."""
    kind = {
        (2, False): "quadrilateral",
        (2, True): "triangle",
        (3, False): "hexahedron",
        (3, True): "tetrahedron",
    }
    space = _space(dim, degree, kind[dim, simplex])
    seen = surface(space)
    x = np.zeros((len(seen.cells) * seen.bases[0].shape[1], 3))
    x[:, :dim] = seen.positions(space)
    a, b, c = (x[seen.triangles[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a) / 2
    assert np.isclose(np.linalg.norm(normals, axis=1).sum(), measure)
    if dim == 2:
        assert np.all(normals[:, 2] > 0)
    else:
        assert np.isclose(np.sum(normals * (a + b + c) / 3), 3 * 2.0)


def test_raster_hides_what_is_behind_and_leaves_no_gaps():
    def square(low, high, z):
        lower = [[low, low, z], [high, low, z], [high, high, z]]
        return np.array([lower, [[low, low, z], [high, high, z], [low, high, z]]])

    corners = np.concatenate([square(2.0, 18.0, 1.0), square(5.0, 10.0, 3.0), square(8.0, 30.0, -1.0)])
    buffer = rasterise(corners.astype(float), 20, 20)
    assert np.all(buffer.depth[5:10, 5:10] == 3.0)
    inside = np.zeros((20, 20), bool)
    inside[2:18, 2:18] = True
    inside[8:, 8:] = True
    assert np.array_equal(buffer.triangle >= 0, inside)
    assert np.all(buffer.depth[10:18, 2:18] == 1.0)
    assert np.all(buffer.depth[18:, 8:] == -1.0)


def test_raster_interpolates_depth():
    corners = np.array([[[0.0, 0.0, 0.0], [40.0, 0.0, 40.0], [0.0, 40.0, 80.0]]])
    buffer = rasterise(corners, 40, 40)
    row, column = np.nonzero(buffer.triangle == 0)
    assert len(row) == pytest.approx(800, abs=25)
    np.testing.assert_allclose(buffer.depth[row, column], column + 0.5 + 2 * (row + 0.5), rtol=1e-12)


def _look(**changes):
    return Look("u", "mm", "", "", None, "viridis", False, False, None)._replace(**changes)


def _figure(space, values, **changes):
    with style():
        shape = body(space, None)
        return body_axes(shape, shape.surface.nodal(space, values), _look(**changes)).figure


def test_colours_are_those_of_the_values():
    """Along x of a plane body the pixels run through the colour map, from its first colour to its last."""
    space = _space(2, 1)
    x = np.asarray(space.nodes())[:, 0]
    shown = _figure(space, 10 + 5 * x).axes[0].images[0].get_array()
    line = shown[shown.shape[0] // 2]
    line = line[line[:, 3] > 0.999]
    expected = matplotlib.colormaps["viridis"](np.linspace(0, 1, len(line)))
    np.testing.assert_allclose(line[2:-2, :3], expected[2:-2, :3], atol=0.02)


@pytest.mark.parametrize("limits, expected", [(None, (10.0, 20.0)), ((12.0, 15.0), (12.0, 15.0))])
def test_colour_bar_limits(coarse, limits, expected):
    space = _space(3, 1)
    x = np.asarray(space.nodes())[:, 0]
    bar = _figure(space, 10 + 5 * x, limits=limits, label="stress (MPa)").axes[1]
    assert bar.get_ylim() == pytest.approx(expected)
    assert bar.get_ylabel() == "stress (MPa)"


def test_cell_values_are_not_smoothed(coarse, tmp_path):
    space = _space(2, 1)
    values = sp.fem.CellField(jnp.arange(12.0) % 2)
    pixels = _pixels(viz.field(space, values, tmp_path / "f.png", mesh_lines=False, colormap="gray"))
    body_part = pixels[200:-200, 300:1100]
    assert np.mean((body_part < 0.02) | (body_part > 0.98)) > 0.98


@pytest.mark.slow
def test_shading_tells_faces_apart():
    space = _space(3, 1)
    shown = _figure(space, np.ones(space.n_nodes), colormap="gray").axes[0].images[0].get_array()
    grey = shown[..., 0][shown[..., 3] > 0.999]
    _, counts = np.unique(np.round(grey, 3), return_counts=True)
    assert np.sort(counts)[-3] > 0.05 * grey.size
    assert np.sort(counts)[-3:].sum() > 0.95 * grey.size


@pytest.mark.slow
def test_views(coarse, tmp_path):
    space = _space(3, 1)
    u = np.zeros(space.shape)
    pictures = [_pixels(viz.deformed(space, u, tmp_path / "v.png", view=v)) for v in ("xy", "yz", (10.0, 40.0))]
    assert len({p.shape for p in pictures}) == 3
    # Seen along x the body is a square, along z twice as wide as it is high.
    assert pictures[1].shape[0] > 1.5 * pictures[0].shape[0]


def test_field_on_a_line_with_measurements(coarse, tmp_path):
    space = sp.fem.FunctionSpace(sp.fem.line(8, 70.0), 2)
    measured = viz.Measured([10.0, 20.0], [3.0, 4.0], 0.2)
    path = viz.field(
        space,
        space.nodes()[:, 0] / 10,
        tmp_path / "f.png",
        label="T",
        unit="°C",
        measured=measured,
        limits=(0.0, 9.0),
    )
    assert 0.005 < _covered(path) < 0.2
    plane = _space(2, 1)
    viz.field(plane, plane.nodes()[:, 0], tmp_path / "p.png", measured=viz.Measured([[0.5, 0.5]], [9.0]))


@pytest.mark.slow
def test_missing_and_constant_values(coarse, tmp_path):
    space = _space(3, 1)
    values = np.full(space.n_nodes, 2.0)
    values[:4] = np.nan
    assert _covered(viz.field(space, values, tmp_path / "b.png")) > 0.1
    assert _covered(viz.field(space, np.full(space.n_nodes, np.nan), tmp_path / "c.png")) > 0.1


def test_turned_inside_out_and_moved_far(coarse, tmp_path):
    space = _space(3, 1)
    X = np.asarray(space.nodes())
    assert _covered(viz.deformed(space, -2 * X, tmp_path / "a.png")) > 0.1
    assert _covered(viz.deformed(space, X * 0 + [1e4, 0, 0], tmp_path / "b.png")) > 0.0


def test_chains_join_parts():
    t = np.linspace(0, 1, 6)
    path = np.column_stack([t, t**2])
    parts = np.stack([path[:-1], path[1:]], axis=1)[[3, 0, 4, 1, 2]]
    (line,) = chains(parts)
    assert np.allclose(line, path) or np.allclose(line, path[::-1])
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0.0]])
    (ring,) = chains(np.stack([corners[:-1], corners[1:]], axis=1))
    assert len(ring) == 5
    assert chains(np.empty((0, 2, 2))) == []


def test_numbers():
    assert [nice_length(x) for x in (0.3, 19.0, 50.0, 999.0)] == [0.2, 10.0, 50.0, 500.0]
    assert short(-0.0) == "0"
    assert short(-12.345) == "−12.3"
    assert short(3e-7) == r"3$\times10^{-7}$"


BAD = [
    (dict(displacement=np.zeros((3, 3))), "must have shape"),
    (dict(displacement="no"), "real numbers"),
    (dict(displacement=np.full((36, 3), np.nan)), "finite"),
    (dict(colour="w"), "'magnitude'"),
    (dict(colour=np.zeros(12)), "CellField"),
    (dict(colour=np.zeros(7)), "must have shape"),
    (dict(colour=sp.fem.CellField(jnp.zeros(5))), "must have shape"),
    (dict(colour=sp.fem.QuadratureField(jnp.zeros((12, 8)))), "QuadratureField"),
    (dict(limits=(2.0, 1.0)), "increase"),
    (dict(colormap="nonsense"), "colour map"),
    (dict(view="top"), "must be one of"),
    (dict(view=(1.0, 2.0, 3.0)), "must be one of"),
    (dict(path="picture.jpg"), "must end in .png, .svg or .pdf"),
    (dict(space=3), "FunctionSpace"),
]


@pytest.mark.parametrize("change, message", BAD)
def test_wrong_input(tmp_path, change, message):
    given = dict(space=_space(3, 1), displacement=np.zeros((36, 3)), path=tmp_path / "u.png") | change
    with pytest.raises(ValueError, match=message):
        viz.deformed(**given)
    assert not list(tmp_path.iterdir())


def test_wrong_fields(tmp_path):
    path = tmp_path / "f.png"
    plane, solid = _space(2, 1), _space(3, 1)
    with pytest.raises(ValueError, match="must have shape"):
        viz.field(plane, np.zeros((plane.n_nodes, 2, 2)), path)
    with pytest.raises(ValueError, match="3-D"):
        viz.field(solid, np.zeros(solid.n_nodes), path, measured=viz.Measured(np.zeros((1, 3)), [0.0]))
    with pytest.raises(ValueError, match="`view` is for 3-D"):
        viz.field(plane, np.zeros(plane.n_nodes), path, view="xy")
    with pytest.raises(ValueError, match=r"measured\.values"):
        viz.field(plane, np.zeros(plane.n_nodes), path, measured=viz.Measured(np.zeros((1, 2)), [0.0, 1.0]))


@pytest.mark.breadth
@pytest.mark.parametrize("make", [square, bar])
def test_bodies_of_several_cell_types(make, tmp_path, coarse):
    mesh = make(3, 1, 0.1)
    space = sp.fem.FunctionSpace(mesh, 2)
    seen, X = surface(space), np.asarray(space.nodes())
    x = seen.positions(space)
    assert np.abs(seen.nodal(space, X) - x).max() < 1e-12
    a, b, c = x[seen.triangles].swapaxes(0, 1)
    if mesh.dim == 2:
        size = np.linalg.det(np.stack([b - a, c - a], axis=1)).sum() / 2
    else:
        size = np.sum(a * np.cross(b, c)) / 6
    assert size == pytest.approx(1.0, abs=1e-12)
    centre = x[seen.triangles[seen.beside]].mean(axis=1)
    assert np.linalg.norm(x[seen.rims[:, 0]] - centre, axis=1).max() < 0.4
    assert np.ptp(seen.cellwise(np.arange(mesh.n_cells))) == mesh.n_cells - 1 if mesh.dim == 2 else True
    assert _covered(viz.field(space, X[:, 0], tmp_path / "x.png")) > 0.05


def test_no_outer_edge_is_drawn_where_cells_of_two_sizes_meet():
    """Outer edges of a square with smaller cells in a corner are 4 long; those of a cube so refined 12."""
    for mesh, wanted in ((sp.fem.rectangle((4, 4)), 4.0), (sp.fem.box((3, 3, 3)), 12.0)):
        mesh = mesh.refined([0]).refined([0])
        shape = body(sp.fem.FunctionSpace(mesh), None)
        ids = merge(shape.before)
        normals = unit(triangle_normals(np.pad(shape.before, ((0, 0), (0, 3 - mesh.dim))), shape.triangles))
        lines, sharp = cell_edges(shape.rims, shape.beside, ids, normals, shape.before)
        length = np.linalg.norm(np.diff(shape.before[lines[sharp]], axis=1)[:, 0], axis=1)
        np.testing.assert_allclose(length.sum(), wanted, rtol=1e-9)
