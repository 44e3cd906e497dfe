"""Networks in scene files."""

import json

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _tiny import refused, write_scene
from typer.testing import CliRunner

import simphys as sp
from simphys.cli import app
from simphys.scene import SceneError, load


CUBE = """
title = "A cube with a learned law"

[mesh]
kind = "box"
cells = [2, 1, 1]

[solid.material]
law = "NeuralHyperelastic"
mu = 0.4
kappa = 2.0
weights = "weights/rubber.npz"

[solid.constraints.held]
type = "displacement"
where = "left"

[solid.constraints.pulled]
type = "displacement"
where = "right"
value = [0.2, 0.1, 0.0]

[pictures]
fields = []
"""

ROD = """
title = "A rod"

[mesh]
kind = "line"
cells = 3

[heat.material]
law = "IsotropicConduction"
k = { curve = "NeuralCurve", level = 2.0, centre = 0.0, span = 10.0, weights = "k.npz" }

[heat.constraints.cold]
type = "temperature"
where = "left"
value = 0.0

[pictures]
fields = []
"""


def test_a_law_and_its_weights(tmp_path):
    network = sp.materials.ConvexNetwork(2, 1, width=3, depth=2, seed=4)
    sp.io.save_weights(tmp_path / "weights" / "rubber.npz", network)
    model = load(write_scene(tmp_path, CUBE)).build()
    law = sp.materials.NeuralHyperelastic(mu=0.4, kappa=2.0, network=network)
    assert eqx.tree_equal(model.problem().material, law)
    assert float(model.problem({"solid.material.mu": jnp.asarray(0.5)}).material.mu) == 0.5


def test_a_curve_and_its_weights(tmp_path):
    network = sp.materials.Perceptron(width=2)
    sp.io.save_weights(tmp_path / "k.npz", network)
    material = load(write_scene(tmp_path, ROD)).build().problem().material
    np.testing.assert_allclose(material.k(jnp.asarray(3.0)), 2.0)
    assert isinstance(material.k, sp.materials.NeuralCurve)


def test_what_is_wrong_with_the_weights_is_said(tmp_path):
    text = refused(tmp_path, CUBE)
    assert "solid.material" in text and "rubber.npz" in text
    text = refused(tmp_path, CUBE, {"solid.material.weights": 3.0})
    assert 'needs `weights = "file.npz"`' in text
    sp.io.save_weights(tmp_path / "weights" / "rubber.npz", sp.materials.ConvexNetwork(3, 1))
    text = refused(tmp_path, CUBE)
    assert "rising[0] must have shape (8, 2), got (8, 3)" in text
    sp.io.save_weights(tmp_path / "weights" / "rubber.npz", sp.materials.Perceptron(2))
    assert "lacks the arrays" in refused(tmp_path, CUBE)
    sp.io.save_weights(tmp_path / "weights" / "rubber.npz", sp.materials.ConvexNetwork(2, 1))
    text = refused(tmp_path, CUBE, {"solid.material.bulk": 3.0})
    assert "unknown key 'bulk'" in text and "'mu', 'kappa', 'weights'" in text
    (tmp_path / "weights" / "rubber.npz").write_text("no weights")
    assert "no .npz file of plain arrays" in refused(tmp_path, CUBE)


def test_a_new_network(tmp_path):
    text = CUBE.replace('weights = "weights/rubber.npz"', "weights = { width = 3, depth = 2, seed = 4 }")
    material = load(write_scene(tmp_path, text)).build().problem().material
    assert eqx.tree_equal(material.network, sp.materials.ConvexNetwork(2, 1, width=3, depth=2, seed=4))
    with pytest.raises(SceneError, match="whole numbers 'width', 'depth', 'seed'"):
        load(write_scene(tmp_path, text.replace("seed", "size"))).build()


SOUGHT = """
[fit.parameters.mu]
key = "solid.material.mu"
transform = "log"
prior = { type = "gaussian", mean = 0.4, deviation = 0.4 }

[fit.parameters.network]
key = "solid.material.weights"
prior = { type = "gaussian", mean = 0.0, deviation = 2.0 }

[fit.data.displacement]
type = "point_displacement"
file = "u.csv"
position = ["x", "y", "z"]
values = ["ux", "uy", "uz"]
step = "step"
noise = 3e-3

[fit.data.force]
type = "resultant"
where = "right"
component = "x"
file = "f.csv"
step = "step"
value = "f"
noise = 3e-3
"""
PULLED = CUBE.replace('weights = "weights/rubber.npz"', "weights = { width = 2 }").replace(
    "[pictures]", "[steps]\ncount = 2\n\n[pictures]"
)


