# %% [markdown]
# # Flow through a porous body
#
# Flux and pressure are unknowns: what leaves a cell enters its neighbour, whatever the mesh.
#
#     q = −k ∇p,   div q = s

# %%
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.fem import FunctionSpace, Weak


jax.config.update("jax_enable_x64", True)
bump = lambda x: jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])


def darcy(fields, at, k):
    q, p = fields
    return (q.value / k, -p.value * jnp.eye(2)), (2 * jnp.pi**2 * bump(at.position) - q.divergence, None)


mesh = sp.fem.rectangle((8, 8), cell_type="triangle")
spaces = FunctionSpace(mesh, ("RT", 2)), FunctionSpace(mesh, ("DG", 1))
q, p = sp.solve(sp.physics.Balance(spaces, Weak(darcy, jnp.array(1.0), symmetric=True, linear=True))).value
side = np.stack([np.ones(16), (np.arange(16) + 0.5) / 16], axis=1)

# %%
sp.viz.field(spaces[0], q, label="|q|", length_unit="")

# %% [markdown]
# What flows out through one side, 2.

# %%
computed, reference, allowed = float(jnp.mean(spaces[0].evaluate(q, side)[:, 0])), 2.0, 2e-3
