"""Fields of any element on Lagrange elements, to be drawn and written."""

import jax
import jax.numpy as jnp
import meshio
import numpy as np
import pytest
from matplotlib import image
from test_space import scrambled

from simphys import io, viz
from simphys.fem import FunctionSpace, line, rectangle, shown, shown_space


ELEMENTS = [
    ("triangle", ("RT", 2), None, 2),
    ("triangle", [1, ("bubble", 3)], 2, 3),
    ("triangle", "real", None, 1),
    ("quadrilateral", ("DPC", 1), None, 1),
    ("tetrahedron", ("N1curl", 2), None, 2),
]


@pytest.mark.breadth
@pytest.mark.parametrize(("cell", "element", "components", "degree"), ELEMENTS, ids=str)
def test_what_is_shown_is_the_field(cell, element, components, degree):
    """On straight cells; for any values of the degrees of freedom."""
    mesh = scrambled(cell, 2, moved=0.0)
    space = FunctionSpace(mesh, element, components)
    values = jnp.asarray(np.random.default_rng(0).standard_normal(space.shape))
    target, found = shown(space, values)
    assert (target.degree, target.continuous) == (degree, False)
    assert found.shape == (target.n_nodes, *space.value_shape)
    weights = np.random.default_rng(1).dirichlet(np.full(mesh.cells.shape[1], 3.0), 5)
    points = np.einsum(
        "pa,pad->pd", weights, np.asarray(mesh.points)[np.asarray(mesh.cells)[np.arange(5) % mesh.n_cells]]
    )
    np.testing.assert_allclose(target.evaluate(found, points), space.evaluate(values, points), atol=1e-12)
    np.testing.assert_allclose(jax.jit(lambda space, values: shown(space, values)[1])(space, values), found, atol=1e-12)


def test_what_has_nodes_stays_as_it_is():
    mesh = rectangle((2, 2))
    quadratic, linear, real = FunctionSpace(mesh, 2, 2), FunctionSpace(mesh, 1), FunctionSpace(mesh, "real")
    values = quadratic.zeros()
    assert shown(quadratic, values) == (quadratic, values)
    assert shown_space(quadratic, linear, real) is quadratic
    apart = FunctionSpace(mesh, ("DG", 2))
    assert shown_space(apart, quadratic) is apart
    assert not shown_space(linear, apart).continuous and shown_space(linear, apart).degree == 2
    assert shown_space(linear, FunctionSpace(mesh, 5)).degree == 3
    with pytest.raises(ValueError, match=r"one value for each of 25 nodes, got shape \(3,\)"):
        shown(quadratic, np.zeros(3))


def test_fields_of_several_spaces_in_one_file(tmp_path):
    mesh = scrambled("triangle", 2)
    flux, cells, nodes = FunctionSpace(mesh, ("RT", 2)), FunctionSpace(mesh, ("DG", 0)), FunctionSpace(mesh, 1)
    fields = {
        "flux": flux.interpolate(lambda x: x),
        "first": (nodes, nodes.interpolate(lambda x: x[0])),
        "number": (cells, np.arange(8.0)),
    }
    io.write_fields(tmp_path / "a.vtu", flux, fields, {"id": np.arange(8)})
    read = meshio.read(tmp_path / "a.vtu")
    np.testing.assert_allclose(read.point_data["flux"], read.points, atol=1e-12)
    np.testing.assert_allclose(read.point_data["first"], read.points[:, 0], atol=1e-12)
    np.testing.assert_allclose(read.point_data["number"][read.cells[0].data], np.arange(8.0)[:, None] * np.ones(6))
    with pytest.raises(ValueError, match="'p' must be of a space on the same mesh"):
        io.write_fields(tmp_path / "a.vtu", flux, {"p": (FunctionSpace(rectangle((1, 1)), 1), np.zeros(4))})
    with pytest.raises(ValueError, match=r"'p' must have shape \(8,\)"):
        io.write_fields(tmp_path / "a.vtu", flux, {"p": (cells, np.zeros(4))})


@pytest.mark.slow
def test_pictures_of_any_element(tmp_path, monkeypatch):
    """A rotation by Nédélec's elements is drawn as by Lagrange's; curves that jump, and movies of them."""
    monkeypatch.setattr("simphys.viz._body.FINER", 1)
    mesh = rectangle((2, 2), cell_type="triangle")
    pixels = []
    for element, components in ((("N1curl", 1), None), (1, 2)):
        space = FunctionSpace(mesh, element, components)
        turn = space.interpolate(lambda x: jnp.stack([0.5 - x[1], x[0] - 0.5]))
        path = viz.deformed(space, turn, tmp_path / "b.png", unit="m")
        pixels.append(image.imread(path)[..., :3])
    assert np.abs(pixels[0] - pixels[1]).mean() < 1e-3
    viz.field(space, turn, tmp_path / "a.png", label="E", unit="V/m")
    steps = FunctionSpace(line(3), ("DG", 0))
    viz.field(steps, np.arange(3.0), tmp_path / "c.png")
    viz.animation(steps, [np.arange(3.0), np.ones(3)], tmp_path / "d.gif", times=[0.0, 1.0])
    viz.residual_map(FunctionSpace(mesh, ("RT", 1)), np.full((4, 2), 0.5), np.ones(4), tmp_path / "e.png")
