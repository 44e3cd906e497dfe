"""Weights on disk: arrays, checked names and shapes, nothing that could be executed."""

import zipfile

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.io import _npz
from simphys.stepping import network


def test_weights_come_back_as_they_were(tmp_path):
    first, second = network(3, 2, 4, 1, 0, 1.0), network(3, 2, 4, 1, 1, 1.0)
    path = sp.io.save_weights(tmp_path / "new" / "w.npz", first)
    loaded = sp.io.load_weights(path, second)
    for a, b in zip(loaded.layers, first.layers):
        np.testing.assert_array_equal(a.weight, b.weight)
    assert loaded.activation is second.activation
    names = set(sp.io.read_weights(path))
    assert names == {f"layers[{i}].{part}" for i in (0, 1) for part in ("weight", "bias")}
    with pytest.raises(ValueError, match=r"layers\[0\].weight must have shape \(5, 3\), got \(4, 3\)"):
        sp.io.load_weights(path, network(3, 2, 5, 1, 0, 1.0))


def test_a_law_with_its_network_and_a_bare_array(tmp_path):
    law = sp.materials.NeuralHyperelastic(mu=0.4, kappa=5.0)
    other = sp.materials.NeuralHyperelastic(mu=1.0, kappa=2.0, network=sp.materials.ConvexNetwork(2, 1, seed=3))
    loaded = sp.io.load_weights(sp.io.save_weights(tmp_path / "law.npz", law), other)
    assert eqx.tree_equal(loaded, law) and not eqx.tree_equal(other, law)
    path = sp.io.save_weights(tmp_path / "array.npz", jnp.arange(3.0))
    np.testing.assert_array_equal(sp.io.load_weights(path, jnp.zeros(3)), [0, 1, 2])


def test_other_precision_is_that_of_the_model(tmp_path):
    path = sp.io.save_weights(tmp_path / "w.npz", [jnp.arange(3.0)])
    assert sp.io.load_weights(path, [jnp.zeros(3, jnp.float32)])[0].dtype == jnp.float32


def test_what_is_no_such_file_is_refused(tmp_path):
    like = {"a": jnp.zeros(2), "b": jnp.zeros(3)}
    path = tmp_path / "w.npz"
    np.savez(path, **{"['a']": np.zeros(2), "c": np.zeros(1)})
    with pytest.raises(ValueError, match=r"lacks the arrays \[\"\['b'\]\"\], and must not hold the arrays \['c'\]"):
        sp.io.load_weights(path, like)
    np.savez(path, **{"['a']": np.zeros(2, int), "['b']": np.zeros(3)})
    with pytest.raises(ValueError, match="must hold floating numbers, got int64"):
        sp.io.load_weights(path, like)
    np.savez(path, **{"['a']": np.array([{"x": 1}, None], dtype=object), "['b']": np.zeros(3)})
    with pytest.raises(ValueError, match="no .npz file of plain arrays"):
        sp.io.load_weights(path, like)
    for content in (b"", b"PK\x03\x04 nothing", b"some text"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="no .npz file of plain arrays"):
            sp.io.load_weights(path, like)
    np.save(tmp_path / "one.npy", np.zeros(2))
    with pytest.raises(ValueError, match="no .npz file of plain arrays"):
        sp.io.load_weights(tmp_path / "one.npy", like)
    with pytest.raises(FileNotFoundError):
        sp.io.load_weights(tmp_path / "none.npz", like)


def test_nothing_to_save_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no floating arrays"):
        sp.io.save_weights(tmp_path / "w.npz", {"a": 3, "b": jnp.arange(2)})
    with pytest.raises(ValueError, match="are traced"):
        jax.jit(lambda x: sp.io.save_weights(tmp_path / "w.npz", x) and x)(jnp.zeros(2))


def test_files_that_claim_more_than_they_are(tmp_path, monkeypatch):
    path = sp.io.save_weights(tmp_path / "x.npz", jnp.zeros(100))
    assert sp.io.read_weights(path).keys() == {"array"}
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100,), }"
    content = path.read_bytes()
    assert header in content
    claims = zipfile.ZipFile(tmp_path / "claims.npz", "w")
    with claims, zipfile.ZipFile(path) as archive:
        entry = archive.read("array.npy").replace(b"(100,), }", b"(999,), }")
        claims.writestr("array.npy", entry)
    with pytest.raises(ValueError, match="larger or smaller than it is"):
        sp.io.read_weights(tmp_path / "claims.npz")
    monkeypatch.setattr(_npz, "MOST_BYTES", 500)
    with pytest.raises(ValueError, match="unpacked it would be 928 bytes, 500 at most"):
        sp.io.read_weights(path)


def test_messages_hold_nothing_of_a_file(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"secret")
    with pytest.raises(ValueError, match=r"no \.npz file of plain arrays") as caught:
        sp.io.read_weights(tmp_path / "x.npz")
    assert "secret" not in str(caught.value) and "pickle" not in str(caught.value)
