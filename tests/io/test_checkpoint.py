"""A checkpoint is believed in nothing: what was altered, is missing, too much or of another kind is refused by name."""

import os
import pathlib

import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.io import Entry, read_checkpoint, write_checkpoint


IDENTITY = {"version": "1", "problem": "a"}
TREE = {"u": np.arange(3.0), "steps": np.array([2, 2], np.int32), "seen": np.array([np.nan, 1.0])}


def wanted(done):
    if done != 2:
        raise ValueError(f"'done' must be 2, got {done}")
    loose = {"seen": Entry.like(TREE["seen"], finite=False)}
    return {name: Entry.like(array) for name, array in TREE.items()} | loose


@pytest.fixture
def file(tmp_path):
    write_checkpoint(tmp_path / "run.npz", IDENTITY, 2, TREE)
    return tmp_path / "run.npz"


def read(file):
    return read_checkpoint(file, IDENTITY, wanted)


def test_comes_back_as_it_was(file):
    done, tree = read(file)
    assert done == 2 and tree.keys() == TREE.keys()
    assert all(np.array_equal(tree[name], TREE[name], equal_nan=True) for name in TREE)
    assert os.listdir(file.parent) == ["run.npz"]


# Leaves stand in the order of their names: seen, steps, u.
CHANGES = {
    "done": (lambda a: a | {"done": np.array(4)}, "'done' was altered"),
    "done, no number": (lambda a: a | {"done": np.array("2")}, "'done' must be a whole number"),
    "done, many": (lambda a: a | {"done": np.arange(3)}, "'done' must be a whole number"),
    "no done": (lambda a: _without(a, "done"), "'done' must be a whole number"),
    "a state of NaN": (lambda a: a | {"leaf 2": np.full(3, np.nan)}, "'leaf 2' was altered"),
    "an observation": (lambda a: a | {"leaf 0": np.array([np.nan, 1.5])}, "'leaf 0' was altered"),
    "the last bit": (lambda a: a | {"leaf 2": np.nextafter(a["leaf 2"], 9.0)}, "'leaf 2' was altered"),
    "a shape": (lambda a: a | {"leaf 2": np.zeros((3, 1))}, r"'leaf 2', \['u'\], must have shape \(3,\)"),
    "a precision": (lambda a: a | {"leaf 2": a["leaf 2"].astype("f4")}, "type float64, it has .* float32"),
    "a byte order": (lambda a: a | {"leaf 2": a["leaf 2"].astype(">f8")}, "type float64, it has .* >f8"),
    "a leaf too many": (lambda a: a | {"leaf 3": np.zeros(2)}, "must not hold 'leaf 3'"),
    "a leaf missing": (lambda a: _without(a, "leaf 1"), "lacks 'leaf 1'"),
    "another array": (lambda a: a | {"weights": np.zeros(2)}, "must not hold 'weights'"),
    "leaves changed over": (lambda a: a | {"leaf 0": a["leaf 2"], "leaf 2": a["leaf 0"]}, "must have shape"),
    "no digests": (lambda a: _without(a, "digests"), "'done' was altered"),
    "digests of another kind": (lambda a: a | {"digests": np.array("[1, 2]")}, "'done' was altered"),
    "digests that are none": (lambda a: a | {"digests": np.array("{")}, "is damaged"),
    "digests too deep": (lambda a: a | {"digests": np.array("[" * 1200)}, "is damaged"),
    "a text without end": (lambda a: a | {"is problem": np.array("a" * 100_000)}, "must be a text"),
    "no text": (lambda a: a | {"is problem": np.zeros(2)}, "'is problem' must be a text"),
    "another text": (lambda a: a | {"is colour": np.array("red")}, "'is colour' was altered"),
    "another problem": (lambda a: a | {"is problem": np.array("b")}, "of another problem"),
    "no version": (lambda a: _without(a, "is version"), "of another version"),
    "objects": (lambda a: a | {"leaf 0": np.array([{}, None], object)}, "no .npz file of plain arrays"),
}


def _without(arrays, name):
    return {key: array for key, array in arrays.items() if key != name}


@pytest.mark.parametrize("change", CHANGES)
def test_altered_content_is_refused_by_name(file, change):
    alter, text = CHANGES[change]
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(file, **alter(arrays))
    with pytest.raises(ValueError, match=text):
        read(file)


def test_consistent_forgeries_are_refused(file):
    """Whoever writes digests that agree still has to write what makes sense."""
    for tree, done, text in (
        (TREE | {"u": np.array([0.0, np.inf, 2.0])}, 2, r"'leaf 2', \['u'\], holds numbers that are not finite"),
        (TREE, 3, "'done' must be 2, got 3"),
        (TREE | {"u": np.zeros(10**6)}, 2, "must have shape"),
    ):
        write_checkpoint(file, IDENTITY, done, tree)
        with pytest.raises(ValueError, match=text):
            read(file)


def bad_zip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


def a_folder(file):
    file.unlink()
    file.mkdir()


FILES = {
    "half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "a bit": bad_zip,
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("nothing"),
    "a folder": a_folder,
    "one array": lambda file: file.write_bytes(_npy(file.parent)),
}


def _npy(folder: pathlib.Path) -> bytes:
    np.save(folder / "one.npy", np.zeros(3))
    return (folder / "one.npy").read_bytes()


@pytest.mark.parametrize("kind", FILES)
def test_other_files_are_refused(file, kind):
    FILES[kind](file)
    with pytest.raises(ValueError, match=r"run\.npz is damaged"):
        read(file)


def test_every_byte_may_be_changed(file):
    """Any one flipped bit is refused, or changes nothing that is read."""
    content, rng = file.read_bytes(), np.random.default_rng(16)
    for place in rng.integers(0, len(content), 200):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(changed)
        try:
            done, tree = read(file)
        except ValueError:
            continue
        assert done == 2 and all(np.array_equal(tree[name], TREE[name], equal_nan=True) for name in TREE)


def test_a_write_that_fails_leaves_the_last_file(file):
    before = file.read_bytes()
    with pytest.raises(ValueError):
        write_checkpoint(file, IDENTITY, 4, {"u": np.array([object()])})
    assert file.read_bytes() == before and os.listdir(file.parent) == ["run.npz"]


def test_weights_that_are_none(tmp_path):
    path, like = tmp_path / "w.npz", [jnp.zeros(2, jnp.float32)]
    for values, text in (
        ([1.0, np.nan], "not finite in float32"),
        ([1.0, 1e300], "not finite in float32"),
        ([1.0, 1j], "must hold floating numbers, got complex128"),
        (np.zeros((10**6,)), r"must have shape \(2,\)"),
    ):
        np.savez(path, **{"[0]": values})
        with pytest.raises(ValueError, match=text):
            sp.io.load_weights(path, like)
