"""Training whose members several devices share: the same step as of all at once, and the same bits on any number."""

import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from simphys.distributed import MemberFailed, mean_and_grad
from simphys.inverse import train


PROGRAM = """
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_enable_x64", True)
from simphys.inverse import train
random = np.random.default_rng(1)
x, y = random.standard_normal((5, 4)), random.standard_normal((5, 4))
for devices in (1, 3, jax.devices()):
    found = train(lambda w, m: jnp.tanh(w[0] * m[0] + w[1]) - m[1], jnp.ones(2), (x, y), devices=devices)
    print("BITS", *map(repr, np.asarray(found.model).tolist()), found.evaluations)
"""


def _spring(k, member):
    """The force of a stiffening spring of that length, less what was measured."""
    force, length = member
    return k * length + length**3 - force


def test_members_of_a_batch_are_one_sum():
    """By members: a tuple of arrays, or a list of what each is; the stiffness is found, at every step as of all at once."""
    lengths = np.array([0.2, 0.5, 0.9])
    forces = 2.0 * lengths + lengths**3
    whole = train(lambda k, data: jnp.stack([_spring(k, m) for m in zip(*data)]), jnp.array(1.0), (forces, lengths))
    assert float(whole.model) == pytest.approx(2.0, rel=1e-8)
    for data in ((forces, lengths), list(zip(forces, lengths, strict=True))):
        found = train(_spring, jnp.array(1.0), data, devices=1)
        np.testing.assert_allclose(found.errors, whole.errors, rtol=1e-6, atol=1e-12)
        assert float(found.model) == pytest.approx(float(whole.model), rel=1e-12)


def test_a_tuple_of_arrays_is_a_batch():
    """(inputs, outputs), as batches are handed over; other tuples are as lists."""
    x, y = np.arange(3.0), np.ones(3)
    loss = lambda w, member: (w * member[0] - member[1]) ** 2
    found = mean_and_grad(loss)(jnp.asarray(2.0), (x, y))
    assert found.values.tolist() == [1.0, 1.0, 9.0]
    assert mean_and_grad(lambda w, m: w * m)(jnp.asarray(2.0), (1.0, 2.0)).values.tolist() == [2.0, 4.0]


def test_a_member_that_fails_is_named():
    def residuals(w, member):
        if member == 1:
            raise ArithmeticError("no such force")
        return w - member

    with pytest.raises(MemberFailed, match="the first, 1: ArithmeticError: no such force"):
        train(residuals, jnp.ones(1), [0, 1, 2], devices=1)


def test_weights_that_begin_weakly_typed_compile_nothing_twice():
    """`jnp.full(2, 0.1)` is such an array, and what a step leads to is none."""
    traced = []

    def residuals(w, data):
        traced.append(w)
        return jnp.tanh(w * data) - 0.5 * data

    train(residuals, jnp.full(2, 0.1), jnp.array([0.3, 0.7]), max_iterations=4, tolerance=1e-12)
    weak = len(traced)
    train(residuals, jnp.array([0.1, 0.1]), jnp.array([0.3, 0.7]), max_iterations=4, tolerance=1e-12)
    assert weak == len(traced) - weak


@pytest.mark.slow
def test_bits_do_not_depend_on_how_many_train(tmp_path):
    variables = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=variables, capture_output=True, text=True, cwd=tmp_path)
    lines = [line for line in run.stdout.splitlines() if line.startswith("BITS")]
    assert len(lines) == 3 and len(set(lines)) == 1, run.stdout + run.stderr
