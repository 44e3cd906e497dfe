# %% [markdown]
# # Which way nodes should move
#
# A goal is differentiated by the place of every node of the mesh at once: here the tip of a slender beam.
#
#     dJ/dX = ∂J/∂X − λᵀ ∂F/∂X,   (∂F/∂u)ᵀ λ = ∂J/∂u

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.rectangle((20, 2), (20.0, 1.0)), degree=2, components=2)
law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=12e4, nu=0.0))
beam = sp.physics.Solid(space, law, sp.fem.Dirichlet("left", 0.0), sp.physics.Traction("right", [0.0, -1.0]))
tip = lambda beam: -jnp.mean(sp.solve(beam).value[space.nodes_on("right"), 1])
deflection, gradient, certificate = sp.value_and_grad(tip)(beam)
points, slope = np.asarray(space.mesh.points), np.asarray(gradient.space.mesh.points)

# %%
top = points[:, 1] > 0.99
plt.bar(points[top, 0], slope[top, 1], width=0.7)
plt.gca().set(xlabel="x", ylabel="deflection for each upward move of a node")

# %% [markdown]
# ∂ ln δ/∂ ln h for a height that grows everywhere (its end traction with it): −2 for a slender beam.

# %%
computed, reference, allowed = float(np.sum(slope[:, 1] * points[:, 1]) / deflection), -2.0, 0.01
