"""Fields, priors and several experiments in scenes; the scenes of identification find what is hidden in their data."""

import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import meshio
import numpy as np
import pytest
from _tiny import write_scene
from typer.testing import CliRunner

import simphys as sp
from simphys.cli import app
from simphys.scene import SceneError, build_calibration, load


ROOT = pathlib.Path(__file__).parent.parent.parent
PLATE = """
title = "A small plate"

[mesh]
kind = "rectangle"
cells = [3, 3]

[heat.material]
law = "IsotropicConduction"
k = 1.0

[heat.constraints.cold]
type = "temperature"
where = "right"
value = 0.0

[heat.loads.left]
type = "flux"
where = "left"
value = 0.0

[heat.loads.top]
type = "flux"
where = "top"
value = 0.0

[fit.parameters.k]
key = "heat.material.k"
transform = "log"
field = { kind = "nodal" }
prior = { type = "h1", deviation = 0.5, length = 0.5 }

[fit.experiments]
left = { "heat.loads.left.value" = -1.0 }
top = { "heat.loads.top.value" = -1.0 }

[fit.data.sensors]
type = "temperature"
file = "data.csv"
step = "experiment"
position = ["x", "y"]
value = "T"
noise = 0.01
"""
HEAD = "experiment,x,y,T"


def calibration_of(folder, overrides=(), rows=None, text=PLATE):
    rows = [f"{i},{x},0.5,0.4" for i in (1, 2) for x in (0.2, 0.6)] if rows is None else rows
    file = write_scene(folder, text)
    (folder / "data.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    return build_calibration(load(file, overrides).build())


def refused(*arguments, **options):
    with pytest.raises(SceneError) as caught:
        calibration_of(*arguments, **options)
    return str(caught.value)


@pytest.mark.breadth
@pytest.mark.parametrize(
    "kind, count",
    [
        ({"kind": "nodal"}, 16),
        ({"kind": "cell"}, 9),
        ({"kind": "legendre", "orders": [2, 3]}, 6),
        ({"kind": "cosine", "orders": [2, 2]}, 4),
        ({"kind": "network", "width": 4, "depth": 1}, 17),
    ],
    ids=lambda x: x["kind"] if isinstance(x, dict) else "",
)
def test_fields_of_a_scene(tmp_path, kind, count):
    calibration = calibration_of(tmp_path, {"fit.parameters.k.field": kind})
    experiment = calibration.experiment
    parameters = sp.inverse.Parametrisation(calibration.parameters, experiment.template())
    assert parameters.size == count
    field = experiment.template().made().material.k.value
    assert isinstance(field, sp.fem.CellField if kind["kind"] == "cell" else sp.fem.NodalField)
    assert experiment.n_steps == 2 and experiment.independent
    loads = [[float(load.value) for load in experiment.at_step(experiment.template(), i).loads] for i in (0, 1)]
    assert loads == [[-1.0, 0.0], [0.0, -1.0]]


@pytest.mark.slow
def test_experiments_are_solved_apart(tmp_path):
    """Products with the Jacobian, by tangents and by adjoints, are those of differences; k = 1 starts the search."""
    calibration = calibration_of(tmp_path)
    experiment = calibration.experiment
    parameters = sp.inverse.Parametrisation(calibration.parameters, experiment.template())
    quiet, phi = lambda text: None, parameters.start
    np.testing.assert_allclose(phi, 0.0)
    here = experiment.evaluate(parameters, phi, None, quiet, False)
    # A unit flux through unit conductivity: T = 1 − x; the other experiment heats the top.
    np.testing.assert_allclose(here.residuals[:2], (np.array([0.8, 0.4]) - 0.4) / 0.01, atol=1e-8)
    direction = np.random.default_rng(0).standard_normal((16, 1))
    weights = np.random.default_rng(1).standard_normal((4, 1))
    pushed = experiment.push(parameters, phi, here, jnp.asarray(direction))
    pulled = experiment.pull(parameters, phi, here, jnp.asarray(weights))
    assert float((pushed.T @ weights)[0, 0]) == pytest.approx(float((pulled.T @ direction)[0, 0]), rel=1e-9)
    ahead, behind = (
        experiment.evaluate(parameters, phi + s * 1e-5 * jnp.asarray(direction[:, 0]), here.memory, quiet, False)
        for s in (1, -1)
    )
    np.testing.assert_allclose(pushed[:, 0], (ahead.residuals - behind.residuals) / 2e-5, rtol=1e-5, atol=1e-5)


def test_bad_unknowns_are_refused(tmp_path):
    text = refused(tmp_path, {"fit.parameters.k.field": {"kind": "nodl"}})
    assert "fit.parameters.k.field.kind" in text
    assert "`orders` belong" in refused(tmp_path, {"fit.parameters.k.field": {"kind": "nodal", "orders": [2]}})
    assert "unknown key 'lenght'" in refused(
        tmp_path, {"fit.parameters.k.prior": {"type": "h1", "deviation": 1.0, "lenght": 1.0, "length": 1.0}}
    )
    assert "is for a `field`" in refused(tmp_path, text=PLATE.replace('field = { kind = "nodal" }\n', ""))
    assert "no entry 'heat.loads.botom.value'" in refused(
        tmp_path, {"fit.experiments": {"a": {"heat.loads.botom.value": 1.0}, "b": {"heat.loads.top.value": 1.0}}}
    )
    assert "is sought" in refused(
        tmp_path, {"fit.experiments": {"a": {"heat.material.k": 1.0}, "b": {"heat.loads.top.value": 1.0}}}
    )
    assert "exclude one another" in refused(tmp_path, {"steps.count": 2})
    outside = [f"{i},{x},0.5,0.4" for i in (1, 2) for x in (0.2, 1.6)]
    text = refused(tmp_path, rows=outside)
    assert "outside the body" in text and "1: [1.6 0.5]" in text and "fit.data.sensors" in text
    assert "equally many rows, got [2, 0]" in refused(tmp_path, rows=["1,0.2,0.5,0.4", "1,0.6,0.5,0.4"])
    assert "from 1 to 2, got 3" in refused(tmp_path, rows=["1,0.2,0.5,0.4", "3,0.6,0.5,0.4"])
    assert "cannot start" in refused(tmp_path, {"fit.parameters.k.transform": "bounded",
                                                "fit.parameters.k.bounds": [2.0, 3.0]})  # fmt: skip


def fitted(name, folder, *options):
    """Run `simphys fit` on a scene of the project; return its result and the last field file."""
    words = ["fit", str(ROOT / "scenes" / name), "--out", str(folder), "-q", "--no-error", *options]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return json.loads((folder / "result.json").read_text()), meshio.read(max((folder / "fields").glob("*.vtu")))


@pytest.mark.slow
def test_inclusion_is_found():
    """Centre (58, 15) within 1.5 mm, stiffness ratio 3 within 15 %, radius 6 within 1 mm."""
    # By linear cells: a tenth of the time. The objective falls by less than a hundredth after three iterations.
    few = {"space.degree": 1, "fit.rtol": 3e-2}
    calibration = build_calibration(load(ROOT / "scenes" / "sheet_inclusion", few).build())
    found = calibration.run()
    E, mesh = np.asarray(found.values), calibration.experiment.template().made().space.mesh
    corners = np.asarray(mesh.points)[np.asarray(mesh.cells)]
    sides = corners[:, 1:] - corners[:, :1]
    area = 0.5 * np.abs(np.linalg.det(sides))
    base = np.median(E)
    stiff = area * (np.sqrt(base * E.max()) < E)
    centre = stiff @ corners.mean(axis=1) / stiff.sum()
    assert np.linalg.norm(centre - [58.0, 15.0]) < 1.5
    assert np.sqrt(stiff.sum() / np.pi) == pytest.approx(6.0, abs=1.0)
    core = np.linalg.norm(corners.mean(axis=1) - centre, axis=1) < 4.0
    assert np.median(E[core]) / base == pytest.approx(3.0, rel=0.15)
    assert 0.7 < found.uncertainty.reduced_chi2 < 1.3


@pytest.mark.slow
def test_conductivity_is_found(tmp_path):
    """The truth lies within two deviations at most nodes; the fit is nearer to it than the start."""
    result, mesh = fitted("conductivity_square", tmp_path, "--set", "mesh.cells=[12, 12]")
    sys.path.insert(0, str(ROOT / "tests" / "data"))
    from make_conductivity_square import conductivity

    truth = np.asarray(jax.vmap(conductivity)(jnp.asarray(mesh.points[:, :2])))
    k, std = np.ravel(mesh.point_data["k"]), np.ravel(mesh.point_data["k_std"])
    error = np.log(k / truth)
    assert np.sqrt(np.mean(error**2)) < 0.25 * np.sqrt(np.mean(np.log(truth) ** 2))
    assert np.mean(np.abs(error) < 2 * std / k) > 0.9
    assert 0.7 < result["reduced_chi2"] < 1.3
    assert result["posterior"]["directions"] <= 160 and (tmp_path / "k_std.png").exists()


@pytest.mark.slow
def test_load_of_the_beam_is_found(tmp_path):
    """The pressure on the upper face, 0.05 + 0.25 exp(−((x − 600)/120)²), within 15 % of its largest value everywhere."""
    result, mesh = fitted("beam_forces", tmp_path)
    x, y = mesh.points[:, 0], mesh.points[:, 1]
    top = y > 59.9
    wanted = 0.05 + 0.25 * np.exp(-(((x[top] - 600.0) / 120.0) ** 2))
    load, std = (np.ravel(mesh.point_data[name])[top] for name in ("load", "load_std"))
    assert np.max(np.abs(load - wanted)) < 0.15 * 0.3
    assert np.sqrt(np.mean((load - wanted) ** 2)) < 0.06 * 0.3
    assert np.max(np.abs(load - wanted)[np.abs(x[top] - 300) < 100]) < 0.01
    assert np.mean(np.abs(load - wanted) < 2 * std) > 0.9 and 0.5 < result["reduced_chi2"] < 1.3


@pytest.mark.slow
def test_lump_is_found(tmp_path):
    """The stiffest part lies at (30, 28) within 2 mm; the modulus there is more than twice that of the tissue."""
    _, mesh = fitted("elastography", tmp_path, "--set", "mesh.cells=[10, 10]")
    mu = np.ravel(mesh.cell_data["mu"][0])
    centres = mesh.points[mesh.cells[0].data[:, :4]][..., :2].mean(axis=1)
    stiff = np.where(mu > np.sqrt(np.median(mu) * mu.max()), 1.0, 0.0)
    assert np.linalg.norm(stiff @ centres / stiff.sum() - [30.0, 28.0]) < 2.0
    assert mu.max() > 2 * np.median(mu)