def measure(folder):
    """Displacements and forces of the cube, were it of a Mooney–Rivlin rubber, with the noise that `SOUGHT` states."""
    known = sp.materials.MooneyRivlin(c10=0.2, c01=0.05, kappa=2.0)
    model = load(write_scene(folder, PULLED.replace("[0.2, 0.1, 0.0]", "[0.6, 0.3, 0.0]"))).build()
    random = np.random.default_rng(0)
    at = random.uniform(0.1, 0.9, (20, 3))
    u, f = ["step,x,y,z,ux,uy,uz"], ["step,f"]
    for step, factor in enumerate((0.5, 1.0), 1):
        solid = eqx.tree_at(lambda p: p.material, model.problem(None, factor), known)
        value = sp.solve(solid).value
        seen = np.asarray(model.space.evaluate(value, at))
        rows = np.concatenate([at, seen + 3e-3 * random.standard_normal(seen.shape)], axis=1)
        u += [",".join(f"{entry:.9g}" for entry in (step, *row)) for row in rows]
        f.append(f"{step},{float(solid.resultant(value, 'right')[0]) + 3e-3 * random.standard_normal():.9g}")
    for name, lines in (("u.csv", u), ("f.csv", f)):
        (folder / name).write_text("\n".join(lines) + "\n")
    return known


def stretched(law):
    """The cube's law in another body, a bar of twice its length under another load: force on its end."""
    space = sp.fem.FunctionSpace(sp.fem.box((4, 1, 1), (2.0, 1.0, 1.0)), components=3)
    ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", (0.7, 0.0, 0.4))]
    solid = sp.physics.Solid(space, law, ends)
    return solid.resultant(sp.solve(solid).value, "right")


@pytest.mark.slow
def test_weights_are_fitted_through_the_body_and_used_in_another(tmp_path):
    known = measure(tmp_path)
    file = write_scene(tmp_path, PULLED.replace("[0.2, 0.1, 0.0]", "[0.6, 0.3, 0.0]") + SOUGHT)
    result = CliRunner().invoke(app, ["fit", str(file), "--out", str(tmp_path / "out"), "--no-error"])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert found["status"] == "successful" and found["weights"] == {"network": "network.npz"}
    assert 0.7 < found["reduced_chi2"] < 1.3 < found["iterations"][0]["objective"] / 122
    assert found["certificate"]["gradient_agreement"] < 1e-6
    network = sp.io.load_weights(tmp_path / "out" / "network.npz", sp.materials.ConvexNetwork(2, 1, width=2))
    learned = sp.materials.NeuralHyperelastic(mu=found["parameters"]["mu"]["value"], kappa=2.0, network=network)
    new = sp.materials.NeuralHyperelastic(mu=0.4, kappa=2.0, network=sp.materials.ConvexNetwork(2, 1, width=2))
    wanted, got, before = (stretched(law) for law in (known, learned, new))
    off = lambda force: float(jnp.linalg.norm(force - wanted) / jnp.linalg.norm(wanted))
    assert off(got) < 0.05 < off(before)


@pytest.mark.slow
def test_a_network_s_derivatives_are_checked(tmp_path):
    """`simphys check`: orders of moduli and of all weights in proportion, through the body."""
    text = CUBE.replace('weights = "weights/rubber.npz"', "weights = { width = 8 }")
    words = ["check", str(write_scene(tmp_path, text)), "--out", str(tmp_path / "out"), "--no-error"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "result.json").read_text())["derivatives"]
    assert found["solid.material.weights"]["order"] > 1.9 and "solid.material.weights.width" not in found


def test_what_is_wrong_with_a_sought_network_is_said(tmp_path):
    (tmp_path / "u.csv").write_text("step,x,y,z,ux,uy,uz\n1,0.5,0.5,0.5,0,0,0\n2,0.5,0.5,0.5,0,0,0\n")
    (tmp_path / "f.csv").write_text("step,f\n1,0\n2,0\n")

    def refused(key, entry):
        model = load(write_scene(tmp_path, PULLED + SOUGHT), {f"fit.parameters.network.{key}": entry}).build()
        with pytest.raises(SceneError) as caught:
            sp.scene.build_calibration(model)
        assert "fit.parameters.network" in str(caught.value)
        return str(caught.value)

    assert "take no `start`" in refused("start", 1.0)
    assert "no entry 'solid.material.k.weights'" in refused("key", "solid.material.k.weights")
    model = load(write_scene(tmp_path, PULLED + SOUGHT)).build()
    calibration = sp.scene.build_calibration(model)
    assert [p.count(calibration.numbers) for p in calibration.parameters] == [1, 12]
    model = load(write_scene(tmp_path, PULLED + SOUGHT.rpartition("prior")[0] + SOUGHT.rpartition("2.0 }")[2])).build()
    with pytest.raises(SceneError, match="weights need a `prior`"):
        sp.scene.build_calibration(model)
