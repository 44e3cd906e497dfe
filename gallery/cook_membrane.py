# %% [markdown]
# # Cook's membrane
#
# A tapered panel is clamped at its left edge and pulled up at its right one: bending and shear together.
#
#     −∇·σ = 0,   σ = C : ε(u),   plane stress

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
mesh = sp.fem.rectangle((12, 12))
s, t = mesh.points.T
mesh = eqx.tree_at(lambda m: m.points, mesh, jnp.stack([48 * s, 44 * s + t * (44 - 28 * s)], axis=1))
space = sp.fem.FunctionSpace(mesh, degree=2, components=2)
law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=1.0, nu=1 / 3))
panel = sp.physics.Solid(space, law, sp.fem.Dirichlet("left", 0.0), sp.physics.Traction("right", [0.0, 1 / 16]))
u = sp.solve(panel).value

# %%
sp.viz.deformed(space, u, scale=0.2, unit="")

# %% [markdown]
# The deflection of the middle of the right edge: 23.96 where meshes have converged (R. D. Cook, 1974).

# %%
computed, reference, allowed = float(space.evaluate(u, np.array([[48.0, 52.0]]))[0, 1]), 23.96, 2e-3
