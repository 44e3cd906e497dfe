"""Networks in scene files."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _tiny import write_scene

import simphys as sp
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


def refused(folder, overrides=()):
    with pytest.raises(SceneError) as caught:
        load(write_scene(folder, CUBE), overrides).build()
    return str(caught.value)


def test_what_is_wrong_with_the_weights_is_said(tmp_path):
    text = refused(tmp_path)
    assert "solid.material" in text and "rubber.npz" in text
    text = refused(tmp_path, {"solid.material.weights": 3.0})
    assert 'needs `weights = "file.npz"`' in text
    sp.io.save_weights(tmp_path / "weights" / "rubber.npz", sp.materials.ConvexNetwork(3, 1))
    text = refused(tmp_path)
    assert "rising[0] must have shape (8, 2), got (8, 3)" in text
    sp.io.save_weights(tmp_path / "weights" / "rubber.npz", sp.materials.Perceptron(2))
    assert "lacks the arrays" in refused(tmp_path)
    sp.io.save_weights(tmp_path / "weights" / "rubber.npz", sp.materials.ConvexNetwork(2, 1))
    text = refused(tmp_path, {"solid.material.bulk": 3.0})
    assert "unknown key 'bulk'" in text and "'mu', 'kappa', 'weights'" in text
    (tmp_path / "weights" / "rubber.npz").write_text("no weights")
    assert "no .npz file of plain arrays" in refused(tmp_path)
