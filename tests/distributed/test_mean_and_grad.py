"""Gradients of a batch's mean: the closed form, and the same bits on any number of devices and processes."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _processes import free_port, outputs, started

import simphys as sp
from simphys.distributed import MemberFailed, mean_and_grad


PROGRAM = (pathlib.Path(__file__).parent / "data" / "batch.py").read_text()


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_the_mean_of_squares_is_known(chunk):
    x = np.random.default_rng(0).standard_normal((5, 3))
    loss = lambda w, row, factor: factor * jnp.sum((w - row) ** 2)
    w = jnp.array([1.0, 2.0, 3.0])
    found = mean_and_grad(loss, chunk=chunk)(w, x, 0.5)
    np.testing.assert_allclose(found.gradient, w - x.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.values, np.sum((np.asarray(w)[None] - x) ** 2, axis=1) / 2, rtol=1e-14)
    assert float(found.value) == pytest.approx(float(found.values.mean()), rel=1e-14)


def test_solves_in_a_loss_are_differentiated():
    """u = f/k of a spring: ∂/∂k mean (f/k − 1)² = −2 mean (f/k − 1) f/k²."""

    def loss(k, f):
        root = sp.RootProblem(lambda y, a: a[0] * y - a[1], guess=jnp.zeros(()))
        return (sp.solve(root, args=(k, f)).value - 1) ** 2

    f = np.array([1.0, 2.0, 4.0])
    found = mean_and_grad(loss)(jnp.asarray(2.0), f)
    assert float(found.gradient) == pytest.approx(-2 * np.mean((f / 2 - 1) * f / 4), rel=1e-10)


def test_what_cannot_be_a_batch_is_refused():
    with pytest.raises(ValueError, match="`chunk` must be a whole number of 1 or more, got 0"):
        mean_and_grad(lambda w, m: w, chunk=0)
    with pytest.raises(ValueError, match="`members` must be one or more, got none"):
        mean_and_grad(lambda w, m: w)(jnp.ones(()), [])

    def fails(w, member):
        if member == 1:
            raise ArithmeticError("no such loss")
        return w

    with pytest.raises(MemberFailed, match="1 of 3 members failed; the first, 1: ArithmeticError: no such loss"):
        mean_and_grad(fails)(jnp.ones(()), [0, 1, 2])


def _bits(text):
    return sorted(line for line in text.splitlines() if line.startswith("FOUND"))


@pytest.mark.slow
def test_bits_do_not_depend_on_devices_or_processes(tmp_path):
    with started(PROGRAM, [["0", "1", "0"]], tmp_path, "--xla_force_host_platform_device_count=4") as running:
        (alone,) = outputs(running, tmp_path)
    lines = _bits(alone)
    assert len(lines) == 6 and len(set(lines)) == 2
    port = str(free_port())
    with started(PROGRAM, [[port, "2", "0"], [port, "2", "1"]], tmp_path) as running:
        texts = outputs(running, tmp_path)
    for text in texts:
        assert _bits(text) == sorted(set(lines)), text
        assert "FAILED" in text
    assert "no such loss" in "".join(texts)
    assert jax.process_count() == 1
