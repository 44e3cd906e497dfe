"""A plate that warms up, by so many parts (0: undivided): values, observed numbers and gradients."""

import sys

import jax
import jax.numpy as jnp
import numpy as np


jax.config.update("jax_enable_x64", True)

import equinox as eqx  # noqa: E402

import simphys as sp  # noqa: E402


mesh = sp.fem.rectangle((6, 4))
law = sp.materials.IsotropicConduction(k=sp.fem.CellField(jnp.linspace(1.0, 3.0, mesh.n_cells)))
held, heated = sp.fem.Dirichlet("left", 0.3), sp.physics.Flux("right", 2.0)
plate = sp.physics.Heat(sp.fem.FunctionSpace(mesh, degree=1), law, [held], {"heater": heated}, capacity=2.0)
drive = sp.stepping.Drive((lambda plate: plate.loads["heater"].value, sp.stepping.Ramp(0.0, 0.3)))
times = jnp.array([0.0, 0.1, 0.3])


@eqx.filter_jit
@eqx.filter_value_and_grad(has_aux=True)
def warmed(plate, parts):
    """Σ T² in the end, what enters meanwhile, and the states."""
    options = dict(drive=drive, parts=parts, method=sp.Newton(rtol=1e-13, least_steps=1), throw=False)
    found = sp.stepping.march(
        sp.stepping.BDF2(), plate, 0.1, times, observe=lambda t, u, p: p.resultant(u, "left"), **options
    )
    whole = found.values if parts is None else parts.whole(found.values)
    return jnp.sum(whole[-1] ** 2) + jnp.sum(found.observed), (whole, found.observed, found.newton_steps)


for count in map(int, sys.argv[1:]):
    parts = sp.distributed.Parts(plate, count) if count else None
    (value, seen), gradient = warmed(plate, parts)
    # What nothing depends on is rounding.
    gradient = eqx.tree_at(lambda plate: plate.thickness, gradient, None)
    numbers = [np.ravel(leaf) for leaf in jax.tree.leaves((value, seen, gradient))]
    print("FOUND", count, *map(repr, map(float, np.concatenate(numbers))))
