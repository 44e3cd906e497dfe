# %% [markdown]
# # A thick tube under pressure
#
# A body of revolution between radii 1 and 2, held along its axis, with a pressure of 3 inside.
#
#     −∇·σ = 0 in the meridian plane,   hoop strain u_r / r

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
flat = sp.fem.rectangle((10, 1))
tube = sp.fem.Mesh(flat.points + np.array([[1.0, 0.0]]), flat.cells, "quadrilateral", facet_groups=flat.facet_groups)
space = sp.fem.FunctionSpace(tube, degree=2, components=2)
law = sp.materials.Axisymmetric(sp.materials.LinearElastic(E=200.0, nu=0.3))
held = [sp.fem.Dirichlet(side, [None, 0.0]) for side in ("bottom", "top")]
body = sp.physics.Solid(space, law, held, sp.physics.Pressure("left", 3.0))
u = sp.solve(body).value
hoop = body.stress(u)[:, 2, 2]

# %%
r, middle = np.linspace(1, 2, 50), 1 + (np.arange(10) + 0.5) / 10
plt.plot(r, 1 + 4 / r**2, label="hoop stress, Lamé")
plt.plot(middle, hoop, "o", label="mean over each cell")
plt.gca().set(xlabel="radius", ylabel="stress")
plt.legend()

# %% [markdown]
# The inner wall moves by (1 + ν) p a² / (E (b² − a²)) ((1 − 2ν) a + b²/a) (G. Lamé, 1852).

# %%
computed, reference, allowed = float(u[space.nodes_on("left"), 0].max()), 1.3 * 3 / (3 * 200) * (0.4 + 4), 1e-4
