# %% [markdown]
# # A rubber panel that does not lock
#
# Cook's membrane of a material that hardly changes its volume (ν = .49999): displacement and pressure are unknowns.
#
#     −∇·(2 μ ε(u)) + ∇p = 0,   div u + p/λ = 0

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
spaces = sp.fem.taylor_hood(mesh)
law = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=70.0, nu=0.49999))
shear = sp.physics.Traction("right", [0.0, 100 / 16])
u, p = sp.solve(sp.physics.MixedSolid(spaces, law, sp.fem.Dirichlet("left", 0.0), shear)).value

# %%
inner = np.asarray(spaces[1].nodes())[:, 0] > 6  # the clamped corners have no finite stress
limits = [float(p[inner].min()), float(p[inner].max())]
sp.viz.field(spaces[1], p, label="pressure", unit="MPa", limits=limits, mesh_lines=False, colormap="coolwarm")

# %% [markdown]
# The deflection of the upper corner: 27.726 by cubic elements on 24 by 24 cells; plain linear ones reach 7.5.

# %%
computed, reference, allowed = float(spaces[0].evaluate(u, np.array([[48.0, 60.0]]))[0, 1]), 27.726, 0.01
