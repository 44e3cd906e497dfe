"""What a grid does to fitted parameters, against those of far finer grids whose data they fit."""

import numpy as np
import pytest
from _tiny import write_scene

from simphys import grids, scene as scenes
from simphys.scene._grid_sampling import Sampler


PLATE = """
title = "A plate"
[grid]
cells = [8, 8]
[diffusion]
conductivity = 0.5
source = 10.0
[diffusion.sides.left]
type = "exchange"
h = 3.0
[diffusion.sides.right]
type = "flux"
[diffusion.sides.all]
type = "value"
"""
SOUGHT = '[fit.parameters.k]\nkey = "diffusion.conductivity"\ntransform = "log"\n'
PLACES = np.stack(np.meshgrid(*[[0.1875, 0.4375, 0.6875]] * 2), -1).reshape(-1, 2)
MAP = '[fit.data.T]\ntype = "temperature"\nfile = "t.csv"\nposition = ["x", "y"]\nvalue = "T"\nnoise = 0.02\n'
ROD = """
title = "A rod"
[grid]
cells = [8]
[diffusion]
conductivity = 0.5
source = 10.0
[diffusion.sides.left]
type = "exchange"
h = 3.0
[diffusion.sides.right]
type = "value"
[time]
end = 0.2
steps = 4
"""
FINE_ROD = {"grid.cells": [48], "time.steps": 32, "diffusion.conductivity": 1.0}
RECORD = '[fit.data.T]\ntype = "series"\nfile = "t.csv"\ntime = "t"\nvalues = ["T"]\nat = [[0.4]]\nnoise = 0.005\n'


def fitted(folder, text, table, overrides=()):
    path = write_scene(folder, text)
    (folder / "t.csv").write_text("\n".join(table))
    return scenes.build_calibration(scenes.load(path, overrides).build()).run()


def agree(coarse, rtol):
    """The shift that the coarse fit tells is that to 1, of which the data of a fine grid are, without noise."""
    std = coarse.uncertainty.std[0]
    true = (1 - coarse.values[0]) / std
    assert abs(true) > 0.5
    np.testing.assert_allclose(coarse.mesh.relative[0], true, rtol=rtol)
    low, high = coarse.mesh.interval95[0]
    assert low < 1 < high and abs(coarse.mesh.corrected[0] - 1) < rtol * abs(true) * std
    assert coarse.mesh.degree == 0 and "the mesh" not in "".join(coarse.mesh.remarks)


@pytest.mark.slow
def test_the_shift_is_that_of_a_finer_grid(tmp_path):
    (step,) = (
        scenes.load(write_scene(tmp_path / "fine", PLATE), {"grid.cells": [24, 24], "diffusion.conductivity": 1.0})
        .build()
        .march()
    )
    read = Sampler(step.state.space.grid, PLACES, 3)(step.solution.value)
    table = ["x,y,T"] + [f"{x},{y},{T!r}" for (x, y), T in zip(PLACES.tolist(), np.asarray(read).tolist(), strict=True)]
    coarse = fitted(tmp_path / "8", PLATE + SOUGHT + MAP, table)
    agree(coarse, 0.1)
    assert "the grid shifts k" in str(coarse) and "take more cells" in str(coarse)
    corrected = fitted(tmp_path / "c", PLATE + SOUGHT + MAP, table, {"fit.discretisation": "correct"})
    assert corrected.mesh.settled and abs(corrected.mesh.corrected[0] - 1) < 2e-3


@pytest.mark.slow
def test_of_marches_grid_and_steps_are_told(tmp_path):
    observed = '[observe.T]\ntype = "point"\nat = [0.4]\n'
    model = scenes.load(write_scene(tmp_path / "fine", ROD + observed), FINE_ROD).build()
    march = scenes.March.build(model)
    read = np.concatenate([np.ravel(frame.observed["T"]) for frame in march.frames(model.base, march.reader)])
    table = ["t,T"] + [f"{i / 20},{T!r}" for i, T in enumerate(read[-25::8].tolist(), 1)]
    coarse = fitted(tmp_path / "8", ROD + SOUGHT + RECORD, table)
    agree(coarse, 0.3)
    assert set(coarse.mesh.parts) == {"mesh", "step"}
    np.testing.assert_allclose(sum(coarse.mesh.parts.values()), coarse.mesh.relative, rtol=0.05)


def test_which_grids_have_coarser_ones(tmp_path):
    built = lambda overrides: scenes.load(write_scene(tmp_path / "a", PLATE + SOUGHT + MAP), overrides).build()
    with pytest.raises(ValueError, match="even numbers of cells from 8 on"):
        built({"grid.cells": [9, 8]}).coarser()
    with pytest.raises(ValueError, match="field on a grid"):
        built({"fit.parameters.k.field.kind": "cell"}).coarser()


def test_cubics_are_read_as_they_are():
    grid = grids.Grid.from_faces(grids.stretched(6), np.array([0.0, 0.5, 2.0, 2.5, 3.0]))
    x, y = grid.points()
    places = np.random.default_rng(0).uniform(0, 1, (20, 2)) * [1.0, 3.0]
    function = lambda x, y: x**3 - 2 * x * y**3 + y
    np.testing.assert_allclose(
        Sampler(grid, places, 3)(grids.CellField(function(x, y))), function(*places.T), atol=1e-12
    )


def test_of_flows_nothing_is_told(tmp_path):
    flow = 'title = "A cavity"\n[grid]\ncells = [8, 8]\n[navier_stokes]\nviscosity = 0.1\ndensity = 1.0\n'
    flow += '[navier_stokes.sides.all]\ntype = "wall"\n'
    assert scenes.load(write_scene(tmp_path, flow)).build().coarser() is None
