# %% [markdown]
# # Two meshes that do not match
#
# A coarse block is glued to a fine one, whose nodes are elsewhere. Constant stress passes exactly.
#
#     ∫ ψ (u_fine − u_coarse) ds = 0 for all ψ

# %%
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.fem import Dirichlet, Tie


jax.config.update("jax_enable_x64", True)
below, above = sp.fem.rectangle((3, 2)), sp.fem.rectangle((7, 4))
points = np.concatenate([below.points, above.points + np.array([[0.0, 1.0]])])
cells = np.concatenate([below.cells, above.cells + len(below.points)])
facet = lambda mesh, name, start=0: np.asarray(mesh.facet_groups[name]) + np.array([[start, 0]])
groups = dict(ground=facet(below, "bottom"), lower=facet(below, "top"), left=facet(below, "left"))
groups |= dict(upper=facet(above, "bottom", 6), top=facet(above, "top", 6), left_2=facet(above, "left", 6))
space = sp.fem.FunctionSpace(sp.fem.Mesh(points, cells, "quadrilateral", facet_groups=groups), components=2)
law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=1.0, nu=0.3))
sides = [Dirichlet("ground", [None, 0.0]), Dirichlet("left", [0.0, None]), Dirichlet("left_2", [0.0, None])]
pull = sp.physics.Traction("top", [0.0, 0.1])
blocks = sp.physics.Solid(space, law, [*sides, Tie("upper", "lower")], pull)
u = sp.solve(blocks).value
stress = blocks.stress(u)[:, 1, 1]
print(f"stress from {float(stress.min()):.12f} to {float(stress.max()):.12f}")

# %%
sp.viz.deformed(space, u, colour="y", label="displacement in y", unit="", scale=1.0, mesh_lines=True)

# %% [markdown]
# How far the top moves, 2 σ/E.

# %%
computed, reference, allowed = float(jnp.max(u[:, 1])), 0.2, 1e-9
