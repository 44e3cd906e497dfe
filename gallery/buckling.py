# %% [markdown]
# # A column that buckles
#
# A slender column, clamped below, is pressed from above along its axis: it stays straight, until it does not.
#
#     F(u, λ) = 0 with det ∂F/∂u = 0 where the straight path is crossed by another one

# %%
import jax
import jax.numpy as jnp

import simphys as sp


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.rectangle((1, 12), (0.5, 10.0)), degree=2, components=2)
law = sp.materials.PlaneStress(sp.materials.StVenantKirchhoff(E=12.0, nu=0.0))
euler = jnp.pi**2 * 12.0 * 0.5**3 / 12 / (4 * 10.0**2)
push = sp.physics.Traction("top", [0.0, -2 * euler / 0.5])  # twice Euler's load
column = sp.physics.Solid(space, law, sp.fem.Dirichlet("bottom", 0.0), push)
path = sp.follow(column, stop=lambda step: step.branch_points == 1, until=None)
bent = path.branch_points[0]
print(f"branches at {float(bent.load):.4f} of the load, after {len(path.loads)} points")

# %%
mode = column.value(bent.mode) if bent.mode.ndim == 1 else bent.mode
sp.viz.deformed(space, mode, scale=float(3 / abs(mode).max()), title="the mode", unit="")

# %% [markdown]
# The load at which it branches, against Euler's π² E I/(4 L²).

# %%
computed, reference, allowed = 2 * float(bent.load), 1.0, 5e-3
