# %% [markdown]
# # A lid-driven cavity
#
# Fluid in a square box is dragged along by its lid, at a Reynolds number of 100.
#
#     ρ (∇v) v − ∇·(η ∇v) + ∇p = 0,   div v = 0

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.fem import Dirichlet


jax.config.update("jax_enable_x64", True)
mesh = sp.fem.rectangle((14, 14))
graded = (1 - jnp.cos(jnp.pi * mesh.points)) / 2
mesh = eqx.tree_at(lambda m: m.points, mesh, 0.7 * graded + 0.3 * mesh.points)
walls = [Dirichlet(side, 0.0) for side in ("left", "right", "bottom")]
lid = Dirichlet("top", lambda x: jnp.stack([jnp.where((x[0] > 0) & (x[0] < 1), 1.0, 0.0), 0.0]))
flow = sp.physics.NavierStokes(sp.fem.taylor_hood(mesh), 0.01, 1.0, [*walls, lid])
v, p = sp.solve(flow).value
middle = np.stack([np.full(101, 0.5), np.linspace(0, 1, 101)], axis=1)
u = flow.space[0].evaluate(v, middle)[:, 0]

# %%
sp.viz.field(flow.space[0], v, label="speed", length_unit="", mesh_lines=False)

# %% [markdown]
# The least velocity along the vertical middle line, −.21404 (C. H. Marchi et al., 2009).

# %%
computed, reference, allowed = float(u.min()), -0.21404, 5e-3
