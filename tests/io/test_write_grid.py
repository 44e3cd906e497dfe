"""Fields on grids as files of VTK."""

import base64
from xml.etree import ElementTree

import jax.numpy as jnp
import numpy as np
import pytest

from simphys import grids
from simphys.io import write_grid


def _arrays(path):
    root = ElementTree.parse(path).getroot()
    raw = lambda a: np.frombuffer(base64.b64decode(a.text)[8:], {"Float64": "<f8", "Float32": "<f4"}[a.get("type")])
    return root, {a.get("Name"): raw(a) for a in root.iter("DataArray")}


@pytest.mark.parametrize("suffix", [".vti", ".vtr"])
def test_cells_and_vectors_go_to_their_places(tmp_path, suffix):
    """x runs fastest; velocities are means of opposite faces, with a third component of 0."""
    grid = grids.Grid.uniform((3, 2), lower=(1.0, -1.0), upper=(4.0, 0.0))
    space = grids.FaceSpace(grid, grids.Periodic() if suffix == ".vti" else grids.Outflow())
    x, y = grid.points()
    flow = grids.Flow(space.field((2.0, lambda x, y: x)), grids.CellField(10 * x + y))
    path = write_grid(tmp_path / f"flow{suffix}", grid, {"flow": flow})
    root, found = _arrays(path)
    np.testing.assert_allclose(found["flow.pressure"], (10 * x + y).ravel(order="F"))
    np.testing.assert_allclose(found["flow.velocity"].reshape(6, 3)[:, 1], np.asarray(x).ravel(order="F"))
    np.testing.assert_allclose(found["flow.velocity"].reshape(6, 3)[:, 0], 2.0)
    assert root[0].get("WholeExtent") == "0 3 0 2 0 0"
    if suffix == ".vti":
        assert root[0].get("Origin") == "1.0 -1.0 0.0" and root[0].get("Spacing") == "1.0 0.5 1.0"
    else:
        np.testing.assert_allclose(found["y"], [-1.0, -0.5, 0.0])


def test_what_does_not_fit_is_refused(tmp_path):
    grid = grids.Grid.from_faces([0.0, 1.0, 3.0])
    cells = grids.CellField(jnp.zeros(2))
    for path, fields, text in (
        ("a.vti", {"c": cells}, "not equal"),
        ("a.vtk", {"c": cells}, "must end in"),
        ("a.vtr", {"c": grids.CellField(jnp.zeros(3))}, "shape"),
        ("a.vtr", {"c": 1.0}, "must be a `CellField`"),
    ):
        with pytest.raises(ValueError, match=text):
            write_grid(tmp_path / path, grid, fields)
