"""A plate that conducts, divided among all devices of all processes: value and gradient."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


jax.config.update("jax_enable_x64", True)
port, count, number = map(int, sys.argv[1:])
if count > 1:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{port}", count, number, initialization_timeout=60)

import simphys as sp  # noqa: E402


mesh = sp.fem.rectangle((6, 4))
law = sp.materials.IsotropicConduction(k=sp.fem.CellField(jnp.linspace(1.0, 3.0, mesh.n_cells)))
held, heated = sp.fem.Dirichlet("left", 0.3), sp.physics.Flux("right", 2.0)
plate = sp.physics.Heat(sp.fem.FunctionSpace(mesh, degree=1), law, [held], [heated])
target = jnp.sin(jnp.arange(mesh.n_points))


def misfit(plate, parts):
    """Squared distance from the target."""
    return jnp.sum((parts.whole(sp.solve(parts.divide(plate)).value) - target) ** 2)


parts = sp.distributed.Parts(plate, None if count > 1 else number, coarsest=12)
value, gradient, certificate = eqx.filter_jit(sp.value_and_grad(misfit))(plate, parts)
assert int(certificate.failures) == 0 and int(certificate.solves) == 1
leaves = np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(gradient)])
print("FOUND", parts.devices.size, repr(float(value)), *map(repr, map(float, leaves)))
