"""The gradient of a batch's mean on one and on several devices, of one or several processes."""

import sys

import jax
import jax.numpy as jnp
import numpy as np


jax.config.update("jax_enable_x64", True)
port, count, number = map(int, sys.argv[1:])
if count > 1:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{port}", count, number, initialization_timeout=60)

from simphys.distributed import MemberFailed, mean_and_grad  # noqa: E402


def loss(weights, member):
    """A recurrent network's error; as long as the member says."""
    step = lambda _, h: jnp.tanh(weights["a"] @ h + weights["b"] * member["x"])
    return jnp.sum((jax.lax.fori_loop(0, 7, step, jnp.ones(5)) - member["x"]) ** 2)


random = np.random.default_rng(3)
model = {"a": jnp.asarray(random.standard_normal((5, 5))), "b": jnp.asarray(random.standard_normal(5))}
batch = {"x": random.standard_normal((7, 5))}
every = jax.sharding.Mesh(np.array(jax.devices()), ("batch",))
for devices in (every,) if count > 1 else (None, 2, every):
    for chunk in (1, 2):
        found = mean_and_grad(loss, devices=devices, chunk=chunk)(model, batch)
        leaves = [np.asarray(leaf).ravel() for leaf in jax.tree.leaves((found.value, found.gradient, found.values))]
        print("FOUND", chunk, *map(repr, map(float, np.concatenate(leaves))))


def fails(weights, member):
    """Raise for one member."""
    if member == 1:
        raise ValueError("no such loss")
    return jnp.sum(weights)


if count > 1:
    try:
        mean_and_grad(fails, devices=every)(jnp.ones(2), [0, 1, 2])
    except MemberFailed as failed:
        print("FAILED", failed)
