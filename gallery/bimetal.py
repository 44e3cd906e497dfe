# %% [markdown]
# # A strip of two metals
#
# Aluminium on steel is heated by 100 K: it bends, because one side would grow more than the other.
#
#     σ = C : (ε − α ΔT e_x ⊗ e_x)

# %%
import jax
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
mesh = sp.fem.rectangle((10, 4), (10.0, 1.0))
upper = np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)[:, 1] > 0.5
metal = sp.materials.LinearElastic(E=sp.fem.CellField(np.where(upper, 70e3, 210e3)), nu=0.0)
alpha = sp.fem.CellField(np.where(upper, 2.3e-5, 1.2e-5)[:, None] * np.array([1.0, 0.0, 0.0]))
law = sp.materials.PlaneStress(sp.materials.ThermalStrain(metal, alpha, temperature=120.0, reference=20.0))
space = sp.fem.FunctionSpace(mesh, degree=2, components=2)
corner = np.flatnonzero(np.abs(space.nodes()).sum(axis=1) < 1e-9)
held = [sp.fem.Dirichlet("left", [0.0, None]), sp.fem.Dirichlet(corner, 0.0), sp.fem.RigidTie("right", rotation=True)]
strip = sp.physics.Solid(space, law, held)
u = sp.solve(strip).value

# %%
stress = sp.fem.CellField(strip.stress(u)[:, 0, 0])
sp.viz.deformed(space, u, colour=stress, scale=20, label="σ_xx (MPa)", colormap="coolwarm")

# %% [markdown]
# The deflection of its end, κ L²/2 with κ = 24 Δα ΔT / (12 + (1 + n)(1 + 1/n)) / h (S. Timoshenko, 1925).

# %%
curvature = 24 * 1.1e-5 * 100 / (12 + (1 + 3) * (1 + 1 / 3))
computed, reference, allowed = float(u[space.nodes_on("right"), 1].min()), -curvature * 50, 1e-3
