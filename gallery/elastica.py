# %% [markdown]
# # A strip bent far beyond small displacements
#
# A thin strip is clamped at the left; a force at its end, which keeps its direction, turns it through 70°.
#
#     W = λ/2 (tr E)² + μ E : E,   E = (FᵀF − I)/2

# %%
import jax
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.rectangle((24, 1), (10.0, 0.2)), degree=2, components=2)
law = sp.materials.PlaneStress(sp.materials.StVenantKirchhoff(E=12.0, nu=0.0))
force = 10 * 0.008 / 10**2  # P L²/(E I) = 10, as a traction on an edge of 0.2
strip = sp.physics.Solid(space, law, sp.fem.Dirichlet("left", 0.0), sp.physics.Traction("right", [0.0, force / 0.2]))
u = sp.solve(strip).value  # from no load, in steps that are cut back where they must be

# %%
sp.viz.deformed(space, u, unit="")

# %% [markdown]
# The tip rises by .81061 L by the exact theory of the elastica (K. Mattiasson, 1981).

# %%
computed, reference, allowed = float(space.evaluate(u, np.array([[10.0, 0.1]]))[0, 1]) / 10, 0.81061, 2e-3
